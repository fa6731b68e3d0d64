"""Write one resource: plan on the stored version, verify it in one transaction, and start anew after a conflict."""

import time
import uuid
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from random import SystemRandom
from typing import Any, Final, TypeVar

from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import resource_type
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Interaction
from careconnect.storage.keys import Key
from careconnect.storage.quota import UNITS_PER_EVENT, UNITS_PER_WRITE_UNIT, Quota
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import TooLargeError
from careconnect_records.multi_step.write import TooManyKeysError
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.writes.cost import write_units
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import TooCostlyError, plan_write
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.checks.compartment import patients_in_body, stored_patients
from record_writer.checks.identifiers import require_own_condition, require_own_identifiers
from record_writer.checks.references import referenced_by, require_references
from record_writer.checks.valid_resource import require_own
from record_writer.find_references import find_references
from record_writer.find_target import find_target, not_found
from record_writer.record_store import ConflictError, NotTakenError, RecordStore
from record_writer.request.patch_resource import patched
from record_writer.request.write_request import Kind, WriteRequest, WriteResult, WriteTrail
from record_writer.require_valid import require_valid

SECONDS: Final = 9.0
"""How long a write is tried again after conflicts: the last attempt ends within ten seconds (`write.md`)."""

Result = TypeVar("Result")

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.8


@dataclass(frozen=True, slots=True)
class ResourceWriter:
    """Writes resources. `clock` gives epoch seconds, `elapsed` seconds since an arbitrary start."""

    store: RecordStore
    quota: Quota
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    random: Callable[[], float] = SystemRandom().random

    def write(self, request: WriteRequest, on_conflict: Callable[[], None]) -> WriteResult:
        """Do a write request; `on_conflict` is called after each conflict with another write.

        Raises the outcomes that refuse it (`write.md`), 503 if it conflicts for `SECONDS`.
        """
        require_own_condition(request.caller, request.type, request.condition)
        if request.kind in (Kind.CREATE, Kind.UPDATE):
            require_valid(request, request.resource, self.store, self.quota, self.clock(), note=request.trail.concerns)
            require_own(request.caller, request.type, request.resource, request.id, request.root)
        if request.kind is Kind.CREATE:
            require_own_identifiers(request.caller, request.type, {}, request.resource)
        return self._until_done(lambda: self._attempt(request), request.trail, on_conflict)

    def _until_done(self, attempt: Callable[[], Result], trail: WriteTrail, on_conflict: Callable[[], None]) -> Result:
        """Return the result of an attempt, which is made again after conflicts; raises as `write`."""
        end = self.elapsed() + SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                return attempt()
            except ConflictError:
                on_conflict()
            except NotTakenError as error:
                if not (error.is_down and trail.goes_without()):
                    raise outcomes.unavailable(str(error)) from error
            except TooCostlyError as error:
                raise refusals.too_costly(error.expression, error.text) from None
            except TooManyKeysError:
                raise refusals.too_much_together() from None
            except TooLargeError:
                raise refusals.too_large() from None
            # Jitter: two writers that collided should not collide again.
            wait = pause * (0.5 + self.random())
            if self.elapsed() + wait > end:
                raise refusals.lost_to_others()
            self.sleep(wait)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _attempt(self, request: WriteRequest) -> WriteResult:
        if request.kind is Kind.CREATE:
            return self._create(request)
        if request.kind is Kind.UPDATE:
            return self._update(request)
        return self._patch(request) if request.kind is Kind.PATCH else self._delete(request)

    def _create(self, request: WriteRequest) -> WriteResult:
        target = self._target(request)
        if target.exists:
            return self._unchanged(request, target)
        return self._put(request, target, request.resource, "POST")

    def _update(self, request: WriteRequest) -> WriteResult:
        target = self._target(request)
        if request.condition is None:
            if request.caller.patient and target.version == 0:
                raise not_found(target)
        elif target.exists and request.body_id not in (None, target.id):
            raise refusals.another_id()
        target = self._with_own_identifiers(request, target, request.resource)
        return self._put(request, target, request.resource, "PUT")

    def _patch(self, request: WriteRequest) -> WriteResult:
        target = self._target(request)
        if target.version == 0:
            raise not_found(target)
        if target.is_deleted:
            raise outcomes.gone()
        require_match(request, target)
        target = replace(target, body=self._body(target))
        before = parse_json_body(self._text(target).encode())
        identity = _identity(before)
        after = patched(before, request.patch)
        if _identity(after) != identity:
            raise refusals.patch_of_identity()
        _note_target(request, target, patients_in_body(request.type, after, request.root))
        require_valid(
            request,
            after,
            self.store,
            self.quota,
            self.clock(),
            previous=target.references,
            note=lambda patients: _note_target(request, target, patients),
        )
        require_own(request.caller, request.type, after, target.id, request.root)
        target = self._with_own_identifiers(request, target, after)
        return self._put(request, target, after, "PUT")

    def _delete(self, request: WriteRequest) -> WriteResult:
        target = self._target(request)
        if target.hidden is not None:
            request.trail.withheld(target.hidden)
            return WriteResult(204)
        if not target.exists:
            named = (request.id,) if request.type.is_patient and request.id else ()
            request.trail.touched(_patients(target) or named)
            return WriteResult(204)
        target = self._with_own_identifiers(request, target, {})
        require_match(request, target)
        plan = self._planned(request, target, None, "DELETE")
        with self._charged(request, target, plan):
            types = self.store.count_references([target.key])[target.key]
        if types:
            known = [name for name in types if may_know(request.caller, name)]
            raise refusals.still_referred_to(known, others=len(known) < len(types))
        return self._write(request, target, plan)

    def _put(self, request: WriteRequest, target: Target, resource: dict[str, Any], method: str) -> WriteResult:
        """Write a resource, if everything that it refers to is there."""
        resource = {**resource, "id": target.id}
        referenced = referenced_by(resource, request.root)
        if sum(each.type.is_patient for each in referenced.values()) > MAX_PATIENTS:
            raise refusals.too_many_patients()
        plan = self._planned(request, target, resource, method)
        full: Collection[Key] = ()
        # With the look-ups, so that no write waits for the charge alone.
        with self._charged(request, target, plan, (each.id for each in referenced.values() if each.type.is_patient)):
            others = (each for key, each in referenced.items() if key != target.key)
            found = find_references(self.store, request.caller, others, previous=target.references)
            # From here on the answer tells that these patients exist, also if it is a refusal.
            _note_target(request, target, (*patients_in_body(request.type, resource, request.root), *found.patients))
            require_references(resource, {target.key, *found.keys}, request.root)
            require_match(request, target)
            if plan is not None:
                full = self.store.full_locks(plan)
        return self._write(request, target, plan, full, found.patients)

    def _planned(
        self, request: WriteRequest, target: Target, resource: dict[str, Any] | None, method: str
    ) -> WritePlan | None:
        """Return the plan of a write with the version that it replaces, None if nothing would change."""
        plan = plan_write(target, resource, now=int(self.clock() * 1000), base_url=request.root, method=method)
        return plan.keeping(self._body(target)) if plan is not None and plan.replaces_version else plan

    def _charged(
        self, request: WriteRequest, target: Target, plan: WritePlan | None, named: Iterable[str] = ()
    ) -> AbstractContextManager[None]:
        """Return a block within which the client is charged for a plan; raises the outcomes 422, 429 and 503.

        `named` are the patients that the resource refers to: each may be an audit event.
        """
        if plan is None:
            # Nothing is written but events, of which a write may have one for nothing.
            units = UNITS_PER_EVENT * (len({*_patients(target), *named}) - 1)
            return self.quota.charged(request.caller.client_id, units, self.clock()) if units > 0 else nullcontext()
        events = {*_patients(target, plan.previous, plan.index), *named}
        units = UNITS_PER_WRITE_UNIT * write_units(plan, max(1, len(events)))
        if units > self.quota.units_per_minute:
            raise refusals.exceeds_quota()
        return self.quota.charged(request.caller.client_id, units, self.clock())

    def _write(
        self,
        request: WriteRequest,
        target: Target,
        plan: WritePlan | None,
        full: Collection[Key] = (),
        referred: tuple[str, ...] = (),
    ) -> WriteResult:
        """Do a planned write, if there is one; `referred` are the patients that the resource refers to."""
        if plan is None:
            return self._unchanged(request, target, referred)
        body = plan.body or {}
        made = f"{target.key}/_history/{plan.version}"
        # A resource that moves from one compartment to another concerns the patients of both.
        patients = _patients(target, plan.previous, plan.index)
        self.store.write(plan, request.trail.put_actions(patients, made), full)
        # A transaction has no room for the events of all that a resource may refer to: they follow before the answer.
        request.trail.committed((*patients, *referred), made)
        text = body["body"]["S"] if "body" in body else ""
        return WriteResult(int(body["status"]["S"]), target.id, plan.version, plan.updated, text)

    def _unchanged(self, request: WriteRequest, target: Target, referred: tuple[str, ...] = ()) -> WriteResult:
        """Return the stored version as the result."""
        request.trail.touched((*_patients(target), *referred))
        # If it was read anyway, an OperationOutcome may warn of it.
        text = self._text(target) if request.representation or target.body else ""
        return WriteResult(200, target.id, target.version, target.updated, text)

    def _with_own_identifiers(self, request: WriteRequest, target: Target, after: dict[str, Any]) -> Target:
        """Return a target, with its body if it was judged; raises the 403 outcome for a change of identity."""
        if not request.caller.patient:
            return target
        before: dict[str, Any] = {}
        if target.exists:
            target = replace(target, body=self._body(target))
            before = parse_json_body(self._text(target).encode())
        require_own_identifiers(request.caller, request.type, before, after)
        return target

    def _text(self, target: Target) -> str:
        """Return the JSON of a target's version."""
        return str(self._body(target)["body"]["S"])

    def _body(self, target: Target) -> Item:
        """Return the body of a target's version; raises `ConflictError` if there is another version by now."""
        item = target.body or self.store.read_body(target)
        if item is None or item["version"]["N"] != str(target.version):
            raise ConflictError
        return item

    def _target(self, request: WriteRequest) -> Target:
        target = find_target(self.store, request, self.new_id)
        _note_target(request, target, request.patients)
        return target


def _note_target(request: WriteRequest, target: Target, patients: Collection[str]) -> None:
    """Have the audit trail note a target, its patients and those that its new body names.

    A hidden target concerns its own patients alone, whatever the body names.
    """
    ids = [target.key] if target.index or request.id else []
    visible = (*_patients(target), *patients)
    request.trail.concerns(visible if target.hidden is None else target.hidden, ids)


def _patients(target: Target, *items: Item | None) -> tuple[str, ...]:
    """Return the patients of a target's items, and of further items."""
    return stored_patients(target, target.index, target.body, *items)


def may_know(caller: Caller, type_name: str) -> bool:
    """Return True if a caller may read or search a type, and so be informed that there are resources of it."""
    type_ = resource_type(type_name)
    return type_ is not None and any(caller.may(type_, letter) for letter in (Interaction.READ, Interaction.SEARCH))


def require_match(request: WriteRequest, target: Target) -> None:
    """Raise the 409 outcome unless the stored version meets the request's If-Match."""
    if request.if_match is not None and not (target.exists and request.if_match.allows(target.version)):
        raise refusals.another_version()


def _identity(resource: dict[str, Any]) -> tuple[Any, ...]:
    """Return the parts of a resource that a patch may not change."""
    meta = resource.get("meta")
    return resource.get("resourceType"), resource.get("id"), meta.get("versionId") if isinstance(meta, dict) else None
