"""moto's DynamoDB, one action at a time and at the cost of what an action touches.

moto 5.2 sorts the whole table for each query, and copies it once for each action of a transaction. And what it does in
one thread is seen half done by another, where DynamoDB's actions are whole (Transactions, isolation levels).
"""

import copy
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Any
from unittest.mock import patch

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.table import Table
from moto.dynamodb.responses import DynamoHandler

_Items = defaultdict[Any, Any]

_act = DynamoHandler.call_action
_query = Table.query
_transact = DynamoDBBackend.transact_write_items


@contextmanager
def quick_and_whole() -> Iterator[None]:
    """Have moto answer as it does, sooner, and each action as a whole."""
    lock = RLock()

    def act(handler: DynamoHandler) -> Any:
        with lock:
            return _act(handler)

    with ExitStack() as patches:
        patches.enter_context(patch.object(DynamoHandler, "call_action", act))
        patches.enter_context(patch.object(Table, "query", _query_of_partition))
        patches.enter_context(patch.object(DynamoDBBackend, "transact_write_items", _transact_on_one_copy))
        yield


def _query_of_partition(table: Table, hash_key: Any, *others: Any, **options: Any) -> Any:
    if hash_key is None or table.all_indexes() or not table.has_range_key:
        return _query(table, hash_key, *others, **options)
    partition = copy.copy(table)
    partition.items = _Items(dict, {hash_key: table.items.get(hash_key, {})})
    return _query(partition, hash_key, *others, **options)


def _transact_on_one_copy(backend: DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    actions = [action for each in transact_items for action in each.values()]
    tables = {name: backend.get_table(name) for name in {action["TableName"] for action in actions}}
    before = {name: _copy_of(table) for name, table in tables.items()}
    for action in actions:
        # An update changes the item itself, all else puts another in its place.
        if "UpdateExpression" in action:
            table = tables[action["TableName"]]
            hash_key, range_key = backend.get_keys_value(table, action["Key"])
            if item := table.get_item(hash_key, range_key):
                if table.has_range_key:
                    before[table.name][hash_key][range_key] = copy.deepcopy(item)
                else:
                    before[table.name][hash_key] = copy.deepcopy(item)
    try:
        # What moto puts back when an action fails is then what it has.
        with patch.object(Table, "__deepcopy__", lambda table, _memo: table, create=True):
            _transact(backend, transact_items)
    except Exception:
        for name, table in tables.items():
            table.items = before[name]
        raise


def _copy_of(table: Table) -> _Items:
    """Copy what is changed when another item is put in an item's place; without a sort key a partition is an item."""
    if not table.has_range_key:
        return _Items(dict, table.items)
    return _Items(dict, {key: dict(of_key) for key, of_key in table.items.items()})
