"""Rebuilding everything but the bodies, while all other access to the tables is refused (ADR 31)."""

import json
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from careconnect.storage.dynamodb import BELIEVED_SECONDS
from careconnect.storage.keys import CURSOR_KEY, FORMAT, is_body
from careconnect_admin.errors import OtherFormatError
from careconnect_admin.loading.load import load_paths
from careconnect_admin.loading.reindex import (
    SETTLE_SECONDS,
    WAIT_SECONDS,
    FormerStatesError,
    OvertakenError,
    ReindexReport,
    reindex,
)
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.write_set import WRITE_SET
from careconnect_testing.http.writes import LONG_TEXT, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE, Reader, load, reader_in_memory
from careconnect_testing.records.few_records import few_records, write_deletion, write_records
from careconnect_testing.records.stored import Stored, saved, stored, without_traces
from careconnect_testing.running.killed import Killed, killed_after

Item = dict[str, Any]

SEED = {"resourceType": "Organization", "id": "many", "name": "Of many names", "text": LONG_TEXT}
MANY_NAMES = {**SEED, "alias": [f"{chr(ord('a') + number % 26)}{number} name" for number in range(130)]}
"""More entries than a transaction takes."""
ALIKE = [{**patient("9434765919"), "id": f"alike-{number}"} for number in range(52)]
"""More than an identifier's lock lists."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("reindex")
    with reader_in_memory() as reader:
        load(reader, write_records(folder, [*few_records(), MANY_NAMES, *ALIKE]))
        changed = {**few_records()[0], "active": False}
        load(reader, write_records(folder, [changed]))
        load(reader, write_deletion(folder, "Observation", "o1"))
        Release(reader.tables).release_all()
        yield reader


@pytest.fixture
def reader(loaded: Reader) -> Iterator[Reader]:
    put_back = saved(loaded.tables)
    yield loaded
    loaded.faults.clear()
    put_back()


def run(reader: Reader, sleep: Callable[[float], None] = lambda _: None) -> ReindexReport:
    return reindex(reader.tables, base_url=BASE, sleep=sleep, writers=1)


def numbers(reader: Reader) -> list[str]:
    pk, sk = CURSOR_KEY
    key = {"pk": {"S": pk}, "sk": {"S": sk}}
    items = (reader.client.get_item(TableName=table, Key=key)["Item"] for table in reader.tables.of_resources)
    return [item["format"]["N"] for item in items]


def held(reader: Reader) -> Stored:
    """Return all items but traces, without the ids of locks that have overflowed, which may be any."""
    return {
        key: {name: value for name, value in item.items() if not ("many" in item and name == "ids")}
        for key, item in without_traces(stored(reader.tables)).items()
    }


def items_of(reader: Reader, table: str) -> Iterator[Item]:
    for page in reader.client.get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]


def damage(reader: Reader, chance: random.Random) -> None:
    """Remove or change some items that are no bodies, and add others that no body explains."""
    for table in (*reader.tables.of_resources, reader.tables.reference):
        for item in list(items_of(reader, table)):
            if item["pk"]["S"] == CURSOR_KEY[0] or is_body(item.get("sk", {}).get("S", "")):
                continue
            match chance.randrange(4):
                case 0:
                    key = {name: item[name] for name in ("pk", "sk") if name in item}
                    reader.client.delete_item(TableName=table, Key=key)
                case 1:
                    other = {"values": {"S": "{}"}, "total": {"N": "7"}, "txn": {"S": "of nobody"}}
                    reader.client.put_item(TableName=table, Item={**item, **other})
                case 2:
                    added = {**item, "pk": {"S": item["pk"]["S"] + "x"}}
                    reader.client.put_item(TableName=table, Item=added)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 5))])
def test_all_is_rebuilt_from_the_bodies_whatever_became_of_it(reader: Reader, seed: int) -> None:
    before = held(reader)
    damage(reader, random.Random(seed))
    assert held(reader) != before

    report = run(reader)

    assert report.problems == []
    assert held(reader) == before
    assert numbers(reader) == [str(FORMAT)] * 2


def test_it_rebuilds_with_several_writers_too(reader: Reader) -> None:
    before = held(reader)
    damage(reader, random.Random(6))

    report = reindex(reader.tables, base_url=BASE, sleep=lambda _: None)

    assert (report.exit_code, held(reader)) == (0, before)
    assert sum(report.rebuilt.values()) == sum(1 for _, _, sk in before if sk == "#json")


def test_bodies_are_never_touched(reader: Reader) -> None:
    bodies = {key: item for key, item in held(reader).items() if is_body(key[2])}
    calls: list[Any] = []

    def note(params: Any, **_: Any) -> None:
        text = str(params)
        calls.extend(key for key in bodies if f'"{key[1]}"' in text and "'sk': {'S': '#json" in text)

    for name in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"):
        reader.client.meta.events.register(f"provide-client-params.dynamodb.{name}", note)
    run(reader)

    assert calls == []
    assert {key: item for key, item in held(reader).items() if is_body(key[2])} == bodies


@pytest.mark.long
def test_killed_anywhere_it_is_run_again_and_the_number_comes_last(tmp_path: Path) -> None:
    with reader_in_memory() as few:
        load(
            few,
            write_records(tmp_path, [{**patient("1"), "id": "1"}, {**observation("Patient/1"), "id": "o"}, MANY_NAMES]),
        )
        load(few, write_deletion(tmp_path, "Observation", "o"))
        Release(few.tables).release_all()
        few.calls.clear()
        put_back, before = saved(few.tables), held(few)
        run(few)
        calls = len(few.calls)
        for left in range(calls):
            put_back()
            with killed_after(few, left):
                run(few)
            # The first call looks for former states, the next two close the tables, and the last two open them.
            assert numbers(few)[1] == ("0" if left >= 3 else str(FORMAT))
            run(few)
            assert held(few) == before
            assert numbers(few) == [str(FORMAT)] * 2


def test_meanwhile_requests_are_503_and_loads_are_refused(reader: Reader, tmp_path: Path) -> None:
    path = write_records(tmp_path, [patient("1") | {"id": "late"}])
    seen: list[Any] = []

    def meanwhile(seconds: float) -> None:
        seen.append(seconds)
        new = reader.as_caller()
        answers = (new.get("Patient/4"), new.get("Organization", "name=moorside"), Writer(new).create(patient()))
        seen.extend((each.status, each.headers["Retry-After"], each.json["issue"][0]["code"]) for each in answers)
        for dry_run in (False, True):
            with pytest.raises(OtherFormatError):
                load_paths([path], reader.tables, base_url=BASE, dry_run=dry_run)

    run(reader, meanwhile)

    refused = [(503, "60", "transient")] * 3
    assert seen == [WAIT_SECONDS, *refused, SETTLE_SECONDS, *refused]
    assert reader.as_caller().get("Patient/4").status == 200


def test_a_request_that_begins_while_a_match_is_believed_has_ended_before_anything_changes() -> None:
    longest_request = 20
    assert BELIEVED_SECONDS + longest_request < WAIT_SECONDS


def test_a_mismatch_is_counted_for_the_alarm(reader: Reader) -> None:
    counted: list[str] = []

    def meanwhile(_: float) -> None:
        new = reader.as_caller()
        new.get("Patient/4")
        counted.extend(new.observer.counts)

    run(reader, meanwhile)

    assert "FormatMismatch" in counted


class QuickPool(ThreadPoolExecutor):
    """A pool that finishes each piece of work before the next is submitted."""

    def submit(self, *args: Any, **options: Any) -> "Future[Any]":
        future = super().submit(*args, **options)
        wait([future])
        return future


@pytest.mark.parametrize("pool", [ThreadPoolExecutor, QuickPool])
def test_a_run_that_another_has_overtaken_ends_and_changes_nothing(
    reader: Reader, pool: type[ThreadPoolExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.loading.reindex.ThreadPoolExecutor", pool)
    second: list[ReindexReport] = []

    def overtake(_: float) -> None:
        second.append(run(reader))

    before = held(reader)
    with pytest.raises(OvertakenError):
        run(reader, overtake)

    assert second[0].problems == []
    assert held(reader) == before


def test_a_write_in_steps_that_was_left_ends(reader: Reader) -> None:
    before = held(reader)
    writer = Writer(reader)
    left = 3

    def kill(name: str) -> None:
        nonlocal left
        left -= name == "TransactWriteItems"
        if left < 0:
            raise Killed

    names = {**MANY_NAMES, "alias": [f"{each} anew" for each in MANY_NAMES["alias"]]}
    reader.faults.append(kill)
    with pytest.raises(Killed):
        writer.update(names)
    reader.faults.clear()
    assert any("txn" in item for item in held(reader).values())

    run(reader)

    assert held(reader) == before


@pytest.mark.parametrize("is_list_lost", [False, True])
def test_a_write_in_steps_that_was_done_stays(reader: Reader, *, is_list_lost: bool) -> None:
    names = {**MANY_NAMES, "alias": [f"{each} anew" for each in MANY_NAMES["alias"]]}
    assert Writer(reader).update(names).status == 200
    put_back = saved(reader.tables)
    Release(reader.tables).release_all()
    wanted = held(reader)
    put_back()
    for item in items_of(reader, reader.tables.directory):
        if is_list_lost and item["pk"]["S"].startswith(WRITE_SET):
            key = {name: item[name] for name in ("pk", "sk")}
            reader.client.delete_item(TableName=reader.tables.directory, Key=key)

    run(reader)

    assert held(reader) == wanted


def test_a_write_in_steps_whose_state_is_lost_was_not_done(reader: Reader) -> None:
    before = held(reader)
    names = {**MANY_NAMES, "alias": [f"{each} anew" for each in MANY_NAMES["alias"]]}
    assert Writer(reader).update(names).status == 200
    for table in reader.tables.states:
        for item in items_of(reader, table):
            reader.client.delete_item(TableName=table, Key={name: item[name] for name in ("pk", "sk")})

    run(reader)

    assert held(reader) == before


def test_states_of_a_former_release_stop_it_before_anything_is_changed(reader: Reader) -> None:
    """Their writes are done, and look undone to this release (`docs/change.md`, States of writes)."""
    state = {"pk": {"S": "writes"}, "sk": {"S": "a-write"}, "status": {"S": "committed"}, "beat": {"N": "1"}}
    reader.tables.client.put_item(TableName=reader.tables.states.record, Item=state)
    before = stored(reader.tables)

    with pytest.raises(FormerStatesError, match="nothing was changed"):
        run(reader)

    assert stored(reader.tables) == before
    reader.tables.client.delete_item(
        TableName=reader.tables.states.record, Key={name: state[name] for name in ("pk", "sk")}
    )


@pytest.mark.parametrize("date", ["2020-01-01", "0000-01-01"])
def test_what_has_moved_tells_of_all_in_whose_record_it_was_also_if_it_cannot_be_indexed(
    reader: Reader, date: str
) -> None:
    writer = Writer(reader)
    for whose in ("4", "5"):
        writer.made({**observation(f"Patient/{whose}"), "id": "moved"})
    reader.client.update_item(
        TableName=reader.tables.record,
        Key={"pk": {"S": "Observation/moved"}, "sk": {"S": "#json"}},
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={
            ":body": {"S": json.dumps({**observation("Patient/5"), "id": "moved", "effectiveDateTime": date})}
        },
    )

    assert run(reader).exit_code == (date < "0001")

    new = Writer(reader.as_caller())
    assert new.delete("Observation/moved").status == 204
    reader.kept.events.clear()
    assert new.reader.get("Observation/moved").status == 410
    assert {event.patient for event in reader.kept.events} == {"4", "5"}


def test_what_cannot_be_indexed_is_reported_and_stays_readable_and_writable(reader: Reader) -> None:
    key = {"pk": {"S": "Patient/5"}, "sk": {"S": "#json"}}
    reader.client.update_item(
        TableName=reader.tables.record,
        Key=key,
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": {"S": '{"resourceType":"Patient","id":"5","birthDate":"1980-02-30"}'}},
    )

    report = run(reader)

    assert report.exit_code == 1
    (problem,) = report.problems
    assert problem.startswith("Patient/5: ")
    new = reader.as_caller()
    assert new.get("Patient/5").status == 200
    assert new.get("Patient", "_id=5").json["total"] == 0
    assert Writer(new).update({**patient("5"), "id": "5"}).status == 200
    assert new.get("Patient", "_id=5").json["total"] == 1
