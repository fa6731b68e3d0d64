"""The record and directory tables as the reader sees them."""

import copy
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import Home, ResourceType, resource_type
from careconnect.search.stored_values import StoredValues
from careconnect.search.values import order_key
from careconnect.storage.dynamodb import BATCH, Item, batch_get, call
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, place_of, prefix_of, resource_key
from careconnect.storage.table_format import FormatCheckedClient
from fhir_reader.store.pending_entries import PendingEntries
from fhir_reader.store.range_stream import RangeStream, items_of, limit_of
from fhir_reader.store.stored import OWN_PLACE, Entry, EntryStream, IndexRange, NextLimit, Pay, StoredResource
from fhir_reader.store.versions import DynamoDbVersions, item_key, stored_resource

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


# Sorts after everything that may follow a prefix in a sort key.
_LAST: Final = "\U0010ffff"

# A compartment's entries begin with a type's name; the items of the patient itself begin with '#'.
_FIRST_TYPE: Final = "A"


class DynamoDbResourceStore:
    """Reads stored resources and index entries from the tables that this function's role may read.

    `clock` gives epoch seconds.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Mapping[Home, str],
        home: Home,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = FormatCheckedClient(client, tables.values(), outcomes.other_format, clock=clock)
        self._tables = tables
        self._home = home
        self._how: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(max_workers=8)
        self.versions = DynamoDbVersions(self._client, tables)

    def consistent(self) -> "DynamoDbResourceStore":
        """Return the same store, whose queries and batches are strongly consistent; what it keeps is shared."""
        other = copy.copy(self)
        other._how = {"ConsistentRead": True}
        return other

    def read(self, type_: ResourceType, resource_id: str) -> StoredResource | None:
        """Return one resource: one GetItem."""
        answer = call(
            self._client.get_item,
            TableName=self._tables[type_.home],
            Key=item_key(type_, resource_id, JSON_ITEM),
            ConsistentRead=True,
        )
        item = answer.get("Item")
        return stored_resource(item) if item else None

    def read_all(self, keys: Iterable[tuple[ResourceType, str]]) -> dict[tuple[str, str], StoredResource]:
        """Return many resources by (type name, id): one BatchGetItem per hundred, absent ones left out."""
        items = self._items(keys, JSON_ITEM)
        return {key: stored_resource(item) for key, item in items.items()}

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        """Return the entries of resources whose ids are known: one BatchGetItem per hundred."""
        return list(_entries_of(type_, self._items(((type_, resource_id) for resource_id in ids), INDEX_ITEM)))

    def entries(
        self,
        type_: ResourceType,
        ranges: Iterable[IndexRange],
        next_limit: NextLimit | None = None,
        pay: Pay | None = None,
    ) -> list[EntryStream]:
        """Open each range as a stream of entries, latest place first; all first parts are asked for at once."""
        possible = [range_ for range_ in ranges if _possible(range_)]
        queries = [self._range_query(type_, range_) for range_ in possible]
        firsts = [self._pool.submit(call, self._client.query, **query) for query in queries]
        pending = [
            PendingEntries(range_.partition, lambda sk: (type_, place_of(sk)[1]), self._index_records, pay)
            for range_ in possible
        ]
        opened = zip(queries, firsts, pending, strict=True)
        return [RangeStream(type_, self._client.query, *each, next_limit) for each in opened]

    def systems(self, type_: ResourceType, partition: str, most: int) -> list[str] | None:
        """Return the systems of a token's entries, each found from the end of the one before."""
        found: list[str] = []
        after = " "
        while len(found) <= most:
            answer = call(
                self._client.query,
                TableName=self._tables[type_.home],
                KeyConditionExpression="pk = :pk AND sk > :after",
                ExpressionAttributeValues={":pk": {"S": partition}, ":after": {"S": after}},
                ProjectionExpression="sk",
                Limit=1,
                **self._how,
            )
            if not answer["Items"]:
                return found
            prefix = prefix_of(answer["Items"][0]["sk"]["S"])
            found.append(prefix)
            after = prefix + _LAST
        return None

    def compartment(
        self, patient_type: ResourceType, patient: str, after: str, expected: int, pay: Pay | None = None
    ) -> Iterator[tuple[str, Entry]]:
        """Stream the entries of a patient's compartment with their places, by type, then by date.

        What comes first is asked for at once, and not when the stream is first looked into.
        """
        table, partition = self._tables[patient_type.home], resource_key(patient_type.name, patient)
        query: dict[str, Any] = {
            "TableName": table,
            "KeyConditionExpression": "pk = :pk AND sk > :after",
            "ExpressionAttributeValues": {
                ":pk": {"S": partition},
                ":after": {"S": max(after, _FIRST_TYPE)},
            },
            **limit_of(expected),
            **self._how,
        }
        own = None if after else self._pool.submit(self._batch, [(table, patient_type.name, patient)], INDEX_ITEM)
        first = self._pool.submit(call, self._client.query, **query)

        def stream() -> Iterator[tuple[str, Entry]]:
            for entry in _entries_of(patient_type, own.result()) if own else ():
                yield OWN_PLACE, entry
            pending = PendingEntries(partition, _member, self._index_records, pay)
            for item in items_of(self._client.query, query, first, pending):
                place = item["sk"]["S"]
                if member := _member(place):
                    type_, resource_id = member
                    yield place, Entry(type_, resource_id, place_of(place)[0], item["values"]["S"])

        return stream()

    def seal_key(self) -> bytes:
        """Return the key that seals `next` links; it comes with the table's format, and costs no call of its own."""
        item = call(self._client.own_item, table=self._tables[self._home])
        if not item:
            raise outcomes.unavailable("no key for next links: nothing was loaded yet")
        return bytes(item["key"]["B"])

    def _range_query(self, type_: ResourceType, range_: IndexRange) -> dict[str, Any]:
        return {
            "TableName": self._tables[type_.home],
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": range_.partition},
                # A key condition may not hold an empty text; every sort key is greater than a space.
                ":low": {"S": (range_.prefix + range_.low) or " "},
                ":high": {"S": range_.prefix + (range_.high or _LAST)},
            },
            "ScanIndexForward": range_.forward,
            # The partition key is known already, and what is not sent need not be parsed.
            "ProjectionExpression": "sk, #values, #staged",
            "ExpressionAttributeNames": {"#values": "values", "#staged": "staged"},
            **limit_of(range_.expected),
            **self._how,
        }

    def _index_records(self, keys: Iterable[tuple[ResourceType, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        return self.consistent()._items(keys, INDEX_ITEM)

    def _items(self, keys: Iterable[tuple[ResourceType, str]], item: str) -> dict[tuple[str, str], dict[str, Any]]:
        wanted = list(dict.fromkeys((self._tables[type_.home], type_.name, id_) for type_, id_ in keys))
        batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for part in self._pool.map(lambda batch: self._batch(batch, item), batches):
            found.update(part)
        # In the order asked for: a batch's answer comes in any order.
        return {(name, id_): found[name, id_] for _, name, id_ in wanted if (name, id_) in found}

    def _batch(self, wanted: Sequence[tuple[str, str, str]], item: str) -> dict[tuple[str, str], Item]:
        keys = [(table, {"pk": {"S": resource_key(name, id_)}, "sk": {"S": item}}) for table, name, id_ in wanted]
        found = batch_get(self._client, keys, consistent="ConsistentRead" in self._how)
        return {one["pk"]["S"].partition("/")[::2]: one for one in found}


def _entries_of(type_: ResourceType, items: Mapping[tuple[str, str], Mapping[str, Any]]) -> Iterator[Entry]:
    """Yield the entries that index records hold; a deleted resource keeps its own, without values."""
    for (_, resource_id), item in items.items():
        if values := json.loads(stored := item.get("values", {}).get("S", "null")):
            order = order_key(StoredValues(type_, resource_id, values), type_.order_by)
            yield Entry(type_, resource_id, order, stored)


def _member(place: str) -> tuple[ResourceType, str] | None:
    """Return whose entry lies at a place of a compartment; None if it names the patient in another way."""
    name, _, parameter = place.partition("#")[0].partition("?")
    found = resource_type(name)
    if found and (reference := found.patient_parameter) and parameter == reference.name:
        return found, place_of(place)[1]
    return None


def _possible(range_: IndexRange) -> bool:
    """Say whether a range's bounds are in order; DynamoDB refuses to be asked otherwise."""
    return not range_.high or range_.low <= range_.high
