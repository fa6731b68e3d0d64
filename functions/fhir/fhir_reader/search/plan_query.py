"""The query planner: choose an access path so that a search costs no more than a page (ADR 21).

An access path that selects few entries is scanned immediately. A path that may select few is tried: a range that ends
within the entries that a page may examine is read completely and sorted. A criterion that selects many filters an
ordered scan of the type. A `next` link holds the number of the chosen plan, so that later pages need not plan again.
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
from fhir_reader.search.filter import compartment_criterion, is_in_compartment, visible
from fhir_reader.search.scan import MAX_ENTRIES_OF_PAGE, read_all
from fhir_reader.store.stored import BATCH, Entry, IndexOrder

_MAX_TRIED: Final = 2
"""Maximum access paths that one search tries."""

_CALLS_FOR_PAGE: Final = 16
"""Calls reserved for a page's contents: an access path with too many ranges is not used."""

_AHEAD: Final = 2 * SHARDS + 1
"""Entries that are read but not used: one of each range that a page merges, and one beyond a path that is too long."""

_MAX_SYSTEMS: Final = 8
"""Maximum systems of one code; a code with more systems is not looked up without its system."""

Found = AccessPath | list[Entry]
"""An access path to scan, or all candidate entries, unordered."""

_Attempt = tuple[int | None, Callable[[], Found | None]]

Resolution = Callable[[], Criterion | tuple[str, ...] | None]
"""Resolve a chained condition to a criterion or to ids; return None if the result is too large."""


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """The chosen access path or candidates, and the number by which a later page chooses the same.

    `resolved_by` is the index of the chain resolution that produced it, if any: all entries meet that condition.
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
    """Return an access path to scan in an order of the index, or all candidate entries.

    `known` is the number of the previous page's plan. If that plan is too costly by now, all plans are tried again.
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
    # The last attempt scans the whole type, and always succeeds.
    return next(plans)


def candidate_entries(
    type_: ResourceType, criteria: Sequence[Criterion], context: SearchContext, limit: int
) -> list[Entry] | None:
    """Return candidate entries, unordered; None if the most selective access path has more than `limit`."""
    ids = named_ids(criteria)
    if ids is not None:
        return _by_id(type_, ids, context)
    return read_all(type_, _most_selective(type_, criteria), context, limit)


def _by_id(type_: ResourceType, ids: Sequence[str], context: SearchContext) -> list[Entry]:
    """Return the entries of resources that are requested by id.

    Those outside the caller's compartment are hidden: the caller requested them, and gets them as absent.
    """
    entries = context.store.entries_by_id(type_, ids)
    for entry in entries:
        if entry.patients and not is_in_compartment(entry, context):
            context.found.hide(entry.patients)
    return entries


def matching_entries(
    type_: ResourceType, criteria: Sequence[Criterion], context: SearchContext, limit: int
) -> list[Entry] | None:
    """Return the entries that match the criteria and that the caller may find.

    Return None if more than `limit` entries would be examined, or if the request cannot spare the calls.
    """
    if not _can_spare(1, context):
        return None
    criteria = [*criteria, *compartment_criterion(type_, context.caller)]
    ids = named_ids(criteria)
    if ids is not None:
        if len(ids) > limit or not _can_spare(math.ceil(len(ids) / BATCH), context):
            return None
        found: list[Entry] | None = context.store.entries_by_id(type_, ids)
    else:
        path = _most_selective(type_, criteria)
        found = read_all(type_, path, context, limit) if _can_spare(len(path.ranges), context) else None
    if found is None:
        return None
    matches = visible(type_, criteria, context)
    return [entry for entry in found if matches is None or matches(entry)]


def _attempts(
    type_: ResourceType,
    criteria: Sequence[Criterion],
    order: IndexOrder,
    context: SearchContext,
    resolutions: Sequence[Resolution],
) -> Iterator[_Attempt]:
    """Yield the attempts in order, each with the index of its chain resolution, if any; the last always succeeds."""
    paths = [path for path in index_paths(type_, criteria) if _is_affordable(type_, path, order, context)]
    in_order = [] if order.by_change else [path for path in paths if path.is_ordered]
    if paths and paths[0].rank <= Rank.CONTACT:
        # The entries of one person or thing are few enough to sort if they are not in order.
        best = paths[0]
        if best in in_order:
            yield None, partial(_in_order, type_, best, order, context)
        else:
            yield None, partial(_sortable, type_, best, order, context, MAX_ENTRIES_OF_PAGE)
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
    """Yield the attempts of a search that is not for one person or thing: possibly short paths, then ordered paths."""
    for position, resolution in enumerate(resolutions):
        yield position, partial(_resolved, type_, resolution, order, context)
    if len(paths) > 1 or not in_order:
        for path in paths[:_MAX_TRIED]:
            yield None, partial(_sortable, type_, path, order, context, MAX_ENTRIES_OF_PAGE)
    if in_order:
        yield None, partial(_in_order, type_, in_order[0], order, context)
    elif not order.by_change:
        for path in paths[:_MAX_TRIED]:
            yield None, partial(_by_system, type_, path, order, context)


def _resolved(type_: ResourceType, resolution: Resolution, order: IndexOrder, context: SearchContext) -> Found | None:
    """Return the access path or candidates of a resolved condition; None if resolution or path is too costly."""
    resolved_by = resolution()
    if resolved_by is None:
        return None
    if isinstance(resolved_by, tuple):
        calls = math.ceil(len(resolved_by) / BATCH)
        return context.store.entries_by_id(type_, resolved_by) if _can_spare(calls, context) else None
    # The criterion is on a reference, and every searchable reference has an index.
    (path,) = index_paths(type_, [resolved_by])
    if path.is_ordered and not order.by_change:
        return _in_order(type_, path, order, context)
    return _sortable(type_, path, order, context, MAX_ENTRIES_OF_PAGE)


def _can_spare(calls: int, context: SearchContext) -> bool:
    """Return True if the budget allows the calls; earlier attempts have used a part of it."""
    return calls <= context.budget.calls_left - _CALLS_FOR_PAGE


def _is_affordable(type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext) -> bool:
    """Return True if the budget allows opening all ranges of an access path."""
    opened = path.in_order(order, dated=bool(type_.order_by))
    return _can_spare(len(opened.ranges) + len(opened.then), context)


def _most_selective(type_: ResourceType, criteria: Sequence[Criterion]) -> AccessPath:
    return next(iter(index_paths(type_, criteria)), type_path(type_, criteria))


def _in_order(type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext) -> AccessPath | None:
    """Return an ordered access path, or None if the budget no longer allows it."""
    return path if _is_affordable(type_, path, order, context) else None


def _sortable(
    type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext, limit: int
) -> list[Entry] | None:
    """Return all entries of an access path for sorting; None if they exceed `limit` or the budget."""
    return read_all(type_, path, context, limit) if _is_affordable(type_, path, order, context) else None


def _all_sortable(
    type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext
) -> list[Entry] | None:
    """Return all entries of an access path; None if they exceed the budget less a reserve for another attempt."""
    return _sortable(type_, path, order, context, context.budget.entries_left - MAX_ENTRIES_OF_PAGE - _AHEAD)


def _by_system(type_: ResourceType, path: AccessPath, order: IndexOrder, context: SearchContext) -> AccessPath | None:
    """Return an ordered access path over tokens of any system, one range for each system.

    Return None for other access paths, and if there are more systems than can be looked up.
    """
    if not path.of_tokens:
        return None
    systems = {}
    for one in path.ranges:
        if not one.ordered:
            if not _can_spare(_MAX_SYSTEMS + 1, context):
                return None
            found = context.store.systems(type_, one.partition, _MAX_SYSTEMS)
            if found is None:
                return None
            systems[one.partition] = found
    return _in_order(type_, split_by_system(path, systems), order, context)
