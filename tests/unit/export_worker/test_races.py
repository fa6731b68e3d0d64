"""Writes, and the release of multi-step writes, between two calls of a step."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from careconnect.export.job import CHAINS, Job
from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_records.multi_step.release import Release
from careconnect_testing.parts.export_workers import Exports, deleted, made, observation, patient
from careconnect_testing.records.held_writes import hold
from export_worker.errors import TryAgainError

COHORT: dict[str, Any] = {"is_of_patients": True, "patients": ("1", "2")}


def release(exports: Exports) -> None:
    Release(exports.writer.reader.tables).release_all()


def held(exports: Exports, *resources: dict[str, Any], done: bool) -> None:
    exports.now.now += 1
    hold(exports.writer.reader.tables, *resources, done=done, now=exports.now())


def acts_at_any_call(
    exports: Exports,
    first: int,
    act: Callable[[int], object],
    prepare: Callable[[int], object] = lambda _number: None,
    **given: Any,
) -> None:
    """Do jobs, and act before one of the calls of each; all have to show the store as it was at their instants."""
    for number in itertools.count(first, STRIDE):
        prepare(number)
        expected = shown(exports)
        job = exports.kick_off("Observation", **given)
        exports.settle()
        numbers = itertools.count()
        acted: list[str] = []

        def each(operation: str, number: int = number, numbers: Any = numbers, acted: list[str] = acted) -> None:
            if next(numbers) == number:
                exports.writer.faults.clear()
                acted.append(operation)
                act(number)

        exports.writer.faults.append(each)
        found = exports.run(job)

        assert found.versions == expected, (number, acted)
        assert len(found.lines) == len(expected)
        release(exports)
        if not acted:
            return


def shown(exports: Exports) -> dict[str, str]:
    """Return the versions that a search finds."""
    answer = exports.writer.reader.get("Observation", "_count=50")
    entries = answer.json.get("entry", ())
    return {f"Observation/{each['resource']['id']}": each["resource"]["meta"]["versionId"] for each in entries}


def changed(number: int) -> tuple[dict[str, Any], ...]:
    """Return other versions of two Observations, one of them of the other patient, and a new one."""
    date = f"20{number % 10 + 10}-01-01"
    return (
        observation("a", "1", date),
        observation("b", str(number % 2 + 1), date),
        observation(f"new{number % 3}", "2"),
    )


STRIDE = 4
FIRST = pytest.mark.parametrize("first", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, STRIDE))])
DONE = pytest.mark.parametrize("done", [True, False])
WHOSE = pytest.mark.parametrize("given", [{}, COHORT], ids=["all", "cohort"])


@pytest.fixture
def few(exports: Exports) -> Exports:
    """Two patients, and two Observations of one, in their second versions."""
    made(exports, patient("1"), patient("2"), observation("a", "1"), observation("b", "1"))
    made(exports, observation("a", "1", "2018-01-01"), observation("b", "1", "2019-01-01"))
    return exports


@DONE
@WHOSE
@FIRST
def test_a_multi_step_write_of_before_is_released_at_any_call(
    done: bool, given: dict[str, Any], first: int, few: Exports
) -> None:
    acts_at_any_call(few, first, lambda _: release(few), lambda number: held(few, *changed(number), done=done), **given)


@DONE
@WHOSE
@FIRST
def test_a_multi_step_write_comes_at_any_call(done: bool, given: dict[str, Any], first: int, few: Exports) -> None:
    acts_at_any_call(few, first, lambda number: held(few, *changed(number), done=done), **given)


@DONE
@WHOSE
def test_a_multi_step_write_of_after_is_released_at_any_call(done: bool, given: dict[str, Any], few: Exports) -> None:
    job = few.kick_off("Observation", **given)
    expected = shown(few)
    held(few, *changed(1), done=done)
    few.settle()
    for number in range(2, 40, 3):
        numbers = itertools.count()

        def each(_operation: str, number: int = number, numbers: Any = numbers) -> None:
            if next(numbers) == number:
                few.writer.faults.clear()
                release(few)

        few.writer.faults.append(each)
        while few.jobs.remove(job.id):
            pass
        few.jobs.put(job, 1_000)
        found = few.run(job).versions

        assert found == expected, number
        release(few)
        few.writer.faults.clear()
        held(few, *changed(number), done=done)


@WHOSE
@FIRST
def test_single_writes_come_at_any_call(given: dict[str, Any], first: int, few: Exports) -> None:
    def write(number: int) -> None:
        made(few, *changed(number))
        deleted(few, "Observation/c")
        made(few, *(observation("a", "2", f"20{n + 10}-01-01") for n in range(2)))

    acts_at_any_call(few, first, write, lambda _: made(few, observation("c", "1")), **given)


def test_a_resource_that_changes_again_and_again_is_found_as_it_was(exports: Exports) -> None:
    made(exports, patient("1"), observation("a", "1"))
    job = exports.kick_off("Observation", **COHORT)
    made(exports, *(observation("a", "1", code=f"c{number}") for number in range(30)))
    exports.settle()

    assert exports.run(job).versions == {"Observation/a": "1"}


@WHOSE
def test_a_version_that_is_not_there_is_looked_for_again(given: dict[str, Any], exports: Exports) -> None:
    made(exports, patient("1"), observation("a", "1"))
    job = exports.kick_off("Observation", **given)
    made(exports, observation("a", "1", code="b"))
    exports.settle()
    client, table = exports.writer.reader.client, exports.writer.reader.tables.record
    keys = [{"pk": {"S": "Observation/a"}, "sk": {"S": each}} for each in (JSON_ITEM, version_item(JSON_ITEM, 1))]
    stored = [client.get_item(TableName=table, Key=key)["Item"] for key in keys]
    for key in keys if not given else keys[1:]:
        client.delete_item(TableName=table, Key=key)

    with pytest.raises(TryAgainError, match="VersionNotFound"):
        read_all(exports, job)
    for item in stored:
        client.put_item(TableName=table, Item=item)

    assert exports.run(job).versions == {"Observation/a": "1"}


@DONE
@WHOSE
def test_a_write_whose_state_is_gone_is_released_by_then(done: bool, given: dict[str, Any], few: Exports) -> None:
    held(few, *changed(1), done=done)
    expected = shown(few)
    job = few.kick_off("Observation", **given)
    few.settle()
    client, states = few.writer.reader.client, few.writer.reader.tables.transaction
    event = "provide-client-params.dynamodb.GetItem"

    def gone(params: Any, **_: Any) -> None:
        if params["TableName"] == states:
            client.meta.events.unregister(event, gone)
            release(few)

    client.meta.events.register(event, gone)

    assert few.run(job).versions == expected
    assert not list(client.database.items(states))


def read_all(exports: Exports, job: Job) -> None:
    for chain in range(CHAINS):
        exports.worker()({"job": job.id, "step": "read", "chain": chain})
