"""Check all that needs no look-up: conditions, duplicates, counts, validity, the caller's record (`write.md`)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
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
from record_writer.checks.scopes import require_opened
from record_writer.checks.valid_resource import require_own, resource_faults
from record_writer.request.bundle_references import conditions_in
from record_writer.request.preconditions import criteria_in, one_identifier
from record_writer.request.write_entry import RefusedEntry, WriteEntry, at_entry, place_in
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
        caller.require_unlimited(type_, Letter.SEARCH)
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


def judge_each(
    entries: Sequence[WriteEntry],
    requests: Mapping[int, WriteRequest],
    refused: RefusedEntry | None,
    require_time: Callable[[], None],
) -> tuple[list[list[Issue]], frozenset[int]]:
    """Judge each entry as if it were alone, in the order of the Bundle, but for what needs a look-up.

    `requests` are those that send a resource. `require_time` raises the 503 outcome once it is too late to write.
    Raises the outcome of the first entry at fault, which may be the `refused` one, unless its resource is invalid: then
    the faults of all invalid resources from there on are returned. Else the positions of updates that break invariants
    alone: the stored version may break the same ones.
    """
    breaking = set()
    for number, entry in enumerate(entries):
        require_time()
        if refused and refused.position < entry.position:
            raise refused.error
        with at_entry(entry.position, entry.request.type.name):
            require_own_condition(entry.request.caller, entry.request.type, entry.request.condition)
        if request := requests.get(entry.position):
            faults, breaks = _faults_of(entry, request)
            if faults:
                return [faults, *_further_faults(entries[number + 1 :], requests)], frozenset()
            if breaks:
                breaking.add(entry.position)
            with at_entry(entry.position, request.type.name):
                require_own_resource(request)
    if refused:
        raise refused.error
    return [], frozenset(breaking)


def _further_faults(entries: Sequence[WriteEntry], requests: Mapping[int, WriteRequest]) -> Iterator[list[Issue]]:
    """Yield the faults of each invalid resource."""
    for entry in entries:
        if request := requests.get(entry.position):
            with suppress(OutcomeError):
                faults, _ = _faults_of(entry, request)
                if faults:
                    yield faults


def _faults_of(entry: WriteEntry, request: WriteRequest) -> tuple[list[Issue], bool]:
    """Return the faults of a resource but for its references, and whether an update breaks invariants alone.

    Raises the outcome 413 for one too large.
    """
    name = request.type.name
    with at_entry(entry.position, name):
        faults, broken = resource_faults(request.resource)
    if broken and not faults and request.kind is Kind.UPDATE:
        return [], True
    return [
        replace(each, expression=place_in(each.expression, entry.position, name)) for each in faults + broken
    ], False


def require_own_resource(request: WriteRequest) -> None:
    """Raise the 403 outcomes for a valid resource that the caller may not write; no stored version is needed."""
    require_own(request.caller, request.type, request.resource, request.id, request.root)
    if request.kind is Kind.CREATE:
        require_opened(request, request.resource)
        require_own_identifiers(request.caller, request.type, {}, request.resource)
