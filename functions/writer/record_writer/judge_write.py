"""Judge a write without doing it: all that it would be refused for, and all that it would warn of (`write.md`; ADR 47).

A write stops at its first refusal. A judgement collects those of each check, and goes on as far as the next one can
judge what is left.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

from careconnect.audit.disclosures import Disclosures
from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir.outcomes import Issue, OutcomeError, outcome_of
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.oauth.scopes import Letter
from careconnect_records.items.references import FoundReference, fhir_base_of, references_of, target_of
from careconnect_records.parsing.faults import MAX_FAULTS
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.check_entries import require_own_resource
from record_writer.checks.care_connect import MAX_WARNINGS, warnings_of
from record_writer.checks.references import reference_faults, targets_among
from record_writer.checks.valid_resource import newly_broken, require_writable, resource_faults
from record_writer.complete_faults import is_too_much
from record_writer.find_references import find_references, patients_referred_to
from record_writer.prepare import Prepared, limits_refused
from record_writer.record_store import RecordStore
from record_writer.request.write_entry import ALONE
from record_writer.request.write_request import Kind, WriteRequest

_ACCEPTED: Final = Issue("informational", "A write of this is accepted, if the token allows it.", "information")
_UNTOLD: Final = "It is not told whether this leads to a resource: the token may not read {}."
_REFERRING_UNTOLD: Final = "It is not told whether resources of types that the token may not read refer to this one."
_T = TypeVar("_T")


class Judgement:
    """The judgement of one write. `met` collects the patients of whom the write's own refusal would tell."""

    def __init__(self, request: WriteRequest, store: RecordStore, met: Disclosures) -> None:
        self._request = request
        self._store = store
        self._met = met
        self._broken: list[Issue] = []
        self._errors: list[Issue] = []
        self._warnings: list[Issue] = []
        self._untold: list[Issue] = []

    def issues(
        self, prepare: Callable[[], Prepared], referring_types: Callable[[Prepared], Collection[str]]
    ) -> list[Issue]:
        """Return the errors and warnings, with one information if there is no error.

        `prepare` raises the outcomes that refuse what is valid, `referring_types` returns the types of the resources
        that refer to one that is deleted. Raises the outcome that is about no write: 503.
        """
        request = self._request
        self._collect(lambda: require_writable(request.caller, request.type, request.kind))
        if request.kind is not Kind.DELETE:
            self._judge_resource(prepare)
        else:
            self._judge_deletion(prepare, referring_types)
        found = self._errors[:MAX_FAULTS] + self._untold[:MAX_WARNINGS] + self._warnings[:MAX_WARNINGS]
        return found if self._errors or self._untold else [_ACCEPTED, *found]

    def require_valid(
        self,
        _request: WriteRequest,
        _resource: dict[str, Any],
        stored: Callable[[], dict[str, Any]],
        _target: Target,
        _met: Disclosures,
    ) -> None:
        """Judge the invariants that are broken beside the stored version, which may break them as well.

        An update would tell whether it does, and so would a read.
        """
        caller, type_ = self._request.caller, self._request.type
        is_known = caller.may(type_, Letter.READ) or caller.may(type_, Letter.UPDATE)
        new = newly_broken(self._broken, stored() if is_known else {})
        self._errors += new
        self._warnings += [replace(each, severity="warning") for each in self._broken if each not in new]
        self._broken = []

    @property
    def breaking(self) -> Collection[int]:
        """The position of a write that breaks invariants: of an update, the stored version may do so, too."""
        return (ALONE,) if self._broken else ()

    def _collect(self, check: Callable[[], _T]) -> _T | None:
        """Return what a check returns, or None if it refuses the write."""
        try:
            with limits_refused():
                return check()
        except OutcomeError as refused:
            if refused.status >= 500:
                raise
            self._errors += outcome_of(refused).issues
            return None

    def _judge_deletion(
        self, prepare: Callable[[], Prepared], referring_types: Callable[[Prepared], Collection[str]]
    ) -> None:
        caller = self._request.caller
        prepared = self._prepared(prepare)
        if prepared is None:
            return
        unreadable = {each.name for each in RESOURCE_TYPES if not caller.may(each, Letter.READ)}
        if known := set(referring_types(prepared)).difference(unreadable):
            self._errors += outcome_of(refusals.still_referred_to(known, others=False)).issues
        elif unreadable:
            self._untold.append(Issue("suppressed", _REFERRING_UNTOLD, "information"))

    def _judge_resource(self, prepare: Callable[[], Prepared]) -> None:
        request = self._request
        found = self._collect(lambda: resource_faults(request.resource))
        if found is None:
            self._met.disclose(request.named)
            return
        faults, self._broken = found
        self._errors += faults
        if not faults:
            if not self._errors:
                self._collect(lambda: require_own_resource(request))
            self._warnings += warnings_of(request.resource)
        prepared = self._prepared(prepare)
        self._errors += self._broken
        self._judge_references(prepared)

    def _prepared(self, prepare: Callable[[], Prepared]) -> Prepared | None:
        """Return the write as it would be done, None if something refuses it."""
        if self._errors:
            # The event of a refusal before any look-up.
            self._met.disclose(self._request.named)
            return None
        return self._collect(prepare)

    def _judge_references(self, prepared: Prepared | None) -> None:
        """Judge the references to resources of types that the token may read, and tell nothing of the others."""
        request = self._request
        if prepared is None and request.kind is Kind.UPDATE and request.caller.patient:
            # The stored version may keep references that a bound client cannot see.
            return
        references = list(references_of(request.resource))
        referenced = targets_among(references, request.root)
        if is_too_much(referenced.values()):
            return
        own = f"{request.type.name}/{request.id}" if request.id else ""
        told = {key: each for key, each in referenced.items() if request.caller.may(each.type, Letter.READ)}
        untold = {key for key in referenced if key not in told and key != own}
        stored = self._store.read_summaries(told.values())
        found = find_references(request.caller, stored.values(), prepared.target.references if prepared else ())
        patients = patients_referred_to([found])
        if len(patients) > MAX_PATIENTS:
            self._errors += outcome_of(refusals.refers_to_too_many_patients(request.type)).issues
            return
        self._met.disclose(patients)
        there = {own, *found, *untold}
        self._errors += reference_faults(request.resource, references, there, request.root)
        self._untold += _untold_of(references, untold, request.root)


def _untold_of(references: Iterable[FoundReference], keys: Collection[str], root: str) -> Iterator[Issue]:
    """Yield an information for each reference that leads to one of the `keys`."""
    for each in references:
        target = target_of(each.text, fhir_base_of(root))
        if target and target.key in keys and each.allows(target.type_name):
            yield Issue("suppressed", _UNTOLD.format(target.type_name), "information", each.expression)
