"""Count the request units of DynamoDB calls, by the sizes of the items that they read and write.

A read unit is 4 KB of one item, or of all that a query reads; half of it is charged for a read without consistency.
A write unit is 1 KB of an item, before or after the write, whichever is larger; a transaction is charged two. An item
that enters an index is written there too.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from careconnect_testing.aws.lock_step import AwsCall
from careconnect_testing.dynamodb.transactions import inserted
from careconnect_testing.dynamodb.values import item_size

Item = Mapping[str, Any]

_READ_BYTES = 4096
_WRITE_BYTES = 1024
_SHOWN = ("ProjectionExpression", "ExpressionAttributeNames")
_ONE = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}


@dataclass(frozen=True, slots=True)
class _Written:
    """An item that a call writes or checks, as it was before."""

    table: str
    key: Item
    before: Item
    units_each: int


@dataclass(slots=True)
class UnitMeter:
    """Adds up the units of all rounds, called before and after each round; only this class uses `client`."""

    client: Any
    read: float = 0
    write: int = 0
    _tables: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _written: list[_Written] = field(default_factory=list)

    def clear(self) -> None:
        """Reset all counts."""
        self.read, self.write, self._written = 0, 0, []

    def before(self, asked: Sequence[AwsCall]) -> None:
        """Add the read units of a round's calls, and read the items that they will write."""
        for each in asked:
            if each.operation in ("GetItem", "BatchGetItem", "Query"):
                self.read += sum(self._read_units(each.operation, each.parameters))
            else:
                self._written += self._to_write(each.operation, each.parameters)

    def after(self) -> None:
        """Add the write units of the last round."""
        for one in self._written:
            after = self._item(one.table, one.key)
            self.write += one.units_each * _units(max(item_size(one.before), item_size(after)), _WRITE_BYTES)
            self.write += self._index_units(one, after)
        self._written = []

    def _read_units(self, operation: str, asked: Mapping[str, Any]) -> Iterator[float]:
        share = 1.0 if asked.get("ConsistentRead") else 0.5
        if operation == "GetItem":
            yield share * _units(item_size(self._item(asked["TableName"], asked["Key"])), _READ_BYTES)
        elif operation == "Query":
            whole = {name: value for name, value in asked.items() if name not in _SHOWN}
            if "#" in asked["KeyConditionExpression"]:
                names = asked["ExpressionAttributeNames"]
                used = {name: names[name] for name in names if name in asked["KeyConditionExpression"]}
                whole["ExpressionAttributeNames"] = used
            yield share * _units(sum(map(item_size, self.client.query(**whole)["Items"])), _READ_BYTES)
        else:
            for table, wanted in asked["RequestItems"].items():
                share = 1.0 if wanted.get("ConsistentRead") else 0.5
                for key in wanted["Keys"]:
                    yield share * _units(item_size(self._item(table, key)), _READ_BYTES)

    def _to_write(self, operation: str, asked: Mapping[str, Any]) -> Iterator[_Written]:
        if operation == "BatchExecuteStatement":
            for table, item in map(inserted, asked["Statements"]):
                key = {name: item[name] for name in self._keys(table)}
                yield _Written(table, key, self._item(table, key), 1)
            return
        if operation == "TransactWriteItems":
            actions = [action for each in asked["TransactItems"] for action in each.values()]
        else:
            actions = [asked] if operation in _ONE else []
        for action in actions:
            table = action["TableName"]
            key = action.get("Key") or {name: action["Item"][name] for name in self._keys(table)}
            yield _Written(table, key, self._item(table, key), 1 if operation in _ONE else 2)

    def _index_units(self, one: _Written, after: Item) -> int:
        units = 0
        for index in self._described(one.table).get("GlobalSecondaryIndexes", ()):
            names = [part["AttributeName"] for part in index["KeySchema"]]
            shown = {*self._keys(one.table), *names, *index["Projection"].get("NonKeyAttributes", ())}
            is_whole = index["Projection"]["ProjectionType"] == "ALL"
            entry = {name: value for name, value in after.items() if is_whole or name in shown}
            was, is_there = (all(name in item for name in names) for item in (one.before, after))
            assert not was, "what is in an index is not changed here"
            units += _units(item_size(entry), _WRITE_BYTES) if is_there else 0
        return units

    def _item(self, table: str, key: Item) -> Item:
        found: Item = self.client.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item", {})
        return found

    def _keys(self, table: str) -> list[str]:
        return [part["AttributeName"] for part in self._described(table)["KeySchema"]]

    def _described(self, table: str) -> Mapping[str, Any]:
        if table not in self._tables:
            self._tables[table] = self.client.describe_table(TableName=table)["Table"]
        return self._tables[table]


def _units(size: int, each: int) -> int:
    return max(1, math.ceil(size / each))
