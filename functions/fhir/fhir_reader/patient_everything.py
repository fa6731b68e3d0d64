"""`Patient/{id}/$everything`: the whole record of a patient, as far as the token opens it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import Bundle, outcome_entry
from careconnect.fhir.resource_types import Follow
from careconnect.search.links import Cursor
from fhir_reader.budget import MOST_ENTRIES
from fhir_reader.read_resource import read_resource
from fhir_reader.search.context import SearchContext
from fhir_reader.search.named_patients import audit_named_patients
from fhir_reader.search.page import fill_page
from fhir_reader.search.parse import Include, SearchQuery
from fhir_reader.store.stored import OWN_PLACE, Entry

EVERYTHING: Final = "$everything"

MOST_EXAMINED: Final = 1_000
"""Entries of the compartment that one page examines; a total is told if they are all."""


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a compartment: the first entries in it that the caller may find (`offered`), each with its place.

    `found` counts all of them. The part ends at the place `end`, and with the compartment itself if `is_last`.
    """

    offered: list[tuple[str, Entry]]
    found: int
    end: str
    is_last: bool


def patient_everything(patient: str, query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the patient, its record by type and date, and the resources that a page's resources refer to.

    A type that the token may not both read and search is neither returned nor counted. A page examines a bounded part
    of the compartment, so that it may be short, or empty, and still have a next one; `total` is there if the first
    page examined everything. Raises the outcomes of a read of the patient, and 400 for a foreign cursor or for a count
    that is asked for and too costly (STU3 Patient §8.1.14.1).
    """
    patient_type, used, count = query.type, query.used, context.result.count
    is_number = context.result.only_total
    links = [("self", context.links.url(used))]
    warned = [outcome_entry(OperationOutcome(tuple(query.warnings)), context.result.view)] if query.warnings else []
    # A request for the number alone gets it, or is refused as too costly.
    limit = MOST_ENTRIES if is_number else MOST_EXAMINED
    with context.budget.charged_to(EVERYTHING):
        cursor = context.links.open_cursor(used, query.cursor) if query.cursor and not is_number else None
        audit_named_patients(patient_type, context)
        after, wanted = (str(cursor.place[0]), count) if cursor else ("", None)
        compartment: Iterator[list[tuple[str, Entry]]] = iter(())
        if context.caller.sees(patient_type, patient, ()):
            # Requested together with the patient itself, and dropped if that cannot be read.
            expected = 1 + (limit if wanted is None else wanted)
            compartment = context.store.compartment(patient_type, patient, after, expected)
    read_resource(context.store, context.caller, patient_type, patient)
    with context.budget.charged_to(EVERYTHING):
        part = _examine(compartment, after, context, limit=limit, wanted=wanted)
        if is_number:
            return Bundle(part.found, links, warned)
        total = cursor.total if cursor else (part.found if part.is_last else None)
        matches = [entry for _, entry in part.offered[:count]]
        includes = [
            Include(type_, parameter)
            for type_ in {match.type.name: match.type for match in matches}.values()
            for parameter in type_.followed(Follow.EVERYTHING)
        ]
        page = fill_page(matches, includes, (), context)
    if page.taken < len(part.offered):
        place, _ = part.offered[page.taken - 1]
        links.append(("next", context.links.next_url(used, Cursor([place], total))))
    elif not part.is_last:
        links.append(("next", context.links.next_url(used, Cursor([part.end], total))))
    return Bundle(total, links, [*warned, *page.entries])


def _examine(
    compartment: Iterable[list[tuple[str, Entry]]],
    after: str,
    context: SearchContext,
    *,
    limit: int,
    wanted: int | None,
) -> _Part:
    """Examine at most `limit` entries of a compartment, and none beyond the first that is more than `wanted`."""
    offered: list[tuple[str, Entry]] = []
    found, end, examined = 0, after, 0
    may_find: dict[str, bool] = {}
    for entries in compartment:
        for place, entry in entries:
            context.budget.examined += 1
            if examined == limit:
                return _Part(offered, found, end, is_last=False)
            examined += 1
            end = place
            name = entry.type.name
            if name not in may_find:
                # The patient itself was read before.
                may_find[name] = place == OWN_PLACE or context.caller.may_find(entry.type)
            if may_find[name]:
                found += 1
                if len(offered) <= context.result.count:
                    offered.append((place, entry))
            if wanted is not None and found > wanted:
                return _Part(offered, found, end, is_last=False)
        context.budget.check()
    return _Part(offered, found, end, is_last=True)
