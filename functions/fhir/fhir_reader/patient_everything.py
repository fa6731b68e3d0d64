"""`Patient/{id}/$everything`: the whole record of a patient, as far as the token permits."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from careconnect.fhir.interactions import EVERYTHING
from careconnect.fhir.outcomes import Issue, OperationOutcome
from careconnect.fhir.rendering.bundle import Bundle, outcome_entry
from careconnect.fhir.resource_types import Follow
from careconnect.search.links import Cursor
from fhir_reader.budget import MAX_ENTRIES
from fhir_reader.opened import FOUND, opens_entry
from fhir_reader.read_resource import read_resource
from fhir_reader.record_selection import RecordSelection, selection_of
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import disclose_named_patients
from fhir_reader.search.page import fill_page
from fhir_reader.search.parse import Include, SearchQuery
from fhir_reader.store.stored import Entry

MAX_MEMBERS: Final = 1_000
"""Compartment entries that one page examines. The Bundle has a total if these are all entries."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a compartment.

    `offered` are its first entries that the caller may find, each with its cursor position. `found` counts all entries
    that the caller may find. The part ends at the position `end`; if `is_last`, the compartment ends there too.
    """

    offered: list[tuple[str, Entry]]
    found: int
    end: str
    is_last: bool


def patient_everything(patient: str, query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the patient, its record by type and date, and the resources that a page's resources refer to.

    The parameters select by type, date and change. A type that the token may not both read and search is neither
    looked up nor counted, and the first page names it. A page examines a bounded part of the selected types: by date or
    change it may be short, or empty, and still have a next page. `total` is present if the first page examined
    everything. Raises the outcomes of a read of the patient, and 400 for a foreign cursor or for a requested count that
    is too costly (STU3 Patient §8.1.14.1).
    """
    patient_type, used, count = query.type, query.used, context.result.count
    selection = selection_of(query)
    members = [type_ for type_, _ in patient_type.members.values() if type_.name in selection.types]
    left_out = [each.name for each in members if not context.caller.may_find(each)]
    selection = replace(selection, types=frozenset(selection.types).difference(left_out))
    is_number = context.result.only_total
    links = [("self", context.links.url(used))]
    said = query.warnings if query.cursor or not left_out else [*query.warnings, _told_of(left_out)]
    warned = [outcome_entry(OperationOutcome(tuple(said)), context.result.view)] if said else []
    # A request for the count alone returns the count, or fails as too costly.
    limit = MAX_ENTRIES if is_number else MAX_MEMBERS
    with context.budget.charged_to(EVERYTHING.operation):
        cursor = context.links.open_cursor(used, query.cursor) if query.cursor and not is_number else None
        disclose_named_patients(patient_type, context)
        after, wanted = (str(cursor.position[0]), count) if cursor else ("", None)
        compartment: Iterator[list[tuple[str, Entry]]] = iter(())
        if context.caller.sees(patient_type, patient, ()):
            # Requested concurrently with the patient, and discarded if the patient cannot be read.
            expected = 1 + (limit if wanted is None else wanted)
            compartment = context.store.compartment(patient_type, patient, after, expected, selection.types)
    read_resource(context.store, context.caller, patient_type, patient, context.found)
    with context.budget.charged_to(EVERYTHING.operation):
        part = _examine(compartment, after, selection, context, limit=limit, wanted=wanted)
        if is_number:
            return Bundle(part.found, links, warned)
        total = cursor.total if cursor else (part.found if part.is_last else None)
        matches = [entry for _, entry in part.offered[:count]]
        includes = [
            Include(type_, parameter)
            for type_ in {match.type.name: match.type for match in matches}.values()
            for parameter in type_.followed(Follow.EVERYTHING)
        ]
        page = fill_page(matches, includes, (), context, opened_by=FOUND)
    if page.taken < len(part.offered):
        position, _ = part.offered[page.taken - 1]
        links.append(("next", context.links.next_url(used, Cursor([position], total))))
    elif not part.is_last:
        links.append(("next", context.links.next_url(used, Cursor([part.end], total))))
    return Bundle(total, links, [*warned, *page.entries])


def _told_of(left_out: Sequence[str]) -> Issue:
    """Return the information that types are left out, whether the patient has any or not."""
    text = f"Left out, as the token may not both read and search these types: {', '.join(left_out)}."
    return Issue("suppressed", text, "information")


def _examine(
    compartment: Iterable[list[tuple[str, Entry]]],
    after: str,
    selection: RecordSelection,
    context: SearchContext,
    *,
    limit: int,
    wanted: int | None,
) -> _Part:
    """Examine at most `limit` entries of a compartment; stop once more than `wanted` are found."""
    offered: list[tuple[str, Entry]] = []
    found, end, examined = 0, after, 0
    for entries in compartment:
        for position, entry in entries:
            context.budget.examined += 1
            if examined == limit:
                # As many as a request may examine end it: a count of them would be no count of all.
                context.budget.check()
                return _Part(offered, found, end, is_last=False)
            examined += 1
            end = position
            # Reading the patient already checked the access to it.
            if not entry.is_trace and selection.holds(entry) and opens_entry(context.caller, entry, FOUND):
                found += 1
                if len(offered) <= context.result.count:
                    offered.append((position, entry))
            if wanted is not None and found > wanted:
                return _Part(offered, found, end, is_last=False)
        context.budget.check()
    return _Part(offered, found, end, is_last=True)
