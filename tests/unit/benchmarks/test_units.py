from typing import Any

import pytest
from benchmarks.setup.units import Units, units_of

ITEM = {"pk": {"S": "Patient/4"}, "sk": {"S": "#json"}}


def of_size(size: int) -> dict[str, Any]:
    """Return an item of so many bytes: names and texts."""
    return {**ITEM, "body": {"S": "x" * (size - 22)}}


def units(operation: str, asked: dict[str, Any], answered: dict[str, Any] | None = None) -> Units:
    return units_of(operation, asked, answered or {}, audit_table="audit")


@pytest.mark.parametrize(
    ("size", "consistent", "reads"),
    [(4096, False, 0.5), (4097, False, 1), (4096, True, 1), (8192, True, 2), (8193, True, 3)],
)
def test_a_read_is_charged_by_four_kilobytes(size: int, consistent: bool, reads: float) -> None:
    assert units("GetItem", {"ConsistentRead": consistent}, {"Item": of_size(size)}) == Units(reads=reads)


def test_what_is_not_there_is_charged_too() -> None:
    asked = {"RequestItems": {"records": {"Keys": [ITEM] * 3, "ConsistentRead": True}}}

    assert units("GetItem", {}) == Units(reads=0.5)
    assert units("BatchGetItem", asked, {"Responses": {"records": [of_size(5000)]}}) == Units(reads=4)


def test_a_query_is_charged_by_its_sum_and_by_what_a_projection_leaves_out() -> None:
    asked = {"ExpressionAttributeValues": {":pk": {"S": "x" * 2000}}}
    entry = {"sk": {"S": "y" * 98}}

    assert units("Query", asked, {"Items": [of_size(3000), of_size(1000)]}) == Units(reads=0.5)
    # Each has the partition key of 2,002 bytes that was not sent.
    assert units("Query", asked, {"Items": [entry] * 4}) == Units(reads=1.5)
    assert units("Query", asked, {"Items": []}) == Units(reads=0.5)


@pytest.mark.parametrize(("size", "writes"), [(30, 1), (1024, 1), (1025, 2)])
def test_a_write_is_charged_by_the_kilobyte_and_twice_in_a_transaction(size: int, writes: int) -> None:
    put = {"TableName": "records", "Item": of_size(size)}

    assert units("PutItem", put) == Units(writes=writes)
    assert units("TransactWriteItems", {"TransactItems": [{"Put": put}] * 2}) == Units(writes=4 * writes)


def test_an_index_is_written_besides_and_once() -> None:
    event = {"TableName": "audit", "Item": {**ITEM, "patient": {"S": "4"}}}
    of_nobody = {"TableName": "audit", "Item": ITEM}
    elsewhere = {"TableName": "records", "Item": {**ITEM, "patient": {"S": "4"}}}

    assert units("PutItem", event) == Units(writes=2)
    assert units("PutItem", of_nobody) == units("PutItem", elsewhere) == Units(writes=1)
    assert units("TransactWriteItems", {"TransactItems": [{"Put": event}]}) == Units(writes=3)
    # What the index does not hold is not written there.
    item = {**ITEM, "patient": {"S": "4"}, "query": {"S": "x" * 2000}, "ids": {"S": "y" * 500}}
    large = {"TableName": "audit", "Item": item}
    assert units("PutItem", large) == Units(writes=3 + 1)


def test_events_that_are_inserted_are_put_one_by_one() -> None:
    event = {**ITEM, "patient": {"S": "4"}}
    insert = "INSERT INTO \"audit\" VALUE {'pk':?,'sk':?,'patient':?}"
    statements = [{"Statement": insert, "Parameters": list(event.values())}] * 20

    assert units("BatchExecuteStatement", {"Statements": statements}) == Units(writes=40)


def test_other_actions_of_a_transaction_are_two_units_each() -> None:
    named = {"TableName": "records", "Key": ITEM}
    actions = [{kind: named} for kind in ("Update", "Delete", "ConditionCheck")]

    assert units("TransactWriteItems", {"TransactItems": actions}) == Units(writes=6)


def test_what_is_not_known_is_not_free() -> None:
    with pytest.raises(ValueError, match="Scan"):
        units("Scan", {})
