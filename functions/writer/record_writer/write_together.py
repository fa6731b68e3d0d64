"""Write the entries of a transaction Bundle, all or nothing (`bundles.md`, Transaction; ADR 43)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl

from careconnect.audit.disclosures import NOBODY
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Interaction
from careconnect.storage.quota import UNITS_PER_WRITE_UNIT
from careconnect_records.items.references import fhir_base_of
from careconnect_records.multi_step.write import SECONDS_TOGETHER, fit_together
from careconnect_records.parsing.faults import MAX_FAULTS
from careconnect_records.writes.cost import write_units
from careconnect_records.writes.plan import WritePlan, plan_holding
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.checks.compartment import patients_in_body, stored_patients
from record_writer.checks.identifiers import require_own_condition, require_own_identifiers
from record_writer.checks.references import referenced_by, require_references
from record_writer.checks.valid_resource import require_own, resource_faults
from record_writer.find_references import find_references
from record_writer.find_target import find_target, not_found
from record_writer.request.bundle_part import BundleTrail, EntryTrail, Part, at_entry, place_in
from record_writer.request.bundle_references import conditions_in, with_references
from record_writer.request.preconditions import criteria_in, one_identifier
from record_writer.request.write_request import Kind, WriteRequest, WriteResult
from record_writer.require_valid import UNITS_PER_REFERENCE
from record_writer.write_resource import ResourceWriter, may_know, require_match

MAX_CONDITIONS: Final = 100
"""Conditional references of one transaction that differ, as a search has values that name patients."""

MAX_PATIENTS: Final = 99
"""Patients of one transaction: the transaction of its commit has room for so many audit events."""

_SECONDS: Final = 15.0
"""The time after which no attempt commits: the function has 26 seconds."""

_ORDER: Final = (Kind.DELETE, Kind.CREATE, Kind.UPDATE)
"""The order of processing, which is not that of the Bundle (STU3 HTTP §3.1.0.11.2)."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A part with its target, and the plan that writes it, None if nothing changes."""

    part: Part
    target: Target
    plan: WritePlan | None
    patients: tuple[str, ...] = ()
    resource: dict[str, Any] | None = None
    """What is stored, if it has to be judged by its references and by If-Match."""
    referenced: Mapping[str, Target] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether it changes nothing, on condition of a version that has to be there when all others are done."""
        return self.plan is None and self.resource is not None and self.part.request.if_match is not None

    @property
    def named(self) -> set[str]:
        """The patients that it is about or refers to."""
        return {*self.patients, *(each.id for each in self.referenced.values() if each.type.is_patient)}


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
            plans = [each.plan for each in prepared if each.plan]
            made = _made(prepared)
            if len({*made, *(patient for each in prepared for patient in each.named)}) > MAX_PATIENTS:
                raise refusals.too_many_patients_together(MAX_PATIENTS)
            if not fit_together(plans):
                raise refusals.too_much_together()
            self._charge(prepared, caller)
            referred = self._referred(prepared)
        finally:
            # The event of a refusal names all patients that the entries are about.
            trail.concerns(tuple({patient: None for part in parts for patient in part.trail.concerned}))
            if hidden := {patient: None for part in parts for patient in part.trail.hidden}:
                trail.withheld(tuple(hidden))
        self._require_unreferred(prepared, caller)
        if plans:
            held = [plan_holding(each.target) for each in prepared if each.is_held]
            self.store.write_all([*plans, *held], trail.put_all(made), min(SECONDS_TOGETHER, end - self.elapsed()))
        everybody = [*(patient for each in prepared for patient in each.patients), *referred]
        first = next(iter(made.values()), [""])[0]
        if plans:
            trail.committed(everybody, first)
        else:
            trail.touched(everybody)
        results = {each.part.position: _result(each) for each in prepared}
        return [results[part.position] for part in parts]

    def _charge(self, prepared: Sequence[_Prepared], caller: Caller) -> None:
        """Charge the client for all plans, before any look-up of references; raises the outcomes 422, 429 and 503."""
        units = 0
        for each in prepared:
            if each.plan:
                units += UNITS_PER_WRITE_UNIT * write_units(each.plan, max(1, len(each.named)), in_steps=True)
                continue
            units += UNITS_PER_REFERENCE * len(each.referenced)
            if each.is_held:
                units += UNITS_PER_WRITE_UNIT * write_units(plan_holding(each.target), 0, in_steps=True)
        if units > self.quota.units_per_minute:
            raise refusals.exceeds_quota()
        if units:
            with self.quota.charged(caller.client_id, units, self.clock()):
                pass

    def _referred(self, prepared: Sequence[_Prepared]) -> list[str]:
        """Return the patients that the parts refer to; raises the 422 and 409 outcomes of references and If-Match."""
        written = {
            each.target.key
            for each in prepared
            if each.part.request.kind is not Kind.DELETE and each.target.hidden is None
        }
        referred: list[str] = []
        for each in prepared:
            if each.resource is None:
                continue
            part, target, root = each.part, each.target, each.part.request.root
            with at_entry(part.position, part.request.type.name):
                others = [one for key, one in each.referenced.items() if key != target.key and key not in written]
                found = find_references(self.store, part.request.caller, others, previous=target.references)
                # From here on the answer tells that these patients exist, also if it is a refusal.
                part.trail.touched(found.patients)
                require_references(each.resource, {target.key, *found.keys, *written}, root)
                require_match(part.request, target)
                referred += found.patients
        return referred

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
        requests = {part.position: _rewritten(part, _names_for(part, names)) for part in ordered}
        _require_valid(ordered, requests)
        found = []
        for part in ordered:
            with at_entry(part.position, part.request.type.name):
                found.append(self._prepare(part, requests[part.position], targets[part.position]))
        return found

    def _conditional(self, parts: Sequence[Part]) -> dict[str, str]:
        """Return the resources that conditional references lead to, by the texts of these; raises the 412 outcomes."""
        asked: dict[str, tuple[Part, ResourceType, str]] = {}
        for part in parts:
            for text, type_name, query in conditions_in(part.request.resource):
                if type_ := resource_type(type_name):
                    asked.setdefault(text, (part, type_, query))
        if len(asked) > MAX_CONDITIONS:
            raise refusals.too_many_conditions(MAX_CONDITIONS)
        if not asked:
            return {}
        client_id = parts[0].request.caller.client_id
        with self.quota.charged(client_id, UNITS_PER_REFERENCE * len(asked), self.clock()):
            return {text: self._match(*one) for text, one in asked.items()}

    def _match(self, part: Part, type_: ResourceType, query: str) -> str:
        """Return the key of the resource that a conditional reference leads to; raises the 412 outcomes."""
        trail = EntryTrail()
        try:
            part.request.caller.require(type_, Interaction.SEARCH)
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
            condition = one_identifier(type_, criteria_in(pairs))
            require_own_condition(part.request.caller, type_, condition)
            asked = replace(part.request, type=type_, id="", condition=condition, kind=Kind.DELETE, trail=trail)
            target = find_target(self.store, asked, self.new_id)
            if not target.exists:
                raise refusals.nothing_matches()
        except OutcomeError as error:
            where = f"Bundle.entry[{part.position}].resource"
            error.issues = (Issue(error.code, error.text, expression=where),)
            raise
        finally:
            part.trail.touched(trail.concerned)
        # From here on the answer tells that it exists.
        part.trail.touched(stored_patients(target, target.index))
        return target.key

    def _prepare(self, part: Part, request: WriteRequest, target: Target) -> _Prepared:
        if request.kind is Kind.DELETE:
            return self._prepare_deletion(part, request, target)
        resource = {**request.resource, "id": target.id}
        if request.kind is Kind.CREATE:
            require_own(request.caller, request.type, resource, target.id, request.root)
            require_own_identifiers(request.caller, request.type, {}, resource)
            if target.exists:
                return _Prepared(part, self._shown(request, target), None, stored_patients(target, target.index))
        else:
            if request.condition is None and request.caller.patient and not target.version:
                raise not_found(target)
            if request.condition is not None and target.exists and request.body_id not in (None, target.id):
                raise refusals.another_id()
            require_own(request.caller, request.type, resource, target.id, request.root)
            target = self._with_own_identifiers(request, target, resource)
        method = "POST" if request.kind is Kind.CREATE else "PUT"
        plan = self._planned(request, target, resource, method)
        if plan is None:
            target = self._shown(request, target)
        items = (plan.previous, plan.index) if plan else ()
        patients = stored_patients(target, target.index, target.body, *items)
        return _Prepared(part, target, plan, patients, resource, referenced_by(resource, request.root))

    def _shown(self, request: WriteRequest, target: Target) -> Target:
        """Return a target that stays as it is, with its body if the answer shows it: afterwards it may be another."""
        return replace(target, body=self._body(target)) if request.representation else target

    def _prepare_deletion(self, part: Part, request: WriteRequest, target: Target) -> _Prepared:
        if target.hidden is not None:
            request.trail.withheld(target.hidden)
            return _Prepared(part, target, None)
        patients = stored_patients(target, target.index, target.body)
        if not target.exists:
            named = (request.id,) if request.type.is_patient and request.id else ()
            return _Prepared(part, target, None, patients or named)
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


def _made(prepared: Sequence[_Prepared]) -> dict[str, list[str]]:
    """Return for each patient the versions of the record that will be made."""
    made: defaultdict[str, list[str]] = defaultdict(list)
    for each in prepared:
        if each.plan:
            for patient in each.patients or (NOBODY,):
                made[patient].append(f"{each.target.key}/_history/{each.plan.version}")
    return made


def _require_distinct(parts: Sequence[Part], targets: Mapping[int, Target]) -> None:
    """Raise the 400 outcome for two parts of one resource, or two that make one with the same condition."""
    seen: set[object] = set()
    for part in parts:
        target = targets[part.position]
        keys: list[object] = [target.key]
        if part.request.condition and part.request.kind is not Kind.DELETE:
            keys.append((part.request.type.name, part.request.condition))
        if any(key in seen for key in keys):
            with at_entry(part.position):
                raise refusals.twice_together()
        seen.update(keys)


def _names_for(part: Part, names: Mapping[str, str]) -> Mapping[str, str]:
    """Return the names by which a part refers to others: relative ones belong to the base of its own full URL."""
    if not part.base:
        return names
    base = f"{part.base}/"
    return {**names, **{name.removeprefix(base): key for name, key in names.items() if name.startswith(base)}}


def _rewritten(part: Part, names: Mapping[str, str]) -> WriteRequest:
    """Return a part's request with the references of its resource as they will be stored."""
    request = part.request
    if request.kind is Kind.DELETE:
        return request
    resource = with_references(request.resource, names, fhir_base_of(request.root))
    patients = patients_in_body(request.type, resource, request.root)
    request.trail.concerns((*part.trail.concerned, *patients))
    return replace(request, resource=resource, patients=patients)


def _require_valid(parts: Sequence[Part], requests: Mapping[int, WriteRequest]) -> None:
    """Raise the outcome of all faults of all resources, with the status of the first."""
    issues: list[Issue] = []
    for part in parts:
        request = requests[part.position]
        if request.kind is Kind.DELETE:
            continue
        with at_entry(part.position, request.type.name):
            faults = resource_faults(request.resource, request.root)
        issues += [
            replace(each, expression=place_in(each.expression, part.position, request.type.name)) for each in faults
        ]
    if issues:
        raise outcomes.invalid_resource(issues[:MAX_FAULTS])
