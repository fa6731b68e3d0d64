"""Carrying versions over when it is interrupted, or when a resource cannot be indexed."""

from typing import Any

import pytest

from careconnect_admin.restoring.differences import differences
from careconnect_testing.aws.restorable_stack import NAMED, Restorable, versions
from careconnect_testing.http.writes import observation
from careconnect_testing.parts.stores import Reader
from careconnect_testing.running.killed import killed_after


@pytest.mark.parametrize("left", [1, 21, 45, *(pytest.param(left, marks=pytest.mark.long) for left in range(0, 56, 4))])
def test_killed_anywhere_it_is_run_again(stack: Restorable, left: int) -> None:
    restored = stack.written_since()
    with killed_after(stack.reader, left):
        stack.carry(restored)
    stack.carry(restored)

    reader = stack.serving(restored)
    expected: dict[str, Any] = {"Patient/5": 3, "Observation/o1": 3, "Observation/new": 2, "Organization/many": 3}
    assert {path: len(versions(reader, path)) for path in expected} == expected
    assert reader.get("Patient/5").json["gender"] == NAMED["5"]["gender"]
    assert list(differences(stack.tables(stack.own), stack.tables(restored))) == []


def test_a_resource_that_cannot_be_indexed_is_carried_over_unindexed(stack: Restorable) -> None:
    date = "0000-01-01"
    assert stack.writer.update({**observation("Patient/5"), "id": "odd"}).status == 201
    restored = stack.restore()
    assert stack.writer.update({**observation("Patient/4"), "id": "odd", "status": "amended"}).status == 200
    body = f'{{"resourceType":"Observation","id":"odd","status":"final","effectiveDateTime":"{date}"}}'
    stack.reader.client.update_item(
        TableName=restored.record,
        Key={"pk": {"S": "Observation/odd"}, "sk": {"S": "#json"}},
        UpdateExpression="SET body = :body",
        ExpressionAttributeValues={":body": {"S": body}},
    )

    assert stack.carry(restored) == 1

    reader = stack.serving(restored)
    assert reader.get("Observation/odd").json["effectiveDateTime"] == date
    assert [etag for etag, _ in versions(reader, "Observation/odd")] == ['W/"3"', 'W/"2"', 'W/"1"']
    assert whom_a_read_tells_of(reader, "Observation/odd") == {"4", "5"}


def test_what_was_moved_since_tells_of_all_in_whose_record_it_was(stack: Restorable) -> None:
    for whose, id_ in (("4", "back"), ("5", "back"), ("4", "made")):
        assert stack.writer.update({**observation(f"Patient/{whose}"), "id": id_}).status in (200, 201)
    restored = stack.restore()
    for whose, id_ in (("6", "back"), ("6", "made")):
        assert stack.writer.update({**observation(f"Patient/{whose}"), "id": id_}).status == 200
    assert stack.writer.delete("Observation/made").status == 204

    assert stack.carry(restored) == 2

    reader = stack.serving(restored)
    assert whom_a_read_tells_of(reader, "Observation/back") == {"4", "5", "6"}
    assert whom_a_read_tells_of(reader, "Observation/made") == {"4", "6"}


def whom_a_read_tells_of(reader: Reader, path: str) -> set[str]:
    """Return the patients of the events of a read."""
    reader.kept.events.clear()
    assert reader.get(path).status == 200
    return {event.patient for event in reader.kept.events}
