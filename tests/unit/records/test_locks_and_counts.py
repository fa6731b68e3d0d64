"""Identifier locks and reference counts, as actions on tables (ADR 25)."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.storage.keys import COUNT_SHARDS, count_shard
from careconnect_records.items.identifier_locks import (
    MAX_IDS,
    IdentifierLock,
    lock_action,
    lock_key,
    lock_of,
    locks_among,
    read_lock,
    unchanged_item,
)
from careconnect_records.items.reference_counts import (
    count_action,
    count_keys,
    counts_of,
    local_target,
    remove_tombstone_actions,
    set_tombstone_actions,
    targets_of,
)
from careconnect_testing.parts.stores import Reader, reader_in_memory
from careconnect_testing.records.stored import saved

NAME = lock_of("Patient", "urn:s", "v")


@pytest.fixture(scope="module")
def tables() -> Iterator[Reader]:
    with reader_in_memory() as reader:
        yield reader


@pytest.fixture
def reader(tables: Reader) -> Iterator[Reader]:
    put_back = saved(tables.tables)
    yield tables
    put_back()


def do(reader: Reader, *actions: dict[str, Any]) -> None:
    asked: Any = actions
    reader.client.transact_write_items(TransactItems=asked)


def refused(reader: Reader, *actions: dict[str, Any]) -> bool:
    try:
        do(reader, *actions)
    except ClientError as error:
        return "ConditionalCheckFailed" in str(error)
    return False


def on_lock(reader: Reader, **options: Any) -> dict[str, Any]:
    return lock_action(reader.tables.record, NAME, **options)


def lock(reader: Reader) -> IdentifierLock:
    return read_lock(
        reader.client.get_item(TableName=reader.tables.record, Key=lock_key(NAME), ConsistentRead=True).get("Item")
    )


def count_items(reader: Reader, target: str) -> list[dict[str, Any]]:
    found = (reader.client.get_item(TableName=reader.tables.reference, Key=key) for key in count_keys(target))
    return [each["Item"] for each in found if "Item" in each]


def test_a_lock_lists_the_resources_that_have_the_identifier(reader: Reader) -> None:
    assert lock(reader) == IdentifierLock()
    do(reader, on_lock(reader, added="1"))
    do(reader, on_lock(reader, added="2"))
    do(reader, on_lock(reader, added="2"))
    assert lock(reader) == IdentifierLock(frozenset(("1", "2")), revision=3)

    do(reader, on_lock(reader, removed="1"))
    assert lock(reader) == IdentifierLock(frozenset(("2",)), revision=4)
    do(reader, on_lock(reader, removed="2"))
    do(reader, on_lock(reader, removed="2"))
    assert lock(reader) == IdentifierLock(revision=6)


def test_a_lock_takes_so_many_ids_and_overflows_then(reader: Reader) -> None:
    for number in range(MAX_IDS):
        assert not lock(reader).is_full
        do(reader, on_lock(reader, added=f"{number}"))
    full = lock(reader)
    assert (len(full.ids), full.is_full, full.overflow) == (MAX_IDS, True, False)

    assert refused(reader, on_lock(reader, added="x"))
    do(reader, on_lock(reader, added="x", full=True))
    overflow = lock(reader)
    assert (overflow.overflow, overflow.is_full, overflow.revision) == (True, True, MAX_IDS + 1)
    # It has the same ids as before, but has changed.
    assert refused(reader, on_lock(reader, expected=full))

    for number in range(MAX_IDS):
        do(reader, on_lock(reader, removed=f"{number}"))
    assert lock(reader) == IdentifierLock(overflow=True, revision=2 * MAX_IDS + 1)
    assert refused(reader, on_lock(reader, added="x"))
    assert refused(reader, on_lock(reader, expected=IdentifierLock()))


@pytest.mark.parametrize(
    ("ids", "expected", "holds"),
    [
        ((), IdentifierLock(), True),
        (("1",), IdentifierLock(), False),
        ((), IdentifierLock(frozenset("1")), False),
        (("1",), IdentifierLock(frozenset("1")), True),
        (("2",), IdentifierLock(frozenset("1")), False),
        (("1", "2"), IdentifierLock(frozenset("1")), False),
        (("1",), IdentifierLock(frozenset("12")), False),
        (("2", "1"), IdentifierLock(frozenset("12")), True),
    ],
)
def test_a_lock_that_is_expected_has_exactly_those_ids(
    reader: Reader, ids: tuple[str, ...], expected: IdentifierLock, *, holds: bool
) -> None:
    for one in ids:
        do(reader, on_lock(reader, added=one))

    assert refused(reader, on_lock(reader, expected=expected)) is not holds
    assert refused(reader, on_lock(reader, expected=expected, added="3")) is not holds
    assert lock(reader).ids == {*ids, *(("3",) if holds else ())}


def test_a_lock_that_lost_its_last_id_is_as_if_it_had_never_been(reader: Reader) -> None:
    do(reader, on_lock(reader, added="1"))
    do(reader, on_lock(reader, removed="1"))

    assert not refused(reader, on_lock(reader, expected=IdentifierLock()))


def test_an_overflowed_lock_is_expected_by_its_revision(reader: Reader) -> None:
    do(reader, on_lock(reader, added="1", full=True))
    known = lock(reader)
    assert not refused(reader, on_lock(reader, expected=known))
    assert not refused(reader, on_lock(reader, expected=known, removed="1"))
    assert refused(reader, on_lock(reader, expected=known))


@pytest.mark.parametrize(("before", "after"), [(["a"], ["b"]), (["a"], []), ([], ["b"])])
def test_a_lock_that_was_removed_and_made_anew_is_not_the_one_that_was_read(
    reader: Reader, before: list[str], after: list[str]
) -> None:
    def put(ids: list[str]) -> dict[str, Any]:
        item = {**lock_key(NAME), "times": {"N": "2"}, **({"ids": {"SS": ids}} if ids else {})}
        reader.client.put_item(TableName=reader.tables.record, Item=item)
        return item

    read = put(before)
    write = {"Put": {"TableName": reader.tables.record, "Item": read, **unchanged_item(read)}}
    assert not refused(reader, write)
    put(after)
    assert refused(reader, write)


def test_locks_are_those_of_the_identifiers_alone() -> None:
    order = "0" * 15
    entries = [
        ("Patient?identifier=v", f"urn:s|{order}#1"),
        ("Patient?identifier=v", f"|{order}#1"),
        ("Patient?identifier=v#1", f"urn:a#b|{order}#1"),
        ("Patient?name^a", f"a#{order}#1"),
        ("Patient?0", f"{order}#1"),
        ("Organization?identifier=v", f"urn:s|{order}#1"),
    ]
    assert locks_among("Patient", entries) == {
        ("Patient?identifier=v", "urn:s|"),
        ("Patient?identifier=v", "|"),
        ("Patient?identifier=v#1", "urn:a#b|"),
    }
    assert lock_key(NAME) == {"pk": {"S": "Patient!identifier=v!urn:s|"}, "sk": {"S": "#guard"}}


def test_counts_are_by_type_and_by_shard(reader: Reader) -> None:
    table = reader.tables.reference
    do(reader, count_action(table, "Patient/4", 0, {"Condition": 2, "Encounter": 1}))
    do(reader, count_action(table, "Patient/4", 7, {"Condition": 1}))
    do(reader, count_action(table, "Patient/4", 0, {"Encounter": -1}))
    do(reader, count_action(table, "Patient/5", 0, {"Procedure": 1}))

    items = count_items(reader, "Patient/4")
    assert counts_of(items) == {"Condition": 3}
    assert [item["total"] for item in items] == [{"N": "2"}, {"N": "1"}]
    assert counts_of([]) == {}


def test_one_that_referred_may_be_taken_back_in_another_item(reader: Reader) -> None:
    """The sum of all items is the count: one item alone may be negative."""
    assert counts_of([{"pk": {"S": "x"}, "Condition": {"N": "1"}}, {"Condition": {"N": "-1"}}]) == {}
    assert {count_shard(str(number)) for number in range(200)} == set(range(COUNT_SHARDS))
    assert len(count_keys("Patient/4")) == COUNT_SHARDS


def test_a_tombstone_is_set_only_if_nothing_refers_to_the_target(reader: Reader) -> None:
    table = reader.tables.reference
    do(reader, count_action(table, "Patient/4", 5, {"Condition": 1}))
    assert refused(reader, *set_tombstone_actions(table, "Patient/4", if_unreferred=True))
    assert not any("closed" in item for item in count_items(reader, "Patient/4"))

    do(reader, count_action(table, "Patient/4", 5, {"Condition": -1}))
    do(reader, *set_tombstone_actions(table, "Patient/4", if_unreferred=True))
    assert [item["closed"] for item in count_items(reader, "Patient/4")] == [{"BOOL": True}] * COUNT_SHARDS


def test_a_target_with_a_tombstone_takes_no_reference_until_it_is_removed(reader: Reader) -> None:
    table = reader.tables.reference
    do(reader, *set_tombstone_actions(table, "Patient/4", if_unreferred=False))
    for shard in range(COUNT_SHARDS):
        assert refused(reader, count_action(table, "Patient/4", shard, {"Condition": 1}, unless_deleted=True))
    # A load accepts a reference to an absent resource.
    do(reader, count_action(table, "Patient/4", 0, {"Condition": 1}))
    do(reader, *set_tombstone_actions(table, "Patient/4", if_unreferred=False))

    do(reader, *remove_tombstone_actions(table, "Patient/4"))
    for shard in range(COUNT_SHARDS):
        assert not refused(reader, count_action(table, "Patient/4", shard, {"Condition": 1}, unless_deleted=True))


@pytest.mark.parametrize(
    ("reference", "target"),
    [
        ("Patient/4", "Patient/4"),
        ("Patient/4/_history/2", "Patient/4"),
        ("https://care.example/careconnect-ri/STU3/Patient/4", "Patient/4"),
        ("https://other.example/careconnect-ri/STU3/Patient/4", ""),
        ("Device/4", ""),
        ("#inside", ""),
        ("urn:uuid:0b9c4c7d-7c0a-4c58-9d3e-6f8b1f1f3a77", ""),
        ("Patient?identifier=4", ""),
    ],
)
def test_a_target_is_a_resource_of_this_server(reference: str, target: str) -> None:
    assert local_target(reference, base_url="https://care.example/") == target
    assert local_target(reference) == (target if "://" not in reference else "")


def test_targets_are_found_wherever_they_are_and_the_resource_itself_is_none() -> None:
    resource = {
        "resourceType": "Condition",
        "id": "c",
        "subject": {"reference": "Patient/4"},
        "evidence": [{"detail": [{"reference": "Condition/c"}, {"reference": "Observation/o"}, {"display": "x"}]}],
        "contained": [{"resourceType": "Patient", "managingOrganization": {"reference": "Organization/o"}}],
        "extension": [{"url": "urn:x", "valueReference": {"reference": "Patient/4"}}],
        "stage": {"summary": {"text": "Patient/9"}, "reference": {"reference": 5}},
    }
    assert targets_of(resource) == {"Patient/4", "Observation/o", "Organization/o"}
