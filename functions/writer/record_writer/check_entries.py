"""Check all that needs no look-up: conditions, duplicates, counts, validity, the caller's record (`write.md`)."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl

from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.oauth.scopes import Letter
from careconnect_records.items.references import references_of
from careconnect_records.parsing.faults import Fault
from record_writer import refusals
from record_writer.checks.identifiers import require_own_condition, require_own_identifiers
from record_writer.checks.valid_resource import require_own, resource_faults
from record_writer.request.bundle_references import conditions_in
from record_writer.request.preconditions import criteria_in, one_identifier
from record_writer.request.write_entry import WriteEntry, at_entry, place_in
from record_writer.request.write_request import Kind, WriteRequest
from record_writer.rewrite_entry import rewritten

MAX_CONDITIONS: Final = 100
"""Conditional references of one transaction that differ, as a search has values that name patients."""

_SOME_ID: Final = "00000000-0000-4000-8000-000000000000"
"""Stands for an id that is not known yet."""


@dataclass(frozen=True, slots=True)
class ConditionalReference:
    """A reference by a condition (`Patient?identifier=…`): its text, its entry, and the look-up that it asks for."""

    text: str
    entry: WriteEntry
    lookup: WriteRequest


def conditional_references(entries: Sequence[WriteEntry]) -> dict[str, ConditionalReference]:
    """Return the conditional references of a transaction by their texts; raises the outcomes 400, 403 and 412."""
    found: dict[str, tuple[WriteEntry, ResourceType, str]] = {}
    for entry in entries:
        if not entry.is_alone:
            for text, type_name, query in conditions_in(entry.request.resource):
                if type_ := resource_type(type_name):
                    found.setdefault(text, (entry, type_, query))
    if len(found) > MAX_CONDITIONS:
        raise refusals.too_many_conditions(MAX_CONDITIONS)
    return {text: _conditional_reference(text, *one) for text, one in found.items()}


def _conditional_reference(text: str, entry: WriteEntry, type_: ResourceType, query: str) -> ConditionalReference:
    caller = entry.request.caller
    with at_reference(text, entry):
        caller.require(type_, Letter.SEARCH)
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20)
        except ValueError:
            raise refusals.not_one_identifier() from None
        condition = one_identifier(type_, criteria_in(pairs))
        require_own_condition(caller, type_, condition)
    # As a deletion's, a condition that only a hidden resource meets is met by none.
    lookup = replace(entry.request, type=type_, id="", condition=condition, kind=Kind.DELETE)
    return ConditionalReference(text, entry, lookup)


@contextmanager
def at_reference(text: str, entry: WriteEntry) -> Iterator[None]:
    """Name the element of an entry that has a conditional reference in each outcome that refuses this."""
    try:
        yield
    except OutcomeError as error:
        name = entry.request.type.name
        # In an unknown element it is no reference: that fault is found later, and here the resource is named.
        place = next((each.expression for each in references_of(entry.request.resource) if each.text == text), name)
        fault = Fault.at(place, "not-found", "is a conditional reference")
        where = place_in(place, entry.position, name)
        error.issues = (Issue(error.code, f"{fault.text} {error.text}", expression=where),)
        raise


def require_own_conditions(entries: Sequence[WriteEntry]) -> None:
    """Raise the 403 outcomes for conditions that bound callers may not set."""
    for entry in entries:
        request = entry.request
        with at_entry(entry.position, request.type.name):
            require_own_condition(request.caller, request.type, request.condition)


def require_distinct(entries: Sequence[WriteEntry], keys: Mapping[int, str]) -> None:
    """Raise the 400 outcome for two entries of one resource, or two that make one with the same condition.

    `keys` are those of the resources, by position, as far as they are known.
    """
    first: dict[object, int] = {}
    for entry in entries:
        request = entry.request
        own: list[object] = [keys[entry.position]] if entry.position in keys else []
        if request.condition and request.kind is not Kind.DELETE:
            own.append((request.type.name, request.condition))
        for key in own:
            if (other := first.setdefault(key, entry.position)) != entry.position:
                with at_entry(entry.position):
                    raise refusals.twice_together(other)


def resources_to_be(entries: Sequence[WriteEntry]) -> dict[int, WriteRequest]:
    """Return the requests that send a resource, by position, their references as if all entries were done.

    Ids that are not known yet are represented by some.
    """
    names = {name: f"{each.request.type.name}/{each.request.id or _SOME_ID}" for each in entries for name in each.names}
    return {
        each.position: rewritten(each, names) if names else each.request
        for each in entries
        if each.request.kind in (Kind.CREATE, Kind.UPDATE)
    }


def faults_of(requests: Mapping[int, WriteRequest]) -> tuple[list[Issue], frozenset[int]]:
    """Return all faults of all resources, but for their references; raises the outcome 413 for one too large.

    An update that has none but broken invariants is left out, and its position returned: the stored version may break
    the same ones.
    """
    issues: list[Issue] = []
    breaking = set()
    for position, request in requests.items():
        name = request.type.name
        with at_entry(position, name):
            faults, broken = resource_faults(request.resource)
        if broken and not faults and request.kind is Kind.UPDATE:
            breaking.add(position)
        else:
            found = [*faults, *broken]
            issues += [replace(each, expression=place_in(each.expression, position, name)) for each in found]
    return issues, frozenset(breaking)


def require_own_resources(requests: Mapping[int, WriteRequest]) -> None:
    """Raise the 403 outcomes for valid resources that bound callers may not write."""
    for position, request in requests.items():
        with at_entry(position, request.type.name):
            require_own(request.caller, request.type, request.resource, request.id, request.root)
            if request.kind is Kind.CREATE:
                require_own_identifiers(request.caller, request.type, {}, request.resource)
