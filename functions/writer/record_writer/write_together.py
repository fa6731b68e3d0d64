"""Write the entries of a transaction Bundle, all or nothing (`bundles.md`, Transaction; ADR 43)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from careconnect.audit.trail import NOBODY
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.resource_types import resource_type
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Interaction
from careconnect.storage.quota import UNITS_PER_WRITE_UNIT
from careconnect_records.items.references import fhir_base_of
from careconnect_records.multi_step.write import SECONDS_TOGETHER, fit_together
from careconnect_records.parsing.faults import MAX_FAULTS
from careconnect_records.writes.cost import write_units
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.checks.compartment import patients_in_body, stored_patients
from record_writer.checks.identifiers import require_own_condition, require_own_identifiers
from record_writer.checks.references import referenced_by, require_references
from record_writer.checks.valid_resource import require_own, resource_faults
from record_writer.find_references import find_references
from record_writer.find_target import find_target, not_found
from record_writer.request.bundle_references import conditions_in, with_references
from record_writer.request.preconditions import criteria_in, one_identifier
from record_writer.request.write_request import Kind, WriteRequest, WriteResult, WriteTrail
from record_writer.write_resource import ResourceWriter, may_know, require_match

MAX_PATIENTS: Final = 99
"""Patients of one transaction: the transaction of its commit has room for so many audit events."""

_SECONDS: Final = 15.0
"""The time after which no attempt commits: the function has 26 seconds."""

_ORDER: Final = (Kind.DELETE, Kind.CREATE, Kind.UPDATE)
"""The order of processing, which is not that of the Bundle (STU3 HTTP §3.1.0.11.2)."""


@dataclass(slots=True)
class EntryTrail:
    """Collects the patients of one entry for the audit trail of its Bundle."""

    concerned: tuple[str, ...] = ()
    hidden: dict[str, None] = field(default_factory=dict)

    def concerns(self, patients: Collection[str], ids: Collection[str] | None = None) -> None:  # noqa: ARG002
        """Note the patients that an attempt is about."""
        self.concerned = tuple(patients)

    def touched(self, patients: Collection[str]) -> None:
        """Note the patients of an entry that changes nothing."""
        self.concerned = (*self.concerned, *patients)

    def withheld(self, patients: Collection[str]) -> None:
        """Note the patients of a resource that the caller may not see."""
        self.hidden |= dict.fromkeys(patients)

    def put_actions(self, patients: Collection[str], made: str) -> list[dict[str, Any]]:  # noqa: ARG002
        """Return nothing: the events are those of the Bundle."""
        return []

    def goes_without(self) -> bool:
        """Return False: the Bundle's trail decides."""
        return False

    def committed(self, patients: Collection[str], made: str) -> None:
        """Do nothing: the events are those of the Bundle."""


class BundleTrail(WriteTrail, Protocol):
    """The audit trail of a transaction: one event for each patient, with all versions that were made of its records."""

    def put_all(self, made: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
        """Return the actions that put the events: for each patient, the versions that were made."""


@dataclass(frozen=True, slots=True)
class Part:
    """An entry that writes: its position in the Bundle, its request, and the names by which others refer to it."""

    position: int
    request: WriteRequest
    trail: EntryTrail
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A part with its target, and the plan that writes it, None if nothing changes."""

    part: Part
    target: Target
    plan: WritePlan | None
    patients: tuple[str, ...] = ()
    referred: tuple[str, ...] = ()


@contextmanager
def at_entry(position: int, type_name: str = "") -> Iterator[None]:
    """Name the entry at fault in each outcome that refuses it."""
    try:
        yield
    except OutcomeError as error:
        raise named(error, position, type_name) from None


def named(error: OutcomeError, position: int, type_name: str) -> OutcomeError:
    """Return the error with the Bundle entry's position in the expression of each issue."""
    issues = error.issues or (Issue(error.code, error.text, expression=error.where),)
    error.issues = tuple(replace(each, expression=_place(each.expression, position, type_name)) for each in issues)
    return error


_HEADERS: Final = {
    "http.If-Match": "request.ifMatch",
    "http.If-None-Exist": "request.ifNoneExist",
    "http.If-None-Match": "request.ifNoneMatch",
    "id": "resource.id",
    "resourceType": "resource",
}


def _place(expression: str, position: int, type_name: str) -> str:
    entry = f"Bundle.entry[{position}]"
    if not expression:
        return entry
    if type_name and (expression == type_name or expression.startswith(f"{type_name}.")):
        return f"{entry}.resource{expression.removeprefix(type_name)}"
    return f"{entry}.{_HEADERS.get(expression, 'request.url')}"


class TransactionWriter(ResourceWriter):
    """Writes the parts of a transaction. The store reaches the tables of records and of the directory."""

    def write_together(
        self, parts: Sequence[Part], caller: Caller, trail: BundleTrail, on_conflict: Callable[[], None]
    ) -> list[WriteResult]:
        """Write all parts, and return their results in the order given; `on_conflict` is as for `write`.

        Raises the outcomes that refuse one of them, with the entry named: then nothing is written.
        """
        end = self.elapsed() + _SECONDS
        return self._until_done(lambda: self._attempt_together(parts, caller, trail, end), trail, on_conflict)

    def _attempt_together(
        self, parts: Sequence[Part], caller: Caller, trail: BundleTrail, end: float
    ) -> list[WriteResult]:
        ordered = sorted(parts, key=lambda part: _ORDER.index(part.request.kind))
        try:
            prepared = self._prepared(ordered)
        finally:
            # The event of a refusal names all patients that the entries are about.
            trail.concerns(tuple({patient: None for part in parts for patient in part.trail.concerned}))
            if hidden := {patient: None for part in parts for patient in part.trail.hidden}:
                trail.withheld(tuple(hidden))
        self._require_unreferred(prepared, caller)
        plans = [each.plan for each in prepared if each.plan]
        made: defaultdict[str, list[str]] = defaultdict(list)
        for each in prepared:
            if each.plan:
                for patient in each.patients or (NOBODY,):
                    made[patient].append(f"{each.target.key}/_history/{each.plan.version}")
        if len(made) > MAX_PATIENTS:
            raise refusals.too_many_patients_together(MAX_PATIENTS)
        if not fit_together(plans):
            raise refusals.too_much_together()
        units = UNITS_PER_WRITE_UNIT * sum(
            write_units(plan, max(1, len(each.patients)), in_steps=len(plans) > 1)
            for each in prepared
            if (plan := each.plan)
        )
        if units > self.quota.units_per_minute:
            raise refusals.exceeds_quota()
        if plans:
            with self.quota.charged(caller.client_id, units, self.clock()):
                pass
            self.store.write_all(plans, trail.put_all(made), min(SECONDS_TOGETHER, end - self.elapsed()))
        everybody = [patient for each in prepared for patient in (*each.patients, *each.referred)]
        first = next(iter(made.values()), [""])[0]
        if plans:
            trail.committed(everybody, first)
        else:
            trail.touched(everybody)
        results = {each.part.position: _result(each) for each in prepared}
        return [results[part.position] for part in parts]

    def _prepared(self, ordered: Sequence[Part]) -> list[_Prepared]:
        """Return all parts with their plans, as if those before them were done."""
        targets: dict[int, Target] = {}
        for part in ordered:
            with at_entry(part.position, part.request.type.name):
                request = part.request
                require_own_condition(request.caller, request.type, request.condition)
                targets[part.position] = self._target(request)
        _require_distinct(ordered, targets)
        names = {name: targets[part.position].key for part in ordered for name in part.names}
        names |= self._conditional(ordered)
        requests = {part.position: _rewritten(part, names) for part in ordered}
        _require_valid(ordered, requests, targets)
        written = {
            targets[part.position].key
            for part in ordered
            if part.request.kind is not Kind.DELETE and targets[part.position].hidden is None
        }
        found = []
        for part in ordered:
            with at_entry(part.position, part.request.type.name):
                found.append(self._prepare(part, requests[part.position], targets[part.position], written))
        return found

    def _conditional(self, parts: Sequence[Part]) -> dict[str, str]:
        """Return the resources that conditional references lead to, by the texts of these; raises the 412 outcomes."""
        known: dict[str, str] = {}
        for part in parts:
            for text, type_name, query in conditions_in(part.request.resource):
                if text in known or (type_ := resource_type(type_name)) is None:
                    continue
                with at_entry(part.position):
                    part.request.caller.require(type_, Interaction.SEARCH)
                    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
                    condition = one_identifier(type_, criteria_in(pairs))
                    require_own_condition(part.request.caller, type_, condition)
                    asked = replace(part.request, type=type_, id="", condition=condition, kind=Kind.DELETE)
                    target = find_target(self.store, asked, self.new_id)
                    if not target.exists:
                        raise refusals.nothing_matches()
                    known[text] = target.key
        return known

    def _prepare(self, part: Part, request: WriteRequest, target: Target, written: Collection[str]) -> _Prepared:
        if request.kind is Kind.DELETE:
            return self._prepare_deletion(part, request, target)
        if request.kind is Kind.CREATE and target.exists:
            return _Prepared(part, self._shown(request, target), None, stored_patients(target, target.index))
        if request.kind is Kind.UPDATE and request.condition is None and request.caller.patient and not target.version:
            raise not_found(target)
        is_matched = request.kind is Kind.UPDATE and request.condition is not None and target.exists
        if is_matched and request.body_id not in (None, target.id):
            raise refusals.another_id()
        resource = {**request.resource, "id": target.id}
        require_own(request.caller, request.type, resource, target.id, request.root)
        if request.kind is Kind.CREATE:
            require_own_identifiers(request.caller, request.type, {}, resource)
        else:
            target = self._with_own_identifiers(request, target, resource)
        require_match(request, target)
        referenced = referenced_by(resource, request.root)
        others = [each for key, each in referenced.items() if key != target.key and key not in written]
        found = find_references(self.store, request.caller, others, previous=target.references)
        require_references(resource, {target.key, *found.keys, *written}, request.root)
        method = "POST" if request.kind is Kind.CREATE else "PUT"
        plan = self._planned(request, target, resource, method)
        if plan is None:
            target = self._shown(request, target)
        items = (plan.previous, plan.index) if plan else ()
        return _Prepared(part, target, plan, stored_patients(target, target.index, target.body, *items), found.patients)

    def _shown(self, request: WriteRequest, target: Target) -> Target:
        """Return a target that stays as it is, with its body if the answer shows it: afterwards it may be another."""
        return replace(target, body=self._body(target)) if request.representation else target

    def _prepare_deletion(self, part: Part, request: WriteRequest, target: Target) -> _Prepared:
        if target.hidden is not None:
            request.trail.withheld(target.hidden)
            return _Prepared(part, target, None)
        patients = stored_patients(target, target.index, target.body)
        if not target.exists:
            return _Prepared(part, target, None, patients)
        require_match(request, target)
        target = self._with_own_identifiers(request, target, {})
        plan = self._planned(request, target, None, "DELETE")
        return _Prepared(part, target, plan, patients)

    def _require_unreferred(self, prepared: Sequence[_Prepared], caller: Caller) -> None:
        """Raise the 409 outcome if a deleted resource would still be referred to."""
        deleted = {each.target.key: each for each in prepared if each.plan and each.plan.deletes}
        counted = {key: Counter(counts) for key, counts in self.store.count_references(deleted).items()}
        for other in prepared:
            if other.plan:
                for key in other.plan.incremented & deleted.keys():
                    counted[key][other.target.type.name] += 1
                for key in other.plan.decremented & deleted.keys():
                    counted[key][other.target.type.name] -= 1
        for key, counts in counted.items():
            if types := [name for name, number in counts.items() if number > 0]:
                known = [name for name in types if may_know(caller, name)]
                with at_entry(deleted[key].part.position):
                    raise refusals.still_referred_to(known, others=len(known) < len(types))


def _result(prepared: _Prepared) -> WriteResult:
    """Return the result of a part that is done. Nothing may fail by then, as the attempt would be made again."""
    plan, target = prepared.plan, prepared.target
    if plan is None and prepared.part.request.kind is Kind.DELETE:
        return WriteResult(204)
    body = (plan.body if plan else target.body) or {}
    text = body["body"]["S"] if "body" in body else ""
    if plan is None:
        return WriteResult(200, target.id, target.version, target.updated, text)
    return WriteResult(int(body["status"]["S"]), target.id, plan.version, plan.updated, text)


def _require_distinct(parts: Sequence[Part], targets: Mapping[int, Target]) -> None:
    """Raise the 400 outcome for two parts of one resource, or two creates with one condition."""
    seen: set[object] = set()
    for part in parts:
        target = targets[part.position]
        keys: list[object] = [target.key]
        if part.request.condition and part.request.kind is Kind.CREATE:
            keys.append((part.request.type.name, part.request.condition))
        if any(key in seen for key in keys):
            with at_entry(part.position):
                raise refusals.twice_together()
        seen.update(keys)


def _rewritten(part: Part, names: Mapping[str, str]) -> WriteRequest:
    """Return a part's request with the references of its resource as they will be stored."""
    request = part.request
    if request.kind is Kind.DELETE:
        return request
    resource = with_references(request.resource, names, fhir_base_of(request.root))
    patients = patients_in_body(request.type, resource, request.root)
    request.trail.concerns((*part.trail.concerned, *patients))
    return replace(request, resource=resource, patients=patients)


def _require_valid(parts: Sequence[Part], requests: Mapping[int, WriteRequest], targets: Mapping[int, Target]) -> None:
    """Raise the outcome of all faults of all resources, with the status of the first."""
    issues: list[Issue] = []
    for part in parts:
        request = requests[part.position]
        if request.kind is Kind.DELETE or (request.kind is Kind.CREATE and targets[part.position].exists):
            continue
        with at_entry(part.position, request.type.name):
            faults = resource_faults(request.resource, request.root)
        issues += [
            replace(each, expression=_place(each.expression, part.position, request.type.name)) for each in faults
        ]
    if issues:
        raise outcomes.invalid_resource(issues[:MAX_FAULTS])
