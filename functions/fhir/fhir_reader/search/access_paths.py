"""Find the access paths of a search (ADR 3, ADR 21).

An access path consists of a few index ranges. Every criterion is then compared with the values stored in the entries.
An access path may therefore return too many entries, but never too few. The range of a reference is exact.
`plan_query.py` chooses the access path.
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
from fhir_reader.store.stored import IndexOrder, IndexRange

_LOOKED_UP: Final = ("", Modifier.EXACT)
"""The modifiers (none and `:exact`) that an index look-up supports."""

_FEW: Final = 25
"""Long periods that the first query requests: they are rare in most types."""

_AFTER_ID: Final = "#\U0010ffff"
_FIRST_DATED: Final = order_text(FIRST_INSTANT + 1)


@dataclass(frozen=True, slots=True)
class AccessPath:
    """Index ranges that contain every candidate, and the name of the indexed parameter (`named_after`).

    Without a parameter the access path covers the whole type. Ranges in `then` come after all in `ranges`. `low` and
    `high` bound the order key of the candidates. All entries on the path meet the criterion that it `satisfies`.
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
        """Return True if every range is sorted by the type's date."""
        return all(one.ordered for one in self.ranges)

    def in_order(self, order: IndexOrder, *, dated: bool) -> "AccessPath":
        """Return the access path read in an order of the index; `dated` is True if its type has a date."""
        if order.descending:
            return self
        forward = tuple(replace(one, forward=True) for one in self.ranges)
        if order.by_change or not dated:
            return replace(self, ranges=forward)
        return replace(
            self,
            ranges=tuple(replace(one, low=max(one.low, _FIRST_DATED)) for one in forward),
            # Undated entries come last in ascending order too.
            then=tuple(replace(one, high=UNDATED + _AFTER_ID) for one in forward if one.low <= UNDATED),
        )

    def from_position(self, position: Sequence[str]) -> "AccessPath":
        """Return the access path from a cursor position on, in the order in which its ranges are read."""
        key = "#".join(position)
        if self.then and position[0] == UNDATED:
            return replace(self, ranges=tuple(_from(one, key) for one in self.then), then=())
        return replace(self, ranges=tuple(_from(one, key) for one in self.ranges))


def _from(one: IndexRange, key: str) -> IndexRange:
    if one.forward:
        return replace(one, low=max(one.low, key))
    return replace(one, high=min(one.high, key) if one.high else key)


def named_ids(criteria: Sequence[Criterion]) -> tuple[str, ...] | None:
    """Return the ids that a search requests by `_id`, or None without such a criterion."""
    for criterion in criteria:
        if criterion.parameter.rank is Rank.KEY and criterion.modifier in _LOOKED_UP:
            # No other text can be an id, and a DynamoDB key is shorter than a query may be.
            codes = (value.code for value in criterion.values if valid_id(value.code))
            return tuple(dict.fromkeys(codes))
    return None


def uses_last_updated(criteria: Iterable[Criterion]) -> bool:
    """Return True if the criteria bound the time of the last change."""
    return any(_change_bounds(criteria))


def index_paths(type_: ResourceType, criteria: Sequence[Criterion]) -> list[AccessPath]:
    """Return an access path for each criterion with an index, the most selective kind first."""
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
    """Return the access path through all of a type, within the criteria's bounds on its ordering date."""
    low, high = _order_bounds(type_, criteria, periods=True)
    ranges = [IndexRange(type_partition(type_.name, shard), "", low, high) for shard in range(SHARDS)]
    if low and any(_may_be_period(one) for one in type_.parameters if one.name == type_.order_by):
        # The few entries with a long period may have begun before the lower bound.
        partitions = (period_partition(type_.name, shard) for shard in range(SHARDS))
        ranges += [IndexRange(partition, "", "", high, expected=_FEW) for partition in partitions]
    return AccessPath(tuple(ranges), low=low, high=high)


def change_path(type_: ResourceType, criteria: Sequence[Criterion]) -> AccessPath:
    """Return the access path through all of a type by the time of the last change, within the criteria's bounds."""
    low, high = _change_bounds(criteria)
    partitions = (change_partition(type_.name, shard) for shard in range(SHARDS))
    ranges = tuple(IndexRange(partition, "", low, high, ordered=False) for partition in partitions)
    return AccessPath(ranges, named_after=LAST_UPDATED.name)


def split_by_system(path: AccessPath, systems: Mapping[str, Sequence[str]]) -> AccessPath:
    """Return an ordered access path in place of one over tokens of any system, given each partition's prefixes."""
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
    indexed = type_.parameter(parameter.parent) if parameter.parent else parameter
    if indexed is None or not indexed.indexed:
        return None
    match parameter.type:
        case ParameterType.TOKEN:
            return _token_ranges(type_, indexed, criterion.values, low, high)
        case ParameterType.STRING:
            return [_string_range(type_, indexed, value) for value in criterion.values]
        case ParameterType.COMPOSITE:
            # The first part is a code: the composite is found by the code's entries.
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

    A text of several words may match as a whole or word by word. In both cases some part begins with the first
    word, so the range covers the first word.
    """
    beginning = normalise(text).split(" ")[0]
    return IndexRange(string_partition(type_.name, parameter.name, beginning), string_prefix(beginning), ordered=False)


def _is_exact(criterion: Criterion) -> bool:
    """Return True if all entries in a criterion's ranges meet it: a reference to a target type of its parameter does.

    A parameter with a parent parameter shares the parent's entries, some of which it does not match itself.
    """
    parameter = criterion.parameter
    if parameter.type is not ParameterType.REFERENCE or parameter.parent:
        return False
    return all(value.partition("/")[0] in parameter.targets for value in criterion.values)


def _reference_ranges(
    type_: ResourceType, parameter: SearchParameter, values: Sequence[str], low: str, high: str
) -> list[IndexRange] | None:
    if any(len(value.encode()) > LONGEST_REFERENCE for value in values):
        return None
    prefix = reference_prefix(type_.name, parameter.name)
    # An empty text cannot match: it stands for an id of another type than the modifier names.
    return [IndexRange(value, prefix, low, high) for value in values if value]


def _order_bounds(type_: ResourceType, criteria: Sequence[Criterion], *, periods: bool) -> tuple[str, str]:
    """Return the lower and upper bound of the order key that the criteria on a type's ordering date imply.

    A value that ends after a bound may begin before it: by up to a year, which the least precise date covers. A value
    that begins even earlier has an entry among the long `periods`.
    """
    bounds = []
    for parameter, value in _single_values(criteria, type_.order_by):
        longest = None if _may_be_period(parameter) and not periods else LONGEST_SHORT_PERIOD
        bounds.append(_bounds(value, longest))
    return _key_bounds(bounds)


def _change_bounds(criteria: Iterable[Criterion]) -> tuple[str, str]:
    """Return the lower and upper bound that the criteria on the time of the last change imply."""
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
    """Return the earliest and the latest instant at which a matching value may begin.

    `longest` is the maximum time by which a value may begin before the compared date, in milliseconds; None if unknown.
    """
    begun = None if longest is None else bound.low - longest
    match bound.prefix:
        case "eq":
            return bound.low, bound.high - 1
        case "sa":
            return bound.high, None
        case "lt" | "eb":
            return None, bound.low - 1
        case "le":
            return None, bound.high - 1
        case "ap":
            return begun, bound.high - 1
        case "gt" | "ge":
            return begun, None
        case _:
            return None, None


def _may_be_period(parameter: SearchParameter) -> bool:
    return any(path.lower().endswith("period") for path in parameter.paths)
