"""After any loads and deletions, killed anywhere, locks, counts and entries agree with the bodies."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
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
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.writer import RecordWriter
from careconnect_records.items.extract import deletion_key, index_keys, search_values
from careconnect_records.items.identifier_locks import locks_among
from careconnect_records.items.reference_counts import targets_of
from careconnect_records.multi_step import write as multi_step
from careconnect_records.multi_step.release import Release
from careconnect_records.writes import plan
from careconnect_records.writes.target import Target
from careconnect_testing.parts.stores import Reader, reader_in_memory
from careconnect_testing.records.generated import cases
from careconnect_testing.records.stored import Stored, saved, stored, without_traces
from careconnect_testing.running.killed import Killed

START = datetime(2024, 5, 1, tzinfo=UTC)
IDS = ("1", "2", "3")
TARGETS = ("Patient/1", "Patient/2", "Organization/1", "Organization/2", "Practitioner/9")


def served(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


_SOME = st.lists(st.integers(0, 4), unique=True, max_size=4)


@st.composite
def requests(draw: st.DrawFn) -> LoadRequest:
    """Draw a request to store or delete one of a few resources, with some of a few identifiers and references."""
    name, resource_id = draw(st.sampled_from(("Patient", "Organization"))), draw(st.sampled_from(IDS))
    target = Target(served(name), resource_id)
    if draw(st.integers(0, 3)) == 0:
        return LoadRequest(target, None)
    identifiers = [{"system": "urn:s", "value": f"v{number}"} for number in draw(_SOME)]
    references = [{"url": "urn:x", "valueReference": {"reference": TARGETS[number]}} for number in draw(_SOME)]
    resource: dict[str, Any] = {"resourceType": name, "id": resource_id, "name": [{"text": "x"}]}
    if name == "Organization":
        # With many names it does not fit into one transaction.
        resource |= {"name": "x", "alias": [f"{letter} name" for letter in "abcdefghij"[: draw(st.integers(0, 10))]]}
    return LoadRequest(target, resource | _given(identifier=identifiers, extension=references))


def _given(**elements: list[Any]) -> dict[str, Any]:
    return {name: value for name, value in elements.items() if value}


BATCHES = st.lists(
    st.tuples(
        st.lists(requests(), min_size=1, max_size=4, unique_by=lambda request: request.target.key),
        st.integers(1, 24),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    with reader_in_memory() as reader, pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "MAX_ACTIONS", 20)
        patch.setattr("careconnect_records.writes.packing.MAX_ACTIONS", 20)
        patch.setattr(multi_step, "_AT_ONCE", 4)
        yield reader


@settings(max_examples=cases(50))
@given(batches=BATCHES)
def test_locks_counts_and_entries_are_what_the_bodies_say(
    reader: Reader, batches: list[tuple[list[LoadRequest], int, bool]]
) -> None:
    put_back = saved(reader.tables)
    try:
        for number, (batch, calls, together) in enumerate(batches, 1):
            write(reader, batch, START + timedelta(minutes=number), calls, together=together)
        Release(reader.tables).release_all()
        agree(stored(reader.tables))
    finally:
        reader.faults.clear()
        put_back()


def write(reader: Reader, batch: list[LoadRequest], at: datetime, calls: int, *, together: bool) -> None:
    """Load a batch, perhaps all or nothing, and kill the load after a number of calls."""
    left = calls

    def kill(_: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed

    # A second goes by in five looks at the clock, so that a killed write is abandoned within a load.
    clock = count(0, 0.2)
    writer = RecordWriter(reader.tables, clock=lambda: at, sleep=lambda _: None, elapsed=lambda: next(clock))
    reader.faults.append(kill)
    try:
        (writer.write_together if together else writer.write)(batch)
    except Killed:
        pass
    finally:
        reader.faults.clear()


def agree(items: Stored) -> None:
    entries: set[tuple[str, str, str]] = set()
    locks: dict[tuple[str, str], set[str]] = defaultdict(set)
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    deleted: set[str] = set()
    for (table, pk, sk), body in items.items():
        if sk != JSON_ITEM:
            continue
        name, _, resource_id = pk.partition("/")
        index = items[table, pk, INDEX_ITEM]
        assert index["version"] == body["version"]
        for version in range(1, int(body["version"]["N"])):
            assert items[table, pk, version_item(JSON_ITEM, version)]["version"] == {"N": str(version)}
        if "gone" in body:
            deleted.add(pk)
            entries.add((table, *deletion_key(served(name), resource_id, int(body["updated"]["N"]))))
            continue
        resource = json.loads(body["body"]["S"])
        keys = index_keys(served(name), resource_id, search_values(resource))
        entries.update((table, *key) for key in keys)
        for lock in locks_among(name, keys):
            locks[table, lock_partition(*lock)].add(resource_id)
        for target in targets_of(resource):
            counted[count_key(target, count_shard(resource_id))][name] += 1
    assert not any("txn" in item for item in items.values())
    found = {key for key in without_traces(items) if key[2] and not key[2].startswith("#")}
    assert found == entries
    assert {key[:2]: set(item["ids"]["SS"]) for key, item in items.items() if key[2] == LOCK_ITEM} == locks
    wanted = {
        key: {name: {"N": str(number)} for name, number in (counts | Counter(total=counts.total())).items()}
        for key, counts in counted.items()
    }
    for target in deleted:
        for shard in range(COUNT_SHARDS):
            wanted.setdefault(count_key(target, shard), {})["closed"] = {"BOOL": True}  # type: ignore[dict-item]
    found_counts = {
        pk: {name: value for name, value in item.items() if name != "pk"}
        for (table, pk, _), item in items.items()
        if table == "references"
    }
    assert found_counts == wanted
