"""The content of the resource tables, in a form that tests can compare."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.dynamo_type import DynamoType

from careconnect.storage.intents import DONE, DROP, TXN, previous
from careconnect.storage.keys import CURSOR_KEY, LOCK_ITEM, Key
from careconnect.storage.traces import is_trace
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.states import WriteStates
from careconnect_testing.dynamodb import InMemoryClient

Item = dict[str, Any]
Stored = dict[tuple[str, str, str], Item]
"""Items by table (by `_NAMES`), partition key and sort key."""

_NAMES = {
    "records": "record",
    "directory": "directory",
    "references": "reference",
    "transactions": "transaction",
    "directory-transactions": "directory_transaction",
}


def stored(tables: RecordTables) -> Stored:
    """Return all items except the tables' own, without revisions of locks and without zero reference counts."""
    found: Stored = {}
    for kind, attribute in _NAMES.items():
        for item in _items_of(tables.client, getattr(tables, attribute)):
            pk, sk = item["pk"]["S"], item.get("sk", {}).get("S", "")
            bare = _compared(kind, sk, item)
            if pk != CURSOR_KEY[0] and len(bare) > (1 if kind == "references" else 2):
                found[kind, pk, sk] = bare
    return found


def without_traces(items: Stored) -> Stored:
    """Return items but for the traces of replaced index entries, which no index that is rebuilt has (ADR 53)."""
    return {key: item for key, item in items.items() if not is_trace(item)}


def _compared(kind: str, sk: str, item: Mapping[str, Any]) -> Item:
    """Remove the revision of an identifier lock, and zero reference counts."""
    if sk == LOCK_ITEM:
        return {
            name: {"SS": sorted(value["SS"])} if "SS" in value else value
            for name, value in item.items()
            if name != "times" and value != {"SS": []}
        }
    if kind == "references":
        return {name: value for name, value in item.items() if value != {"N": "0"}}
    return dict(item)


def is_committed(tables: RecordTables) -> bool:
    """Return True if there is a multi-step write that is done and not released."""
    return any(state.done for _, state in WriteStates(tables).all())


def visible_entries(items: Stored) -> dict[Key, str]:
    """Return the values of the visible index entries; the states of multi-step writes decide on intents."""
    done = {sk for (kind, _, sk), item in items.items() if "transactions" in kind and item.get("status") == {"S": DONE}}
    visible_: dict[Key, str] = {}
    for (kind, pk, sk), item in items.items():
        if not sk or sk.startswith("#") or "transactions" in kind:
            continue
        shown = item if TXN not in item else previous(item)
        if TXN in item and item[TXN]["S"] in done:
            shown = None if DROP in item else item
        if shown and not is_trace(shown):
            visible_[pk, sk] = shown["values"]["S"]
    return visible_


def saved(tables: RecordTables) -> Callable[[], None]:
    """Save the content of tables in memory or in moto, and return a function that restores it.

    The items themselves are not copied: writes do not change them, but replace them by others (`moto_dynamodb`).
    """
    names = [getattr(tables, each) for each in _NAMES.values()]
    client: Any = tables.client
    if isinstance(client, InMemoryClient):
        copy = client.database.copy(names)

        def restore() -> None:
            for name in names:
                client.database.restore(name, copy)

        return restore
    in_moto = _in_moto(tables.client)
    kept = {name: _copied(in_moto[name].items) for name in names}

    def put_back() -> None:
        for name, items in kept.items():
            in_moto[name].items = _copied(items)

    return put_back


def _copied(items: defaultdict[Any, Any]) -> defaultdict[Any, Any]:
    """Copy a table's mapping of keys to items, and with a sort key also that of each partition."""
    places = ((key, dict(each) if isinstance(each, dict) else each) for key, each in items.items())
    return defaultdict(items.default_factory, places)


def _items_of(client: Any, table: str) -> Iterator[Mapping[str, Any]]:
    # A Scan would take ten times as long.
    if isinstance(client, InMemoryClient):
        yield from client.database.items(table)
        return
    for each in _items(_in_moto(client)[table].items):
        yield {name: _plain(value) for name, value in each.attrs.items()}


def _items(items: Mapping[Any, Any]) -> Iterator[Any]:
    for each in items.values():
        yield from each.values() if isinstance(each, dict) else (each,)


def _plain(value: DynamoType) -> dict[str, Any]:
    is_plain = isinstance(value.value, str) and not value.is_binary()
    return {value.type: value.value} if is_plain else value.to_regular_json()


def _in_moto(client: Any) -> Mapping[str, Any]:
    return dynamodb_backends[DEFAULT_ACCOUNT_ID][client.meta.region_name].tables
