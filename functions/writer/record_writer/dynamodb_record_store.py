"""The tables of resources, guards and marks as a writer sees them (ADR 25)."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from careconnect.audit.dynamodb_store import DOWN
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import Home, ResourceType, resource_type
from careconnect.runtime.aws import SERVICE_ERRORS, error_code, reasons_of
from careconnect.storage.dynamodb import FormatCheckedClient, batch_get, call
from careconnect.storage.keys import (
    INDEX_ITEM,
    JSON_ITEM,
    Key,
    place_of,
    resource_key,
)
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import MOST_IDS, IdentifierLock, lock_key, read_lock
from careconnect_records.items.reference_counts import count_keys, counts_of
from careconnect_records.items.table_formats import begin_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.change import StoredVersion, WritePlan
from careconnect_records.writes.multi_step_write import MultiStepWrite, StillAtWorkError
from careconnect_records.writes.transaction import EventsNotTakenError, transact, write_actions
from record_writer.record_store import ConflictError, Holders, NotTakenError

# What another writer's work makes of a call; throttled within a transaction, it is tried again likewise. A transaction
# that is in progress is our own, which botocore sent again: how it ends is not known, so that is no conflict.
_CONFLICTS: Final = frozenset(
    (
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "TransactionConflictException",
    )
)
# What refuses a call as a whole, for any of its tables, and has done nothing of it: which of them, it does not say.
_NOT_TAKEN: Final = frozenset(
    (
        "AccessDeniedException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ThrottlingException",
    )
)
# Why a transaction is cancelled that may not be the next time; what is not valid never passes.
_PASSING: Final = frozenset(
    ("None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
)


class DynamoDbRecordStore:
    """Reads and writes the tables that this function's role may; of a directory's writer, no table of records.

    `clock` gives epoch seconds. Tables that are laid out otherwise than this release has it are 503.
    """

    def __init__(
        self,
        tables: RecordTables,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = FormatCheckedClient(tables.client, tables.of_resources, outcomes.other_format, clock=clock)
        self._tables = tables.through(self._client)
        self._sleep = sleep
        self._steps = MultiStepWrite(self._tables, lambda: int(clock() * 1000))
        self._known: set[Home] = set()

    def states(self, keys: Collection[str]) -> dict[str, StoredVersion]:
        """Return the index records of resources by `Type/id`: one BatchGetItem per hundred."""
        found = self._items((self._table_of(key), _key((key, INDEX_ITEM))) for key in sorted(keys))
        return {item["pk"]["S"]: StoredVersion(item) for item in found}

    def current(self, type_: ResourceType, resource_id: str) -> tuple[StoredVersion | None, Item | None]:
        """Return the index record of a resource, and its body: one BatchGetItem.

        Its items are read one by one: a body of another version than the record's is left out.
        """
        key, table = resource_key(type_.name, resource_id), self._tables.name(type_.home)
        found = self._items((table, _key((key, sort_key))) for sort_key in (INDEX_ITEM, JSON_ITEM))
        items = {str(item["sk"]["S"]): item for item in found}
        index, body = items.get(INDEX_ITEM), items.get(JSON_ITEM)
        if index is None:
            return None, None
        return StoredVersion(index), body if body and body["version"] == index["version"] else None

    def present(self, keys: Collection[str]) -> dict[str, StoredVersion]:
        """Return as `states` does what of index records says whether resources are there, and whose.

        What they hold besides may be megabytes for one call, and is not kept until the last of the calls.
        """
        found = self._items((self._table_of(key), _key((key, INDEX_ITEM))) for key in sorted(keys))
        return {item["pk"]["S"]: StoredVersion(_without_index(item)) for item in found}

    def body(self, type_: ResourceType, resource_id: str) -> Item | None:
        """Return the current body of a resource: one BatchGetItem."""
        key, table = resource_key(type_.name, resource_id), self._tables.name(type_.home)
        return next(self._items([(table, _key((key, JSON_ITEM)))]), None)

    def holders(self, type_: ResourceType, lock: Key) -> Holders:
        """Return the resources that have an identifier: one GetItem, and a Query for one that a great many had."""
        table = self._tables.name(type_.home)
        answer = call(self._client.get_item, TableName=table, Key=lock_key(lock), ConsistentRead=True)
        known = read_lock(answer.get("Item"))
        if not known.overflow:
            return Holders(known.ids, known)
        partition, prefix = lock
        answer = call(
            self._client.query,
            TableName=table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues={":pk": {"S": partition}, ":prefix": {"S": prefix}},
            ProjectionExpression="sk",
            ConsistentRead=True,
            Limit=MOST_IDS,
        )
        ids = frozenset(place_of(item["sk"]["S"])[1] for item in answer["Items"])
        return Holders(ids, known, more="LastEvaluatedKey" in answer)

    def referring(self, key: str) -> Mapping[str, int]:
        """Return how many resources of which type refer to one: one BatchGetItem."""
        return counts_of(self._items((self._tables.reference, mark) for mark in count_keys(key)))

    def write(self, change: WritePlan, expected: Mapping[Key, IdentifierLock], events: Sequence[Item]) -> None:
        """Write a change and its events: in one transaction, if they fit into one.

        Raises `ConflictError`, `NotTakenError` and `TooLargeError`.
        """
        self._make_known(change.content.served.home)
        full = self._full(change)
        if change.fits(len(expected) + len(events)):
            actions = write_actions(change, self._tables, strict=True, expected=expected, full=full)
            _done(transact, self._tables.client, actions, events)
        else:
            _done(self._steps.write, change, strict=True, expected=expected, full=full, events=events)

    def finish(self, type_: ResourceType, state: StoredVersion) -> None:
        """End what another writer has begun and left; raises `ConflictError` while it may go on."""
        try:
            _done(self._steps.finish, type_, state)
        except StillAtWorkError:
            raise ConflictError from None

    def _make_known(self, home: Home) -> None:
        """Have a table that is new say how it is laid out, before anything is in it."""
        table = self._tables.name(home)
        if home not in self._known:
            if not call(self._client.own_item, table=table):
                call(begin_table, client=self._tables.client, table=table)
            self._known.add(home)

    def _full(self, change: WritePlan) -> frozenset[Key]:
        """Return those of the guards that a change adds to that take no further id: a call per hundred, if any."""
        table = self._tables.name(change.content.served.home)
        named = {json.dumps(lock_key(lock)): lock for lock in change.locks_added}
        found = self._items((table, lock_key(lock)) for lock in sorted(change.locks_added))
        return frozenset(
            named[json.dumps({"pk": item["pk"], "sk": item["sk"]})] for item in found if read_lock(item).is_full
        )

    def _table_of(self, key: str) -> str:
        """Return the table that a resource lies in, empty if it is none that this function reads."""
        type_ = resource_type(key.partition("/")[0])
        return self._tables.name(type_.home) if type_ else ""

    def _items(self, keys: Iterable[tuple[str, Item]]) -> Iterator[Item]:
        """Yield the items of (table, key) pairs that there are, those of no table left out."""
        wanted = ((table, key) for table, key in keys if table)
        return batch_get(self._client, wanted, consistent=True, sleep=self._sleep)


def _without_index(item: Item) -> Item:
    """Return an index record without what it is indexed by, and what it refers to."""
    emptied = {"targets": {"S": "[]"}, "entries": {"S": "[]"}, "values": {"S": "{}"}}
    return {name: emptied.get(name, value) for name, value in item.items()}


def _key(key: Key) -> Item:
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _done(operation: Callable[..., Any], *arguments: Any, **request: Any) -> None:
    """Do what another writer's work may come before; raises `ConflictError` then.

    Raises `NotTakenError` where the tables take nothing of it, and the 503 outcome.
    """
    try:
        operation(*arguments, **request)
    except EventsNotTakenError as error:
        raise NotTakenError(f"no event: {error}", is_down=str(error) in DOWN) from error
    except SERVICE_ERRORS as error:
        if error_code(error) in _NOT_TAKEN:
            raise NotTakenError(error_code(error), is_down=True) from error
        if error_code(error) not in _CONFLICTS:
            raise outcomes.unavailable(error_code(error)) from error
        if lasting := sorted(set(reasons_of(error)) - _PASSING):
            raise outcomes.unavailable(lasting[0]) from error
        raise ConflictError from None
