"""Whatever is loaded and deleted, and cut off anywhere: guards, marks and entries are what the bodies say."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.storage.keys import (
    COUNT_SHARDS,
    INDEX_ITEM,
    JSON_ITEM,
    LOCK_ITEM,
    count_key,
    count_shard,
    lock_partition,
    version_item,
)
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.extract import index_keys, search_values
from careconnect_records.items.identifier_locks import locks_among
from careconnect_records.items.record import NewVersion, deleted_version, new_version
from careconnect_records.items.reference_counts import targets_of
from careconnect_records.writes import change as changes
from careconnect_records.writes import lease as claims
from careconnect_records.writes.change import StoredVersion
from careconnect_records.writes.multi_step_write import MultiStepWrite
from careconnect_testing.parts.stores import Reader, reader_on_moto
from careconnect_testing.records.generated import cases
from careconnect_testing.records.stored import Stored, saved, stored

START = datetime(2024, 5, 1, tzinfo=UTC)
IDS = ("1", "2", "3")
TARGETS = ("Patient/1", "Patient/2", "Organization/1", "Organization/2", "Practitioner/9")


class Killed(BaseException):
    pass


def served(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


_SOME = st.lists(st.integers(0, 4), unique=True, max_size=4)


@st.composite
def contents(draw: st.DrawFn) -> NewVersion:
    """Draw a Patient or an Organization of few, with some of a few identifiers and references, or its deletion."""
    name, resource_id = draw(st.sampled_from(("Patient", "Organization"))), draw(st.sampled_from(IDS))
    if draw(st.integers(0, 3)) == 0:
        return deleted_version(served(name), resource_id)
    identifiers = [{"system": "urn:s", "value": f"v{number}"} for number in draw(_SOME)]
    references = [{"url": "urn:x", "valueReference": {"reference": TARGETS[number]}} for number in draw(_SOME)]
    resource: dict[str, Any] = {"resourceType": name, "id": resource_id, "name": [{"text": "x"}]}
    if name == "Organization":
        # Beyond what a transaction takes, if there are many.
        resource |= {"name": "x", "alias": [f"{letter} name" for letter in "abcdefghij"[: draw(st.integers(0, 10))]]}
    return new_version(served(name), resource | _given(identifier=identifiers, extension=references))


def _given(**elements: list[Any]) -> dict[str, Any]:
    return {name: value for name, value in elements.items() if value}


BATCHES = st.lists(
    st.tuples(st.lists(contents(), min_size=1, max_size=4, unique_by=lambda content: content.key), st.integers(1, 24)),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reader_on_moto() as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "MOST_ACTIONS", 20)
        patch.setattr("careconnect_records.writes.packing.MOST_ACTIONS", 20)
        patch.setattr(claims, "_AT_ONCE", 4)
        yield reader


@settings(max_examples=cases(50))
@given(batches=BATCHES)
def test_locks_counts_and_entries_are_what_the_bodies_say(
    reader: Reader, batches: list[tuple[list[NewVersion], int]]
) -> None:
    put_back = saved(reader.tables)
    try:
        for number, (batch, calls) in enumerate(batches, 1):
            write(reader, batch, START + timedelta(minutes=number), calls)
        finish_all(reader, START + timedelta(hours=1))
        agree(stored(reader.tables))
    finally:
        reader.faults.clear()
        put_back()


def write(reader: Reader, batch: list[NewVersion], at: datetime, calls: int) -> None:
    """Load a batch, killed after so many of its calls if it makes as many."""
    left = calls

    def kill(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    writer = RecordWriter(reader.tables, clock=lambda: at, sleep=lambda _: None)
    reader.faults.append(kill)
    try:
        writer.write(batch)
    except Killed:
        pass
    finally:
        reader.faults.clear()


def finish_all(reader: Reader, at: datetime) -> None:
    steps = MultiStepWrite(reader.tables, lambda: int(at.timestamp() * 1000))
    for (_, pk, sk), item in stored(reader.tables).items():
        if sk == INDEX_ITEM and (state := StoredVersion(item)).is_leased:
            steps.finish(served(pk.partition("/")[0]), state)


def agree(items: Stored) -> None:
    entries: set[tuple[str, str, str]] = set()
    guards: dict[tuple[str, str], set[str]] = defaultdict(set)
    marks: dict[str, Counter[str]] = defaultdict(Counter)
    closed: set[str] = set()
    for (table, pk, sk), body in items.items():
        if sk != JSON_ITEM:
            continue
        name, _, resource_id = pk.partition("/")
        index = items[table, pk, INDEX_ITEM]
        assert index["version"] == body["version"]
        assert "claim" not in index
        for version in range(1, int(body["version"]["N"])):
            assert items[table, pk, version_item(JSON_ITEM, version)]["version"] == {"N": str(version)}
        if "gone" in body:
            closed.add(pk)
            continue
        resource = json.loads(body["body"]["S"])
        keys = index_keys(served(name), resource_id, search_values(resource))
        entries.update((table, *key) for key in keys)
        for lock in locks_among(name, keys):
            guards[table, lock_partition(*lock)].add(resource_id)
        for target in targets_of(resource):
            marks[count_key(target, count_shard(resource_id))][name] += 1
    found = {key for key in items if key[2] and not key[2].startswith("#")}
    assert found == entries
    assert not any("staged" in items[key] for key in found)
    assert {key[:2]: set(item["ids"]["SS"]) for key, item in items.items() if key[2] == LOCK_ITEM} == guards
    wanted = {
        key: {name: {"N": str(number)} for name, number in (counts | Counter(total=counts.total())).items()}
        for key, counts in marks.items()
    }
    for target in closed:
        for shard in range(COUNT_SHARDS):
            wanted.setdefault(count_key(target, shard), {})["closed"] = {"BOOL": True}  # type: ignore[dict-item]
    found_marks = {
        pk: {name: value for name, value in item.items() if name != "pk"}
        for (table, pk, _), item in items.items()
        if table == "references"
    }
    assert found_marks == wanted
