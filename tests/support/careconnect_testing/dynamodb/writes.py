"""PutItem, UpdateItem, DeleteItem, ConditionCheck and BatchWriteItem."""

from collections.abc import Generator, Mapping
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ConditionalCheckFailedException, ValidationException
from careconnect_testing.dynamodb.expressions.paths import projected
from careconnect_testing.dynamodb.reads import Tables
from careconnect_testing.dynamodb.rows import Row
from careconnect_testing.dynamodb.terms import Terms
from careconnect_testing.dynamodb.values import MAX_ITEM_BYTES, Item, checked_item, copied_item, item_size

PUT: Final = "Put"
UPDATE: Final = "Update"
DELETE: Final = "Delete"
CHECK: Final = "ConditionCheck"

_MAX_BATCH: Final = 25
_CONDITION: Final = "ConditionExpression"


class Action:
    """A write or a check of one item; raises `ValidationException` if the request is invalid whatever the item.

    `plan` decides upon the item as it is; `commit` then writes.
    """

    def __init__(self, tables: Tables, kind: str, request: Mapping[str, Any]) -> None:
        self.table = tables(request["TableName"])
        self.kind = kind
        self._request = request
        self._terms = Terms(request)
        self._condition = self._terms.condition(_CONDITION)
        self._update = self._terms.update() if kind == UPDATE else None
        self._terms.finish()
        if kind == PUT:
            self._item = checked_item(request["Item"])
            self.key = self.table.key.of_item(self._item)
            self.table.check(self._item)
        else:
            self._item = checked_item(request["Key"])
            self.key = self.table.key.of_key(self._item)
        if kind == CHECK and self._condition is None:
            raise ValidationException("The expression can not be empty;")
        for path in self._update.paths(self._terms.names) if self._update else ():
            if path[0] in self._item:
                raise ValidationException(
                    f"One or more parameter values were invalid: Cannot update attribute {path[0]}. "
                    "This attribute is part of the key"
                )
        self._before: Row | None = None
        self._after: Row | None = None

    @property
    def place(self) -> tuple[str, Any]:
        """The table's name and the item's key."""
        return self.table.name, self.key

    @property
    def size(self) -> int:
        """The bytes of the item that was planned, 0 without one."""
        return self._after.size if self._after else 0

    def plan(self) -> None:
        """Evaluate the condition and the write on the item as it is.

        Raises `ConditionalCheckFailedException`, and `ValidationException` if the item takes no such update.
        """
        self._before = self.table.rows.get(*self.key)
        old: Item = self._before.item if self._before else {}
        if not self._terms.holds(self._condition, old):
            shown = self._request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and old
            members: dict[str, Any] = {"Item": copied_item(old)} if shown else {}
            raise ConditionalCheckFailedException("The conditional request failed", **members)
        if self.kind in (PUT, UPDATE):
            row = self._row(old)
            removes_from_none = self._before is None and self._update is not None and self._update.only_removes
            self._after = None if removes_from_none else row

    def commit(self) -> None:
        """Write what was planned."""
        if self.kind != CHECK and not (self._before is None and self._after is None):
            self.table.write(self.key, self._after)

    def returned(self) -> dict[str, Any]:
        """Return `Attributes` as `ReturnValues` asks for them."""
        wanted = self._request.get("ReturnValues", "NONE")
        if wanted not in ("NONE", "ALL_OLD") and self.kind != UPDATE:
            raise ValidationException(f"Return values set to invalid value: {wanted}")
        row = self._after if wanted.endswith("_NEW") else self._before
        if wanted == "NONE" or row is None:
            return {}
        if wanted.startswith("ALL"):
            return {"Attributes": copied_item(row.item)}
        found = projected(row.item, self._update.paths(self._terms.names)) if self._update else {}
        return {"Attributes": found} if found else {}

    def _row(self, old: Item) -> Row:
        item: Item = self._item
        if self.kind == UPDATE:
            item = old or self._item
            if self._update:
                item = self._update.applied(item, self._terms.names, self._terms.values)
            self.table.check(item)
        size = item_size(item)
        if size > MAX_ITEM_BYTES:
            subject = "Item size to update" if self.kind == UPDATE else "Item size"
            raise ValidationException(f"{subject} has exceeded the maximum allowed size")
        return Row(item, size)


def write_item(tables: Tables, kind: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Do one write; return `Attributes` as the request asks for them."""
    action = Action(tables, kind, request)
    action.plan()
    answer = action.returned()
    action.commit()
    return answer


def batch_write_item(tables: Tables, request: Mapping[str, Any], _behind: int) -> Generator[None, None, dict[str, Any]]:
    """Put and delete items, each by itself: other calls may be made whenever this yields."""
    actions = []
    for name, asked in request["RequestItems"].items():
        for each in asked:
            ((kind, inner),) = each.items()
            actions.append(Action(tables, kind.removesuffix("Request"), {"TableName": name, **inner}))
    if not 1 <= len(actions) <= _MAX_BATCH:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    if len({action.place for action in actions}) < len(actions):
        raise ValidationException("Provided list of item keys contains duplicates")
    for number, action in enumerate(actions):
        if number:
            yield
        action.plan()
        action.commit()
    return {"UnprocessedItems": {}}
