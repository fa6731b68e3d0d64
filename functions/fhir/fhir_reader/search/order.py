"""The order of search results, and places in it that a `next` link can hold."""

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

from careconnect.resource_types import ParameterType
from careconnect.search_values import SearchValues, normalise
from fhir_reader.search.result_parameters import Order
from fhir_reader.store.stored import Entry

Place = list[Any]
"""What a result is ordered by, its id last; every part is JSON."""


class ResultOrder:
    """The default order (latest first, then by id) or the one that `_sort` asks for (then by id)."""

    def __init__(self, sort: Sequence[Order]) -> None:
        self._sort = sort
        self._comparable: Callable[[Place], Any] = cmp_to_key(self._compare)

    @property
    def is_default(self) -> bool:
        """Say whether no other order was asked for."""
        return not self._sort

    def key(self, entry: Entry) -> Any:
        """Return what to sort an entry by."""
        return self._comparable(self.place(entry))

    def place(self, entry: Entry) -> Place:
        """Return an entry's place."""
        if self.is_default:
            return [entry.order, entry.id]
        values = entry.values
        return [*(_sort_value(order, values) for order in self._sort), entry.id]

    def is_after(self, entry: Entry, place: Place) -> bool:
        """Say whether an entry comes after a place."""
        return self._compare(self.place(entry), place) > 0

    def _compare(self, a: Place, b: Place) -> int:
        if self.is_default:
            return -1 if a > b else int(a < b)
        for order, left, right in zip(self._sort, a, b, strict=False):
            if left == right:
                continue
            # What has no value comes last, whichever way the rest goes.
            if left is None or right is None:
                return 1 if left is None else -1
            return 1 if (left > right) is not order.descending else -1
        return -1 if a[-1] < b[-1] else int(a[-1] > b[-1])


def _sort_value(order: Order, values: SearchValues) -> Any:
    stored = values.get(order.parameter.name, ())
    if not stored:
        return None
    pick = max if order.descending else min
    match order.parameter.type:
        case ParameterType.DATE:
            return pick(low for low, _ in stored)
        case ParameterType.TOKEN:
            return pick(code for _, code in stored)
        case _:
            return pick(normalise(text) for text in stored)
