"""Turn write plans into the actions of one transaction: records, versions, entries, locks and counts (ADR 25)."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import reasons_of
from careconnect.storage.keys import Key
from careconnect_records.items.actions import Item, delete, put
from careconnect_records.items.identifier_locks import lock_action
from careconnect_records.items.reference_counts import (
    count_action,
    remove_tombstone_actions,
    set_tombstone_actions,
)
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.plan import WritePlan, changed_counts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# An event cannot fail for these reasons by itself: no other writer has its key.
_NO_REASONS: Final = frozenset(("None", "ConditionalCheckFailed", "TransactionConflict"))


class EventsNotTakenError(Exception):
    """A transaction was cancelled for its audit events alone. The text is DynamoDB's reason."""


def transact(client: "DynamoDBClient", actions: Sequence[Item], events: Sequence[Item]) -> None:
    """Do the actions of a write and put its audit events, all or nothing.

    Raises `EventsNotTakenError`, and otherwise what botocore raises.
    """
    both: list[Any] = [*actions, *events]
    try:
        client.transact_write_items(TransactItems=both)
    except ClientError as error:
        reasons = reasons_of(error)
        of_events = sorted(set(reasons[len(actions) :]) - _NO_REASONS)
        if of_events and set(reasons[: len(actions)]) == {"None"}:
            raise EventsNotTakenError(of_events[0]) from error
        raise


def write_actions(plan: WritePlan, tables: RecordTables, *, strict: bool, full: Collection[Key] = ()) -> list[Item]:
    """Return the actions of a plan, on condition that its target is as it was read, and its target's locks.

    A `strict` write fails if it would refer to a deleted resource, or delete one that is referred to. `full` are the
    identifier locks that take no further id.
    """
    return [
        *_own_actions(plan, tables, full),
        *_count_actions(tables.reference, [plan], strict=strict),
    ]


def group_actions(plans: Sequence[WritePlan], tables: RecordTables) -> list[Item]:
    """Return the actions that write one group of `packed`, none of them strict."""
    own = [action for plan in plans for action in _own_actions(plan, tables, ())]
    return [*own, *_count_actions(tables.reference, plans, strict=False)]


def _tombstone_actions(table: str, plan: WritePlan, *, strict: bool) -> list[Item]:
    """Return the actions that set the tombstone of a deleted resource, or remove that of a restored one."""
    if plan.deletes:
        return set_tombstone_actions(table, plan.target.key, if_unreferred=strict)
    return remove_tombstone_actions(table, plan.target.key) if plan.restores else []


def _own_actions(plan: WritePlan, tables: RecordTables, full: Collection[Key]) -> Iterator[Item]:
    """Yield the actions on the resource's own items and on the locks of its identifiers."""
    table, resource_id, expected = tables.name(plan.target.type.table), plan.target.id, plan.target.locks
    yield {"Put": {"TableName": table, "Item": plan.index, **plan.target.condition}}
    yield from (put(table, item) for item in plan.bodies)
    yield from (put(table, item) for item in plan.entries.values())
    yield from (put(table, trace) for trace in plan.traces.values())
    yield from (delete(table, key) for key in sorted(plan.removed - plan.traces.keys()))
    for lock in sorted(plan.locks_added | plan.locks_removed | expected.keys()):
        yield lock_action(
            table,
            lock,
            added=resource_id if lock in plan.locks_added else "",
            removed=resource_id if lock in plan.locks_removed else "",
            full=lock in full,
            expected=expected.get(lock),
        )


def _count_actions(table: str, plans: Sequence[WritePlan], *, strict: bool) -> Iterator[Item]:
    """Yield the actions on tombstones and reference counts, one for each item."""
    for plan in plans:
        yield from _tombstone_actions(table, plan, strict=strict)
    incremented = frozenset[str]().union(*(plan.incremented for plan in plans))
    for (key, shard), numbers in sorted(changed_counts(plans).items()):
        if not (strict or any(numbers.values())):
            continue
        yield count_action(table, key, shard, numbers, unless_deleted=strict and key in incremented)
