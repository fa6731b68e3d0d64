"""Filter index entries by their own values and by the caller's compartment."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from careconnect.fhir.resource_types import ID_PARAMETER, ResourceType
from careconnect.oauth.caller import Caller
from careconnect.search.criteria import Criterion, Token
from fhir_reader.budget import COMPARISONS_PER_ENTRY
from fhir_reader.search.context import SearchContext
from fhir_reader.store.stored import Entry


@dataclass(frozen=True, slots=True)
class FilterResult:
    """The entries that meet a condition among the first `decided` of some; the others could not be afforded."""

    entries: list[Entry]
    decided: int


class EntryFilter:
    """Compares the values of entries with criteria, and counts expensive comparisons in the request's budget."""

    def __init__(self, criteria: Sequence[Criterion], context: SearchContext) -> None:
        self._context = context
        self._matchers = [criterion.matcher() for criterion in criteria]
        self._extra = sum(criterion.comparisons for criterion in criteria) // COMPARISONS_PER_ENTRY
        self.accepts_all = not criteria and not context.caller.patient
        """True if every entry matches and may be seen."""

    def matches(self, entry: Entry) -> bool:
        """Return True if the caller may see an entry and its values match."""
        return self.matching(entry) is not None

    def matching(self, entry: Entry) -> Entry | None:
        """Return an entry, with its values at hand, if the caller may see it and its values match, else None."""
        if not is_visible(entry, self._context):
            return None
        if not self._matchers:
            return entry
        if self._extra:
            self._context.budget.examine(self._extra)
        values = entry.values
        for matches in self._matchers:
            if not matches(values):
                return None
        return entry.holding(values)


def is_visible(entry: Entry, context: SearchContext) -> bool:
    """Return True if an entry is within the caller's compartment."""
    caller = context.caller
    return not caller.patient or caller.sees(entry.type, entry.id, entry.patients)


def compartment_criterion(type_: ResourceType, caller: Caller) -> Iterator[Criterion]:
    """Yield the criterion that limits a bound caller's search to its compartment, so that the plan can use it."""
    if not caller.patient:
        return
    if type_.is_patient:
        yield Criterion(ID_PARAMETER, "", (Token(None, caller.patient),))
    elif (reference := type_.patient_parameter) is not None:
        yield Criterion(reference, "", tuple(f"{target}/{caller.patient}" for target in reference.targets))
