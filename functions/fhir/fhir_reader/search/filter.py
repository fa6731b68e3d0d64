"""Filter index entries, and the patients that a request names, by the caller's compartment and scopes (`opened`).

The patients that a request names are looked up beside its own work (`audit.md`, Whose).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Final

from careconnect.audit.disclosures import NOBODY
from careconnect.audit.query import MAX_PATIENTS, PATIENT
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ID_PARAMETER, ResourceType, Table
from careconnect.oauth.caller import Caller
from careconnect.search.criteria import Criterion, Token, parse_criterion
from careconnect.search.stored_values import predicate_of
from fhir_reader.budget import COMPARISONS_PER_ENTRY
from fhir_reader.opened import SEARCHED, Letters, opens_entry, search_limits
from fhir_reader.search.access_paths import index_paths
from fhir_reader.search.context import SearchContext
from fhir_reader.store.stored import Entry, PageEntry

_IDENTIFIER: Final = next(each for each in PATIENT.parameters if each is PATIENT.condition)
_EXPECTED: Final = 2
"""Estimated entries of one identifier: one patient, and one more."""


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The entries that meet a condition among the first `decided` of some; the others could not be afforded."""

    entries: list[Entry]
    decided: int


Predicate = Callable[[Entry], bool]
"""Returns True if an entry is a match."""


def compiled(type_: ResourceType, criteria: Sequence[Criterion], context: SearchContext) -> Predicate:
    """Return a predicate that compares entries of a type with criteria.

    Expensive comparisons are counted in the request's budget, which may raise.
    """
    comparisons = sum(criterion.comparisons for criterion in criteria)
    return _counted(predicate_of(type_, criteria), comparisons, context)


def _counted(matches: Predicate, comparisons: int, context: SearchContext) -> Predicate:
    extra = comparisons // COMPARISONS_PER_ENTRY
    if not extra:
        return matches

    def counted(entry: Entry) -> bool:
        context.budget.examine(extra)
        return matches(entry)

    return counted


def visible(type_: ResourceType, criteria: Sequence[Criterion], context: SearchContext) -> Predicate | None:
    """Return the predicate of the entries that the caller may see and that meet criteria, None if all are matches.

    What limits the caller is compared at no charge, even if the access path holds nothing else; what the plan has
    among its criteria is charged with these.
    """
    caller = context.caller
    limits = search_limits(type_, caller)
    own = [one for one in (*compartment_criterion(type_, caller), *limits.criteria) if one not in criteria]
    if not (criteria or own or not limits.is_complete):
        return None
    matches = predicate_of(type_, [*own, *criteria])
    comparisons = limits.comparisons + sum(criterion.comparisons for criterion in criteria)
    if limits.is_complete:
        return _counted(matches, comparisons, context)
    return _counted(lambda entry: matches(entry) and opens_entry(caller, entry, SEARCHED), comparisons, context)


def is_in_compartment(entry: Entry | PageEntry, context: SearchContext) -> bool:
    """Return True if an entry is within the caller's compartment."""
    caller = context.caller
    return not caller.patient or caller.sees(entry.type, entry.id, entry.patients)


def is_visible(entry: Entry | PageEntry, context: SearchContext, letters: Letters) -> bool:
    """Return True if an entry is within the caller's compartment, and each of the letters opens its resource."""
    return is_in_compartment(entry, context) and opens_entry(context.caller, entry, letters)


def compartment_criterion(type_: ResourceType, caller: Caller) -> Iterator[Criterion]:
    """Yield the criterion that limits a bound caller's search to its compartment, so that the plan can use it."""
    if not caller.patient:
        return
    if type_.is_patient:
        yield Criterion(ID_PARAMETER, "", (Token(None, caller.patient),))
    elif (reference := type_.patient_parameter) is not None:
        yield Criterion(reference, "", tuple(f"{target}/{caller.patient}" for target in reference.targets))


def disclose_named_patients(type_: ResourceType, context: SearchContext) -> None:
    """Disclose the patients that a valid request names, before any look-up.

    Those that the caller may not see are hidden. A request to the directory is about no patient. Raises the outcomes
    429, and 400 if those who are named leave no place for a match.
    """
    if type_.table is Table.DIRECTORY:
        context.found.disclose([NOBODY])
        return
    if context.places and not context.found.has_room_for(context.named, context.places):
        # Whatever is stored: a match would be of one patient too many to record.
        raise outcomes.too_many_patients()
    context.found.disclose(_seen(context.named, context))
    if context.identifiers:
        _look_up(context)


def _look_up(context: SearchContext) -> None:
    """Look up the patients with the requested identifiers beside the search: one query for each."""
    parsed = parse_criterion(_IDENTIFIER, "", ",".join(context.identifiers), fhir_base=context.fhir_base, now=0)
    # A system alone identifies no patient.
    criterion = Criterion(_IDENTIFIER, "", tuple(value for value in parsed.values if value.code))
    if not criterion.values:
        return
    (path,) = index_paths(PATIENT, [criterion])
    context.budget.look_up(len(path.ranges))
    ranges = [replace(one, expected=_EXPECTED) for one in path.ranges]
    matches = predicate_of(PATIENT, [criterion])
    streams = context.uncharged.entries(PATIENT, ranges)

    def find() -> Sequence[str]:
        parts = (islice(chain.from_iterable(stream.parts()), MAX_PATIENTS + 1) for stream in streams)
        patients = _seen([entry.id for entry in chain.from_iterable(parts) if matches(entry)], context)
        if not context.found.has_room_for(patients, max(context.places, 1)):
            context.found.disclose_first(patients)
            raise outcomes.too_many_patients()
        return patients

    context.found.disclose_found(find)


def _seen(patients: Sequence[str], context: SearchContext) -> list[str]:
    """Return the patients that the caller may see, and hide the others."""
    hidden = [patient for patient in patients if not context.caller.sees(PATIENT, patient, ())]
    context.found.hide(hidden)
    return [patient for patient in patients if patient not in hidden]
