"""Find the ways on which a search may be answered (ADR 3, ADR 21).

A way is a few ranges of the index. Every criterion is then compared on the values stored with the entries, so a way
may be generous but never wrong; but for a reference, whose range holds nothing else. Which of the ways is taken is for
`plan_query.py` to say.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from careconnect.fhir.resource_types import (
    LAST_UPDATED,
    Modifier,
    ParameterType,
    Rank,
    ResourceType,
    SearchParameter,
    valid_id,
)
from careconnect.search.criteria import Criterion, DateBound, Token
from careconnect.search.values import FIRST_INSTANT, LONGEST_SHORT_PERIOD, UNDATED, normalise, order_text
from careconnect.storage.keys import (
    LONGEST_REFERENCE,
    SHARDS,
    change_partition,
    period_partition,
    reference_prefix,
    string_partition,
    string_prefix,
    token_partition,
    token_prefix,
    type_partition,
)
from fhir_reader.search.result_order import IndexOrder
from fhir_reader.store.stored import IndexRange

_LOOKED_UP: Final = ("", Modifier.EXACT)
"""The modifiers whose values stand at the beginning of an entry."""

"""Prefixes that find what may have begun long before."""

_FEW: Final = 25
"""Long periods that are asked for at first: what has one is rare in most types."""

_AFTER_ID: Final = "#\U0010ffff"
_FIRST_DATED: Final = order_text(FIRST_INSTANT + 1)


@dataclass(frozen=True, slots=True)
class AccessPath:
    """Ranges of the index that hold whatever may match, and the parameter whose index it is.

    Without a parameter it is the whole type. Ranges of `then` come after all of `ranges`. `low` and `high` bound the
    order key of what may match. All that lies on it meets the criterion that it `settles`.
    """

    ranges: tuple[IndexRange, ...]
    rank: Rank = Rank.COMPARED
    named_after: str = ""
    then: tuple[IndexRange, ...] = ()
    low: str = ""
    high: str = ""
    of_tokens: bool = False
    satisfies: Criterion | None = None

    @property
    def is_ordered(self) -> bool:
        """Say whether every range lies in the order of the type."""
        return all(one.ordered for one in self.ranges)

    def in_order(self, order: IndexOrder, *, dated: bool) -> "AccessPath":
        """Return the same so that it is read in an order of the index; `dated` says that its type has a date."""
        if order.descending:
            return self
        forward = tuple(replace(one, forward=True) for one in self.ranges)
        if order.by_change or not dated:
            return replace(self, ranges=forward)
        return replace(
            self,
            ranges=tuple(replace(one, low=max(one.low, _FIRST_DATED)) for one in forward),
            # What is undated comes last this way too.
            then=tuple(replace(one, high=UNDATED + _AFTER_ID) for one in forward if one.low <= UNDATED),
        )

    def from_place(self, place: Sequence[str]) -> "AccessPath":
        """Return the way for what comes at or after a place in the order in which its ranges are read."""
        key = "#".join(place)
        if self.then and place[0] == UNDATED:
            return replace(self, ranges=tuple(_from(one, key) for one in self.then), then=())
        return replace(self, ranges=tuple(_from(one, key) for one in self.ranges))


def _from(one: IndexRange, key: str) -> IndexRange:
    if one.forward:
        return replace(one, low=max(one.low, key))
    return replace(one, high=min(one.high, key) if one.high else key)


def named_ids(criteria: Sequence[Criterion]) -> tuple[str, ...] | None:
    """Return the ids that a search names outright, or None if it names none."""
    for criterion in criteria:
        if criterion.parameter.rank is Rank.KEY and criterion.modifier in _LOOKED_UP:
            # Nothing else can be an id, and a key may not be as long as a query.
            codes = (value.code for value in criterion.values if valid_id(value.code))
            return tuple(dict.fromkeys(codes))
    return None


def uses_last_updated(criteria: Iterable[Criterion]) -> bool:
    """Say whether the index of last changes is of use to a search."""
    return any(_change_bounds(criteria))


def index_paths(type_: ResourceType, criteria: Sequence[Criterion]) -> list[AccessPath]:
    """Return a way for each criterion that has an index, the most selective kind first."""
    low, high = _order_bounds(type_, criteria, periods=False)
    paths = []
    for criterion in criteria:
        ranges = _ranges(type_, criterion, low, high) if criterion.modifier in _LOOKED_UP else None
        if ranges is not None:
            parameter = criterion.parameter
            path = AccessPath(tuple(dict.fromkeys(ranges)), parameter.rank, parameter.name, low=low, high=high)
            of_tokens, satisfies = parameter.type is ParameterType.TOKEN, criterion if _is_exact(criterion) else None
            paths.append(replace(path, of_tokens=of_tokens, satisfies=satisfies))
    if uses_last_updated(criteria):
        paths.append(replace(change_path(type_, criteria), rank=Rank.SHARED))
    return sorted(paths, key=lambda path: path.rank)


def type_path(type_: ResourceType, criteria: Sequence[Criterion]) -> AccessPath:
    """Return the way through all of a type, within what the criteria say of the date that orders it."""
    low, high = _order_bounds(type_, criteria, periods=True)
    ranges = [IndexRange(type_partition(type_.name, shard), "", low, high) for shard in range(SHARDS)]
    if low and any(_may_be_period(one) for one in type_.parameters if one.name == type_.order_by):
        # What has a long period may have begun before, and there is little of it.
        partitions = (period_partition(type_.name, shard) for shard in range(SHARDS))
        ranges += [IndexRange(partition, "", "", high, expected=_FEW) for partition in partitions]
    return AccessPath(tuple(ranges), low=low, high=high)


def change_path(type_: ResourceType, criteria: Sequence[Criterion]) -> AccessPath:
    """Return the way through all of a type by the time of the last change, within what the criteria say of that."""
    low, high = _change_bounds(criteria)
    partitions = (change_partition(type_.name, shard) for shard in range(SHARDS))
    ranges = tuple(IndexRange(partition, "", low, high, ordered=False) for partition in partitions)
    return AccessPath(ranges, named_after=LAST_UPDATED.name)


def split_by_system(path: AccessPath, systems: Mapping[str, Sequence[str]]) -> AccessPath:
    """Return a way in order instead of one over tokens of any system, given the prefixes that a partition holds."""
    ranges: list[IndexRange] = []
    for one in path.ranges:
        if one.ordered:
            ranges.append(one)
        else:
            ranges += (IndexRange(one.partition, prefix, path.low, path.high) for prefix in systems[one.partition])
    return replace(path, ranges=tuple(dict.fromkeys(ranges)))


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
        case ParameterType.COMPOSITE:
            # The first part is a code, by whose entries the composite is found.
            codes = [code for value in criterion.values for code in value[0]]
            return _token_ranges(type_, indexed, codes, low, high)
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


def _is_exact(criterion: Criterion) -> bool:
    """Say whether all that lies in the ranges of a criterion meets it: references do, to what their parameter is for.

    What is within another parameter shares its entries, and so has it entries of what it is not for itself.
    """
    parameter = criterion.parameter
    if parameter.type is not ParameterType.REFERENCE or parameter.within:
        return False
    return all(value.partition("/")[0] in parameter.targets for value in criterion.values)


def _reference_ranges(
    type_: ResourceType, parameter: SearchParameter, values: Sequence[str], low: str, high: str
) -> list[IndexRange] | None:
    if any(len(value.encode()) > LONGEST_REFERENCE for value in values):
        return None
    prefix = reference_prefix(type_.name, parameter.name)
    # An empty text stands for what cannot match: an id of another type than the modifier names.
    return [IndexRange(value, prefix, low, high) for value in values if value]


def _order_bounds(type_: ResourceType, criteria: Sequence[Criterion], *, periods: bool) -> tuple[str, str]:
    """Return what the criteria on a type's ordering date say of the order key: its least and its greatest.

    What ends after a bound may begin before it: by a year, as much as the least precise date covers, or more, in
    which case it has an entry among the long `periods`.
    """
    bounds = []
    for parameter, value in _single_values(criteria, type_.order_by):
        longest = None if _may_be_period(parameter) and not periods else LONGEST_SHORT_PERIOD
        bounds.append(_bounds(value, longest))
    return _key_bounds(bounds)


def _change_bounds(criteria: Iterable[Criterion]) -> tuple[str, str]:
    """Return what the criteria on the time of the last change say of it: its least and its greatest."""
    return _key_bounds([_bounds(value, 0) for _, value in _single_values(criteria, LAST_UPDATED.name)])


def _single_values(criteria: Iterable[Criterion], name: str) -> list[tuple[SearchParameter, DateBound]]:
    """Return the criteria on a date parameter that have one value and no modifier."""
    return [
        (criterion.parameter, criterion.values[0])
        for criterion in criteria
        if criterion.parameter.name == name and not criterion.modifier and len(criterion.values) == 1
    ]


def _key_bounds(bounds: Iterable[tuple[int | None, int | None]]) -> tuple[str, str]:
    low, high = "", ""
    for least, greatest in bounds:
        if least is not None:
            low = max(low, order_text(least))
        if greatest is not None:
            bound = order_text(greatest) + _AFTER_ID
            high = min(high, bound) if high else bound
    return low, high


def _bounds(bound: DateBound, longest: int | None) -> tuple[int | None, int | None]:
    """Return the least and the greatest instant at which what matches may begin.

    `longest` is how much of it there may be before what is compared, in milliseconds; None if that is not known.
    """
    begun = None if longest is None else bound.low - longest
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
            return begun, bound.high
        case "gt" | "ge":
            return begun, None
        case _:
            return None, None


def _may_be_period(parameter: SearchParameter) -> bool:
    return any(path.lower().endswith("period") for path in parameter.paths)
