"""The actions of one transaction that writes changes whole: records, versions, entries, guards and marks (ADR 25)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import reasons_of
from careconnect.storage.keys import Key, count_shard, resource_key
from careconnect_records.items.actions import Item, delete, put
from careconnect_records.items.identifier_locks import IdentifierLock, lock_action
from careconnect_records.items.reference_counts import close_actions, count_action, open_actions
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.change import WritePlan

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_NONE_EXPECTED: Mapping[Key, IdentifierLock] = {}

# Of an event no reason: nobody else has its key.
_NO_REASONS: Final = frozenset(("None", "ConditionalCheckFailed", "TransactionConflict"))


class EventsNotTakenError(Exception):
    """A transaction was cancelled for its events alone, and would have been done without; the text is the reason."""


def transact(client: "DynamoDBClient", actions: Sequence[Item], events: Sequence[Item]) -> None:
    """Do the actions of a change and put the events that tell of it, all or nothing.

    Raises `EventsNotTakenError`, and otherwise what botocore does.
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


def write_actions(
    change: WritePlan,
    tables: RecordTables,
    *,
    strict: bool,
    expected: Mapping[Key, IdentifierLock] = _NONE_EXPECTED,
    full: Collection[Key] = (),
) -> list[Item]:
    """Return the actions that write a change, on condition that its resource is as it was read.

    A `strict` one fails, too, where it would refer to what is deleted, or delete what is referred to. The guards of
    `expected` have to be as they were read. `full` are the guards that are known to have no room.
    """
    table = tables.name(change.content.served.home)
    return [
        *record_actions(table, change),
        *entry_actions(table, change),
        *lock_actions(table, change, expected, full),
        *_count_actions(tables.reference, [change], strict=strict),
    ]


def group_actions(changes: Sequence[WritePlan], tables: RecordTables) -> list[Item]:
    """Return the actions of a transaction that writes the changes of one group of `packed`, none of them strict."""
    actions: list[Item] = []
    for change in changes:
        table = tables.name(change.content.served.home)
        actions += [
            *record_actions(table, change),
            *entry_actions(table, change),
            *lock_actions(table, change, _NONE_EXPECTED, ()),
        ]
    return [*actions, *_count_actions(tables.reference, changes, strict=False)]


def record_actions(table: str, change: WritePlan) -> Iterator[Item]:
    """Yield the writes of the index record, on the change's condition, of the body, and of the one replaced."""
    yield {"Put": {"TableName": table, "Item": change.record.index, **change.condition}}
    yield from (put(table, item) for item in change.bodies)


def entry_actions(table: str, change: WritePlan) -> Iterator[Item]:
    """Yield the writes of a change's entries, then the removals of those that it leaves behind."""
    yield from (put(table, item) for item in change.record.entries)
    yield from (delete(table, key) for key in sorted(change.stale))


def lock_actions(
    table: str, change: WritePlan, expected: Mapping[Key, IdentifierLock], full: Collection[Key]
) -> Iterator[Item]:
    """Yield the actions on the guards of identifiers that come, go, or have to be as they were read."""
    resource_id = change.content.resource_id
    for lock in sorted(change.locks_added | change.locks_removed | expected.keys()):
        yield lock_action(
            table,
            lock,
            added=resource_id if lock in change.locks_added else "",
            removed=resource_id if lock in change.locks_removed else "",
            full=lock in full,
            expected=expected.get(lock),
        )


def closing_actions(table: str, change: WritePlan, *, strict: bool) -> list[Item]:
    """Return the actions that close or open the marks of a resource that goes, or is there again."""
    target = resource_key(change.content.served.name, change.content.resource_id)
    if change.closes:
        return close_actions(table, target, if_unreferred=strict)
    return open_actions(table, target) if change.opens else []


def _count_actions(table: str, changes: Iterable[WritePlan], *, strict: bool) -> Iterator[Item]:
    """Yield the actions on the marks of what is referred to, one for each item."""
    counts: dict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    raised: set[str] = set()
    for change in changes:
        yield from closing_actions(table, change, strict=strict)
        shard, type_name = count_shard(change.content.resource_id), change.content.served.name
        for target in change.raised:
            counts[target, shard][type_name] += 1
            raised.add(target)
        for target in change.lowered:
            counts[target, shard][type_name] -= 1
    for (target, shard), numbers in sorted(counts.items()):
        if not (strict or any(numbers.values())):
            continue
        yield count_action(table, target, shard, numbers, unless_closed=strict and target in raised)
