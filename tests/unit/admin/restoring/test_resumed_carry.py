"""Carrying versions over when it is interrupted, or when a resource cannot be indexed."""

from typing import Any

import pytest

from careconnect_admin.restoring.differences import differences
from careconnect_testing.aws.restorable_stack import NAMED, Restorable, versions
from careconnect_testing.http.writes import observation


class Killed(BaseException):
    pass


@pytest.mark.parametrize("left", [1, 21, 45, *(pytest.param(left, marks=pytest.mark.long) for left in range(0, 56, 4))])
def test_killed_anywhere_it_is_run_again(stack: Restorable, left: int) -> None:
    restored = stack.written_since()
    stack.reader.calls.clear()

    def kill(_: str) -> None:
        if len(stack.reader.calls) > left:
            raise Killed

    stack.reader.faults.append(kill)
    with pytest.raises(Killed):
        stack.carry(restored)
    stack.reader.faults.clear()
    stack.carry(restored)

    reader = stack.serving(restored)
    expected: dict[str, Any] = {"Patient/5": 3, "Observation/o1": 3, "Observation/new": 2, "Organization/many": 3}
    assert {path: len(versions(reader, path)) for path in expected} == expected
    assert reader.get("Patient/5").json["gender"] == NAMED["5"]["gender"]
    assert list(differences(stack.tables(stack.own), stack.tables(restored))) == []


def test_a_resource_that_cannot_be_indexed_is_carried_over_unindexed(stack: Restorable) -> None:
    date = "0000-01-01"
    assert stack.writer.update({**observation("Patient/4"), "id": "odd"}).status == 201
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
