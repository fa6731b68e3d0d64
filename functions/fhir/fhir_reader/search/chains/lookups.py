"""Filter entries by chained conditions, which their own values do not decide."""

from collections.abc import Sequence
from typing import Final

from fhir_reader.search.chains.criteria import ChainedCondition, asks_of_each
from fhir_reader.search.chains.resolve import filter_entries
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import FilterResult
from fhir_reader.store.stored import BATCH, Entry

_FIRST_LOOKUPS: Final = 8
"""Entries that are looked up together at first, where each takes a call."""


class ChainLookups:
    """Looks up the chained conditions of one search, several entries at a time."""

    def __init__(self, conditions: Sequence[ChainedCondition], context: SearchContext) -> None:
        self._conditions = conditions
        self._context = context
        self._calls_for_each = any(map(asks_of_each, conditions))

    def filter(self, entries: Sequence[Entry], required: int) -> FilterResult:
        """Return the entries that meet the conditions, for as many of them as the request can afford.

        Raises the 400 outcome `too-costly` if these would be fewer than `required`.
        """
        return filter_entries(self._conditions, entries, self._context, required=required)

    def batch_size(self, before: int, wanted: int) -> int:
        """Return how many entries to look up together, after a batch of `before`."""
        # If only the number is wanted: as many as one call can look up.
        first = _FIRST_LOOKUPS if self._calls_for_each else wanted or BATCH
        return min(max(2 * before, first), BATCH)

    def can_afford(self, entries: int) -> bool:
        """Return True if so many entries can be looked up, as far as that is known."""
        return not self._calls_for_each or entries < self._context.budget.calls_left
