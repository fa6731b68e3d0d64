"""Renewing an index that an earlier release has written, while it is searched and written to (ADR 22)."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.record_keys import CURSOR_KEY, GUARD_ITEM, INDEX_VERSION, MARK_SHARDS, REINDEX_KEY, Key
from careconnect.resource_types import DATA_HOMES, Follow, Home, ResourceType, SearchParameter
from careconnect_admin.loading.reindex import IndexCounts, reindex
from careconnect_records import extract
from careconnect_records import record as building
from careconnect_testing.clock import Clock
from careconnect_testing.few_records import few_records, write_deletion, write_records
from careconnect_testing.stored import saved
from careconnect_testing.stores import LOADED, Reader, load, reader_on_moto

Items = dict[Key, dict[str, Any]]

NEW = {("Patient", "gender"), ("Patient", "general-practitioner"), ("Observation", "code")}
"""What the earlier release did not search by."""

FORMER_SEARCHES = [
    ("Patient", "family=kanfeld"),
    ("Patient", "birthdate=1998-03-19"),
    ("Patient", "_id=4&_revinclude=Condition:patient"),
    ("Observation", "patient=4&_count=5"),
    ("Observation", "date=gt2017-10-05&_count=5"),
    ("Observation", "_sort=date&_count=100"),
    ("Observation", "_sort=-_lastUpdated&_count=5"),
    ("Observation", "_lastUpdated=ge2024-05-01&_count=5"),
    ("Encounter", "date=gt2017-12-01"),
    ("Condition", "code=195967001"),
    ("Condition", "patient.identifier=9999999468"),
    ("Organization", "name=moorside"),
    ("Patient/5/$everything", "_count=100"),
]
NEW_SEARCHES = [
    ("Patient", "gender=female", ["4"]),
    ("Patient", "_include=Patient:general-practitioner&family=kanfeld", ["4", "G1", "P1"]),
    ("Observation", "code=364075005&date=lt2017-10-02", ["o1"]),
]


@pytest.fixture(autouse=True)
def new_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the reader take those parameters for new ones, and nobody wait."""
    real, followed = ResourceType.parameter, ResourceType.followed

    def parameter(self: ResourceType, name: str) -> SearchParameter | None:
        found = real(self, name)
        return replace(found, since=INDEX_VERSION, stored_since=0) if found and (self.name, name) in NEW else found

    def references(self: ResourceType, follow: Follow) -> tuple[SearchParameter, ...]:
        return tuple(parameter(self, one.name) or one for one in followed(self, follow))

    monkeypatch.setattr(ResourceType, "parameter", parameter)
    monkeypatch.setattr(ResourceType, "followed", references)
    monkeypatch.setattr("careconnect_admin.loading.attempts._FIRST_PAUSE", 0.0)


@contextmanager
def earlier_release() -> Iterator[None]:
    """Work out values and entries as the earlier release did: some are lacking, and one of each it had alone."""
    values_of, keys_of = extract.search_values, extract.index_keys

    def search_values(resource: Any, **options: Any) -> dict[str, list[Any]]:
        values = values_of(resource, **options)
        for type_name, name in NEW:
            if type_name == resource["resourceType"]:
                values.pop(name, None)
        if resource["resourceType"] == "Organization":
            # The first name only, so that one of many names has many more entries now.
            values["name"] = values["name"][:1]
        return values | {"former": [["", "x"]]}

    def index_keys(served: ResourceType, resource_id: str, values: Any) -> list[Key]:
        known = [key for key in keys_of(served, resource_id, values) if not _is_new(key)]
        return [*known, (f"{served.name}?former=x", f"|{'0' * 15}#{resource_id}")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "search_values", search_values)
        patch.setattr(building, "index_keys", index_keys)
        yield


def _is_new(key: Key) -> bool:
    """Say whether an entry is of the indexes of last changes and of long periods."""
    return "?_lastUpdated^" in key[0] or key[0].endswith("~")


def key_of(key: Key) -> dict[str, Any]:
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def cursor_item(reader: Reader, home: Home, key: Key = CURSOR_KEY) -> dict[str, Any] | None:
    found: dict[str, Any] | None = reader.client.get_item(TableName=reader.tables.name(home), Key=key_of(key)).get(
        "Item"
    )
    return found


def versions(reader: Reader) -> dict[Home, str]:
    """Return which version each table says that its index has."""
    return {home: (cursor_item(reader, home) or {}).get("index", {"N": "1"})["N"] for home in DATA_HOMES}


DONE = dict.fromkeys(DATA_HOMES, str(INDEX_VERSION))


def load_by_earlier_release(reader: Reader, path: Path) -> None:
    with earlier_release():
        load(reader, path)
    for home in DATA_HOMES:
        reader.client.update_item(
            TableName=reader.tables.name(home),
            Key=key_of(CURSOR_KEY),
            UpdateExpression="REMOVE #index",
            ExpressionAttributeNames={"#index": "index"},
        )


REFERENCES = "references"


def items_of(reader: Reader) -> dict[Home | str, Items]:
    """Return all items of the tables but those about the tables themselves; of the marks, those that count."""
    found: dict[Home | str, Items] = {
        home: {
            (item["pk"]["S"], item["sk"]["S"]): item
            for item in scanned(reader, reader.tables.name(home))
            if item["pk"]["S"] != CURSOR_KEY[0]
        }
        for home in DATA_HOMES
    }
    marks = (
        {name: value for name, value in item.items() if value != {"N": "0"}}
        for item in scanned(reader, reader.tables.reference)
    )
    return found | {REFERENCES: {(mark["pk"]["S"], ""): mark for mark in marks if len(mark) > 1}}


def scanned(reader: Reader, table: str) -> Iterator[dict[str, Any]]:
    for page in reader.client.get_paginator("scan").paginate(TableName=table):
        yield from page["Items"]


def loaded_anew(path: Path, *more: Path) -> dict[Home | str, Items]:
    """Return what this release makes of the same sources in new tables: of the same content it is made once."""
    sources = (path, *more)
    contents = tuple(each.read_bytes() for each in sources)
    if contents not in _LOADED_ANEW:
        with reader_on_moto() as fresh:
            for each in sources:
                load(fresh, each)
            _LOADED_ANEW[contents] = items_of(fresh)
    return _LOADED_ANEW[contents]


_LOADED_ANEW: dict[tuple[bytes, ...], dict[Home | str, Items]] = {}


class AtOnce(Executor):
    """Does what it is given before it goes on: moto's tables are not made for several threads."""

    def __init__(self, **_: object) -> None:
        """Take what a pool of threads takes."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:  # noqa: BLE001 - as a pool hands on whatever is raised
            future.set_exception(error)
        return future


def renew(reader: Reader, *, after: float = 60, **options: Any) -> Any:
    """Renew the index, that many seconds after all that is loaded."""
    now = Clock(LOADED.timestamp() + after)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("careconnect_admin.loading.reindex.ThreadPoolExecutor", AtOnce)
        return reindex(reader.tables, base_url="https://care.example", writers=1, now=now, **options)


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, Callable[[], None]]]:
    """A reader over the few records, and what puts them back as the earlier release has left them."""
    with reader_on_moto() as reader:
        load_by_earlier_release(reader, write_records(tmp_path_factory.mktemp("left")))
        yield reader, saved(reader.tables)


@pytest.fixture
def reader(left: tuple[Reader, Callable[[], None]]) -> Iterator[Reader]:
    """A reader over the few records as the earlier release has left them."""
    reader, put_back = left
    reader.calls.clear()
    yield reader
    reader.faults.clear()
    put_back()


RESOURCES = len(few_records())


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[Home | str, Items]:
    """What this release makes of the few records."""
    return loaded_anew(write_records(tmp_path_factory.mktemp("records")))


def test_the_index_becomes_what_a_load_would_make_of_it_and_nothing_else_changes(
    reader: Reader, wanted: dict[Home | str, Items]
) -> None:
    before = items_of(reader)
    assert before != wanted
    parts: list[str] = []

    report = renew(reader, progress=lambda part, _done: parts.append(part))

    assert items_of(reader) == wanted
    bodies = [(home, key) for home in DATA_HOMES for key in before[home] if key[1] == "#json"]
    assert all(wanted[home][key] == before[home][key] for home, key in bodies)
    assert report.total == IndexCounts(renewed=RESOURCES)
    assert report.counts["Patient"] == IndexCounts(renewed=3)
    assert (report.problems, report.resumed, report.exit_code) == ([], [], 0)
    assert versions(reader) == DONE
    assert {"Patient, part 1 of 4", "Location, part 3 of 4"} & set(parts)

    reader.calls.clear()
    again = renew(reader)
    assert again.total == IndexCounts(unchanged=RESOURCES)
    assert {call for call in reader.calls if "Write" in call} == set()
    assert items_of(reader) == wanted


def forget_what_serves_writing(reader: Reader) -> None:
    """Make the tables those of version 2, which had no guards and no marks, and bodies did not say how they came."""
    for name in (reader.tables.record, reader.tables.directory):
        for item in list(scanned(reader, name)):
            bare = {attribute: value for attribute, value in item.items() if attribute not in AFTER_VERSION_2}
            if item["sk"]["S"] == GUARD_ITEM:
                reader.client.delete_item(TableName=name, Key={"pk": item["pk"], "sk": item["sk"]})
            elif bare != item:
                reader.client.put_item(TableName=name, Item=bare)
    for item in list(scanned(reader, reader.tables.reference)):
        reader.client.delete_item(TableName=reader.tables.reference, Key={"pk": item["pk"]})


AFTER_VERSION_2 = ("targets", "method", "status")


def test_a_table_without_guards_and_marks_gets_each_of_them_once(tmp_path: Path) -> None:
    sources = write_records(tmp_path), write_deletion(tmp_path, "Condition", "c1")
    wanted = loaded_anew(*sources)
    with reader_on_moto() as reader:
        for path in sources:
            load_by_earlier_release(reader, path)
        forget_what_serves_writing(reader)
        assert items_of(reader)[REFERENCES] == {}

        assert renew(reader).total == IndexCounts(renewed=RESOURCES - 1)

        renewed = items_of(reader)
        assert renewed[REFERENCES].keys() > {("$complete#record", ""), ("$complete#directory", "")}
        # The deleted had nothing to renew, so nothing says that it is deleted but its own record.
        gone = [key for key in wanted[REFERENCES] if key[0].startswith("Condition/c1#")]
        assert len(gone) == MARK_SHARDS
        assert renewed[REFERENCES] == {key: wanted[REFERENCES][key] for key in wanted[REFERENCES] if key not in gone}
        for home in DATA_HOMES:
            bare = {
                key: {name: value for name, value in item.items() if name not in ("method", "status", "times")}
                for key, item in wanted[home].items()
            }
            without_times = {
                key: {name: value for name, value in item.items() if name != "times"}
                for key, item in renewed[home].items()
            }
            deleted = ("Condition/c1", "#index")
            bare.get(deleted, {}).pop("targets", None)
            assert without_times == bare
        assert versions(reader) == DONE
        assert renew(reader).total == IndexCounts(unchanged=RESOURCES - 1)
        assert items_of(reader) == renewed


def test_a_load_by_version_3_into_a_table_of_version_2_is_counted_once(reader: Reader, tmp_path: Path) -> None:
    """A load before the renewal counts what it writes; only a renewal that is through says that all are."""
    forget_what_serves_writing(reader)
    path = write_records(tmp_path)
    wanted = loaded_anew(path)
    load(reader, write_records(tmp_path, [each for each in few_records() if each["resourceType"] == "Observation"]))
    marks = items_of(reader)[REFERENCES]
    assert marks
    assert not [pk for pk, _ in marks if pk.startswith("$complete")]

    assert renew(reader).problems == []

    assert items_of(reader)[REFERENCES] == wanted[REFERENCES]


def test_searches_are_right_at_every_moment(reader: Reader) -> None:
    """Between any two writes, old searches answer what they always have, and new ones that they cannot yet."""
    other = reader.as_caller()
    before = {search: other.get(*search).text for search in FORMER_SEARCHES}
    looked = 0
    refused: set[int] = set()

    def look(operation: str) -> None:
        nonlocal looked
        if operation not in ("TransactWriteItems", "PutItem", "UpdateItem"):
            return
        faults, reader.faults[:] = list(reader.faults), []
        try:
            looked += 1
            for search, text in before.items():
                assert other.get(*search).text == text, search
            if versions(reader)[Home.RECORD] == DONE[Home.RECORD]:
                # All that new searches look at is renewed: now they are answered, or will be in ten seconds.
                return
            for path, query, _ in NEW_SEARCHES:
                refused.add(other.get(path, query).status)
        finally:
            reader.faults[:] = faults

    reader.faults.append(look)
    renew(reader)
    reader.faults.clear()

    assert looked > 20
    assert refused == {503}
    assert {search: other.get(*search).text for search in FORMER_SEARCHES} == before
    for path, query, ids in NEW_SEARCHES:
        answer = other.as_caller().get(path, query)
        assert [*answer.ids(), *answer.ids("include")] == ids


class Killed(BaseException):
    pass


def die_at(reader: Reader, operation: str, number: int) -> None:
    """Let the calls of an operation be cut off from one of them on, as those of a process that is killed."""
    met = 0

    def die(name: str) -> None:
        nonlocal met
        met += name == operation or met >= number
        if met >= number:
            raise Killed

    reader.faults.append(die)


@pytest.mark.parametrize("number", [1, 7, 15])
def test_a_renewal_that_is_killed_is_finished_by_the_next(
    reader: Reader, wanted: dict[Home | str, Items], number: int
) -> None:
    clock = Clock()

    def seconds() -> float:
        clock.now += 5
        return clock()

    die_at(reader, "TransactWriteItems", number)
    with pytest.raises(Killed):
        renew(reader, clock=seconds)
    reader.faults.clear()
    assert versions(reader) != DONE
    assert reader.as_caller().get("Observation", "code=8867-4").status == 503
    noted = any(cursor_item(reader, home, REINDEX_KEY) for home in DATA_HOMES)

    report = renew(reader)

    assert items_of(reader) == wanted
    assert versions(reader) == DONE
    assert bool(report.resumed) == noted == (number > 1)
    # What the first has done is gone past, but for the little that was under way.
    assert report.total.renewed + report.total.unchanged < RESOURCES or not noted
    assert not any(cursor_item(reader, home, REINDEX_KEY) for home in DATA_HOMES)


def test_an_interrupted_renewal_notes_where_it_is(reader: Reader) -> None:
    def interrupt(part: str, _done: int) -> None:
        if part.startswith("Observation"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        renew(reader, progress=interrupt)

    (resumed,) = renew(reader).resumed
    assert resumed.startswith("Observation, part ")
    assert versions(reader) == DONE


def test_a_note_of_another_release_is_not_gone_on_from(reader: Reader) -> None:
    reader.client.put_item(
        TableName=reader.tables.record,
        Item={
            **key_of(REINDEX_KEY),
            "index": {"N": str(INDEX_VERSION - 1)},
            "partition": {"S": "Observation?3"},
            "place": {"S": "~"},
        },
    )
    report = renew(reader)
    assert (report.resumed, report.total) == ([], IndexCounts(renewed=RESOURCES))


def test_a_dry_run_tells_and_writes_nothing(reader: Reader) -> None:
    before = items_of(reader)
    reader.calls.clear()

    assert renew(reader, dry_run=True).total == IndexCounts(renewed=RESOURCES)

    assert set(reader.calls) <= {"Query", "BatchGetItem"}
    assert items_of(reader) == before
    assert versions(reader) != DONE


def test_a_load_in_between_is_what_stays(reader: Reader, tmp_path: Path) -> None:
    """Whatever a renewal has read before a load came, it writes nothing of that."""
    changed = [
        each | ({"gender": "other"} if each["resourceType"] == "Patient" else {})
        for each in few_records()
        if each["resourceType"] in ("Patient", "Observation")
    ]
    (tmp_path / "later").mkdir()
    later = write_records(tmp_path / "later", changed)

    def overtake(operation: str) -> None:
        if operation == "TransactWriteItems" and not overtaken:
            overtaken.append(operation)
            load(reader, later)

    overtaken: list[str] = []
    reader.faults.append(overtake)
    report = renew(reader)
    reader.faults.clear()

    assert overtaken
    assert report.problems == []
    assert items_of(reader) == loaded_anew(write_records(tmp_path), later)
    assert reader.get("Patient", "gender=other").total == 3
    assert reader.get("Patient/4").headers["ETag"] == 'W/"2"'


def test_the_deleted_stays_deleted(tmp_path: Path) -> None:
    with reader_on_moto() as reader:
        load_by_earlier_release(reader, write_records(tmp_path))
        deletion = write_deletion(tmp_path, "Condition", "c1")
        with earlier_release():
            load(reader, deletion)
        before = {key: item for key, item in items_of(reader)[Home.RECORD].items() if key[0] == "Condition/c1"}

        report = renew(reader)

        assert {key: item for key, item in items_of(reader)[Home.RECORD].items() if key[0] == "Condition/c1"} == before
        assert reader.get("Condition/c1").status == 410
        assert report.total == IndexCounts(renewed=RESOURCES - 1)
        assert items_of(reader) == loaded_anew(write_records(tmp_path), deletion)


def test_a_deletion_in_between_is_no_problem(reader: Reader, tmp_path: Path) -> None:
    deletion = write_deletion(tmp_path, "Observation", "o7")

    def delete(operation: str) -> None:
        if operation == "BatchGetItem" and not deleted:
            deleted.append(operation)
            load(reader, deletion)

    # Of the walk's own reads, the first of a chunk with Observation/o7 comes after its entry was met.
    deleted: list[str] = []
    reader.faults.append(delete)
    report = renew(reader)
    reader.faults.clear()

    assert report.problems == []
    assert items_of(reader) == loaded_anew(write_records(tmp_path), deletion)


def large(aliases: int, **elements: Any) -> dict[str, Any]:
    names = [f"{letter}{number} name" for number in range(aliases // 25 + 1) for letter in "abcdefghijklmnopqrstuvwxy"]
    return {"resourceType": "Organization", "id": "o", "name": "Large", "alias": names[:aliases], **elements}


def write_large(folder: Path, name: str, resource: dict[str, Any]) -> Path:
    path = folder / name
    path.write_text(json.dumps(resource) + "\n", encoding="utf-8")
    return path


STEPS = 3 + 1 + 3 + 1
"""Transactions of its renewal: entries are staged, the record is written, entries are settled, one is removed."""


@pytest.fixture
def large_one(tmp_path: Path) -> Iterator[tuple[Reader, Path]]:
    """An Organization that has few entries of the earlier release, and 231 of this one."""
    path = write_large(tmp_path, "large.ndjson", large(230))
    with reader_on_moto() as reader:
        load_by_earlier_release(reader, path)
        yield reader, path


def test_more_entries_than_a_transaction_takes(large_one: tuple[Reader, Path]) -> None:
    reader, path = large_one
    other = reader.as_caller()
    before = other.get("Organization", "name=large").text

    def look(operation: str) -> None:
        if operation in ("PutItem", "TransactWriteItems", "UpdateItem"):
            faults, reader.faults[:] = list(reader.faults), []
            assert other.get("Organization", "name=large").text == before
            reader.faults[:] = faults

    reader.faults.append(look)
    reader.calls.clear()
    assert renew(reader).total == IndexCounts(renewed=1)
    reader.faults.clear()

    assert reader.calls.count("TransactWriteItems") == STEPS
    assert items_of(reader) == loaded_anew(path)
    assert versions(reader) == DONE
    assert other.get("Organization", "name=large").text == before
    assert other.get("Organization", "name=y0").total == 1
    assert renew(reader).total == IndexCounts(unchanged=1)


@pytest.mark.parametrize("number", range(1, STEPS + 1))
def test_a_large_one_that_was_cut_off_is_finished_by_the_next(large_one: tuple[Reader, Path], number: int) -> None:
    reader, path = large_one
    before = reader.get("Organization", "name=large").text
    die_at(reader, "TransactWriteItems", number)
    with pytest.raises(Killed):
        renew(reader)
    reader.faults.clear()
    assert reader.get("Organization", "name=large").text == before

    at_once = renew(reader, after=64)
    assert at_once.problems == ["Organization/o: another writer is at work on it"]
    assert versions(reader)[Home.DIRECTORY] == "1"
    is_written = number > STEPS // 2
    assert renew(reader, after=65).total == IndexCounts(renewed=not is_written, unchanged=is_written)

    assert items_of(reader) == loaded_anew(path)
    assert versions(reader) == DONE


@pytest.mark.parametrize("number", [1, 2, STEPS // 2, STEPS // 2 + 1])
@pytest.mark.parametrize("aliases", [3, 120])
def test_a_load_may_come_between_any_two_steps(
    large_one: tuple[Reader, Path], tmp_path: Path, number: int, aliases: int
) -> None:
    """A renewal that was overtaken writes no entry any more, so nothing of it is left behind."""
    reader, path = large_one
    later = write_large(tmp_path, "later.ndjson", large(aliases, name="Later"))
    met = 0

    def overtake(operation: str) -> None:
        nonlocal met
        met += operation == "TransactWriteItems"
        if met == number:
            met += 1
            load(reader, later)

    # The load takes the renewal for one that has ended long ago.
    reader.faults.append(overtake)
    report = renew(reader, after=-3600)
    reader.faults.clear()

    assert met > number
    assert report.problems == []
    assert items_of(reader) == loaded_anew(path, later)
    assert versions(reader) == DONE


def test_a_load_by_an_earlier_release_that_was_cut_off_is_a_problem_and_the_table_keeps_its_version(
    large_one: tuple[Reader, Path], tmp_path: Path
) -> None:
    """What it claimed, it had not begun to write in steps that another can finish."""
    reader, path = large_one
    load_by_earlier_release(reader, write_records(tmp_path))
    index = items_of(reader)[Home.DIRECTORY]["Organization/o", "#index"]
    claimed = {name: value for name, value in index.items() if name != "targets"}
    claimed |= {"digest": {"S": ""}, "claim": {"S": "5bb4c6a7"}}
    reader.client.put_item(TableName=reader.tables.directory, Item=claimed)

    report = renew(reader)

    assert report.problems == ["Organization/o: a load of it is not finished: load it again, or delete it"]
    assert report.exit_code == 1
    assert report.counts["Organization"] == IndexCounts(renewed=1, failed=1)
    assert versions(reader) == {Home.RECORD: str(INDEX_VERSION), Home.DIRECTORY: "1"}

    later = write_large(tmp_path, "later.ndjson", large(120, name="Later"))
    load(reader, later)
    again = renew(reader)

    assert again.problems == []
    assert versions(reader) == DONE
    assert items_of(reader)[Home.DIRECTORY] == loaded_anew(path, write_records(tmp_path), later)[Home.DIRECTORY]


def test_a_claim_of_an_earlier_releases_renewal_is_taken_over(large_one: tuple[Reader, Path]) -> None:
    reader, path = large_one
    index = items_of(reader)[Home.DIRECTORY]["Organization/o", "#index"]
    reader.client.put_item(TableName=reader.tables.directory, Item=index | {"claim": {"S": "reindex-5bb4c6a7"}})

    assert renew(reader).total == IndexCounts(renewed=1)

    assert items_of(reader) == loaded_anew(path)
    assert versions(reader) == DONE


def test_a_load_that_was_cut_off_is_finished_by_a_renewal(large_one: tuple[Reader, Path], tmp_path: Path) -> None:
    reader, path = large_one
    later = write_large(tmp_path, "later.ndjson", large(120, name="Later"))
    die_at(reader, "TransactWriteItems", 2)
    with pytest.raises(Killed):
        load(reader, later)
    reader.faults.clear()

    report = renew(reader)

    assert (report.problems, report.total) == ([], IndexCounts(renewed=1))
    assert items_of(reader) == loaded_anew(path)


def test_after_a_problem_the_next_run_begins_there(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    real = building.build_record

    def too_large(content: Any, *arguments: Any, **options: Any) -> Any:
        if content.key == "Observation/o7":
            raise building.TooLargeError("too large: 350,001 bytes as stored, 350,000 at most")
        return real(content, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("careconnect_records.change.build_record", too_large)
        report = renew(reader)
    assert report.problems == ["Observation/o7: too large: 350,001 bytes as stored, 350,000 at most"]
    assert report.total == IndexCounts(renewed=RESOURCES - 1, failed=1)
    assert versions(reader) == {Home.RECORD: "1", Home.DIRECTORY: str(INDEX_VERSION)}

    again = renew(reader)

    assert again.resumed
    assert again.counts["Observation"].renewed == 1
    assert "Patient" not in again.counts
    assert versions(reader) == DONE


def test_a_compartment_that_is_seen_otherwise_changes_the_bodies_and_no_version(
    reader: Reader, wanted: dict[Home | str, Items]
) -> None:
    """Which patients a body belongs to is worked out from the resource, too."""
    reader.give_away("Condition/c1", "5")
    etag = reader.get("Condition/c1").headers["ETag"]

    renew(reader)

    assert items_of(reader) == wanted
    assert reader.get("Condition/c1").headers["ETag"] == etag


def test_an_entry_alone_that_is_out_of_date_is_enough(wanted: dict[Home | str, Items], tmp_path: Path) -> None:
    """The index record may be right and its entries not: they are looked at themselves."""
    ((_key, entry),) = (
        (key, item)
        for key, item in wanted[Home.RECORD].items()
        if key[0].startswith("Patient?") and key[0][8:].isdigit() and key[1].endswith("#4")
    )
    with reader_on_moto() as reader:
        load(reader, write_records(tmp_path))
        reader.client.put_item(TableName=reader.tables.record, Item=entry | {"values": {"S": "{}"}})

        assert renew(reader).total == IndexCounts(renewed=1, unchanged=RESOURCES - 1)

        assert items_of(reader) == wanted


@pytest.mark.parametrize("code", ["TransactionCanceledException", "ThrottlingException"])
def test_what_is_refused_for_now_is_done_again(reader: Reader, wanted: dict[Home | str, Items], code: str) -> None:
    refused: list[str] = []

    def busy(operation: str) -> None:
        if operation == "TransactWriteItems" and len(refused) < 3:
            refused.append(operation)
            raise ClientError({"Error": {"Code": code, "Message": "as asked"}}, operation)

    reader.faults.append(busy)
    assert renew(reader).problems == []
    reader.faults.clear()

    assert items_of(reader) == wanted


def test_what_stays_refused_is_a_problem_by_name(reader: Reader) -> None:
    def busy(operation: str) -> None:
        if operation == "TransactWriteItems":
            raise ClientError({"Error": {"Code": "TransactionCanceledException", "Message": "as asked"}}, operation)

    reader.faults.append(busy)
    report = renew(reader)
    reader.faults.clear()

    assert len(report.problems) == RESOURCES
    assert "Patient/4: not written in 8 attempts (TransactionCanceledException)" in report.problems
    assert versions(reader) != DONE


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "TransactWriteItems"])
def test_a_renewal_that_is_denied_ends_with_the_services_error(reader: Reader, operation: str) -> None:
    def deny(name: str) -> None:
        if name == operation:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "as asked"}}, name)

    reader.faults.append(deny)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        renew(reader)
    reader.faults.clear()
    assert versions(reader) != DONE


def test_a_table_of_a_later_release_keeps_its_version(reader: Reader) -> None:
    for home in DATA_HOMES:
        reader.client.update_item(
            TableName=reader.tables.name(home),
            Key=key_of(CURSOR_KEY),
            UpdateExpression="SET #index = :later",
            ExpressionAttributeNames={"#index": "index"},
            ExpressionAttributeValues={":later": {"N": str(INDEX_VERSION + 1)}},
        )
    renew(reader)
    assert versions(reader) == dict.fromkeys(DATA_HOMES, str(INDEX_VERSION + 1))


def test_a_load_says_when_a_renewal_is_due(reader: Reader, tmp_path: Path) -> None:
    from careconnect_admin.loading.load import load_paths

    def due() -> bool:
        return load_paths([write_records(tmp_path)], reader.tables, writers=1, dry_run=True).reindex_due

    assert due()
    renew(reader)
    assert not due()


def test_new_tables_have_the_index_of_this_release(tmp_path: Path) -> None:
    with reader_on_moto() as empty:
        assert renew(empty, dry_run=True).total == IndexCounts()
        assert [cursor_item(empty, home) for home in DATA_HOMES] == [None, None]
        assert renew(empty).total == IndexCounts()
        assert versions(empty) == DONE
        assert {pk for pk, _ in items_of(empty)[REFERENCES]} == {"$complete#record", "$complete#directory"}
        load(empty, write_records(tmp_path))
        assert versions(empty) == DONE


def test_more_entries_than_an_item_holds_are_a_problem(
    large_one: tuple[Reader, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, _ = large_one
    monkeypatch.setattr("careconnect_records.stepwise._LARGEST_ITEM", 1_000)
    before = items_of(reader)

    (problem,) = renew(reader).problems

    assert problem == "Organization/o: too large: more is indexed of it, and was before, than an item holds"
    assert items_of(reader)[Home.DIRECTORY] == before[Home.DIRECTORY]


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ({"version": {"N": "7"}}, "its body is not that of its index record: load it again"),
        ({"body": {"S": "{"}}, "Expecting property name enclosed in double quotes"),
    ],
)
def test_a_damaged_body_is_a_problem_by_name(reader: Reader, damage: dict[str, Any], reason: str) -> None:
    body = items_of(reader)[Home.RECORD]["Condition/c1", "#json"]
    reader.client.put_item(TableName=reader.tables.record, Item=body | damage)

    (problem,) = renew(reader).problems

    assert problem.startswith("Condition/c1: ")
    assert reason in problem


@pytest.mark.parametrize(("code", "is_raised"), [("ValidationException", False), ("AccessDeniedException", True)])
def test_what_is_refused_alone_is_a_problem_or_the_end(
    large_one: tuple[Reader, Path], code: str, *, is_raised: bool
) -> None:
    """One that a transaction does not take is written by itself from the first."""
    reader, _ = large_one

    def refuse(operation: str) -> None:
        if operation == "TransactWriteItems":
            raise ClientError({"Error": {"Code": code, "Message": "as asked"}}, operation)

    reader.faults.append(refuse)
    if is_raised:
        with pytest.raises(ClientError, match=code):
            renew(reader)
    else:
        assert renew(reader).problems == ["Organization/o: DynamoDB does not accept its items"]
    reader.faults.clear()
    assert versions(reader)[Home.DIRECTORY] == "1"
