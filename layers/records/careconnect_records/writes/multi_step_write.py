"""Write a resource that one transaction does not take, in steps that a reader sees nothing of (ADR 25).

1. Its index record is claimed, with the entries that come, and what comes to be referred to.
2. Entries are staged: whoever meets one asks the index record whether it holds, and what it says. Marks and guards are
   raised. Each of these steps holds under the claim alone, and those that count note in the record how far they are.
3. One transaction writes the index record and the bodies: from then on the new version is there, whole.
4. Guards and marks of what is no more are lowered, what was staged is made an entry, or removed, and the claim ends.

Killed anywhere, the index record says what there is to do: `finish` is the fourth step, after the third or without it.
"""

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.keys import INDEX_ITEM, Key
from careconnect_records.items.actions import Item, delete, put
from careconnect_records.items.identifier_locks import IdentifierLock, lock_action, locks_among
from careconnect_records.items.record import TooLargeError, entries_from, entries_text, item_size, texts_text
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.change import StoredVersion, WritePlan
from careconnect_records.writes.lease import Lease
from careconnect_records.writes.transaction import EventsNotTakenError, closing_actions, record_actions, transact

ABANDONED_AFTER: Final = 5_000
"""Milliseconds after which a claim is taken for one whose writer has ended: a step takes a hundredth of that."""

_LARGEST_ITEM: Final = 390_000
_ATTEMPTS: Final = 5
_NONE_EXPECTED: Mapping[Key, IdentifierLock] = {}
_FAILURES: Final = (ClientError, BotoCoreError, EventsNotTakenError)


class StillAtWorkError(Exception):
    """Another writer is at work on a resource: it was claimed a moment ago."""


class MultiStepWrite:
    """Writes resources in steps, and ends what others have begun. `clock` gives milliseconds since 1970.

    What another writer does in between makes botocore raise `TransactionCanceledException`, or
    `ConditionalCheckFailedException`: then the record is to be read again, and finished if it is claimed. `pause` is
    called before the fourth step is done again, with how often it was done.
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

    def write(
        self,
        change: WritePlan,
        *,
        strict: bool,
        expected: Mapping[Key, IdentifierLock] = _NONE_EXPECTED,
        full: Collection[Key] = (),
        events: Sequence[Item] = (),
    ) -> None:
        """Write a change as `transaction.write_actions` would; raises `TooLargeError` before anything is written.

        `events` are put together with the new version, in the third step; raises `EventsNotTakenError`.
        Once the new version is there it has been written, whatever becomes of the fourth step: that is then left to
        whoever writes the resource next.
        """
        served = change.content.served
        lease, index = _leased(change, self._clock()), _written(change)
        for item in (lease, index):
            if item_size(item) > _LARGEST_ITEM:
                raise TooLargeError("too large: more is indexed of it, and was before, than an item holds")
        index |= {name: lease[name] for name in ("claim", "begun")}
        self._client.put_item(TableName=self._tables.name(served.home), Item=lease, **change.condition)
        try:
            self._write_under(lease, index, change, strict=strict, expected=expected, full=full, events=events)
        except _FAILURES:
            # Nobody else has to wait until this claim is old; and an error may come of what was written.
            if not self._is_written(served, lease):
                raise
            return
        with suppress(*_FAILURES):
            self._end(served, StoredVersion(index))

    def finish(self, served: ResourceType, state: StoredVersion) -> None:
        """End what another writer has begun on a claimed record, if it goes on no more.

        Raises `StillAtWorkError` if it may.
        """
        if self._clock() - int(state.item["begun"]["N"]) < ABANDONED_AFTER:
            raise StillAtWorkError
        self._end(served, self._take_over(served, state.item))

    def _write_under(
        self,
        lease: Item,
        index: Item,
        change: WritePlan,
        *,
        strict: bool,
        expected: Mapping[Key, IdentifierLock],
        full: Collection[Key],
        events: Sequence[Item],
    ) -> None:
        """Do the second and the third step; the index record is `index` then."""
        served, table = change.content.served, self._tables.name(change.content.served.home)
        under = Lease(self._tables, served, lease)
        under.do(_stage_actions(table, change))
        under.increment(sorted(change.raised), strict=strict)
        under.do(
            lock_action(table, lock, added=change.content.resource_id, full=lock in full)
            for lock in sorted(change.locks_added)
        )
        _, *bodies = record_actions(table, change)
        known = {lock: _raised(lock, expected[lock], change, full) for lock in sorted(expected)}
        actions: list[Any] = [
            {"Put": {"TableName": table, "Item": index, **StoredVersion(lease).condition()}},
            *bodies,
            *closing_actions(self._tables.reference, change, strict=strict),
            *(lock_action(table, lock, expected=lock_is) for lock, lock_is in known.items()),
        ]
        transact(self._client, actions, events)

    def _is_written(self, served: ResourceType, lease: Item) -> bool:
        """End a claim of one's own that met an error, and say whether the third step was done all the same."""
        written = False
        with suppress(*_FAILURES):
            state = self._take_over(served, lease)
            written = "lowering" in state.item
            self._end(served, state)
        return written

    def _take_over(self, served: ResourceType, item: Item) -> StoredVersion:
        """Make a claim one's own, and return the record as it has become by now."""
        answer = self._client.update_item(
            TableName=self._tables.name(served.home),
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
        return StoredVersion(dict(answer["Attributes"]))

    def _end(self, served: ResourceType, state: StoredVersion) -> None:
        """Do the fourth step, again on what the record has become where an error comes in between."""
        for attempt in range(1, _ATTEMPTS):
            with suppress(*_FAILURES):
                self._tidy(served, state)
                return
            self._pause(attempt)
            state = self._take_over(served, state.item)
        self._tidy(served, state)

    def _tidy(self, served: ResourceType, state: StoredVersion) -> None:
        """Bring entries, guards and marks to what a claimed index record says, and end its claim."""
        item, table = state.item, self._tables.name(served.home)
        resource_id = item["pk"]["S"].partition("/")[2]
        under = Lease(self._tables, served, item)
        claimed = entries_from(item["claimed"]["S"])
        under.do(
            put(table, {"pk": {"S": pk}, "sk": {"S": sk}, "values": item["values"]}) for pk, sk in sorted(state.entries)
        )
        gone = locks_among(served.name, claimed) - locks_among(served.name, state.entries)
        under.do(lock_action(table, lock, removed=resource_id) for lock in sorted(gone))
        if "lowering" in item:
            under.decrement(json.loads(item["lowering"]["S"])[int(item["lowered"]["N"]) :])
        else:
            # The third step did not come: what was counted for it is not.
            raised = json.loads(item["raising"]["S"])[: int(item["raised"]["N"])]
            under.undo_increments(raised[::-1])
        under.do(delete(table, key) for key in sorted(claimed - state.entries))
        under.end()


def _leased(change: WritePlan, now: int) -> Item:
    """Return the index record of a change's resource as it is while its entries are staged."""
    base = change.state.item if change.state else _not_there_yet(change)
    return {
        **base,
        "claim": {"S": uuid.uuid4().hex},
        "begun": {"N": str(now)},
        "claimed": {"S": entries_text(sorted(change.record.keys - _former(change)))},
        "raising": {"S": texts_text(change.raised)},
        "raised": {"N": "0"},
    }


def _written(change: WritePlan) -> Item:
    """Return the index record of a change's resource from the third step on, but for its claim."""
    return {
        **change.record.index,
        "claimed": {"S": entries_text(sorted(_former(change) - change.record.keys))},
        "lowering": {"S": texts_text(change.lowered)},
        "lowered": {"N": "0"},
    }


def _former(change: WritePlan) -> frozenset[Key]:
    return change.state.entries if change.state else frozenset()


def _not_there_yet(change: WritePlan) -> Item:
    """Return the index record of a resource that is not there before its first version is."""
    return {
        "pk": change.record.index["pk"],
        "sk": {"S": INDEX_ITEM},
        "version": {"N": "0"},
        "updated": {"N": "0"},
        "digest": {"S": ""},
        "values": {"S": "{}"},
        "entries": {"S": "[]"},
        "targets": {"S": "[]"},
    }


def _stage_actions(table: str, change: WritePlan) -> Iterator[Item]:
    """Yield the actions after which the index record alone says which entries hold."""
    staged = {"BOOL": True}
    for pk, sk in sorted(change.record.keys):
        yield put(table, {"pk": {"S": pk}, "sk": {"S": sk}, "values": change.record.index["values"], "staged": staged})
    if change.state:
        for pk, sk in sorted(_former(change) - change.record.keys):
            values = change.state.item["values"]
            yield put(table, {"pk": {"S": pk}, "sk": {"S": sk}, "values": values, "staged": staged})


def _raised(lock: Key, known: IdentifierLock, change: WritePlan, full: Collection[Key]) -> IdentifierLock:
    """Return what a guard that was read says once the second step has added the change's own id to it."""
    if lock not in change.locks_added:
        return known
    if known.overflow or lock in full:
        return IdentifierLock(known.ids, overflow=True, revision=known.revision + 1)
    return IdentifierLock(known.ids | {change.content.resource_id}, revision=known.revision + 1)
