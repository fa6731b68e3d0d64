"""Write plans that one transaction does not take: held by intents, then made visible by one change (ADR 43).

1. The write begins: its state is pending, and lists name all items that it will hold. In the same and in further
   transactions, intents are put on index records and identifier locks, on condition that they are as they were read;
   reference counts are held; then intents are put on bodies and entries. Each fails unless the write is pending.
2. One transaction commits: the state says so from then on, and the audit events are put. It releases reference counts
   too: many writes refer to the same few resources, and each that is not released makes the counts of these larger.

Whoever meets an intent looks at the state. `careconnect_records.multi_step.release` removes the intents later.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import chain
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from careconnect.fhir.resource_types import Table
from careconnect.runtime.aws import reasons_of
from careconnect.storage.intents import former_record
from careconnect.storage.keys import COUNT_SHARDS, Key
from careconnect_records.items.actions import Item, put
from careconnect_records.items.identifier_locks import (
    changed_lock,
    lock_item,
    lock_key,
    read_lock,
    unchanged_item,
)
from careconnect_records.items.reference_counts import CountChange
from careconnect_records.items.resource_items import TooLargeError, item_size
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.intents import content_intents, former_action, index_intent, intent
from careconnect_records.multi_step.reading import read_items
from careconnect_records.multi_step.resolve import IntentResolver
from careconnect_records.multi_step.states import STATE_ACTIONS, WriteStates, new_name
from careconnect_records.multi_step.write_set import write_set
from careconnect_records.writes.plan import MAX_ACTIONS, MAX_BYTES, WritePlan, changed_counts
from careconnect_records.writes.plan_write import TooCostlyError
from careconnect_records.writes.transaction import EventsNotTakenError, transact

SECONDS: Final = 2.5
"""How long a write of one resource may take from its beginning to its commit: it takes a tenth of that."""

SECONDS_TOGETHER: Final = 8.0
"""How long a write of many resources may take."""

MAX_ITEMS: Final = 6_000
MAX_BYTES_TOGETHER: Final = 20_000_000

_AT_ONCE: Final = MAX_ACTIONS - STATE_ACTIONS
_LARGEST_ITEM: Final = 390_000
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5
_SECONDS_OF_RELEASE: Final = 1.0

# Reasons for which a transaction was not done, and may be done as it is.
_PASSING: Final = frozenset(("None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"))


class TooManyKeysError(TooLargeError):
    """The list of all that a write holds does not fit into an item."""


class OvertakenError(Exception):
    """Another write has changed the items that this one was planned on."""


class OutOfTimeError(Exception):
    """A write has taken all its time, and may not commit any more."""


class InDoubtError(Exception):
    """A write has failed, and nobody knows whether it is done or will be. Its cause is the error."""


_FAILURES: Final = (ClientError, BotoCoreError, EventsNotTakenError, OvertakenError, OutOfTimeError)


def fit_together(items: int, size: int) -> bool:
    """Return True if one write may hold so many items, of so many bytes."""
    return items <= MAX_ITEMS and size <= MAX_BYTES_TOGETHER


class MultiStepWrite:
    """Writes plans, all or nothing."""

    def __init__(
        self,
        tables: RecordTables,
        resolver: IntentResolver,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tables = tables
        self._resolver = resolver
        self._client = tables.client
        self._states = WriteStates(tables)
        self._elapsed = resolver.elapsed
        self._sleep = sleep

    def write(
        self, plans: Sequence[WritePlan], *, strict: bool, events: Sequence[Item] = (), seconds: float = SECONDS
    ) -> None:
        """Write plans of different resources, and put audit events with them; no commit begins after `seconds`.

        A `strict` write fails if it would refer to a deleted resource, or delete one that is referred to. Raises
        `TooCostlyError`, `TooManyKeysError` and `StillAtWorkError` before anything is written, `InDoubtError`, and if
        its state says that it will never be done, `EventsNotTakenError`, `OvertakenError`, `OutOfTimeError`, and
        otherwise what botocore raises.
        """
        name, end = new_name(self._tables.own_states), self._elapsed() + seconds
        held = _Held(self._tables, self._resolver, plans, name, strict=strict)
        held.require_room()
        locks = list(held.lock_actions())
        bases = {plan.target.base for plan in plans} - {""}
        begun = [[self._states.bases_action(name, bases)]] if bases else []
        exclusive = chain(locks, held.count_actions())
        groups = chain(
            begun,
            ([action] for action in held.lists),
            held.index_actions(),
            ([action] for action in exclusive),
            held.content_actions(),
        )
        try:
            for number, step in enumerate(_steps(groups)):
                guards = self._states.step_actions(name) if number else [self._states.begin_action(name)]
                self._transact([*guards, *step], end)
        except _FAILURES as error:
            # The next writer of the resources need not wait until it is abandoned.
            if self._ended_as(name) is None:
                raise InDoubtError from error
            raise
        self._commit(name, list(held.release_actions()), events, end)

    def _commit(self, name: str, releases: Sequence[Item], events: Sequence[Item], end: float) -> None:
        """Commit, and release the reference counts; those that the commit has no room for perhaps, as anyone may."""
        room = max(0, _AT_ONCE - len(events))
        try:
            self._transact([*self._states.commit_actions(name), *releases[:room]], end, events)
        except _FAILURES as error:
            # A call without an answer may have been done, or come yet: the state alone decides.
            done = self._ended_as(name)
            if done:
                return
            if done is None:
                raise InDoubtError from error
            raise error from None
        end = self._elapsed() + _SECONDS_OF_RELEASE
        with suppress(*_FAILURES):
            for step in _steps([action] for action in releases[room:]):
                self._transact(step, end)

    def _ended_as(self, name: str) -> bool | None:
        """Abort a write that has failed; return whether it was done all the same, None if its state is not known."""
        with suppress(*_FAILURES):
            if self._states.abort(name):
                return False
            state = self._states.read(name)
            # Without a state it was not begun, or others have undone and released it.
            return state.done if state else False
        return None

    def _transact(self, actions: Sequence[Item], end: float, events: Sequence[Item] = ()) -> None:
        """Do a transaction, again if it was cancelled for reasons that pass."""
        pause = _FIRST_PAUSE
        while True:
            self._require_time(end)
            try:
                transact(self._client, actions, events)
            except ClientError as error:
                reasons = reasons_of(error)
                if not reasons or set(reasons) - _PASSING:
                    raise
                self._sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return

    def _require_time(self, end: float) -> None:
        if self._elapsed() > end:
            raise OutOfTimeError


class _Held:
    """The items that a write holds, and the actions that put its intents on them."""

    def __init__(
        self, tables: RecordTables, resolver: IntentResolver, plans: Sequence[WritePlan], name: str, *, strict: bool
    ) -> None:
        self._tables = tables
        self._resolver = resolver
        self._plans = plans
        self._name = name
        self._content = [list(content_intents(plan, name)) for plan in plans]
        self._changes = list(_count_changes(plans, strict=strict))
        self._locks = {
            (plan.target.type.table, lock)
            for plan in plans
            for lock in (*plan.locks_added, *plan.locks_removed, *plan.target.locks)
        }

    def require_room(self) -> None:
        """Raise `TooCostlyError` for an index record that is too large beside the former one, or `TooManyKeysError`."""
        if any(len(action["Put"]["Item"]["listed"]["B"]) > _LARGEST_ITEM for action in self.lists):
            raise TooManyKeysError("their identifiers and other index keys have more bytes than an item holds")
        for plan in self._plans:
            if item_size(index_intent(plan, self._name)) > _LARGEST_ITEM:
                text = "more is indexed of it, and was before, than an item holds."
                raise TooCostlyError(plan.target.type.name, text)

    @cached_property
    def lists(self) -> list[Item]:
        """The actions that put the lists of everything that will be held."""
        keys: defaultdict[Table, list[Key]] = defaultdict(list)
        for plan, content in zip(self._plans, self._content, strict=True):
            items = (plan.index, *content)
            keys[plan.target.type.table] += (_key_of(item) for item in items)
            if plan.target.base:
                keys[plan.target.type.table].append((plan.target.key, former_record(plan.target.base)))
        for table, lock in sorted(self._locks, key=str):
            keys[table].append(_key_of(lock_key(lock)))
        counts = [change.key for change in self._changes]
        # In the table of records if there is a list: who may read the directory's must not see who is referred to.
        tables = sorted(keys, key=lambda each: each is not Table.RECORD)
        return [
            put(self._tables.name(table), write_set(self._name, keys[table], counts if table is tables[0] else ()))
            for table in tables
        ]

    def index_actions(self) -> Iterator[list[Item]]:
        """Yield the actions on index records, on condition that they are as they were read, and on the former ones.

        Those of a resource belong in one transaction: a reader that meets the intent may need the former record.
        """
        for plan in sorted(self._plans, key=lambda each: each.target.key):
            table = self._tables.name(plan.target.type.table)
            put_index = {"Put": {"TableName": table, "Item": index_intent(plan, self._name), **plan.target.condition}}
            yield [put_index, *filter(None, (former_action(plan, table, self._name),))]

    def lock_actions(self) -> Iterator[Item]:
        """Yield the actions on identifier locks, which are read first.

        Raises `OvertakenError` if one has changed, `StillAtWorkError` if another write holds one.
        """
        places = {(self._tables.name(table), _key_of(lock_key(lock))): (table, lock) for table, lock in self._locks}
        wanted = [(table, {"pk": {"S": pk}, "sk": {"S": sk}}) for table, (pk, sk) in sorted(places)]
        found = {_key_of(item): item for item in read_items(self._tables.client, wanted)}
        for (name, key), (table, lock) in sorted(places.items()):
            plans = [plan for plan in self._plans if plan.target.type.table is table]
            item = self._resolver.release_lock(name, found[key]) if key in found else None
            known = read_lock(item)
            if any(plan.target.locks.get(lock, known) != known for plan in plans):
                raise OvertakenError
            added = frozenset(plan.target.id for plan in plans if lock in plan.locks_added)
            removed = frozenset(plan.target.id for plan in plans if lock in plan.locks_removed)
            after = lock_item(lock, changed_lock(known, added, removed))
            yield {"Put": {"TableName": name, "Item": intent(after, self._name, item), **unchanged_item(item)}}

    def count_actions(self) -> Iterator[Item]:
        """Yield the actions that hold reference counts."""
        yield from (change.hold_action(self._tables.reference, self._name) for change in self._changes)

    def release_actions(self) -> Iterator[Item]:
        """Yield the actions that release reference counts once the write is done."""
        yield from (change.release_action(self._tables.reference, self._name) for change in self._changes)

    def content_actions(self) -> Iterator[list[Item]]:
        """Yield the actions on bodies and entries, those together that belong in one transaction."""
        for plan, content in zip(self._plans, self._content, strict=True):
            table = self._tables.name(plan.target.type.table)
            actions = [put(table, item) for item in content]
            bodies = len(plan.bodies)
            yield actions[:bodies]
            yield from ([action] for action in actions[bodies:])


def _count_changes(plans: Sequence[WritePlan], *, strict: bool) -> Iterator[CountChange]:
    """Yield the changes of reference counts, one for each item."""
    counts = changed_counts(plans)
    referred = frozenset[str]().union(*(plan.incremented for plan in plans))
    closes = {plan.target.key: plan.deletes for plan in plans if plan.deletes or plan.restores}
    for key in closes:
        for shard in range(COUNT_SHARDS):
            counts.setdefault((key, shard), Counter())
    for (key, shard), numbers in sorted(counts.items()):
        yield CountChange(key, shard, numbers, closes.get(key), is_new_reference=key in referred, strict=strict)


def _steps(groups: Iterable[Sequence[Item]]) -> Iterator[list[Item]]:
    """Yield groups of actions in order, as many as one transaction takes beside those on states."""
    step: list[Item] = []
    size = 0
    for group in groups:
        bytes_ = sum(item_size(action["Put"]["Item"]) for action in group if "Put" in action)
        if step and (len(step) + len(group) > _AT_ONCE or size + bytes_ > MAX_BYTES):
            yield step
            step, size = [], 0
        step += group
        size += bytes_
    if step:
        yield step


def _key_of(item: Item) -> Key:
    return item["pk"]["S"], item["sk"]["S"]
