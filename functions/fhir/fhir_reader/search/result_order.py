"""The order of results that are sorted in memory, and the cursor positions in it that a `next` link can hold."""

from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any, Final

from careconnect.fhir.resource_types import ParameterType
from careconnect.search.result_parameters import Order
from careconnect.search.values import UNDATED, SearchValues, normalise
from fhir_reader.store.stored import Entry, IndexOrder, Position

_SORTED_BY: Final = 200
"""Leading characters of a text in a sort value, which a `next` link contains."""


class ResultOrder:
    """The order that `_sort` requests (ties by ascending id), or an order that an index has too."""

    def __init__(self, sort: Sequence[Order], index: IndexOrder | None) -> None:
        self._sort = sort
        self._index = index
        self._comparable: Callable[[Position], Any] = cmp_to_key(self._compare)

    def key(self, position: Position) -> Any:
        """Return the sort key of a cursor position."""
        return self._comparable(position)

    def position(self, entry: Entry) -> Position:
        """Return an entry's cursor position."""
        if self._index is not None:
            return self._index.position(entry)
        values = entry.values
        return [*(_sort_value(order, values) for order in self._sort), entry.id]

    def is_after(self, position: Position, other: Position) -> bool:
        """Return True if a cursor position comes after another one."""
        return self._compare(position, other) > 0

    def _compare(self, a: Position, b: Position) -> int:
        if self._index is not None:
            if self._index is IndexOrder.EARLIEST_FIRST:
                a, b = [a[0] == UNDATED, *a], [b[0] == UNDATED, *b]
            if self._index.descending:
                a, b = b, a
            return (a > b) - (a < b)
        for order, left, right in zip(self._sort, a, b, strict=False):
            if left == right:
                continue
            # Entries without a value come last, in ascending and in descending order.
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
            return pick(normalise(text)[:_SORTED_BY] for text in stored)
