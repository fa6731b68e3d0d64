"""What a restored record table says about its own set: that it is complete, and that a switch to it has begun.

Both are attributes of the item of `CURSOR_KEY`. A restored copy of such a table has them too, so each names its set.
"""

from collections.abc import Mapping
from typing import Any, Final

from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_admin.stack.restored_tables import TableSet

_KEY: Final[Any] = {"pk": {"S": CURSOR_KEY[0]}, "sk": {"S": CURSOR_KEY[1]}}
_READY: Final = "restored"
_SWITCH: Final = "switch"


def set_ready(dynamodb: Any, restored: TableSet) -> None:
    """Say that a restored set is complete and indexed."""
    _update(dynamodb, restored, "SET #name = :value", _READY, {"S": restored.suffix})


def is_ready(dynamodb: Any, restored: TableSet) -> bool:
    """Return True if a restored set is complete, and indexed in this release's format."""
    item = _item(dynamodb, restored)
    return bool(item.get(_READY) == {"S": restored.suffix} and item.get("format") == {"N": str(FORMAT)})


def begin_switch(dynamodb: Any, restored: TableSet, replaced: str, concurrency: Mapping[str, int]) -> None:
    """Store which set a switch replaces, and the reserved concurrency of the writers that it stops."""
    reserved = {name: {"N": str(number)} for name, number in concurrency.items()}
    value = {"M": {"to": {"S": restored.suffix}, "replaced": {"S": replaced}, "reserved": {"M": reserved}}}
    _update(dynamodb, restored, "SET #name = :value", _SWITCH, value)


def switch_of(dynamodb: Any, restored: TableSet) -> tuple[str, dict[str, int]] | None:
    """Return what `begin_switch` stored, None if no switch to this set is unfinished."""
    stored = _item(dynamodb, restored).get(_SWITCH, {}).get("M", {})
    if stored.get("to") != {"S": restored.suffix}:
        return None
    reserved = stored["reserved"]["M"]
    return stored["replaced"]["S"], {name: int(number["N"]) for name, number in reserved.items()}


def end_switch(dynamodb: Any, restored: TableSet) -> None:
    """Remove what `begin_switch` stored."""
    _update(dynamodb, restored, "REMOVE #name", _SWITCH)


def _update(dynamodb: Any, restored: TableSet, expression: str, name: str, value: Any = None) -> None:
    values = {"ExpressionAttributeValues": {":value": value}} if value else {}
    dynamodb.update_item(
        TableName=restored.record,
        Key=_KEY,
        UpdateExpression=expression,
        ExpressionAttributeNames={"#name": name},
        **values,
    )


def _item(dynamodb: Any, restored: TableSet) -> Any:
    return dynamodb.get_item(TableName=restored.record, Key=_KEY, ConsistentRead=True).get("Item", {})
