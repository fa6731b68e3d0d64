"""Read resources and index entries from the record and directory tables."""

import copy
import json
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ResourceType, Table, resource_type
from careconnect.search.stored_values import StoredValues
from careconnect.search.values import order_key
from careconnect.storage.dynamodb import BATCH, FormatCheckedClient, Item, batch_get, call
from careconnect.storage.intents import INTENT_ATTRIBUTES, TXN, StateTables
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, positions_of, prefix_of, reference_prefix, resource_key
from fhir_reader.budget import RequestBudget
from fhir_reader.store.resource_store import ResourceStore, Result
from fhir_reader.store.snapshot import Snapshot, SnapshotNeededError, Snapshots
from fhir_reader.store.stored import (
    OWN_POSITION,
    Entry,
    IndexRange,
    NextLimit,
    QueriedEntries,
    StoredResource,
    item_key,
    limit_of,
    parts_of,
    stored_resource,
    values_text,
)
from fhir_reader.store.versions import DynamoDbVersions
from fhir_reader.store.visible import VisibleItems

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# Sorts after every text that may follow a prefix in a sort key.
_LAST: Final = "\U0010ffff"

_PROJECTED: Final = {f"#{name}": name for name in ("values", *INTENT_ATTRIBUTES)}
_PROJECTION: Final = ", ".join(("sk", *_PROJECTED))


class DynamoDbResourceStore:
    """Read stored resources and index entries from the tables that this function's role may read.

    A store from `charged_to` counts every call in a budget. `states` are the tables of the states of multi-step writes.
    `clock` returns epoch seconds. What reads raises `SnapshotNeededError` (see `ResourceStore`).
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Mapping[Table, str],
        table: Table,
        states: StateTables,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = FormatCheckedClient(client, tables.values(), outcomes.other_format, clock=clock)
        self._tables = tables
        self._own_table = table
        self._pool = ThreadPoolExecutor(max_workers=8)
        self._snapshots = Snapshots(self._client, states, self._pool)
        self._visible = VisibleItems(self._client, self._snapshots, self._table_of)
        self._snapshot: Snapshot | None = None
        self._begun: list[Future[Any]] = []
        self._consistency: dict[str, Any] = {}
        self._budget: RequestBudget | None = None

    def charged_to(self, budget: RequestBudget | None) -> "DynamoDbResourceStore":
        """Return the same store, which counts each call in a budget before it is made, or in none.

        The calls that continue a stream are not counted: each returns hundreds of entries, and these are counted.
        """
        other = copy.copy(self)
        other._budget = budget
        return other

    @property
    def versions(self) -> DynamoDbVersions:
        """The store of replaced versions."""
        return DynamoDbVersions(self._client, self._tables, self._budget)

    def consistent(self) -> "DynamoDbResourceStore":
        """Return the same store with strongly consistent queries and batches."""
        other = copy.copy(self)
        other._consistency = {"ConsistentRead": True}
        return other

    def at_one_moment(self, read: Callable[[ResourceStore], Result], *, single: bool = False) -> Result:
        """Run `read` on one snapshot of all multi-step writes, and return its result (Promise 8, ADR 43).

        The first run has no snapshot. One that meets a multi-step write is repeated on a strongly consistent store with
        a snapshot, and if that does not decide another write, once more. A `single` read shows one resource alone: its
        first run decides what it meets. Raises what `read` raises.
        """
        store = copy.copy(self)
        if single and self._snapshot is None:
            store._snapshot = Snapshot(single=True)
        while True:
            store._begun = []
            try:
                return read(store)
            except SnapshotNeededError as error:
                # Calls that began together may have met different writes: none is to be met anew by the next run.
                met = error.names.union(*map(_names_met, store._begun))
                snapshot = self._snapshots.snapshot_after(store._snapshot, met, self._pay)
            # A complete snapshot decides all.
            store = self.consistent()
            store._snapshot = snapshot

    def read(self, type_: ResourceType, resource_id: str) -> StoredResource | None:
        """Return one resource: one GetItem."""
        self._pay(1)
        answer = call(
            self._client.get_item,
            TableName=self._tables[type_.table],
            Key=item_key(type_, resource_id, JSON_ITEM),
            ConsistentRead=True,
        )
        found = self._shown([answer["Item"]] if "Item" in answer else [])
        return stored_resource(found[0]) if found else None

    def read_all(self, keys: Iterable[tuple[ResourceType, str]]) -> dict[tuple[str, str], StoredResource]:
        """Return many resources by (type name, id), without absent ones: one BatchGetItem per hundred."""
        wanted = list(keys)
        self._pay(math.ceil(len(wanted) / BATCH))
        return {key: stored_resource(item) for key, item in self._items(wanted, JSON_ITEM).items()}

    def stored_keys(self, keys: Iterable[tuple[ResourceType, str]]) -> Collection[str]:
        """Return the keys of those resources that there are or were: one BatchGetItem per hundred, of no body."""
        return {resource_key(*each) for each in self._items(keys, INDEX_ITEM)}

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        """Return the entries of resources by their ids: one BatchGetItem per hundred."""
        keys = [(type_, resource_id) for resource_id in ids]
        if self._budget:
            self._pay(math.ceil(len(keys) / BATCH))
            self._budget.examine(len(keys))
        return list(_entries_of(type_, self._items(keys, INDEX_ITEM)))

    def entries(
        self, type_: ResourceType, ranges: Iterable[IndexRange], next_limit: NextLimit | None = None
    ) -> list[QueriedEntries]:
        """Open each range as a stream of entries; all first parts are requested at once."""
        wanted = list(ranges)
        self._pay(len(wanted))
        possible = [range_ for range_ in wanted if _possible(range_)]
        queries = [self._range_query(type_, range_) for range_ in possible]
        firsts = [self._begin(self._query, **query) for query in queries]
        return [
            QueriedEntries(type_, self._query, query, first, next_limit)
            for query, first in zip(queries, firsts, strict=True)
        ]

    def systems(self, type_: ResourceType, partition: str, limit: int) -> list[str] | None:
        """Return the systems of a token's entries: each query begins after the previous system."""
        self._pay(1)
        found = self._systems(type_, partition, limit)
        self._pay(limit if found is None else len(found))
        return found

    def _systems(self, type_: ResourceType, partition: str, limit: int) -> list[str] | None:
        found: list[str] = []
        after = " "
        while len(found) <= limit:
            answer = self._query(
                TableName=self._tables[type_.table],
                KeyConditionExpression="pk = :pk AND sk > :after",
                ExpressionAttributeValues={":pk": {"S": partition}, ":after": {"S": after}},
                ProjectionExpression="sk",
                Limit=1,
                **self._consistency,
            )
            if not answer["Items"]:
                return found
            prefix = prefix_of(answer["Items"][0]["sk"]["S"])
            found.append(prefix)
            after = prefix + _LAST
        return None

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int, types: Collection[str]
    ) -> Iterator[list[tuple[str, Entry]]]:
        """Request a patient's compartment and yield (position, entry) pairs by type and date, a list for each call.

        The first calls are made immediately, and not when the first list is taken.
        """
        table, partition = self._tables[patient_type.table], resource_key(patient_type.name, patient)
        ranges = [(max(low, _next(after)), high) for low, high in _ranges_of(patient_type, types) if high > after]
        self._pay((not after) + bool(ranges))
        if self._budget:
            expected = min(expected, self._budget.entries_paid + 1)
        queries: list[dict[str, Any]] = [
            {
                "TableName": table,
                "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
                "ExpressionAttributeValues": {":pk": {"S": partition}, ":low": {"S": low}, ":high": {"S": high}},
                **limit_of(expected),
                **self._consistency,
            }
            for low, high in ranges
        ]
        own = None if after else self._begin(self._batch, [(table, patient_type.name, patient)], INDEX_ITEM)
        begun = [self._begin(self._query, **query) for query in queries[:1]]

        def parts() -> Iterator[list[tuple[str, Entry]]]:
            if own:
                yield [(OWN_POSITION, entry) for entry in _entries_of(patient_type, own.result())]
            for number, query in enumerate(queries):
                self._pay(1 if number else 0)
                first = begun[0] if not number else self._begin(self._query, **query)
                for items in parts_of(self._query, query, first):
                    yield _members(items)

        return parts()

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links. The item with the table's format contains it: no additional call."""
        item = call(self._client.own_item, table=self._tables[self._own_table])
        if not item:
            raise outcomes.unavailable("no key for next links: nothing was loaded yet")
        return bytes(item["key"]["B"])

    def _range_query(self, type_: ResourceType, range_: IndexRange) -> dict[str, Any]:
        return {
            "TableName": self._tables[type_.table],
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": range_.partition},
                # DynamoDB allows no empty text in a key condition; every sort key is greater than a space.
                ":low": {"S": (range_.prefix + range_.low) or " "},
                ":high": {"S": range_.prefix + (range_.high or _LAST)},
            },
            "ScanIndexForward": range_.forward,
            # Without the partition key, which is known, the response is smaller and parses faster.
            "ProjectionExpression": _PROJECTION,
            "ExpressionAttributeNames": _PROJECTED,
            **limit_of(range_.expected),
            **self._consistency,
        }

    def _begin(self, operation: Callable[..., Result], *arguments: Any, **options: Any) -> Future[Result]:
        """Begin a call beside others of the same run."""
        begun = self._pool.submit(operation, *arguments, **options)
        self._begun.append(begun)
        return begun

    def _query(self, **request: Any) -> Any:
        answer = call(self._client.query, **request)
        items = answer["Items"]
        if any(TXN in item for item in items):
            partition = request["ExpressionAttributeValues"][":pk"]
            items = self._shown([{"pk": partition, **item} for item in items])
        return {**answer, "Items": items}

    def _shown(self, items: list[Item]) -> list[Item]:
        """Return items as the snapshot shows them."""
        return self._visible.of(items, self._snapshot, self._pay)

    def _pay(self, calls: int) -> None:
        """Count calls before they are made."""
        if self._budget:
            self._budget.call(calls)

    def _table_of(self, key: str) -> str:
        """Return the name of the table that has a resource, by its partition key."""
        type_ = resource_type(key.partition("/")[0])
        return self._tables[type_.table if type_ else self._own_table]

    def _items(self, keys: Iterable[tuple[ResourceType, str]], item: str) -> dict[tuple[str, str], dict[str, Any]]:
        wanted = list(dict.fromkeys((self._tables[type_.table], type_.name, id_) for type_, id_ in keys))
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        # The first one in this thread, which waits for it anyway: most requests have no other.
        begun = [self._begin(self._batch, batch, item) for batch in batches[1:]]
        found = self._batch(batches[0], item) if batches else {}
        for part in begun:
            found.update(part.result())
        # In the requested order: BatchGetItem returns items in any order.
        return {(name, id_): found[name, id_] for _, name, id_ in wanted if (name, id_) in found}

    def _batch(self, wanted: Sequence[tuple[str, str, str]], item: str) -> dict[tuple[str, str], Item]:
        keys = [(table, {"pk": {"S": f"{name}/{id_}"}, "sk": {"S": item}}) for table, name, id_ in wanted]
        found = list(batch_get(self._client, keys, consistent="ConsistentRead" in self._consistency))
        return {one["pk"]["S"].partition("/")[::2]: one for one in self._shown(found)}


def _names_met(begun: Future[Any]) -> Collection[str]:
    """Wait for a call, and return the names of the writes that it met and that no snapshot decides."""
    error = begun.exception()
    return error.names if isinstance(error, SnapshotNeededError) else ()


def _entries_of(type_: ResourceType, items: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield the entries in index records; skip the record of a deleted resource, which has no values."""
    for (_, resource_id), item in items.items():
        if values := json.loads(stored := item.get("values", {}).get("S", "null")):
            order = order_key(StoredValues(type_, resource_id, values), type_.order_by)
            yield Entry(type_, resource_id, order, stored)


def _ranges_of(patient_type: ResourceType, types: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield the ranges of the sort keys of types in a compartment: one for types that are neighbours."""
    members = patient_type.members
    for is_asked, names in groupby(sorted(members), key=types.__contains__):
        if is_asked:
            prefixes = [reference_prefix(name, members[name][1].name) for name in names]
            yield prefixes[0], prefixes[-1] + _LAST


def _next(position: str) -> str:
    """Return a text between a position and all that follow: none has a space."""
    return f"{position} "


def _member(position: str) -> ResourceType | None:
    """Return the type of a compartment's entry; None for an entry of another reference to the patient."""
    name, _, parameter = position.partition("#")[0].partition("?")
    found = resource_type(name)
    if found and (reference := found.patient_parameter) and parameter == reference.name:
        return found
    return None


def _members(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, Entry]]:
    """Return the entries among a compartment's items, each with its cursor position."""
    positions = [item["sk"]["S"] for item in items]
    return [
        (position, Entry(type_, resource_id, order, values_text(item)))
        for item, position, (order, resource_id) in zip(items, positions, positions_of(positions), strict=True)
        if (type_ := _member(position))
    ]


def _possible(range_: IndexRange) -> bool:
    """Return True if a range's bounds are in order; DynamoDB rejects a query otherwise."""
    return not range_.high or range_.low <= range_.high
