"""Prepare writes: find their targets, check them against the stored resources, and plan the changes of each.

`prepare` is the same for a single write and for an entry of a transaction.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from careconnect.audit.disclosures import NOBODY, Disclosures
from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.search.limits import limiting_values, opening_scope
from careconnect.search.values import SearchValues
from careconnect_records.items.actions import Item
from careconnect_records.items.references import FoundReference, references_of
from careconnect_records.items.resource_items import TooLargeError
from careconnect_records.multi_step.write import TooManyKeysError, fit_together
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import TooCostlyError, plan_write
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.check_entries import ConditionalReference, at_reference, require_distinct
from record_writer.checks.compartment import patients_in_body, stored_patients
from record_writer.checks.identifiers import require_own_identifiers
from record_writer.checks.references import targets_among
from record_writer.checks.scopes import is_limited, require_opened, require_readable
from record_writer.checks.valid_resource import require_own
from record_writer.find_target import find_target, not_found
from record_writer.record_store import ConflictError, RecordStore
from record_writer.request.patch_resource import patched
from record_writer.request.write_entry import FirstRefusal, WriteEntry
from record_writer.request.write_request import Kind, WriteRequest
from record_writer.rewrite_entry import rewritten

ORDER: Final = (Kind.DELETE, Kind.CREATE, Kind.UPDATE, Kind.PATCH)
"""The order of processing, which is not that of the Bundle (STU3 HTTP §3.1.0.11.2)."""

RequireValid = Callable[[WriteRequest, dict[str, Any], Callable[[], dict[str, Any]], Target, Disclosures], None]
"""Raises the outcome of a resource that may not be stored in place of the stored one, which the third part returns."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A write with its target, and the plan that does it, None if nothing changes.

    `patients` are those of the target's versions before and after. `resource` is what is stored, if it has to be judged
    by its references and by If-Match, `references` are those, and `referenced` their targets by key.
    """

    entry: WriteEntry
    target: Target
    plan: WritePlan | None
    patients: tuple[str, ...] = ()
    resource: dict[str, Any] | None = None
    references: tuple[FoundReference, ...] = ()
    referenced: Mapping[str, Target] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether it changes nothing, on condition of a version that has to be there when all others are done."""
        return self.plan is None and self.resource is not None and self.entry.request.if_match is not None

    @property
    def named(self) -> set[str]:
        """The patients that it is about or refers to."""
        return {*self.patients, *(each.id for each in self.referenced.values() if each.type.is_patient)}


class Preparation:
    """One attempt to prepare the writes of a request. `met` collects the patients that its look-ups disclose.

    `now` is in epoch milliseconds. `require_time` raises the 503 outcome once it is too late to commit. `owe` charges
    the client for so many look-ups that are not paid. `breaking` are the positions of updates that break invariants:
    they are judged beside the stored version.
    """

    def __init__(
        self,
        store: RecordStore,
        new_id: Callable[[], str],
        now: int,
        require_valid: RequireValid,
        met: Disclosures,
        require_time: Callable[[], None],
        owe: Callable[[int], None],
        breaking: Collection[int] = (),
    ) -> None:
        self._store = store
        self._new_id = new_id
        self._now = now
        self._require_valid = require_valid
        self._met = met
        self._require_time = require_time
        self._owe = owe
        self._breaking = breaking
        self._unread: dict[int, tuple[str, ...]] = {}

    def prepare_all(
        self, entries: Sequence[WriteEntry], conditional: Mapping[str, ConditionalReference]
    ) -> list[Prepared]:
        """Return all entries, which are in the order of processing, each with its plan as if those before were done.

        Raises the outcomes that refuse one of them, 413 as soon as they come to too much, and `ConflictError`.
        """
        self._unread = {each.position: each.request.named for each in entries}
        try:
            return self._prepare_all(entries, conditional)
        except (OutcomeError, ConflictError):
            # The event of a refusal names all patients that the entries are about.
            for patients in self._unread.values():
                self._met.disclose(patients)
            if not (self._met.disclosed or self._met.hidden):
                self._met.disclose(patient for each in entries for patient in each.request.named)
            raise

    def _prepare_all(
        self, entries: Sequence[WriteEntry], conditional: Mapping[str, ConditionalReference]
    ) -> list[Prepared]:
        refusal = FirstRefusal()
        targets = {}
        for entry in entries:
            self._require_time()
            with refusal.of(entry):
                targets[entry.position] = self._known_target(entry)
        refusal.raise_any()
        keys = {position: target.key for position, target in targets.items()}
        require_distinct(sorted(entries, key=lambda each: each.position), keys)
        names = {name: targets[each.position].key for each in entries for name in each.names}
        names |= {text: self._match(reference) for text, reference in conditional.items()}
        prepared = []
        items = size = 0
        for entry in entries:
            self._require_time()
            with refusal.of(entry), limits_refused():
                as_stored = replace(entry, request=rewritten(entry, names)) if names else entry
                prepared.append(self._prepare(as_stored, targets[entry.position]))
                if (plan := prepared[-1].plan) and not entry.is_alone:
                    items += plan.count
                    size += plan.size
            if not fit_together(items, size):
                refusal.raise_any()
                raise refusals.too_much_together()
        refusal.raise_any()
        return self._at_one_instant(prepared)

    def _at_one_instant(self, prepared: Sequence[Prepared]) -> list[Prepared]:
        """Return writes whose versions all have the time of the latest: one may be stored as of a later time than now.

        An export shows what was stored up to an instant, and so all of them or none (ADR 53).
        """
        latest = max((each.plan.updated for each in prepared if each.plan), default=self._now)
        return [self._at(each, latest) if each.plan and each.plan.updated < latest else each for each in prepared]

    def _at(self, prepared: Prepared, now: int) -> Prepared:
        """Return a write with the plan of a later time."""
        plan = _plan(prepared.entry.request, prepared.target, prepared.resource, now)
        previous = prepared.plan.previous if prepared.plan else None
        return replace(prepared, plan=plan and replace(plan, previous=previous))

    def _known_target(self, entry: WriteEntry) -> Target:
        """Return the target of an entry, which others may refer to; one that has an id is not read yet."""
        request = entry.request
        if request.id and request.condition is None:
            return Target(request.type, request.id)
        return self._find(entry)

    def _find(self, entry: WriteEntry) -> Target:
        """Return the target of an entry as it is stored, and disclose its patients.

        A hidden target concerns its own patients alone, whatever the body names.
        """
        # All matches of a transaction are found before it is known whether it may hold so much.
        needs_body = entry.is_alone and (entry.request.kind is not Kind.CREATE or entry.request.representation)
        try:
            target = find_target(self._store, entry.request, self._new_id, self._met, self._owe, with_body=needs_body)
        except OutcomeError as error:
            if error.why == refusals.COMPARTMENT:
                self._unread.pop(entry.position, None)
            raise
        if target.hidden is not None:
            self._unread.pop(entry.position, None)
            self._met.hide(target.hidden or (NOBODY,), target.why)
            return target
        if target.exists and is_limited(entry.request):
            self._note_opening(entry.request, target.values)
        self._met.disclose(_patients(target))
        if entry.is_alone and target.index:
            self._met.resources = (target.key,)
        return target

    def _note_opening(self, request: WriteRequest, values: SearchValues) -> None:
        """Note the scope with a suffix that lets the caller write a resource with these search values, if one does."""
        if scope := opening_scope(request.caller, request.type, request.letter, values):
            self._met.opened_by(scope)

    def _match(self, reference: ConditionalReference) -> str:
        """Return the key of the resource that a conditional reference leads to; raises the 412 outcomes."""
        with at_reference(reference.text, reference.entry):
            target = find_target(self._store, reference.lookup, self._new_id, self._met, self._owe, with_body=False)
            if not target.exists:
                raise refusals.nothing_matches()
        # The answer tells that it exists.
        self._met.disclose(_patients(target))
        return target.key

    def _prepare(self, entry: WriteEntry, target: Target) -> Prepared:
        """Return a write with its plan, None if nothing would change; raises the outcomes that refuse it."""
        request = entry.request
        if request.id and request.condition is None:
            target = self._find(entry)
        own = () if target.hidden is not None else request.named
        self._unread.pop(entry.position, None)
        if request.kind is Kind.DELETE:
            return self._deletion(entry, target)
        if request.kind is Kind.CREATE and target.exists:
            return Prepared(entry, self._shown(request, target), None, _patients(target))
        self._met.disclose(own)
        if request.kind is Kind.PATCH:
            target, resource = self._patched(request, target)
        else:
            resource = {**request.resource, "id": target.id}
            target = self._updated(entry, target, resource) if request.kind is Kind.UPDATE else target
            if request.kind is Kind.CREATE and is_limited(request):
                self._note_opening(request, limiting_values(request.type, resource))
        references = tuple(references_of(resource))
        referenced = targets_among(request.type.name, references, request.root)
        if entry.is_alone and sum(each.type.is_patient for each in referenced.values()) > MAX_PATIENTS:
            raise refusals.too_many_patients()
        plan = self._planned(request, target, resource)
        if plan is None:
            target = self._shown(request, target)
            return Prepared(entry, target, None, _patients(target), resource, references, referenced)
        patients = _patients(target, plan.previous, plan.index)
        return Prepared(entry, target, plan, patients, resource, references, referenced)

    def _updated(self, entry: WriteEntry, target: Target, resource: dict[str, Any]) -> Target:
        """Return the target of an update that may be done."""
        request = entry.request
        if request.condition is None:
            if (request.caller.patient and target.version == 0) or (is_limited(request) and not target.exists):
                raise not_found(target)
            require_opened(request, resource)
        elif target.exists and request.body_id not in (None, target.id):
            raise refusals.another_id()
        if entry.position in self._breaking:
            target = replace(target, body=self._body(target)) if target.exists else target
            self._require_valid(request, resource, lambda: self._stored(target), target, self._met)
        return self._with_own_identifiers(request, target, resource)

    def _patched(self, request: WriteRequest, target: Target) -> tuple[Target, dict[str, Any]]:
        """Return the target of a patch with its body, and the patched resource."""
        if target.version == 0 or (is_limited(request) and target.is_deleted):
            raise not_found(target)
        if target.is_deleted:
            raise outcomes.gone()
        require_match(request, target)
        target = replace(target, body=self._body(target))
        before = self._stored(target)
        require_readable(request, before)
        identity = _identity(before)
        after = patched(before, request.patch)
        if _identity(after) != identity:
            raise refusals.patch_of_identity()
        self._met.disclose(patients_in_body(request.type, after, request.root))
        self._require_valid(request, after, lambda: self._stored(target), target, self._met)
        require_opened(request, after)
        require_own(request.caller, request.type, after, target.id, request.root)
        return self._with_own_identifiers(request, target, after), {**after, "id": target.id}

    def _deletion(self, entry: WriteEntry, target: Target) -> Prepared:
        request = entry.request
        if target.hidden is not None:
            return Prepared(entry, target, None)
        if not target.exists:
            return Prepared(entry, target, None, _patients(target) or request.named)
        target = self._with_own_identifiers(request, target, {})
        require_match(request, target)
        plan = self._planned(request, target, None)
        items = (plan.previous, plan.index) if plan else ()
        return Prepared(entry, target, plan, _patients(target, *items))

    def _planned(self, request: WriteRequest, target: Target, resource: dict[str, Any] | None) -> WritePlan | None:
        """Return the plan of a write with the version that it replaces, None if nothing would change."""
        plan = _plan(request, target, resource, self._now)
        return plan.keeping(self._body(target)) if plan is not None and plan.replaces_version else plan

    def _with_own_identifiers(self, request: WriteRequest, target: Target, after: dict[str, Any]) -> Target:
        """Return a target, with its body if it was judged; raises the 403 outcome for a change of identity."""
        if not request.caller.patient:
            return target
        before: dict[str, Any] = {}
        if target.exists:
            target = replace(target, body=self._body(target))
            before = self._stored(target)
        require_own_identifiers(request.caller, request.type, before, after)
        return target

    def _shown(self, request: WriteRequest, target: Target) -> Target:
        """Return a target that stays as it is, with its body if the answer shows it: afterwards it may be another."""
        return replace(target, body=self._body(target)) if request.representation else target

    def _stored(self, target: Target) -> dict[str, Any]:
        """Return the resource of a target's version, an empty one if there is none."""
        if not target.exists:
            return {}
        return parse_json_body(str(self._body(target)["body"]["S"]).encode())

    def _body(self, target: Target) -> Item:
        """Return the body of a target's version; raises `ConflictError` if there is another version by now."""
        item = target.body or self._store.read_body(target)
        if item is None or item["version"]["N"] != str(target.version):
            raise ConflictError
        return item


def _plan(request: WriteRequest, target: Target, resource: dict[str, Any] | None, now: int) -> WritePlan | None:
    """Return the plan of a write at a time, None if nothing would change."""
    method = "POST" if request.kind is Kind.CREATE else "PUT"
    return plan_write(target, resource, now=now, base_url=request.root, method=method)


@contextmanager
def limits_refused() -> Iterator[None]:
    """Raise the outcomes 413 and 422 in place of the errors of plans over a limit."""
    try:
        yield
    except TooCostlyError as error:
        raise refusals.too_costly(error.expression, error.text) from None
    except TooManyKeysError:
        raise refusals.too_much_together() from None
    except TooLargeError:
        raise refusals.too_large() from None


def require_match(request: WriteRequest, target: Target) -> None:
    """Raise the 409 outcome unless the stored version meets the request's If-Match."""
    if request.if_match is not None and not (target.exists and request.if_match.allows(target.version)):
        raise refusals.another_version()


def _patients(target: Target, *items: Item | None) -> tuple[str, ...]:
    """Return the patients of a target's items, and of further items."""
    return stored_patients(target, target.index, target.body, *items)


def _identity(resource: dict[str, Any]) -> tuple[Any, ...]:
    """Return the parts of a resource that a patch may not change."""
    meta = resource.get("meta")
    return resource.get("resourceType"), resource.get("id"), meta.get("versionId") if isinstance(meta, dict) else None
