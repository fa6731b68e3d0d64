"""The order of search results, and the cursor positions in it that a `next` link can hold."""

from collections.abc import Callable, Sequence
from enum import Enum, auto
from functools import cmp_to_key
from typing import Any

from careconnect.fhir.resource_types import LAST_UPDATED, ParameterType, Rank, ResourceType
from careconnect.search.result_parameters import Order
from careconnect.search.values import UNDATED, SearchValues, normalise, order_text
from fhir_reader.store.stored import Entry

Place = list[Any]
"""A cursor position: the sort values of a result, its id last; every part is JSON."""


class IndexOrder(Enum):
    """The orders in which an index holds all of a type, so that the cost of a page depends only on its size."""

    LATEST_FIRST = auto()
    """By the type's date, then by the greater id, undated last: the default."""
    EARLIEST_FIRST = auto()
    """By the type's date, then by the lesser id, undated last."""
    CHANGED_LAST_FIRST = auto()
    """By the time of the last change, then by id, both descending."""
    CHANGED_FIRST_FIRST = auto()
    """By the time of the last change, then by id, both ascending."""

    @property
    def by_change(self) -> bool:
        """Return True if this is an order of the index of last changes."""
        return self in (IndexOrder.CHANGED_LAST_FIRST, IndexOrder.CHANGED_FIRST_FIRST)

    @property
    def descending(self) -> bool:
        """Return True if positions descend."""
        return self in (IndexOrder.LATEST_FIRST, IndexOrder.CHANGED_LAST_FIRST)


class ResultOrder:
    """The default order, or the order that `_sort` requests (ties by ascending id, if no index has this order)."""

    def __init__(self, type_: ResourceType, sort: Sequence[Order]) -> None:
        self._sort = sort
        self._index = _index_order(type_, sort)
        self._comparable: Callable[[Place], Any] = cmp_to_key(self._compare)

    @property
    def index(self) -> IndexOrder | None:
        """The index that holds all of the type in this order, if there is one."""
        return self._index

    def key(self, entry: Entry) -> Any:
        """Return the sort key of an entry."""
        return self._comparable(self.place(entry))

    def place(self, entry: Entry) -> Place:
        """Return an entry's cursor position."""
        if self._index is None:
            values = entry.values
            return [*(_sort_value(order, values) for order in self._sort), entry.id]
        if self._index.by_change:
            return [order_text(entry.values[LAST_UPDATED.name][0][0]), entry.id]
        return [entry.order, entry.id]

    def is_after(self, entry: Entry, place: Place) -> bool:
        """Return True if an entry comes after a cursor position."""
        return self._compare(self.place(entry), place) > 0

    def _compare(self, a: Place, b: Place) -> int:
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


def _index_order(type_: ResourceType, sort: Sequence[Order]) -> IndexOrder | None:
    if not sort:
        return IndexOrder.LATEST_FIRST
    if len(sort) > 1:
        return None
    parameter, descending = sort[0].parameter, sort[0].descending
    if parameter.name == LAST_UPDATED.name:
        return IndexOrder.CHANGED_LAST_FIRST if descending else IndexOrder.CHANGED_FIRST_FIRST
    # A type without a date is ordered by id alone.
    is_own = parameter.name == type_.order_by if type_.order_by else parameter.rank is Rank.KEY
    if not is_own:
        return None
    return IndexOrder.LATEST_FIRST if descending else IndexOrder.EARLIEST_FIRST


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
