"""`Patient/{id}/$everything`: a patient's whole record, as far as the token opens it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import Bundle, outcome_entry
from careconnect.fhir.resource_types import Follow
from careconnect.search.cursor import Cursor
from fhir_reader.read_resource import read_resource
from fhir_reader.request_budget import MOST_ENTRIES
from fhir_reader.search.context import SearchContext
from fhir_reader.search.named_patients import audit_named_patients
from fhir_reader.search.page import fill_page
from fhir_reader.search.query import Include, SearchQuery
from fhir_reader.store.stored import OWN_PLACE, Entry

EVERYTHING: Final = "$everything"

MOST_EXAMINED: Final = 1_000
"""Entries of the compartment that one page examines; a total is told if they are all."""


@dataclass(frozen=True, slots=True)
class _ScanResult:
    """A part of a compartment: what the caller may find in it, each with its place.

    `found` counts all of them, of which `offered` are the first; the part ends at the place `end`, and with the
    compartment itself if `is_last`.
    """

    offered: list[tuple[str, Entry]]
    found: int
    end: str
    is_last: bool


def patient_everything(patient: str, query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the warnings, the patient and its record by type and date, and what a page's resources refer to.

    A type that the token may not both read and search is neither returned nor counted. A page examines a bounded part
    of the compartment, so that it may be short, or empty, and still have a next one; `total` is told where the first
    page saw everything. Raises the outcomes of a read of the patient, and 400 for a foreign cursor or for a count that
    is asked for and too costly (STU3 Patient §8.1.14.1).
    """
    patient_type, used, count = query.type, query.used, context.result.count
    is_number = context.result.only_total
    links = [("self", context.links.url(used))]
    told = [outcome_entry(OperationOutcome(tuple(query.warnings)), context.view)] if query.warnings else []
    # Whoever asks for the number alone gets it, or is told what it costs.
    most = MOST_ENTRIES if is_number else MOST_EXAMINED
    with context.budget.charged_to(EVERYTHING):
        cursor = context.links.open_cursor(used, query.cursor) if query.cursor and not is_number else None
        audit_named_patients(patient_type, context)
        after, wanted = (str(cursor.place[0]), count) if cursor else ("", None)
        record: Iterator[tuple[str, Entry]] = iter(())
        if context.caller.sees(patient_type, patient, ()):
            # Beside the patient itself, and dropped if that is not to be had.
            record = context.store.compartment(patient_type, patient, after, 1 + (most if wanted is None else wanted))
    read_resource(context.store, context.caller, patient_type, patient)
    with context.budget.charged_to(EVERYTHING):
        stretch = _scan(record, after, context, most=most, wanted=wanted)
        if is_number:
            return Bundle(stretch.found, links, told)
        total = cursor.total if cursor else (stretch.found if stretch.is_last else None)
        matches = [entry for _, entry in stretch.offered[:count]]
        includes = [
            Include(type_, parameter)
            for type_ in {match.type.name: match.type for match in matches}.values()
            for parameter in type_.followed(Follow.EVERYTHING)
        ]
        page = fill_page(matches, includes, (), context)
    if page.taken < len(stretch.offered):
        place, _ = stretch.offered[page.taken - 1]
        links.append(("next", context.links.next_url(used, Cursor([place], total))))
    elif not stretch.is_last:
        links.append(("next", context.links.next_url(used, Cursor([stretch.end], total))))
    return Bundle(total, links, [*told, *page.entries])


def _scan(
    record: Iterator[tuple[str, Entry]], after: str, context: SearchContext, *, most: int, wanted: int | None
) -> _ScanResult:
    """Examine at most `most` entries of a `record`, and none beyond the first that is more than `wanted`."""
    offered: list[tuple[str, Entry]] = []
    found, end = 0, after
    for examined, (place, entry) in enumerate(record):
        if examined == most:
            return _ScanResult(offered, found, end, is_last=False)
        end = place
        # The patient itself was read before.
        if place == OWN_PLACE or context.caller.may_find(entry.type):
            found += 1
            if len(offered) <= context.result.count:
                offered.append((place, entry))
        if wanted is not None and found > wanted:
            return _ScanResult(offered, found, end, is_last=False)
    return _ScanResult(offered, found, end, is_last=True)
