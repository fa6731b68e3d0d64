"""Choose the index ranges that answer a search with the fewest entries read (ADR 3).

The most selective criterion gives the ranges; every criterion, that one included, is then compared on the
values stored with the entries, so a plan may be generous but never wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from careconnect.record_keys import (
    LONGEST_REFERENCE,
    SHARDS,
    reference_prefix,
    string_partition,
    string_prefix,
    token_partition,
    token_prefix,
    type_partition,
)
from careconnect.resource_types import Modifier, ParameterType, Rank, ResourceType, SearchParameter, valid_id
from careconnect.search_values import FIRST_INSTANT, normalise
from fhir_reader.search.criteria import Criterion, DateBound, Token
from fhir_reader.store.stored import IndexRange

_LOOKED_UP: Final = ("", Modifier.EXACT)
"""The modifiers whose values stand at the beginning of an entry."""

_AFTER_ID: Final = "#\U0010ffff"

_LONGEST_PARTIAL_DATE: Final = 366 * 86_400_000


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to look: ids that are named outright, or index ranges of one type.

    `named_after` is the parameter whose index it is; without one it is the whole type.
    """

    ids: tuple[str, ...] | None = None
    ranges: tuple[IndexRange, ...] = ()
    named_after: str = ""

    @property
    def ordered(self) -> bool:
        """Say whether every range lies in the type's default order."""
        return self.ids is None and all(one.ordered for one in self.ranges)

    def from_place(self, order: str, resource_id: str, expected: int = 0) -> "Plan":
        """Return the plan for what comes at or after a place in the default order; only if `ordered`.

        `expected` is how many entries from there on are likely to be enough (0: all of them are wanted).
        """
        place = f"{order}#{resource_id}"
        return replace(
            self,
            ranges=tuple(
                replace(one, high=min(one.high, place) if one.high else place, expected=expected) for one in self.ranges
            ),
        )


def plan_search(type_: ResourceType, criteria: Sequence[Criterion]) -> Plan:
    """Choose how to look for the resources of a type that may match all of `criteria`."""
    low, high = _order_bounds(type_, criteria)
    best: tuple[Rank, Plan] | None = None
    for criterion in criteria:
        rank = criterion.parameter.rank
        if criterion.modifier not in _LOOKED_UP:
            continue
        if rank is Rank.KEY:
            # Nothing else can be an id, and a key may not be as long as a query.
            codes = (value.code for value in criterion.values if valid_id(value.code))
            return Plan(ids=tuple(dict.fromkeys(codes)), named_after=criterion.parameter.name)
        ranges = _ranges(type_, criterion, low, high)
        if ranges is not None and (best is None or rank < best[0]):
            best = rank, Plan(ranges=tuple(dict.fromkeys(ranges)), named_after=criterion.parameter.name)
    if best is not None:
        return best[1]
    return Plan(ranges=tuple(IndexRange(type_partition(type_.name, shard), "", low, high) for shard in range(SHARDS)))


def _ranges(type_: ResourceType, criterion: Criterion, low: str, high: str) -> list[IndexRange] | None:
    """Return the ranges of one criterion, or None if it has no index of its own."""
    parameter = criterion.parameter
    indexed = type_.parameter(parameter.within) if parameter.within else parameter
    if indexed is None or not indexed.indexed:
        return None
    match parameter.type:
        case ParameterType.TOKEN:
            return _token_ranges(type_, indexed, criterion.values, low, high)
        case ParameterType.STRING:
            return [_string_range(type_, indexed, value) for value in criterion.values]
        case _:
            # A reference: dates have no entries of their own.
            return _reference_ranges(type_, indexed, criterion.values, low, high)


def _token_ranges(
    type_: ResourceType, parameter: SearchParameter, values: Sequence[Token], low: str, high: str
) -> list[IndexRange] | None:
    ranges: list[IndexRange] = []
    for value in values:
        if value.code is None:
            return None
        partition = token_partition(type_.name, parameter.name, value.code)
        if value.system is None:
            ranges.append(IndexRange(partition, "", ordered=False))
        else:
            ranges.append(IndexRange(partition, token_prefix(value.system), low, high))
    return ranges


def _string_range(type_: ResourceType, parameter: SearchParameter, text: str) -> IndexRange:
    """Return the range of the texts that begin as `text` does.

    A text of several words may match as a whole or word by word; either way some part begins with its first
    word, so that is what is looked up.
    """
    beginning = normalise(text).split(" ")[0]
    return IndexRange(string_partition(type_.name, parameter.name, beginning), string_prefix(beginning), ordered=False)


def _reference_ranges(
    type_: ResourceType, parameter: SearchParameter, values: Sequence[str], low: str, high: str
) -> list[IndexRange] | None:
    if any(len(value.encode()) > LONGEST_REFERENCE for value in values):
        return None
    prefix = reference_prefix(type_.name, parameter.name)
    # An empty text stands for what cannot match: an id of another type than the modifier names.
    return [IndexRange(value, prefix, low, high) for value in values if value]


def _order_bounds(type_: ResourceType, criteria: Sequence[Criterion]) -> tuple[str, str]:
    """Return what the criteria on a type's ordering date say of the order key: its least and its greatest."""
    low, high = "", ""
    for criterion in criteria:
        if criterion.parameter.name != type_.order_by or criterion.modifier or len(criterion.values) != 1:
            continue
        least, greatest = _bounds(criterion.values[0], period=_may_be_period(criterion.parameter))
        if least is not None:
            low = max(low, _order_text(least))
        if greatest is not None:
            bound = _order_text(greatest) + _AFTER_ID
            high = min(high, bound) if high else bound
    return low, high


def _bounds(bound: DateBound, *, period: bool) -> tuple[int | None, int | None]:
    match bound.prefix:
        case "eq":
            return bound.low, bound.high
        case "sa":
            return bound.high, None
        case "lt" | "eb":
            return None, bound.low
        case "le":
            return None, bound.high
        case "ap":
            return None, bound.high
        case "gt" | "ge" if not period:
            # What ends after the bound may begin before it, by as much as the least precise date covers.
            return bound.low - _LONGEST_PARTIAL_DATE, None
        case _:
            return None, None


def _may_be_period(parameter: SearchParameter) -> bool:
    return any(path.lower().endswith("period") for path in parameter.paths)


def _order_text(instant: int) -> str:
    return f"{max(instant - FIRST_INSTANT, 0):015d}"
