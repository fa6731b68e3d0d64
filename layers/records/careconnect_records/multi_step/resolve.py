"""Read items as a writer does: an intent counts as its write has ended, and a write that is abandoned is aborted."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from careconnect.storage.intents import BASE, DROP, INTENT_ATTRIBUTES, TXN, is_former_body, previous
from careconnect.storage.keys import COUNT_SHARDS, count_key, count_shard
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import lock_key
from careconnect_records.items.reference_counts import writes_holding
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.intents import former_of
from careconnect_records.multi_step.reading import read_items
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.states import WriteStates
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target

ABANDONED_SECONDS: Final = 3.0
"""Seconds without a step after which a write counts as abandoned: a step usually takes a hundredth of that."""

_MAX_KNOWN: Final = 1_000


class StillAtWorkError(Exception):
    """A multi-step write holds an item, and may still be at work, or has ended at this moment."""


class PendingError(StillAtWorkError):
    """A multi-step write holds an item, and is pending: until it commits, the item is as before."""


@dataclass(frozen=True, slots=True)
class ResolvedItem:
    """An item without its intent, None if there is none; `intent`, `base` and `former` are those of a `Target`."""

    item: Item | None
    intent: str = ""
    base: str = ""
    former: Item | None = None

    def as_index_of(self, target: Target) -> Target:
        """Return a target with this item as its index record."""
        return replace(target, index=self.item, intent=self.intent, base=self.base, former=self.former)


@dataclass(slots=True)
class IntentResolver:
    """Decides intents by the states of their writes. `elapsed` gives seconds since an arbitrary start.

    It remembers when it has first seen each step of a write at work.
    """

    tables: RecordTables
    elapsed: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def resolved(self, table: str, item: Item) -> ResolvedItem:
        """Return an item of a table of resources as its write left it; raises `StillAtWorkError`."""
        if TXN not in item:
            return ResolvedItem(item)
        name = item[TXN]["S"]
        if self._is_done(name):
            content = {each: value for each, value in item.items() if each not in INTENT_ATTRIBUTES}
            return ResolvedItem(None if DROP in item else content, name, name, former_of(item))
        before = previous(item)
        if before is not None and is_former_body(before):
            before = Release(self.tables).former_body(table, before)
            if before is None:
                raise StillAtWorkError
        return ResolvedItem(dict(before) if before is not None else None, name, item.get(BASE, {"S": ""})["S"])

    def release_lock(self, table: str, item: Item) -> Item | None:
        """Return the item of an identifier lock, released from its write; raises `StillAtWorkError`."""
        resolved = self.resolved(table, item)
        if resolved.intent:
            Release(self.tables).item(table, item, done=self._is_done(resolved.intent))
        return resolved.item

    def release_counts(self, items: Iterable[Item]) -> bool:
        """Release items of reference counts, and return whether one was held; raises `StillAtWorkError`."""
        held = [(item, name) for item in items for name in writes_holding(item)]
        done = {name: self._is_done(name) for name in dict.fromkeys(name for _, name in held)}
        for item, name in held:
            Release(self.tables).count(item, name, done=done[name])
        return bool(held)

    def release_hidden(self, plan: WritePlan) -> None:
        """Release the locks and the counts that a plan changes; raises `StillAtWorkError` for one still at work."""
        table = self.tables.name(plan.target.type.table)
        locks = {*plan.locks_added, *plan.locks_removed, *plan.target.locks}
        for item in read_items(self.tables.client, [(table, lock_key(lock)) for lock in sorted(locks)]):
            self.release_lock(table, item)
        shard = count_shard(plan.target.id)
        keys = {count_key(key, shard) for key in (*plan.incremented, *plan.decremented)}
        if plan.deletes or plan.restores:
            keys |= {count_key(plan.target.key, number) for number in range(COUNT_SHARDS)}
        counts = [(self.tables.reference, {"pk": {"S": key}}) for key in sorted(keys)]
        self.release_counts(read_items(self.tables.client, counts))

    def _is_done(self, name: str) -> bool:
        """Return True if a write was done, False if it was aborted; raises `StillAtWorkError` or `PendingError`."""
        states = WriteStates(self.tables)
        state = states.read(name)
        if state is None:
            # All its intents are gone by now.
            raise StillAtWorkError
        if state.done is not None:
            self._seen.pop(name, None)
            return state.done
        beat, since = self._seen.get(name, (-1, 0.0))
        now = self.elapsed()
        if beat != state.beat:
            if len(self._seen) >= _MAX_KNOWN:
                self._seen.clear()
            self._seen[name] = (state.beat, now)
        elif now - since >= ABANDONED_SECONDS:
            states.abort(name, beat)
        raise PendingError
