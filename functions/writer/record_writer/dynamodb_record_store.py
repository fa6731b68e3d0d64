"""The tables of resources, identifier locks and reference counts in DynamoDB (ADR 25 and 43)."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import replace
from typing import Any, Final

from careconnect.audit.dynamodb_store import DOWN
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.runtime.aws import SERVICE_ERRORS, error_code, reasons_of
from careconnect.storage.dynamodb import FormatCheckedClient, batch_get, call
from careconnect.storage.intents import TXN, previous
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, Key, position_of, prefix_of
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import MAX_IDS, lock_key, read_lock
from careconnect_records.items.reference_counts import count_keys, counts_of
from careconnect_records.items.table_formats import begin_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.resolve import IntentResolver, PendingError, StillAtWorkError
from careconnect_records.multi_step.write import InDoubtError, MultiStepWrite, OutOfTimeError, OvertakenError
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import EventsNotTakenError, transact, write_actions
from record_writer import refusals
from record_writer.record_store import ConflictError, EventActions, IdentifierMatches, NotTakenError

# Errors of a conflict with another writer. A transaction that is throttled counts as one: it is tried again likewise.
# `TransactionInProgressException` does not: it is our own call, which botocore repeated, and its result is unknown.
_CONFLICTS: Final = frozenset(
    (
        "ConditionalCheckFailedException",
        "TransactionCanceledException",
        "TransactionConflictException",
    )
)
# Errors that refuse a whole call and leave nothing done. They do not say which of the call's tables is the reason.
_NOT_TAKEN: Final = frozenset(
    (
        "AccessDeniedException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ResourceNotFoundException",
        "ThrottlingException",
    )
)
# Reasons of a cancelled transaction that may pass by the next attempt. `ValidationError` never does.
_PASSING: Final = frozenset(
    ("None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded")
)

# Pages of an overflowed lock's entries. There is one, unless systems such as `s|1` have the same value by the hundred.
_MAX_PAGES: Final = 10


class _EventsRefusedError(Exception):
    """A write was not done, perhaps for its events. `is_down` says that the table takes none, or may take none."""

    def __init__(self, code: str, *, is_down: bool) -> None:
        super().__init__(code)
        self.is_down = is_down


class _NoEvents:
    """The events of a request that is not audited."""

    def put_actions(self, made: Mapping[str, Collection[str]]) -> list[Item]:  # noqa: ARG002
        """Return nothing."""
        return []

    def committed(self) -> None:
        """Do nothing."""

    def goes_without(self) -> bool:
        """Return False."""
        return False


class DynamoDbRecordStore:
    """Reads and writes the tables that this function's role may; a directory's writer has no table of records.

    `clock` gives epoch seconds, `elapsed` seconds since an arbitrary start. A table in another release's format is 503.
    Each method raises `ConflictError` for an item that a multi-step write holds.
    """

    def __init__(
        self,
        tables: RecordTables,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = FormatCheckedClient(tables.client, tables.of_resources, outcomes.other_format, clock=clock)
        self._tables = tables.through(self._client)
        self._sleep = sleep
        self._resolver = IntentResolver(self._tables, elapsed)
        self._steps = MultiStepWrite(self._tables, self._resolver, sleep)
        self._known: set[str] = set()
        self._events: EventActions = _NoEvents()

    def read(self, targets: Iterable[Target]) -> dict[str, Target]:
        """Return by key the targets that have an index record, each with it: one BatchGetItem per hundred."""
        return {key: self._resolved(target) for key, target in self._read(targets)}

    def read_summaries(self, targets: Iterable[Target]) -> dict[str, Target]:
        """Return targets as `read` does, without entries, values and references.

        These may be megabytes for each call, so they are dropped before the next. Of a resource that a multi-step write
        holds, the version before is returned: that is the one that can be read.
        """
        found = {}
        for key, target in self._read(targets):
            index = _resolve(self._index_now, target)
            found[key] = replace(target, index=_without_content(index) if index else None)
        return found

    def read_with_body(self, target: Target) -> Target:
        """Return a target with its index record and its body: one BatchGetItem.

        A BatchGetItem reads its items one by one: a body of another version than the index record's is left out.
        """
        table = self._tables.name(target.type.table)
        found = self._items((table, _key((target.key, sort_key))) for sort_key in (INDEX_ITEM, JSON_ITEM))
        items = {str(item["sk"]["S"]): item for item in found}
        index, body = items.get(INDEX_ITEM), items.get(JSON_ITEM)
        if index:
            target = self._resolved(replace(target, index=index))
        # Of a body that a multi-step write holds, only the version tells whether it is the one before.
        matches = target.index and body and TXN not in body and body["version"] == target.index["version"]
        return replace(target, body=body if matches else None)

    def read_body(self, target: Target) -> Item | None:
        """Return the current body of a target: one BatchGetItem."""
        table = self._tables.name(target.type.table)
        item = next(self._items([(table, _key((target.key, JSON_ITEM)))]), None)
        return _resolve(self._resolver.resolved, table, item).item if item else None

    def find_by_identifier(self, type_: ResourceType, lock: Key) -> IdentifierMatches:
        """Return the resources with an identifier: one GetItem, and a few Queries if its lock has overflowed."""
        table = self._tables.name(type_.table)
        answer = call(self._client.get_item, TableName=table, Key=lock_key(lock), ConsistentRead=True)
        item = answer.get("Item")
        known = read_lock(_resolve(self._resolver.release_lock, table, item) if item else None)
        if not known.overflow:
            return IdentifierMatches(known.ids, known)
        ids: set[str] = set()
        request: dict[str, Any] = {}
        for _ in range(_MAX_PAGES):
            answer = self._entries_after(table, lock, request)
            # `s|` also begins the entries of the system `s|1`.
            keys = (item["sk"]["S"] for item in answer["Items"])
            ids.update(position_of(key)[1] for key in keys if prefix_of(key) == lock[1])
            if "LastEvaluatedKey" not in answer:
                return IdentifierMatches(frozenset(ids), known)
            if len(ids) >= MAX_IDS:
                break
            request = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
        return IdentifierMatches(frozenset(ids), known, more=True)

    def _entries_after(self, table: str, lock: Key, request: Mapping[str, Any]) -> Any:
        """Return a page of the index entries of a lock's identifier, and perhaps of systems that begin like its own."""
        partition, prefix = lock
        # After the prefix comes the position in the default order, all digits; `:` follows them.
        bounds = {":low": {"S": f"{prefix}0"}, ":high": {"S": f"{prefix}:"}}
        return call(
            self._client.query,
            TableName=table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :low AND :high",
            ExpressionAttributeValues={":pk": {"S": partition}, **bounds},
            ProjectionExpression="sk",
            ConsistentRead=True,
            Limit=MAX_IDS,
            **request,
        )

    def count_references(self, targets: Collection[str]) -> Mapping[str, Mapping[str, int]]:
        """Return by key of target the number of resources by type that refer to it: one BatchGetItem per 12.

        The items that a multi-step write holds are released, and all are read again.
        """
        keys = {target: count_keys(target) for target in targets}
        wanted = [(self._tables.reference, key) for each in keys.values() for key in each]
        items = list(self._items(wanted))
        if _resolve(self._resolver.release_counts, items):
            items = list(self._items(wanted))
            if _resolve(self._resolver.release_counts, items):
                raise ConflictError
        found = {item["pk"]["S"]: item for item in items}
        return {
            target: counts_of(found[key["pk"]["S"]] for key in each if key["pk"]["S"] in found)
            for target, each in keys.items()
        }

    def full_locks(self, plan: WritePlan) -> frozenset[Key]:
        """Return the full locks among those that a plan adds its id to: one BatchGetItem per hundred."""
        table = self._tables.name(plan.target.type.table)
        named = {json.dumps(lock_key(lock)): lock for lock in plan.locks_added}
        found = self._items((table, lock_key(lock)) for lock in sorted(plan.locks_added))
        return frozenset(
            named[json.dumps({"pk": item["pk"], "sk": item["sk"]})] for item in found if read_lock(item).is_full
        )

    def write(
        self, plans: Sequence[WritePlan], made: Mapping[str, Sequence[str]], full: Collection[Key], seconds: float
    ) -> None:
        """Do plans and put the audit events of the versions `made`, in one transaction if it takes a single plan.

        Others are one multi-step write: also few plans are seen together, or not at all. Raises `ConflictError`,
        `NotTakenError` and `TooLargeError`.
        """
        for plan in plans:
            self._begin_table(plan.target.type.table)
        events = self._events.put_actions(made)
        try:
            if len(plans) == 1 and plans[0].fits(len(events)):
                actions = write_actions(plans[0], self._tables, strict=True, full=full)
                with _failures(is_undone=False):
                    transact(self._tables.client, actions, events)
            else:
                with _failures(is_undone=True):
                    self._steps.write(plans, strict=True, events=events, seconds=seconds)
        except ConflictError:
            for plan in plans:
                # The next attempt does not read the reference counts that a multi-step write may hold.
                with suppress(ConflictError, OutcomeError):
                    _resolve(self._resolver.release_hidden, plan)
            raise
        except _EventsRefusedError as error:
            raise NotTakenError(str(error), again=error.is_down and self._events.goes_without()) from error
        self._events.committed()

    def recorded_by(self, events: EventActions) -> "DynamoDbRecordStore":
        """Return the store with the events of another request."""
        store = copy(self)
        store._events = events
        return store

    def _index_now(self, target: Target) -> Mapping[str, Any] | None:
        """Return the index record of a target's version that can be read; raises `StillAtWorkError`."""
        item: Any = target.index
        try:
            return self._resolver.resolved(self._tables.name(target.type.table), item).item
        except PendingError:
            return previous(item)

    def _resolved(self, target: Target) -> Target:
        """Return a target with its index record as its last write left it."""
        found = _resolve(self._resolver.resolved, self._tables.name(target.type.table), target.index)
        resolved: Target = found.as_index_of(target)
        return resolved

    def _begin_table(self, table: Table) -> None:
        """Put the format of a new table into it before the first write."""
        name = self._tables.name(table)
        if name not in self._known:
            if not call(self._client.own_item, table=name):
                call(begin_table, client=self._tables.client, table=name)
            self._known.add(name)

    def _read(self, targets: Iterable[Target]) -> Iterator[tuple[str, Target]]:
        """Yield the key and the target of each index record that there is."""
        requested = {target.key: target for target in targets}
        tables = {key: self._tables.name(target.type.table) for key, target in requested.items()}
        for item in self._items((tables[key], _key((key, INDEX_ITEM))) for key in sorted(requested)):
            key = item["pk"]["S"]
            yield key, replace(requested[key], index=item)

    def _items(self, keys: Iterable[tuple[str, Item]]) -> Iterator[Item]:
        """Yield the items of (table, key) pairs that exist. Pairs without a table are left out."""
        wanted = ((table, key) for table, key in keys if table)
        return batch_get(self._client, wanted, consistent=True, sleep=self._sleep)


def _without_content(item: Mapping[str, Any]) -> Item:
    """Return an index record without its entries, values and references."""
    emptied = {"targets": {"S": "[]"}, "entries": {"S": "[]"}, "values": {"S": "{}"}}
    return {name: emptied.get(name, value) for name, value in item.items()}


def _key(key: Key) -> Item:
    pk, sk = key
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _resolve(operation: Callable[..., Any], *arguments: Any) -> Any:
    """Call a method of the resolver and return its result; raises `ConflictError` or the 503 outcome."""
    try:
        return operation(*arguments)
    except StillAtWorkError:
        raise ConflictError from None
    except SERVICE_ERRORS as error:
        if error_code(error) in _CONFLICTS:
            raise ConflictError from None
        raise outcomes.unavailable(error_code(error)) from error


@contextmanager
def _failures(*, is_undone: bool) -> Iterator[None]:
    """Turn the errors of a write into `ConflictError`, `_EventsRefusedError` if the tables refuse it, or a 503 outcome.

    `is_undone` says that the write is not done after an error, but `InDoubtError`.
    """
    try:
        yield
    except InDoubtError as error:
        raise _failure(error.__cause__, is_undone=False) from error
    except (OvertakenError, StillAtWorkError, OutOfTimeError, EventsNotTakenError, *SERVICE_ERRORS) as error:
        raise _failure(error, is_undone=is_undone) from error


def _failure(error: Any, *, is_undone: bool) -> Exception:
    """Return the error to raise for one of a write, of which it is known that it is not done, or is not known."""
    if isinstance(error, OvertakenError | StillAtWorkError):
        return ConflictError()
    if isinstance(error, OutOfTimeError):
        return refusals.out_of_time() if is_undone else outcomes.in_doubt("out of time")
    if isinstance(error, EventsNotTakenError):
        return _EventsRefusedError(f"no event: {error}", is_down=str(error) in DOWN)
    code = error_code(error)
    if code in _NOT_TAKEN:
        return _EventsRefusedError(code, is_down=True)
    if code not in _CONFLICTS:
        return refusals.not_written(code) if is_undone else outcomes.in_doubt(code)
    if lasting := sorted(set(reasons_of(error)) - _PASSING):
        return refusals.not_written(lasting[0])
    return ConflictError()
