"""What an entry must be to match: by its own values, and by what is looked up for it."""

from collections.abc import Sequence
from typing import Final

from fhir_reader.search.chained_criteria import ChainedCondition, asks_of_each
from fhir_reader.search.context import SearchContext
from fhir_reader.search.own_values import OwnValues
from fhir_reader.search.resolve_chains import FilterResult, filter_entries
from fhir_reader.store.stored import BATCH, Entry

_FIRST_LOOKUPS: Final = 8
"""Entries that are looked at together to begin with, where each takes a call."""


class Filter:
    """Says of the entries of one type which of them match."""

    def __init__(self, own: OwnValues, context: SearchContext, chained: Sequence[ChainedCondition] = ()) -> None:
        self._own = own
        self._context = context
        self._chained = chained
        self._calls_for_each = any(map(asks_of_each, chained))

    def matching(self, entry: Entry) -> Entry | None:
        """Return an entry if it is in sight and its own values match, else None."""
        return self._own.matching(entry)

    @property
    def looks_up(self) -> bool:
        """Whether something is looked up for an entry that its own values do not say."""
        return bool(self._chained)

    def filter_entries(self, entries: Sequence[Entry], at_least: int) -> FilterResult:
        """Return those of some entries that meet what needs lookups too, for as many as the request can afford.

        Raises the 400 outcome `too-costly` if these would be fewer than `at_least`.
        """
        return filter_entries(self._chained, entries, self._context, at_least=at_least)

    def chunk(self, before: int, wanted: int) -> int:
        """Return how many entries to look at together, after so many `before`."""
        # Nothing is wanted but the number: then all that one call can look up.
        first = _FIRST_LOOKUPS if self._calls_for_each else wanted or BATCH
        return min(max(2 * before, first), BATCH)

    def can_look_at(self, entries: int) -> bool:
        """Say whether so many entries can be looked at, as far as that is known."""
        return not self._calls_for_each or entries < self._context.budget.calls_left
