"""A DynamoDB whose tables stand still: reads find what was recorded, and writes are checked but not done.

Every input of a fuzzing run therefore meets the same tables, and fails alone as it failed in the run.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import ClientError

Item = dict[str, Any]

_LARGEST_ITEM: Final = 409_600
_LONGEST_KEYS: Final = {"pk": 2048, "sk": 1024}


@dataclass
class StillTables:
    """A client of DynamoDB over items in memory.

    Writes change the tables only while `recording`. A write that DynamoDB would refuse for its values raises
    `ValidationException`: text that is not Unicode, an empty or too long key, an item over 400 KB.
    """

    recording: bool = True
    inserted: list[Any] = field(default_factory=list)
    """The values of the audit events that were inserted, until a caller clears them."""
    _tables: dict[str, dict[str, dict[str, Item]]] = field(default_factory=dict)

    def get_item(self, *, TableName: str, Key: Item, **_: Any) -> Any:  # noqa: N803 - botocore's own names
        """Read an item."""
        _require_valid(Key)
        found = self._found(TableName, Key)
        return {"Item": found} if found else {}

    def batch_get_item(self, *, RequestItems: Mapping[str, Any]) -> Any:  # noqa: N803
        """Read several items."""
        return {"Responses": {table: list(self._each(table, one["Keys"])) for table, one in RequestItems.items()}}

    def query(
        self,
        *,
        TableName: str,  # noqa: N803
        KeyConditionExpression: str,  # noqa: N803
        ExpressionAttributeValues: Mapping[str, Any],  # noqa: N803
        ScanIndexForward: bool = True,  # noqa: N803
        Limit: int = 1_000_000,  # noqa: N803
        ExclusiveStartKey: Item | None = None,  # noqa: N803
        **options: Any,
    ) -> Any:
        """Read a part of a partition: a comparison of the sort key, or `BETWEEN`; an index holds nothing."""
        partition, *bounds = (value["S"] for value in ExpressionAttributeValues.values())
        _require_valid({"pk": {"S": partition}})
        _require_text(list(bounds))
        items = {} if "IndexName" in options else self._tables.get(TableName, {}).get(partition, {})
        low, high = (*bounds, "\U0010ffff")[:2]
        if " = :sk" in KeyConditionExpression:
            high = low
        first = ExclusiveStartKey["sk"]["S"] if ExclusiveStartKey else ""
        keys = [key for key in sorted(items) if low <= key <= high]
        if " > " in KeyConditionExpression:
            keys = [key for key in keys if key > low]
        if not ScanIndexForward:
            keys.reverse()
        if first:
            keys = keys[keys.index(first) + 1 :]
        answer: Item = {"Items": [items[key] for key in keys[:Limit]]}
        if len(keys) > Limit:
            answer["LastEvaluatedKey"] = {"pk": {"S": partition}, "sk": {"S": keys[Limit - 1]}}
        return answer

    def put_item(self, *, TableName: str, Item: Item, **_: Any) -> Any:  # noqa: N803
        """Check an item, and store it while recording."""
        _require_valid(Item)
        if self.recording:
            partition, sort_key = _key_of(Item)
            self._tables.setdefault(TableName, {}).setdefault(partition, {})[sort_key] = Item
        return {}

    def update_item(self, *, Key: Item, **_: Any) -> Any:  # noqa: N803
        """Check a key; the counters of failures all stand at one."""
        _require_valid(Key)
        return {"Attributes": {"failures": {"N": "1"}, "units": {"N": "1"}}}

    def transact_write_items(self, *, TransactItems: Iterable[Mapping[str, Any]], **_: Any) -> Any:  # noqa: N803
        """Check all actions, and do the puts while recording, and the ids that are added to locks."""
        for action in TransactItems:
            (request,) = action.values()
            if "Put" in action:
                self.put_item(**request)
                continue
            _require_valid(request["Key"])
            values = request.get("ExpressionAttributeValues", {})
            _require_text(values)
            if self.recording and (added := values.get(":id")):
                self.put_item(
                    TableName=request["TableName"], Item={**request["Key"], "ids": added, "times": {"N": "1"}}
                )
        return {}

    def batch_execute_statement(self, *, Statements: Iterable[Mapping[str, Any]]) -> Any:  # noqa: N803
        """Check the parameters of inserts."""
        statements = list(Statements)
        for statement in statements:
            _require_text(statement["Parameters"])
            self.inserted.append(statement["Parameters"])
        return {"Responses": [{} for _ in statements]}

    def _each(self, table: str, keys: Iterable[Item]) -> Iterator[Item]:
        for key in keys:
            _require_valid(key)
            if found := self._found(table, key):
                yield found

    def _found(self, table: str, key: Item) -> Item | None:
        partition, sort_key = _key_of(key)
        return self._tables.get(table, {}).get(partition, {}).get(sort_key)


def _key_of(item: Item) -> tuple[str, str]:
    partition = item["client_id"] if "client_id" in item and "pk" not in item else item["pk"]
    return partition["S"], item.get("sk", {}).get("S", "")


def _require_valid(item: Item) -> None:
    size = _require_text(item)
    for name, longest in _LONGEST_KEYS.items():
        if name in item and not 0 < len(item[name]["S"].encode()) <= longest:
            raise _refused("a key is empty or too long")
    if size > _LARGEST_ITEM:
        raise _refused("an item is too large")


def _require_text(values: Any) -> int:
    """Return the approximate size of some values in bytes; raises the error of DynamoDB if a text is not Unicode."""
    try:
        return len(json.dumps(values, ensure_ascii=False, default=repr).encode())
    except UnicodeEncodeError:
        raise _refused("a text is not Unicode") from None


def _refused(why: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationException", "Message": why}}, "fuzzed")
