"""What an entry must be to match: the criteria on its own values, the caller's compartment, and what needs a lookup."""

from collections.abc import Callable, Sequence
from typing import Final

from careconnect.outcomes import OutcomeError
from careconnect.resource_types import ResourceType
from fhir_reader.budget import COMPARISONS_PER_ENTRY
from fhir_reader.search.context import SearchContext
from fhir_reader.search.criteria import Criterion
from fhir_reader.store.stored import BATCH, Entry

Keep = Callable[[Sequence[Entry]], list[Entry]]
"""Returns those of some entries that meet a condition on what they point at, or on what points at them."""

_KEPT_FOR_PAGE: Final = 30
"""Calls that are not spent on looking for matches, so that a page has some for its bodies and what it includes."""

_FIRST_LOOKUPS: Final = 8


class Filter:
    """Says of the entries of one type which of them match, and accounts for what it compares.

    `deep` are conditions that need lookups, of which one entry may take as many calls as `lookups` (0: as good as
    none, since they are made for a hundred entries at once).
    """

    def __init__(
        self,
        type_: ResourceType,
        criteria: Sequence[Criterion],
        context: SearchContext,
        deep: Sequence[Keep] = (),
        lookups: int = 0,
    ) -> None:
        self._type = type_
        self._context = context
        self._matchers = [criterion.matcher() for criterion in criteria]
        self._extra = sum(criterion.comparisons for criterion in criteria) // COMPARISONS_PER_ENTRY
        self._deep = deep
        self._lookups = lookups

    def may_match(self, entry: Entry) -> bool:
        """Say whether an entry is in sight and its own values match."""
        caller = self._context.caller
        if caller.patient and not caller.sees(self._type, entry.id, entry.patients):
            return False
        if not self._matchers:
            return True
        self._context.budget.examine(self._extra)
        values = entry.values
        return all(matches(values) for matches in self._matchers)

    def keep(self, entries: Sequence[Entry]) -> list[Entry]:
        """Return those of some entries that meet the conditions which need lookups, too."""
        kept = list(entries)
        for keep in self._deep:
            kept = keep(kept) if kept else kept
        return kept

    def keep_if_affordable(self, entries: Sequence[Entry]) -> list[Entry] | None:
        """Do the same, or return None if it would cost more than what the request has left."""
        try:
            return self.keep(entries)
        except OutcomeError as error:
            if error.status != 400:
                raise
            return None

    def chunk(self, before: int, wanted: int) -> int:
        """Return how many entries to look at together, after so many `before`; 0 if that cannot be afforded."""
        if not self._deep:
            return 1
        if not self._lookups:
            return min(max(2 * before, wanted), BATCH)
        affordable = max(self._context.budget.calls_left - _KEPT_FOR_PAGE, 0) // self._lookups
        if not before:
            return max(min(_FIRST_LOOKUPS, affordable), 1)
        return min(2 * before, affordable)

    def can_look_at(self, entries: int) -> bool:
        """Say whether so many entries can be looked at, as far as that is known."""
        return not self._lookups or entries * self._lookups <= self._context.budget.calls_left - _KEPT_FOR_PAGE
