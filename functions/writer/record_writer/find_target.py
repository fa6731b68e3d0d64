"""Find the target of a write request, by its id or its condition, within the caller's compartment."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from careconnect.audit.disclosures import COMPARTMENT, NOBODY, SCOPE, Disclosures
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.oauth.caller import Caller
from careconnect_records.items.identifier_locks import lock_of, locks_among
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.checks.scopes import opens_stored
from record_writer.record_store import ConflictError, RecordStore
from record_writer.request.preconditions import Identifier
from record_writer.request.write_request import Kind, WriteRequest


def find_target(
    store: RecordStore,
    request: WriteRequest,
    new_id: Callable[[], str],
    met: Disclosures,
    owe: Callable[[int], None],
    *,
    with_body: bool = True,
) -> Target:
    """Return the resource that a request's id or condition names, or a target with a new id if there is none.

    It has its body if that is of the same version, unless `with_body` is False. Adds to `met` the patients of which a
    refusal tells, and calls `owe` with the number of look-ups beyond the one that is paid. Raises the 412 outcomes of a
    condition, and `ConflictError` if another write is at work.
    """
    if request.condition is not None:
        return _matching(store, request, request.condition, new_id, met, owe, with_body=with_body)
    if not request.id:
        return Target(request.type, new_id())
    absent = Target(request.type, request.id)
    # With the body, in one call: an update keeps it as the previous version, a response may show it.
    target = store.read_with_body(absent)
    if target.index is None:
        return target
    if not sees(request.caller, target):
        return replace(absent, hidden=target.patients, why=COMPARTMENT)
    # What is deleted has no values that a suffix could ask for.
    if target.exists and not opens_stored(request.caller, request.letter, target):
        return replace(absent, hidden=target.patients, why=SCOPE)
    return target


def sees(caller: Caller, target: Target) -> bool:
    """Return True if a stored resource is within a caller's compartment."""
    return caller.sees(target.type, target.id, target.patients)


def not_found(target: Target) -> OutcomeError:
    """Return the 404 outcome for a target that is absent, or hidden from the caller."""
    if target.hidden is None:
        return outcomes.not_found()
    hide = outcomes.out_of_scope if target.why == SCOPE else outcomes.out_of_compartment
    return hide(target.hidden)


def _matching(
    store: RecordStore,
    request: WriteRequest,
    condition: Identifier,
    new_id: Callable[[], str],
    met: Disclosures,
    owe: Callable[[int], None],
    *,
    with_body: bool,
) -> Target:
    """Return the one visible resource that meets a condition, or a target with a new id.

    Raises the 412 outcomes if several meet it, and if a hidden one does and the request would make another.
    """
    type_ = request.type
    lock = lock_of(type_.name, condition.system, condition.value)
    matches = store.find_by_identifier(type_, lock)
    targets = [Target(type_, each) for each in matches.ids]
    if len(targets) > 1:
        owe(len(targets) - 1)
    # Of one, the body comes in the same call.
    alone = with_body and len(targets) == 1
    stored = [store.read_with_body(targets[0])] if alone else store.read(targets).values()
    found = [each for each in stored if each.exists and lock in locks_among(type_.name, each.entries)]
    if not matches.lock.overflow and len(found) < len(matches.lock.ids):
        # One has lost the identifier since the lock was read, and may have it again by the time of the transaction.
        raise ConflictError
    visible = [each for each in found if sees(request.caller, each)]
    if matches.more or len(visible) > 1:
        met.disclose(_patients(visible))
        met.hide(_patients(each for each in found if each not in visible))
        raise refusals.cannot_be_met() if request.caller.patient else refusals.several_match()
    locks = {lock: matches.lock}
    if visible:
        return replace(visible[0], locks=locks)
    hidden = _patients(found) if found else None
    if hidden is not None:
        met.hide(hidden or (NOBODY,))
        if request.kind is not Kind.DELETE:
            raise refusals.cannot_be_met(why=refusals.COMPARTMENT)
    return Target(type_, new_id(), locks=locks, hidden=hidden, why=COMPARTMENT if found else "")


def _patients(targets: Iterable[Target]) -> tuple[str, ...]:
    """Return the patients of stored targets, each once."""
    return tuple(dict.fromkeys(patient for target in targets for patient in target.patients))
