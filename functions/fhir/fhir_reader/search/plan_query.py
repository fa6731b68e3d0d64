"""Choose the way on which a search costs a page and no more (ADR 21).

What selects few is walked at once. What may select few is tried: a range that ends within what a page may examine is
read whole and sorted. What selects many is a filter on the type's own entries, in order. A `next` link holds which of
these it was, so that later pages do not try again.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from careconnect.fhir.resource_types import ID_PARAMETER, Rank, ResourceType
from careconnect.search.criteria import Criterion
from careconnect.storage.keys import SHARDS
from fhir_reader.search.access_paths import (
    AccessPath,
    change_path,
    index_paths,
    named_ids,
    split_by_system,
    type_path,
)
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import EntryFilter, compartment_criterion, is_visible
from fhir_reader.search.result_order import IndexOrder
from fhir_reader.search.scan import MOST_EXAMINED, read_all
from fhir_reader.store.stored import BATCH, Entry

_MOST_TRIED: Final = 2
"""Ways that one search tries."""

_CALLS_FOR_PAGE: Final = 16
"""Calls that are left for what a page holds: a way of too many ranges is not taken."""

_AHEAD: Final = 2 * SHARDS + 1
"""Entries that are looked at and not used: of each range that a page merges, and where a way turns out too long."""

_MOST_SYSTEMS: Final = 8
"""Systems of one code that are looked for; a code of more is none to look up without its system."""

Found = AccessPath | list[Entry]
"""A way to walk, or all that may match, in no order."""

_Attempt = tuple[int | None, Callable[[], Found | None]]

Resolution = Callable[[], Criterion | tuple[str, ...] | None]
"""Returns what a condition comes to from its other side: a criterion, or ids; None if that is too much."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What was found, and the number by which a later page finds it again.

    `narrowed` is the place of the narrowing that it was found by: that condition is met by all of it.
    """

    found: Found
    number: int
    resolved_by: int | None = None


def plan_query(
    type_: ResourceType,
    criteria: Sequence[Criterion],
    order: IndexOrder,
    context: SearchContext,
    resolutions: Sequence[Resolution] = (),
    *,
    known: int | None = None,
) -> QueryPlan:
    """Return a way to walk in an order of the index, or all that may match.

    `known` is the number of what the page before found; if that is too much by now, all are tried again.
    """
    ids = named_ids(criteria)
    if ids is not None:
        with context.budget.charged_to(ID_PARAMETER.name):
            return QueryPlan(_by_id(type_, ids, context), 0)
    attempts = list(_attempts(type_, criteria, order, context, resolutions))
    again = [known] if known is not None and known < len(attempts) else []
    plans = (
        QueryPlan(found, number, attempts[number][0])
        for number in (*again, *range(len(attempts)))
        if (found := attempts[number][1]()) is not None
    )
    # The last attempt is a way through the whole type, which there always is.
    return next(plans)


def candidate_entries(
    type_: ResourceType, criteria: Sequence[Criterion], context: SearchContext, most: int
) -> list[Entry] | None:
    """Return what may match, in no order, or None if there is more than `most` of it on the most selective way."""
    ids = named_ids(criteria)
    if ids is not None:
        return _by_id(type_, ids, context)
    return read_all(type_, _most_selective(type_, criteria), context, most)


def _by_id(type_: ResourceType, ids: Sequence[str], context: SearchContext) -> list[Entry]:
    """Return the entries of resources that are asked for by their ids.

    Of those that the caller does not see the audit trail is told: they were asked for, and look as if absent.
    """
    entries = context.store.entries_by_id(type_, ids)
    for entry in entries:
        if entry.patients and not is_visible(entry, context):
            context.trail.withheld(entry.patients)
    return entries


def matching_entries(
    type_: ResourceType, criteria: Sequence[Criterion], context: SearchContext, most: int
) -> list[Entry] | None:
    """Return what the caller may find by the criteria.

    None if more than `most` entries would be examined, or more calls made than the request can spare.
    """
    if not _can_spare(1, context):
        return None
    criteria = [*criteria, *compartment_criterion(type_, context.caller)]
    ids = named_ids(criteria)
    if ids is not None:
        if len(ids) > most or not _can_spare(math.ceil(len(ids) / BATCH), context):
            return None
        found: list[Entry] | None = context.store.entries_by_id(type_, ids)
    else:
        path = _most_selective(type_, criteria)
        found = read_all(type_, path, context, most) if _can_spare(len(path.ranges), context) else None
    if found is None:
        return None
    return [*filter(EntryFilter(criteria, context).matches, found)]


def _attempts(
    type_: ResourceType,
    criteria: Sequence[Criterion],
    order: IndexOrder,
    context: SearchContext,
    resolutions: Sequence[Resolution],
) -> Iterator[_Attempt]:
    """Yield what to try, one after the other, with the place of the narrowing it is; the last succeeds."""
    paths = [path for path in index_paths(type_, criteria) if _is_affordable(type_, path, order, context)]
    in_order = [] if order.by_change else [path for path in paths if path.is_ordered]
    if paths and paths[0].rank <= Rank.CONTACT:
        # One person's, one thing's: little enough to be sorted, if it does not lie in order.
        best = paths[0]
        if best in in_order:
            yield None, partial(_in_order, type_, best, order, context)
        else:
            yield None, partial(_sortable, type_, best, order, context, MOST_EXAMINED)
            if not order.by_change:
                yield None, partial(_by_system, type_, best, order, context)
            yield None, partial(_all_sortable, type_, best, order, context)
    else:
        yield from _tries(type_, paths, in_order, order, context, resolutions)
    if order.by_change:
        yield None, partial(change_path, type_, criteria)
    else:
        yield None, partial(type_path, type_, criteria)


def _tries(
    type_: ResourceType,
    paths: Sequence[AccessPath],
    in_order: Sequence[AccessPath],
    order: IndexOrder,
    context: SearchContext,
    resolutions: Sequence[Resolution],
) -> Iterator[_Attempt]:
    """Yield what to try where nothing asks for one person or thing: what may be short, then what lies in order."""
    for place, resolution in enumerate(resolutions):
        yield place, partial(_resolved, type_, resolution, order, context)
    if len(paths) > 1 or not in_order:
        for path in paths[:_MOST_TRIED]:
            yield None, partial(_sortable, type_, path, order, context, MOST_EXAMINED)
    if in_order:
        yield None, partial(_in_order, type_, in_order[0], order, context)
    elif not order.by_change:
        for path in paths[:_MOST_TRIED]:
            yield None, partial(_by_system, type_, path, order, context)


def _resolved(type_: ResourceType, resolution: Resolution, order: IndexOrder, context: SearchContext) -> Found | None:
    """Return where to look for what a condition comes to from its other side."""
    resolved_by = resolution()
    if resolved_by is None:
        return None
    if isinstance(resolved_by, tuple):
        calls = math.ceil(len(resolved_by) / BATCH)
        return context.store.entries_by_id(type_, resolved_by) if _can_spare(calls, context) else None
    # Of a reference, and every reference that is searched by has an index.
    (path,) = index_paths(type_, [resolved_by])
    if path.is_ordered and not order.by_change:
        return _in_order(type_, path, order, context)
    return _sortable(type_, path, order, context, MOST_EXAMINED)


def _can_spare(calls: int, context: SearchContext) -> bool:
    """Say whether so many calls can be made now; what was tried before has made some."""
    return calls <= context.budget.calls_left - _CALLS_FOR_PAGE


def _is_affordable(type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext) -> bool:
    """Say whether all ranges of a way can be opened."""
    opened = path.in_order(order, dated=bool(type_.order_by))
    return _can_spare(len(opened.ranges) + len(opened.then), context)


def _most_selective(type_: ResourceType, criteria: Sequence[Criterion]) -> AccessPath:
    return next(iter(index_paths(type_, criteria)), type_path(type_, criteria))


def _in_order(type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext) -> AccessPath | None:
    """Return a way that lies in order, unless it can no longer be afforded."""
    return path if _is_affordable(type_, path, order, context) else None


def _sortable(
    type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext, most: int
) -> list[Entry] | None:
    """Return all of a way to be sorted, unless it is too much or can no longer be afforded."""
    return read_all(type_, path, context, most) if _is_affordable(type_, path, order, context) else None


def _all_sortable(
    type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext
) -> list[Entry] | None:
    """Return all of a way, however much, but for what a page needs to look elsewhere."""
    return _sortable(type_, path, order, context, context.budget.entries_left - MOST_EXAMINED - _AHEAD)


def _by_system(type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext) -> AccessPath | None:
    """Return a way over tokens of any system in order, one range for each system.

    None for other ways, and where there are more systems than can be looked for.
    """
    if not path.of_tokens:
        return None
    systems = {}
    for one in path.ranges:
        if not one.ordered:
            if not _can_spare(_MOST_SYSTEMS + 1, context):
                return None
            found = context.store.systems(type_, one.partition, _MOST_SYSTEMS)
            if found is None:
                return None
            systems[one.partition] = found
    return _in_order(type_, split_by_system(path, systems), order, context)
