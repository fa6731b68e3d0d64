"""Write one resource: decide on what is there now, have one transaction verify it, and begin anew if it is not so."""

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import SystemRandom
from typing import Any, Final, Protocol

from careconnect import outcomes
from careconnect.caller import Caller
from careconnect.formats import Format
from careconnect.record_keys import JSON_ITEM, XML_ITEM, Key, resource_key
from careconnect.resource_types import ResourceType
from careconnect_records.actions import Item
from careconnect_records.change import Change, State, planned_change
from careconnect_records.identifier_guards import Guard, guard_of, guards_among
from careconnect_records.record import Content, TooLargeError, content_of, deletion_of
from careconnect_records.strict_json import parse_json_body
from record_writer import refusals
from record_writer.patch_resource import patched
from record_writer.preconditions import Identifier
from record_writer.require_references import require_references, targets_of
from record_writer.valid_resource import require_own, require_valid, require_writable
from record_writer.wanted import Kind, Wanted, Written

SECONDS: Final = 10.0
"""For so long a write that others come before is tried again."""

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.8
_FORMATS: Final = {Format.JSON: JSON_ITEM, Format.XML: XML_ITEM}


class ConflictError(Exception):
    """Another write came in between: what was read is not so any more."""


@dataclass(frozen=True, slots=True)
class Holders:
    """The resources that have an identifier: their ids, and what its guard says; `more` if these are not all."""

    ids: frozenset[str]
    guard: Guard
    more: bool = False


class RecordStore(Protocol):
    """The tables of resources; what is read is read consistently. Each raises the 503 outcome."""

    def states(self, keys: Collection[str]) -> dict[str, State]:
        """Return the index records of resources by `Type/id`, those that there are."""

    def present(self, keys: Collection[str]) -> dict[str, State]:
        """Return what of index records says whether resources are there, and whose: no more is kept of many."""

    def bodies(self, type_: ResourceType, resource_id: str) -> tuple[Item, ...]:
        """Return the current bodies of a resource, as they are stored."""

    def holders(self, type_: ResourceType, guard: Key) -> Holders:
        """Return the resources of a type that have the identifier of a guard."""

    def is_renewed(self, type_: ResourceType) -> bool:
        """Say whether all identifiers of a type's resources are guarded."""

    def is_counted(self) -> bool:
        """Say whether all references are counted."""

    def referring(self, key: str) -> Mapping[str, int]:
        """Return how many resources of which type refer to one."""

    def write(self, change: Change, expected: Mapping[Key, Guard]) -> None:
        """Write a change whole, on what was read; raises `ConflictError`, and `TooLargeError` with nothing written."""

    def finish(self, type_: ResourceType, state: State) -> None:
        """End what another writer has begun and left; raises `ConflictError` while it may go on."""


@dataclass(frozen=True, slots=True)
class _Found:
    """Where a write is to take place: the id, what is there, and the guards that have to stay as they are.

    `bodies` are those of the current version, once they were read.
    """

    id: str
    state: State | None
    expected: Mapping[Key, Guard] = field(default_factory=dict)
    bodies: tuple[Item, ...] = ()

    @property
    def version(self) -> int:
        """The version that is there, a deletion's too; 0 where there is none."""
        return self.state.version if self.state else 0

    @property
    def is_gone(self) -> bool:
        """Whether there is no such resource, or it is deleted."""
        return self.state is None or self.state.is_gone


@dataclass(frozen=True, slots=True)
class ResourceWriter:
    """Writes resources. `clock` gives epoch seconds, `elapsed` seconds of any beginning."""

    store: RecordStore
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    random: Callable[[], float] = SystemRandom().random

    def write(self, wanted: Wanted, lost: Callable[[], None]) -> Written:
        """Write what is wanted; `lost` is called each time that another write came in between.

        Raises the outcomes that refuse it (`write.md`), 503 where others come before it for `SECONDS`.
        """
        if wanted.kind in (Kind.CREATE, Kind.UPDATE) and not (wanted.condition and wanted.type.is_patient):
            require_own(wanted.caller, wanted.type, wanted.resource, wanted.id, wanted.root)
        if wanted.caller.patient and not self.store.is_renewed(wanted.type):
            # Of what an earlier release left it is not known whose it is: to say so of that alone would tell of it.
            raise refusals.not_ready()
        end = self.elapsed() + SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._attempt(wanted)
            except ConflictError:
                lost()
            except TooLargeError:
                raise refusals.too_large() from None
            if self.elapsed() + pause > end:
                raise refusals.lost_to_others()
            # Of a length of its own: two that met would meet again.
            self.sleep(pause * (0.5 + self.random()))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _attempt(self, wanted: Wanted) -> Written:
        if wanted.kind is Kind.CREATE:
            return self._create(wanted)
        if wanted.kind is Kind.UPDATE:
            return self._update(wanted)
        return self._patch(wanted) if wanted.kind is Kind.PATCH else self._delete(wanted)

    def _create(self, wanted: Wanted) -> Written:
        found = self._found(wanted)
        if found.state is not None:
            return self._as_it_is(wanted, found)
        return self._put(wanted, found, wanted.resource, "POST")

    def _update(self, wanted: Wanted) -> Written:
        found = self._found(wanted)
        if wanted.condition is None:
            if wanted.caller.patient and found.version == 0:
                raise outcomes.not_found()
        elif found.state is None:
            require_writable(wanted.caller, wanted.type, new=True)
        elif wanted.body_id not in (None, found.id):
            raise refusals.another_id()
        return self._put(wanted, found, wanted.resource, "PUT")

    def _patch(self, wanted: Wanted) -> Written:
        found = self._found(wanted)
        if found.version == 0:
            raise outcomes.not_found()
        if found.is_gone:
            raise outcomes.gone()
        self._require_match(wanted, found)
        found = replace(found, bodies=self._bodies(wanted, found))
        before = parse_json_body(self._texts(wanted, found)[Format.JSON].encode())
        identity = _identity(before)
        after = patched(before, wanted.patch)
        if _identity(after) != identity:
            raise refusals.patch_of_identity()
        require_valid(after, wanted.root)
        require_own(wanted.caller, wanted.type, after, found.id, wanted.root)
        return self._put(wanted, found, after, "PUT")

    def _delete(self, wanted: Wanted) -> Written:
        found = self._found(wanted)
        if found.is_gone:
            return Written(204)
        self._require_match(wanted, found)
        if not self.store.is_counted():
            raise refusals.not_ready()
        if types := self.store.referring(resource_key(wanted.type.name, found.id)):
            raise refusals.still_referred_to(types)
        return self._write(wanted, found, deletion_of(wanted.type, found.id), "DELETE")

    def _put(self, wanted: Wanted, found: _Found, resource: dict[str, Any], method: str) -> Written:
        """Have a resource be this, once what it refers to is seen to be there."""
        whole = {**resource, "id": found.id}
        states = self.store.present(targets_of(whole, wanted.root) - {resource_key(wanted.type.name, found.id)})
        require_references(whole, found.state, states, partial(_sees, wanted.caller), wanted.root)
        self._require_match(wanted, found)
        return self._write(wanted, found, content_of(wanted.type, whole), method)

    def _write(self, wanted: Wanted, found: _Found, content: Content, method: str) -> Written:
        now = int(self.clock() * 1000)
        change = planned_change(content, found.state, now=now, base_url=wanted.root, method=method)
        if change is None or change.version == found.version:
            # The content is there; what else of the record is not of this release is for a renewal.
            return self._as_it_is(wanted, found)
        if change.needs_former:
            change = change.keeping(self._bodies(wanted, found))
        self.store.write(change, found.expected)
        bodies = change.record.bodies
        shown = {format_: item["body"]["S"] for format_, item in zip(_FORMATS, bodies, strict=True) if "body" in item}
        return Written(int(bodies[0]["status"]["S"]), found.id, change.version, change.updated, shown)

    def _as_it_is(self, wanted: Wanted, found: _Found) -> Written:
        shown = self._texts(wanted, found) if wanted.shown else {}
        return Written(200, found.id, found.version, found.state.updated if found.state else 0, shown)

    def _texts(self, wanted: Wanted, found: _Found) -> dict[Format, str]:
        """Return the current version's text in each format."""
        items = {item["sk"]["S"]: item for item in self._bodies(wanted, found)}
        return {format_: items[sort_key]["body"]["S"] for format_, sort_key in _FORMATS.items()}

    def _bodies(self, wanted: Wanted, found: _Found) -> tuple[Item, ...]:
        """Return the bodies of the version that was found; raises `ConflictError` if there is another by now."""
        items = found.bodies or self.store.bodies(wanted.type, found.id)
        if [item["version"]["N"] for item in items] != [str(found.version)] * len(_FORMATS):
            raise ConflictError
        return items

    def _require_match(self, wanted: Wanted, found: _Found) -> None:
        if wanted.if_match is not None and (found.is_gone or not wanted.if_match.allows(found.version)):
            raise refusals.another_version()

    def _found(self, wanted: Wanted) -> _Found:
        """Return where a write takes place: what its id or its condition names, or a new id where there is nothing."""
        if wanted.condition is not None:
            return self._matching(wanted, wanted.condition)
        if not wanted.id:
            return _Found(self.new_id(), None)
        key = resource_key(wanted.type.name, wanted.id)
        state = self.store.states([key]).get(key)
        if state is None:
            return _Found(wanted.id, None)
        self._settle(wanted.type, state)
        return _Found(wanted.id, state if _sees(wanted.caller, wanted.type, wanted.id, state) else None)

    def _matching(self, wanted: Wanted, condition: Identifier) -> _Found:
        """Return the one resource that meets a condition, and that the caller sees, or none.

        Raises the 412 outcomes for several, and where one that the caller does not see rules out another.
        """
        if not self.store.is_renewed(wanted.type):
            raise refusals.not_ready()
        guard = guard_of(wanted.type.name, condition.system, condition.value)
        holders = self.store.holders(wanted.type, guard)
        states = self.store.states([resource_key(wanted.type.name, each) for each in holders.ids])
        for state in states.values():
            self._settle(wanted.type, state)
        # One that has the identifier no more was changed after its guard was read, which the transaction then finds.
        there = {
            state.item["pk"]["S"].partition("/")[2]: state
            for state in states.values()
            if not state.is_gone and guard in guards_among(wanted.type.name, state.entries)
        }
        seen = [each for each, state in there.items() if _sees(wanted.caller, wanted.type, each, state)]
        if holders.more or len(seen) > 1:
            raise refusals.cannot_be_met() if wanted.caller.patient else refusals.several_match()
        expected = {guard: holders.guard}
        if seen:
            return _Found(seen[0], there[seen[0]], expected)
        if there and wanted.kind is not Kind.DELETE:
            raise refusals.cannot_be_met()
        return _Found(self.new_id(), None, expected)

    def _settle(self, type_: ResourceType, state: State) -> None:
        """End what another writer has begun and left, and begin anew after it."""
        if state.is_unfinished:
            self.store.finish(type_, state)
            raise ConflictError


def _sees(caller: Caller, type_: ResourceType, resource_id: str, state: State) -> bool:
    """Say whether a resource is within a caller's compartment; raises the 503 outcome where its record cannot tell.

    What an earlier release deleted is nobody's, as it is for a reader, and no renewal tells more of it.
    """
    if caller.patient and type_.patient_parameter is not None and not (state.is_linked or state.is_gone):
        raise refusals.not_ready()
    return caller.sees(type_, resource_id, state.patients)


def _identity(resource: dict[str, Any]) -> tuple[Any, ...]:
    """Return what of a resource a patch may not change."""
    meta = resource.get("meta")
    return resource.get("resourceType"), resource.get("id"), meta.get("versionId") if isinstance(meta, dict) else None
