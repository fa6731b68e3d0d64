"""moto's DynamoDB with atomic actions, each at the cost of the items that it touches.

moto 5.2 sorts the whole table for each query and copies it once for each action of a transaction. It writes and reads
its responses as JSON member by member. Another thread can see an action of moto half done, whereas DynamoDB's actions
are atomic (Transactions, isolation levels).
"""

import copy
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from threading import RLock
from typing import Any
from unittest.mock import patch

from botocore.endpoint import Endpoint
from moto.core.responses import ActionResult
from moto.dynamodb.exceptions import ConditionalCheckFailed
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

from careconnect_testing.aws.moto_without_http import without_http

_ADDS = re.compile(r"ADD (#\w+ :\w+)(, #\w+ :\w+)*")
_UNLESS = re.compile(r"attribute_not_exists\((#\w+)\)")

_INSERT = re.compile(r'INSERT INTO "([\w.-]+)" VALUE \{(.+)\}')
_MEMBER = re.compile(r"'(\w+)':\?")

_act = DynamoHandler.call_action
_update = DynamoDBBackend.update_item
_query = Table.query
_cast_value: Any = vars(DynamoType)["cast_value"].fget
_size = DynamoType.size
_transact = DynamoDBBackend.transact_write_items


@contextmanager
def quick_and_whole() -> Iterator[None]:
    """Have moto return the same responses, sooner, and make each action atomic."""
    lock = RLock()

    def act(handler: DynamoHandler) -> Any:
        with lock:
            return _act(handler)

    def at_once(action: Callable[[], ActionResult]) -> ActionResult:
        with lock:
            return action()

    with ExitStack() as patches:
        patches.enter_context(patch.object(DynamoHandler, "call_action", act))
        patches.enter_context(patch.object(Endpoint, "make_request", without_http(Endpoint.make_request, at_once)))
        # moto matches thousands of patterns for callers of AWS without boto, and there are none.
        patches.enter_context(patch("moto.core.models.RESPONSES_METHODS", []))
        patches.enter_context(patch.object(DynamoType, "cast_value", property(_cast_value_of)))
        patches.enter_context(patch.object(DynamoType, "size", _size_of))
        patches.enter_context(patch.object(Item, "__deepcopy__", _copy_of_item))
        patches.enter_context(patch.object(Table, "query", _query_of_partition))
        patches.enter_context(patch.object(DynamoDBBackend, "update_item", _update_of_copy))
        patches.enter_context(patch.object(DynamoDBBackend, "transact_write_items", _transact_on_one_copy))
        patches.enter_context(patch.object(DynamoDBBackend, "batch_execute_statement", _insert_all))
        yield


def _cast_value_of(value: DynamoType) -> Any:
    """Return a text as it is, before checking any other type: each comparison of keys comes here."""
    return value.value if value.type == "S" else _cast_value(value)


def _size_of(value: DynamoType) -> int:
    return len(value.value.encode()) if value.type == "S" else _size(value)


def _copy_of_item(item: Item, _memo: Any = None) -> Item:
    """Copy an item, and those of its values that an update changes in place."""
    copied = copy.copy(item)
    copied.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    for name, value in item.attrs.items():
        # The dictionary's own method measures the whole item each time.
        dict.__setitem__(copied.attrs, name, copy.deepcopy(value) if isinstance(value.value, list | dict) else value)
    return copied


def _query_of_partition(table: Table, hash_key: Any, *others: Any, **options: Any) -> Any:
    if hash_key is None or table.all_indexes() or not table.has_range_key:
        return _query(table, hash_key, *others, **options)
    partition: Any = copy.copy(table)
    items = sorted(table.items.get(hash_key, {}).values(), key=lambda item: item.range_key.cast_value)
    partition.all_items = lambda: items
    return _query(partition, hash_key, *others, **options)


def _update_of_copy(
    backend: DynamoDBBackend,
    table_name: str,
    key: dict[str, Any],
    update_expression: str,
    expression_attribute_names: dict[str, Any] | None = None,
    expression_attribute_values: dict[str, Any] | None = None,
    *others: Any,
    condition_expression: str | None = None,
    **options: Any,
) -> Item:
    """Update a copy of an item, so that a saved table needs no copies of its items.

    Numbers are added without moto's expression trees; any other update is moto's.
    """
    names, values = expression_attribute_names or {}, expression_attribute_values or {}
    table = backend.get_table(table_name)
    place = backend.get_keys_value(table, key)
    item = _put_in_its_own_place(table, *place)
    unless = _UNLESS.fullmatch(condition_expression or "")
    is_simple = not (others or options or (condition_expression and not unless)) and all(
        "N" in v for v in values.values()
    )
    if not (is_simple and _ADDS.fullmatch(update_expression)):
        given = {"condition_expression": condition_expression, **options}
        return _update(backend, table_name, key, update_expression, names, values, *others, **given)
    if item is None:
        table.put_item(key)
        item = table.get_item(*place)
    elif unless and names[unless[1]] in item.attrs:
        raise ConditionalCheckFailed
    assert item is not None
    for name, value in (pair.split(" ") for pair in update_expression.removeprefix("ADD ").split(", ")):
        known = item.attrs.get(names[name])
        total = Decimal(known.value if known else "0") + Decimal(values[value]["N"])
        item.attrs[names[name]] = DynamoType({"N": str(total)})
    return item


def _transact_on_one_copy(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    actions = [action for each in transact_items for action in each.values()]
    tables = {name: backend.get_table(name) for name in {action["TableName"] for action in actions}}
    before: dict[str, dict[Any, Any]] = {name: {} for name in tables}
    for action in actions:
        table = tables[action["TableName"]]
        hash_key, _ = backend.get_keys_value(table, action.get("Item") or action["Key"])
        if hash_key not in before[table.name]:
            before[table.name][hash_key] = _copy_of(table, hash_key)
    try:
        # moto restores the tables when an action fails. Give it the same tables, since they are restored below.
        with patch.object(Table, "__deepcopy__", lambda table, _memo: table, create=True):
            _transact(backend, transact_items)
    except Exception:
        for name, partitions in before.items():
            for hash_key, partition in partitions.items():
                if partition is None:
                    tables[name].items.pop(hash_key, None)
                else:
                    tables[name].items[hash_key] = partition
        raise


def inserted(statement: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the table and the item of an INSERT with parameters as values, because moto does not parse one."""
    insert = _INSERT.fullmatch(statement["Statement"])
    assert insert, statement["Statement"]
    return insert[1], dict(zip(_MEMBER.findall(insert[2]), statement["Parameters"], strict=True))


def _insert_all(backend: DynamoDBBackend, statements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Insert items that do not exist yet, as BatchExecuteStatement does: each by itself."""
    answers: list[dict[str, Any]] = []
    for name, item in map(inserted, statements):
        table = backend.get_table(name)
        if table.get_item(*backend.get_keys_value(table, item)) is None:
            table.put_item(item)
            answers.append({"TableName": name})
        else:
            answers.append({"Error": {"Code": "DuplicateItem", "Message": "Duplicate primary key"}, "TableName": name})
    return answers


def _put_in_its_own_place(table: Table, hash_key: Any, range_key: Any) -> Item | None:
    """Replace a stored item by a copy and return the copy, or None; the original stays as it was, for a saved table."""
    item = table.get_item(hash_key, range_key)
    if item is None:
        return None
    copied = _copy_of_item(item)
    if table.has_range_key:
        table.items[hash_key][range_key] = copied
    else:
        place: Any = table.items
        place[hash_key] = copied
    return copied


def _copy_of(table: Table, hash_key: Any) -> Any:
    """Copy a partition, in which items will be replaced; without a sort key it is an item, and is returned as it is."""
    partition = table.items.get(hash_key)
    return dict(partition) if partition is not None and table.has_range_key else partition
