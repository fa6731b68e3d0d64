"""Find where a write is to take place: by its id or its condition, within the compartment of who asks for it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.storage.keys import Key, resource_key
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import IdentifierLock, lock_of, locks_among
from careconnect_records.writes.change import StoredVersion
from record_writer import refusals
from record_writer.compartment import patients_of_items
from record_writer.preconditions import Identifier
from record_writer.record_store import ConflictError, RecordStore
from record_writer.write_request import Kind, WriteRequest


@dataclass(frozen=True, slots=True)
class Target:
    """Where a write is to take place: the id, what is there, and the guards that have to stay as they are.

    `body` is that of the current version, once it was read. `unseen` are the patients of what is there and the
    caller does not see, None if there is nothing of the kind.
    """

    id: str
    state: StoredVersion | None
    expected: Mapping[Key, IdentifierLock] = field(default_factory=dict)
    body: Item | None = None
    unseen: tuple[str, ...] | None = None

    @property
    def version(self) -> int:
        """The version that is there, a deletion's too; 0 where there is none."""
        return self.state.version if self.state else 0

    @property
    def is_gone(self) -> bool:
        """Whether there is no such resource, or it is deleted."""
        return self.state is None or self.state.is_gone

    def absent(self) -> OutcomeError:
        """Return the 404 outcome for what is not there, or looks so."""
        return outcomes.not_found() if self.unseen is None else outcomes.out_of_compartment(self.unseen)


def find_resource(store: RecordStore, wanted: WriteRequest, new_id: Callable[[], str]) -> Target:
    """Return where a write takes place: what its id or its condition names, or a new id where there is nothing.

    Raises the 412 outcomes of a condition, and `ConflictError` after ending what another writer has left.
    """
    if wanted.condition is not None:
        return _matching(store, wanted, wanted.condition, new_id)
    if not wanted.id:
        return Target(new_id(), None)
    # With the body: what is replaced is kept, and what is there already is shown.
    state, body = store.current(wanted.type, wanted.id)
    if state is None:
        return Target(wanted.id, None)
    _settle(store, wanted.type, state)
    if not sees(wanted.caller, wanted.type, wanted.id, state):
        return Target(wanted.id, None, unseen=patients_of_items(wanted.type, wanted.id, [state.item]))
    return Target(wanted.id, state, body=body)


def sees(caller: Caller, type_: ResourceType, resource_id: str, state: StoredVersion) -> bool:
    """Return True if a resource is within a caller's compartment."""
    return caller.sees(type_, resource_id, state.patients)


def _matching(store: RecordStore, wanted: WriteRequest, condition: Identifier, new_id: Callable[[], str]) -> Target:
    """Return the one resource that meets a condition, and that the caller sees, or none.

    Raises the 412 outcomes for several, and where one that the caller does not see rules out another.
    """
    lock = lock_of(wanted.type.name, condition.system, condition.value)
    holders = store.holders(wanted.type, lock)
    states = store.states([resource_key(wanted.type.name, each) for each in holders.ids])
    for state in states.values():
        _settle(store, wanted.type, state)
    # One that has the identifier no more was changed after its guard was read, which the transaction then finds.
    there = {
        state.item["pk"]["S"].partition("/")[2]: state
        for state in states.values()
        if not state.is_gone and lock in locks_among(wanted.type.name, state.entries)
    }
    seen = [each for each, state in there.items() if sees(wanted.caller, wanted.type, each, state)]
    if holders.more or len(seen) > 1:
        wanted.trail.concerns(_patients(wanted.type, there, seen), ids=())
        raise refusals.cannot_be_met() if wanted.caller.patient else refusals.several_match()
    expected = {lock: holders.lock}
    if seen:
        return Target(seen[0], there[seen[0]], expected)
    unseen = _patients(wanted.type, there, there) if there else None
    if unseen is not None and wanted.kind is not Kind.DELETE:
        wanted.trail.concerns(unseen, ids=())
        raise refusals.cannot_be_met(why=refusals.COMPARTMENT)
    return Target(new_id(), None, expected, unseen=unseen)


def _patients(type_: ResourceType, there: Mapping[str, StoredVersion], ids: Collection[str]) -> tuple[str, ...]:
    found = (patients_of_items(type_, each, [there[each].item]) for each in ids)
    return tuple(dict.fromkeys(patient for patients in found for patient in patients))


def _settle(store: RecordStore, type_: ResourceType, state: StoredVersion) -> None:
    """End what another writer has begun and left, and begin anew after it."""
    if state.is_leased:
        store.finish(type_, state)
        raise ConflictError
