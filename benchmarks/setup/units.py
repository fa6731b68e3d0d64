"""Count the request units of DynamoDB calls from their parameters and responses.

A read unit is 4 KB read consistently, or 8 KB otherwise. A write unit is 1 KB; a transaction takes two for each KB. An
item of an index is written in addition, at one unit for each KB.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.audit.patient_index import PROJECTED
from careconnect_records.items.resource_items import item_size
from careconnect_testing.dynamodb.transactions import inserted

_READ: Final = 4096
_WRITE: Final = 1024
_INDEXED: Final = "patient"
"""The key of the only index, of the audit table."""
_IN_INDEX: Final = frozenset(("pk", "sk", _INDEXED, *PROJECTED))


@dataclass(frozen=True, slots=True)
class Units:
    """Request units of some calls."""

    reads: float = 0
    writes: float = 0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.reads + other.reads, self.writes + other.writes)


def units_of(operation: str, asked: Mapping[str, Any], answered: Mapping[str, Any], *, audit_table: str) -> Units:
    """Return the units of one call; an item that is updated or removed counts as one KB."""
    if operation == "BatchGetItem":
        return _sum(
            _got(len(of_table["Keys"]), answered.get("Responses", {}).get(table, ()), of_table)
            for table, of_table in asked["RequestItems"].items()
        )
    if operation == "GetItem":
        return _got(1, [answered["Item"]] if "Item" in answered else [], asked)
    if operation == "Query":
        # The sum is rounded up, not each item. Attributes that a projection leaves out are charged too.
        keys = asked["ExpressionAttributeValues"]
        omitted = len("pk") + len(str(keys.get(":pk", {}).get("S", "")))
        read = sum(item_size_of(item) + (0 if "pk" in item else omitted) for item in answered.get("Items", ()))
        return Units(reads=_read(read, asked))
    if operation == "BatchExecuteStatement":
        inserts = (inserted(statement) for statement in asked["Statements"])
        return _sum(
            _written({"Put": {"TableName": table, "Item": item}}, audit_table, times=1) for table, item in inserts
        )
    if operation == "TransactWriteItems":
        return _sum(_written(action, audit_table, times=2) for action in asked["TransactItems"])
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        return _written({operation.removesuffix("Item"): asked}, audit_table, times=1)
    raise ValueError(f"The units of {operation} are not known.")


def item_size_of(item: Mapping[str, Any]) -> int:
    """Return the approximate bytes of an item, which may hold sets and binary values."""
    plain = {name: typed for name, typed in item.items() if typed.keys() <= {"S", "N", "BOOL"}}
    others = ((name, next(iter(typed.values()))) for name, typed in item.items() if name not in plain)
    return item_size(plain) + sum(len(name) + len(str(value)) for name, value in others)


def _got(keys: int, items: Iterable[Mapping[str, Any]], asked: Mapping[str, Any]) -> Units:
    sizes = [item_size_of(item) for item in items]
    # A missing item is charged like the smallest one.
    sizes += [0] * (keys - len(sizes))
    return Units(reads=sum(_read(size, asked) for size in sizes))


def _read(size: int, asked: Mapping[str, Any]) -> float:
    return max(1, math.ceil(size / _READ)) * (1.0 if asked.get("ConsistentRead") else 0.5)


def _written(action: Mapping[str, Any], audit_table: str, *, times: int) -> Units:
    ((kind, request),) = action.items()
    item = request.get("Item", {})
    size = max(1, math.ceil(item_size_of(item) / _WRITE)) if kind == "Put" else 1
    entry = {name: value for name, value in item.items() if name in _IN_INDEX}
    is_indexed = request["TableName"] == audit_table and _INDEXED in item
    indexed = max(1, math.ceil(item_size_of(entry) / _WRITE)) if is_indexed else 0
    return Units(writes=times * size + indexed)


def _sum(units: Iterable[Units]) -> Units:
    return sum(units, Units())
