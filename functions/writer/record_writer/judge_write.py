"""Judge a write without doing it: all that it would be refused for, and all that it would warn of (`write.md`; ADR 47).

A write stops at its first refusal. A judgement collects those of each check, and goes on as far as the next one can
judge what is left.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import Any, Final, TypeVar

from careconnect.audit.disclosures import Disclosures
from careconnect.fhir.outcomes import Issue, OutcomeError, outcome_of
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from careconnect.search.limits import opens_body
from careconnect_records.items.references import fhir_base_of, leaves_the_directory, references_of, target_of
from careconnect_records.parsing.faults import MAX_FAULTS
from careconnect_records.writes.plan_write import MAX_REFERENCES
from careconnect_records.writes.target import Target
from record_writer import refusals
from record_writer.check_entries import require_own_resource
from record_writer.checks.care_connect import MAX_WARNINGS, warnings_of
from record_writer.checks.references import targets_among
from record_writer.checks.scopes import opens_stored
from record_writer.checks.valid_resource import newly_broken, require_writable, resource_faults
from record_writer.find_target import sees
from record_writer.judge_references import judge_references
from record_writer.prepare import Prepared, limits_refused
from record_writer.record_store import RecordStore
from record_writer.request.write_entry import ALONE
from record_writer.request.write_request import Kind, WriteRequest

ACCEPTED: Final = Issue("informational", "A write of this is accepted, if the token allows it.", "information")
_UNTOLD: Final = "It is not told whether this leads to a resource: the token may not read {}."
_REFERRING_UNTOLD: Final = "It is not told whether resources that the token may not read refer to this one."
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
        return found if self._errors or self._untold else [ACCEPTED, *found]

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
        held = [each for each in (Letter.READ, Letter.UPDATE) if caller.may(type_, each)]
        known = stored() if held else {}
        is_known = any(opens_body(caller, type_, each, known) for each in held)
        new = newly_broken(self._broken, known if is_known else {})
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
        prepared = self._prepared(prepare)
        if prepared is None:
            return
        # The resources that are counted may be in other records than a bound client's.
        is_bound, unreadable = bool(self._request.caller.patient), self._partly_unreadable
        known = set() if is_bound else set(referring_types(prepared)).difference(unreadable)
        if known:
            self._errors += outcome_of(refusals.still_referred_to(known, others=False)).issues
        elif is_bound or unreadable:
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
        """Judge the references to resources that the token may read, and tell nothing of the others."""
        request, untold = self._request, self._untold_keys()
        previous = prepared.target.references if prepared else None
        self._errors += judge_references(request, request.resource, self._store, self._met, previous, untold=untold)
        self._untold += _untold_of(request, untold)

    def _untold_keys(self) -> set[str]:
        """Return the keys of what the resource refers to and the token may not read, or not if it is there."""
        request, caller = self._request, self._request.caller
        referenced = targets_among(request.type.name, references_of(request.resource), request.root)
        untold = {key for key, each in referenced.items() if not caller.may(each.type, Letter.READ)}
        limited = {key: each for key, each in referenced.items() if caller.limits(each.type, Letter.READ)}
        if limited and len(referenced) <= MAX_REFERENCES:
            stored = self._store.read(limited.values())
            opened = {key for key, each in stored.items() if each.exists and _may_read(caller, each)}
            untold |= limited.keys() - opened
        return untold

    @property
    def _partly_unreadable(self) -> set[str]:
        """The names of the types of which the token may not read every resource."""
        return {each.name for each in RESOURCE_TYPES if not self._request.caller.may_all(each, Letter.READ)}


def _may_read(caller: Caller, stored: Target) -> bool:
    return sees(caller, stored) and opens_stored(caller, Letter.READ, stored)


def _untold_of(request: WriteRequest, keys: Collection[str]) -> Iterator[Issue]:
    """Yield an information for each reference to another resource that is one of the keys."""
    for each in references_of(request.resource):
        target = target_of(each.text, fhir_base_of(request.root))
        if not target or target.key not in keys or target.key == request.key:
            continue
        if each.allows(target.type_name) and not leaves_the_directory(request.type.name, target):
            yield Issue("suppressed", _UNTOLD.format(target.type_name), "information", each.expression)
