"""`Patient/{id}/$everything`: a patient's whole record, as far as the token opens it."""

from collections.abc import Iterator
from itertools import islice

from careconnect.outcomes import OperationOutcome
from careconnect.resource_types import Follow, ResourceType
from fhir_reader.read_resource import read_resource
from fhir_reader.rendering.bundle import Bundle, outcome_entry
from fhir_reader.search.context import SearchContext
from fhir_reader.search.next_link import Cursor
from fhir_reader.search.page import fill_page
from fhir_reader.search.query import Include, SearchQuery
from fhir_reader.store.stored import Entry

_FIRST = "!"
"""The place of the patient itself: before every entry of its compartment."""


def patient_everything(patient: str, query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the patient and its record by type and date, what a page's resources refer to, and the warnings.

    A type that the token may not both read and search is neither returned nor counted. Raises the outcomes of
    a read of the patient, and 400 for a foreign cursor (STU3 Patient §8.1.14.1).
    """
    patient_type, used = query.type, query.used
    read_resource(context.store, context.caller, patient_type, patient, context.view.format)
    count = context.result.count
    if query.cursor:
        opened = context.open_cursor(used, query.cursor)
        after, total = str(opened.place[0]), opened.total
        offered = list(islice(_record(patient_type, patient, after, context, expected=count + 1), count + 1))
    else:
        offered = list(_record(patient_type, patient, "", context))
        total = len(offered)
    links = [("self", context.url(used))]
    told = [outcome_entry(OperationOutcome(tuple(query.warnings)), context.view.format)] if query.warnings else []
    if context.result.only_total:
        return Bundle(total, links, told)
    matches = [entry for _, entry in offered[:count]]
    includes = [
        Include(type_, parameter)
        for type_ in {match.type.name: match.type for match in matches}.values()
        for parameter in type_.followed(Follow.EVERYTHING)
    ]
    page = fill_page(matches, includes, (), context)
    if page.taken < len(offered):
        place, _ = offered[page.taken - 1]
        links.append(("next", context.next_url(used, Cursor([place], total))))
    return Bundle(total, links, [*page.entries, *told])


def _record(
    patient_type: ResourceType, patient: str, after: str, context: SearchContext, *, expected: int = 0
) -> Iterator[tuple[str, Entry]]:
    if not after:
        for entry in context.store.entries_by_id(patient_type, [patient]):
            yield _FIRST, entry
    for place, entry in context.store.compartment(patient_type, patient, "" if after == _FIRST else after, expected):
        if context.caller.may_find(entry.type):
            yield place, entry
