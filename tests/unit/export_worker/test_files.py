"""Files are as full as they may be, and hold the same whatever was killed or done twice."""

import itertools
import json
from collections.abc import Callable

import pytest

from careconnect.export.job import DELETED, file_key
from careconnect_testing.parts.export_workers import Exports, deleted, made, observation, patient
from export_worker import files, patient_runs, read_chain, record_patients, store, worker
from export_worker.files import deletion, open_file


class Killed(BaseException):
    """A step was killed."""


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every page, file, run and piece be small, and every step be cut short."""
    for module, name, value in (
        (files, "MAX_BYTES", 800),
        (files, "MAX_ENTRIES", 2),
        (store, "PAGE", 6),
        (store, "BATCH_BYTES", 1),
        (patient_runs, "IDS", 2),
        (patient_runs, "FAN_IN", 2),
        (patient_runs, "_MAX_KNOWN", 3),
        (read_chain, "CHECKPOINT_SECONDS", 0.0),
        (record_patients, "EVENTS", 2),
        (worker, "STEP_SECONDS", 0.0),
        (worker, "ASKED_EACH", 0.0),
    ):
        monkeypatch.setattr(module, name, value)


def fill(exports: Exports) -> int:
    """Write a few resources of two types, and delete some; return the time between."""
    made(exports, *(patient(f"gone{n}") for n in range(6)))
    since = int(exports.now() * 1000)
    made(exports, *(patient(str(n)) for n in range(12)), *(observation(f"o{n}", str(n % 5)) for n in range(12)))
    deleted(exports, *(f"Patient/gone{n}" for n in range(6)))
    return since


def calls_killed(exports: Exports, kill: Callable[[int], bool]) -> None:
    """Kill the step at those of all calls to DynamoDB and to the bucket for whose number `kill` is true."""
    numbers = itertools.count()

    def each(*_: str) -> None:
        if kill(next(numbers)):
            raise Killed

    exports.writer.faults.append(each)
    exports.bucket.before = each


@pytest.mark.usefixtures("small")
def test_a_job_whose_steps_are_cut_short_is_the_same(exports: Exports) -> None:
    since = fill(exports)

    found = exports.export("Patient", "Observation", since=since)

    assert found.names == sorted([f"Patient/{n}" for n in range(12)] + [f"Observation/o{n}" for n in range(12)])
    assert found.deleted == [f"Patient/gone{n}" for n in range(6)]
    assert exports.recorded == sorted([f"gone{n}" for n in range(6)] + [str(n) for n in range(12)])
    assert all(len(text) <= 800 for text in found.texts.values())
    assert len(found.files) > 8


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("offset", [0, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 8))])
def test_a_step_that_is_killed_at_any_call_is_repeated_with_the_same_result(exports: Exports, offset: int) -> None:
    since = fill(exports)
    whole = exports.export("Patient", "Observation", since=since)
    seen = itertools.count()
    calls_killed(exports, lambda _: next(seen) < 0)
    exports.export("Patient", "Observation", since=since)
    calls = next(seen)
    for number in range(offset, calls, 23):
        job = exports.kick_off("Patient", "Observation", since=since)
        exports.settle()
        exports.writer.faults.clear()
        calls_killed(exports, number.__eq__)
        before = len(exports.audit.events)

        found = exports.run(job, killed=Killed)

        assert found == whole, number
        events = [event.patient for event in exports.audit.events[before:]]
        assert sorted(set(events)) == sorted([f"gone{n}" for n in range(6)] + [str(n) for n in range(12)])


def test_a_step_ends_in_time_however_fast_files_fill(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 200)
    monkeypatch.setattr(worker, "STEP_SECONDS", 3.0)
    made(exports, *(patient(str(n)) for n in range(60)))
    job = exports.kick_off("Patient")
    exports.settle()

    def pass_a_second(operation: str, _key: str) -> None:
        exports.elapsed.now += operation == "put"

    exports.bucket.before = pass_a_second

    assert exports.worker()({"job": job.id, "step": "read", "chain": 0}) == {"more": True}
    assert 1 <= len(exports.jobs.files(job.id)) <= read_chain.CHECKPOINT_SECONDS + 1
    assert len(exports.run(job).names) == 60


def test_a_checkpoint_names_no_more_files_than_a_transaction_takes(
    exports: Exports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 200)
    monkeypatch.setattr(read_chain, "MAX_FINISHED", 3)
    made(exports, *(patient(str(n)) for n in range(40)))

    found = exports.export("Patient")

    assert (len(found.names), len(found.files)) == (40, 40)


@pytest.mark.usefixtures("small")
def test_two_executions_of_a_chain_at_once_leave_what_one_leaves(exports: Exports) -> None:
    since = fill(exports)
    whole = exports.export("Patient", "Observation", since=since)
    job = exports.kick_off("Patient", "Observation", since=since)
    exports.settle()
    inside: list[str] = []

    def other(operation: str, key: str) -> None:
        # Each object is put while another execution overtakes the step, which puts it late.
        if operation == "put" and not inside:
            inside.append(key)
            for chain in range(4):
                exports.worker()({"job": job.id, "step": "read", "chain": chain})
            inside.clear()

    exports.bucket.before = other

    assert exports.run(job) == whole


def test_a_file_is_closed_when_the_next_line_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 100)
    file = open_file("Patient")

    assert [file.add(b"x" * 49) for _ in range(3)] == [True, True, False]
    assert (file.count, len(file.content())) == (2, 100)
    assert open_file("Patient", file.content()).content() == file.content()


def test_a_file_that_is_closed_for_the_next_line_is_large_whatever_the_lines() -> None:
    largest_item = 400_000
    for size in (1_000, largest_item):
        file = open_file("Patient")
        while file.add(b"x" * size):
            pass

        assert 3_000_000 <= len(file.content()) <= 4_000_000


def test_a_file_fits_into_a_json_text_however_many_quotes_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_ESCAPED", 1_000)
    file = open_file("Patient")
    line = json.dumps({"a": 'é"\\' * 10}, ensure_ascii=False).encode()

    while file.add(line):
        pass

    assert (
        1_000 - 2 * len(line) - 2 < len(json.dumps(file.content().decode(), ensure_ascii=False).encode()) - 2 <= 1_000
    )


def test_the_first_line_is_taken_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10)

    assert open_file("Patient").add(b"x" * 50)


def test_deletions_come_in_bundles_of_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    file = open_file(DELETED)
    for number in range(2_500):
        assert file.add(deletion("Patient", str(number)))

    bundles = [json.loads(line) for line in file.content().splitlines()]
    assert [len(each["entry"]) for each in bundles] == [1_000, 1_000, 500]
    assert file.count == 3
    assert {(each["resourceType"], each["type"]) for each in bundles} == {("Bundle", "transaction")}
    assert bundles[2]["entry"][-1] == {"request": {"method": "DELETE", "url": "Patient/2499"}}
    again = open_file(DELETED, file.content())
    assert again.content() == file.content()
    monkeypatch.setattr(files, "MAX_BYTES", len(file.content()) + 60)
    assert [again.add(deletion("Patient", "x")) for _ in range(2)] == [True, False]
    assert len(again.content()) <= files.MAX_BYTES


def test_large_bodies_are_read_few_at_once(exports: Exports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BATCH_BYTES", 10_000)
    text = {"text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 3_000}</div>'}}
    made(exports, *({**patient(str(n)), **text} for n in range(12)))
    sizes: list[int] = []
    events = exports.writer.reader.client.meta.events
    event = "provide-client-params.dynamodb.BatchGetItem"
    events.register(
        event, lambda params, **_: sizes.append(max(len(each["Keys"]) for each in params["RequestItems"].values()))
    )

    found = exports.export("Patient")

    events.unregister(event)
    assert len(found.names) == 12
    assert max(sizes) <= 3


def test_objects_are_named_by_the_job(exports: Exports) -> None:
    made(exports, patient("1"))
    job = exports.kick_off("Patient")
    exports.settle()
    found = exports.run(job)

    assert all(key.startswith(f"{job.id}/") for key in exports.bucket.objects)
    assert exports.bucket.objects[file_key(job.id, found.files[0].name)]
