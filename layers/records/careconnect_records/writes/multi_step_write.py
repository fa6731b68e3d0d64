"""Write a resource that one transaction does not take, in several steps that readers do not see (ADR 25).

1. A lease is put on the index record. It lists the entries to come and the references to be counted.
2. The entries are written as pending: a reader that meets one asks the index record whether it holds, and its values.
   Reference counts are incremented and identifier locks taken. Each transaction holds under the lease alone, and those
   that count note their progress in the index record.
3. One transaction writes the index record and the bodies. From then on readers see the new version.
4. Locks and counts of the previous version are released, pending entries become entries or are removed, and the lease
   ends.

A writer may be killed at any point: `recover` does the fourth step, whether the third was done or not.
"""

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from careconnect.storage.keys import Key
from careconnect_records.items.actions import Item, delete, put
from careconnect_records.items.identifier_locks import IdentifierLock, lock_action, locks_among
from careconnect_records.items.resource_items import (
    entries_from,
    entries_text,
    entry_item,
    index_item,
    item_size,
    texts_text,
)
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.lease import Lease
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import TooCostlyError
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import EventsNotTakenError, record_actions, tombstone_actions, transact

ABANDONED_AFTER: Final = 5_000
"""The age in milliseconds at which a lease counts as abandoned. A step takes a hundredth of that."""

_LARGEST_ITEM: Final = 390_000
_ATTEMPTS: Final = 5
_FAILURES: Final = (ClientError, BotoCoreError, EventsNotTakenError)


class StillAtWorkError(Exception):
    """A resource has a lease that is not yet abandoned."""


class MultiStepWrite:
    """Writes resources in steps, and recovers abandoned writes. `clock` gives epoch milliseconds.

    A conflict with another writer makes botocore raise `TransactionCanceledException` or
    `ConditionalCheckFailedException`. The caller then reads the record again, and recovers it if it is leased. `pause`
    is called with the number of the attempt before the fourth step is repeated.
    """

    def __init__(
        self,
        tables: RecordTables,
        clock: Callable[[], int],
        pause: Callable[[int], None] = lambda _attempt: None,
    ) -> None:
        self._tables = tables
        self._client = tables.client
        self._clock = clock
        self._pause = pause

    def write(self, plan: WritePlan, *, strict: bool, full: Collection[Key] = (), events: Sequence[Item] = ()) -> None:
        """Write a plan as `transaction.write_actions` would; raises `TooCostlyError` before anything is written.

        `events` are put in the third step, with the new version; raises `EventsNotTakenError`. If the fourth step fails
        the write is done all the same, and the next writer of the resource recovers it.
        """
        lease, index = _leased(plan, self._clock()), _written(plan)
        for item in (lease, index):
            if item_size(item) > _LARGEST_ITEM:
                text = "more is indexed of it, and was before, than an item holds."
                raise TooCostlyError(plan.target.type.name, text)
        index |= {name: lease[name] for name in ("claim", "begun")}
        self._client.put_item(TableName=self._tables.name(plan.target.type.table), Item=lease, **plan.target.condition)
        leased = replace(plan.target, index=lease)
        try:
            self._write_under(leased, index, plan, strict=strict, full=full, events=events)
        except _FAILURES:
            # Recovered at once, so that no other writer has to wait until the lease is abandoned. The failed call may
            # have been done all the same.
            if not self._is_written(leased):
                raise
            return
        with suppress(*_FAILURES):
            self._end(replace(plan.target, index=index))

    def recover(self, target: Target) -> None:
        """End an abandoned write of a leased target; raises `StillAtWorkError` if it is not abandoned yet."""
        if self._clock() - int(_index(target)["begun"]["N"]) < ABANDONED_AFTER:
            raise StillAtWorkError
        self._end(self._take_over(target))

    def _write_under(
        self,
        leased: Target,
        index: Item,
        plan: WritePlan,
        *,
        strict: bool,
        full: Collection[Key],
        events: Sequence[Item],
    ) -> None:
        """Do the second and the third step; the index record is `index` after them."""
        table = self._tables.name(leased.type.table)
        lease = Lease(self._tables, leased)
        lease.do(_pending_actions(table, plan))
        lease.increment(sorted(plan.incremented), strict=strict)
        lease.do(lock_action(table, lock, added=leased.id, full=lock in full) for lock in sorted(plan.locks_added))
        _, *bodies = record_actions(table, plan)
        locks = {lock: _with_own_id(lock, known, plan, full) for lock, known in sorted(plan.target.locks.items())}
        actions: list[Any] = [
            {"Put": {"TableName": table, "Item": index, **leased.condition}},
            *bodies,
            *tombstone_actions(self._tables.reference, plan, strict=strict),
            *(lock_action(table, lock, expected=expected) for lock, expected in locks.items()),
        ]
        transact(self._client, actions, events)

    def _is_written(self, leased: Target) -> bool:
        """Recover a write of one's own that met an error; return True if the third step was done all the same."""
        written = False
        with suppress(*_FAILURES):
            taken = self._take_over(leased)
            written = "lowering" in _index(taken)
            self._end(taken)
        return written

    def _take_over(self, target: Target) -> Target:
        """Make a lease one's own, and return the target with its index record as it is now."""
        item = _index(target)
        answer = self._client.update_item(
            TableName=self._tables.name(target.type.table),
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression="SET #claim = :ours, #begun = :now",
            ConditionExpression="#claim = :claim",
            ExpressionAttributeNames={"#claim": "claim", "#begun": "begun"},
            ExpressionAttributeValues={
                ":claim": item["claim"],
                ":ours": {"S": uuid.uuid4().hex},
                ":now": {"N": str(self._clock())},
            },
            ReturnValues="ALL_NEW",
        )
        return replace(target, index=dict(answer["Attributes"]))

    def _end(self, target: Target) -> None:
        """Do the fourth step, and repeat it on the index record as it is then if an error comes."""
        for attempt in range(1, _ATTEMPTS):
            with suppress(*_FAILURES):
                self._release(target)
                return
            self._pause(attempt)
            target = self._take_over(target)
        self._release(target)

    def _release(self, target: Target) -> None:
        """Bring entries, locks and counts in line with a leased index record, and end its lease."""
        item, table, stored = _index(target), self._tables.name(target.type.table), target.entries
        lease = Lease(self._tables, target)
        leased = entries_from(item["claimed"]["S"])
        lease.do(put(table, entry_item(key, item["values"])) for key in sorted(stored))
        removed = locks_among(target.type.name, leased) - locks_among(target.type.name, stored)
        lease.do(lock_action(table, lock, removed=target.id) for lock in sorted(removed))
        if "lowering" in item:
            lease.decrement(json.loads(item["lowering"]["S"])[int(item["lowered"]["N"]) :])
        else:
            # The third step was not done, so the increments are undone.
            incremented = json.loads(item["raising"]["S"])[: int(item["raised"]["N"])]
            lease.undo_increments(incremented[::-1])
        lease.do(delete(table, key) for key in sorted(leased - stored))
        lease.end()


def _index(target: Target) -> Item:
    """Return the index record of a leased target, which has one."""
    return target.index or {}


def _leased(plan: WritePlan, now: int) -> Item:
    """Return the index record with a lease, while the plan's entries are pending."""
    return {
        **(plan.target.index or _before_first_version(plan.target)),
        "claim": {"S": uuid.uuid4().hex},
        "begun": {"N": str(now)},
        "claimed": {"S": entries_text(sorted(plan.entries.keys() - plan.target.entries))},
        "raising": {"S": texts_text(plan.incremented)},
        "raised": {"N": "0"},
    }


def _written(plan: WritePlan) -> Item:
    """Return the index record from the third step on, without its lease."""
    return {
        **plan.index,
        "claimed": {"S": entries_text(sorted(plan.removed))},
        "lowering": {"S": texts_text(plan.decremented)},
        "lowered": {"N": "0"},
    }


def _before_first_version(target: Target) -> Item:
    """Return the index record of a resource before its first version."""
    return index_item(target.type, target.key, "", {"version": {"N": "0"}, "updated": {"N": "0"}})


def _pending_actions(table: str, plan: WritePlan) -> Iterator[Item]:
    """Yield the actions after which the index record alone says which entries hold, and their values."""
    for pk, sk in sorted(plan.entries.keys() | plan.removed):
        yield put(table, {"pk": {"S": pk}, "sk": {"S": sk}, "staged": {"BOOL": True}})


def _with_own_id(lock: Key, known: IdentifierLock, plan: WritePlan, full: Collection[Key]) -> IdentifierLock:
    """Return the state of a lock that was read, once the second step has added the plan's own id to it."""
    if lock not in plan.locks_added:
        return known
    if known.overflow or lock in full:
        return IdentifierLock(known.ids, overflow=True, revision=known.revision + 1)
    return IdentifierLock(known.ids | {plan.target.id}, revision=known.revision + 1)
