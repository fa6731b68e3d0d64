"""Evaluate chained conditions and `_has` from the cheaper side.

Resolution (`resolve`) first finds the few resources that meet the innermost criterion, and then the resources that lead
to them. Filtering (`filter_entries`) looks up the references of the candidates, for as many as a page can afford.
Both ignore resources that the caller may not see.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from careconnect.fhir.resource_types import ID_PARAMETER, Rank, ResourceType, SearchParameter
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from careconnect.search.criteria import MAX_ALTERNATIVES, Criterion, Token
from careconnect.storage.keys import resource_key
from fhir_reader.opened import SEARCHED
from fhir_reader.search.chains.criteria import (
    Branch,
    Chain,
    ChainedCondition,
    Has,
    SearchCondition,
    rank_of,
    types_looked_at,
)
from fhir_reader.search.chains.led_through import note_met
from fhir_reader.search.chains.referrers import referrers_of
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import FilterResult, Predicate, compiled, is_visible
from fhir_reader.search.plan_query import matching_entries
from fhir_reader.store.stored import BATCH, Entry, NamedId

MAX_RESOLVED: Final = 1_000
"""Maximum entries of the inner type that are examined to resolve a condition, and maximum ids in the result."""

_CALLS_LEFT_FOR_PAGE: Final = 30
"""Calls reserved for a page's bodies and included resources."""

_ENTRIES_LEFT_FOR_PAGE: Final = 2_000
"""Entries reserved for a page."""

_FIRST_GROUP: Final = 4
"""Candidates decided in the first group, and referrers of each that are examined; doubled for each further group."""

_FIRST_REFERRERS: Final = 25
"""Referrers of one candidate that the first query requests."""


def authorise(conditions: Iterable[SearchCondition], caller: Caller) -> None:
    """Raise the 403 outcome unless the caller may search each type that the conditions look at, without limits."""
    for condition in conditions:
        for looked_at in types_looked_at(condition):
            caller.require_unlimited(looked_at, Letter.SEARCH)


def resolve(
    conditions: Iterable[ChainedCondition], context: SearchContext, *, least: Rank = Rank.COMPARED
) -> tuple[list[Criterion], list[ChainedCondition]]:
    """Return the resolved conditions as criteria, and the conditions that stay unresolved.

    A condition stays unresolved if its result is too large, or if it is less selective than `least`.
    """
    criteria: list[Criterion] = []
    others: list[ChainedCondition] = []
    for condition in conditions:
        criterion = _resolved(condition, context, MAX_RESOLVED) if rank_of(condition) <= least else None
        if criterion is None:
            others.append(condition)
        else:
            criteria.append(criterion)
    return criteria, others


def resolve_condition(
    condition: ChainedCondition, context: SearchContext, limit: int = MAX_RESOLVED
) -> Criterion | tuple[str, ...] | None:
    """Return the resolved condition, or None if too many resources meet its inner criterion.

    A chain resolves to a criterion on its reference, `_has` to the ids of the referenced resources. At most `limit`
    entries of each type on the path are examined.
    """
    with context.budget.charged_to(condition.name):
        if isinstance(condition, Has):
            return _referred_to(condition, context, limit)
        targets: list[str] = []
        for branch in condition.branches:
            found = _inner_matches(branch.type, branch.condition, context, limit)
            if found is None or len(targets) + len(found) > MAX_ALTERNATIVES:
                return None
            note_met(condition, found, context)
            targets += (resource_key(branch.type.name, entry.id) for entry in found)
        return Criterion(condition.reference, "", tuple(targets))


def filter_entries(
    conditions: Sequence[ChainedCondition], entries: Sequence[Entry], context: SearchContext, *, required: int = 0
) -> FilterResult:
    """Return the entries of one type that meet all conditions, among as many leading entries as the budget allows.

    A share of the budget stays reserved for the page, unless fewer than `required` entries would be decided. Raises the
    400 outcome `too-costly` if deciding `required` entries exceeds the budget of the request.
    """
    positions = {entry.id: position for position, entry in enumerate(entries)}
    kept = FilterResult(list(entries), len(entries))
    for condition in conditions:
        # Entries that failed a previous condition need no decision.
        needed = sum(positions[entry.id] < required for entry in kept.entries)
        with context.budget.charged_to(condition.name):
            some = _filter(condition, kept.entries, context, needed)
        undecided = kept.entries[some.decided :]
        kept = FilterResult(some.entries, positions[undecided[0].id] if undecided else kept.decided)
    return kept


def _resolved(condition: ChainedCondition, context: SearchContext, limit: int) -> Criterion | None:
    """Return a resolved condition as a criterion; ids become a criterion on `_id`."""
    resolved_by = resolve_condition(condition, context, limit)
    if isinstance(resolved_by, tuple):
        return Criterion(ID_PARAMETER, "", tuple(Token(None, resource_id) for resource_id in resolved_by))
    return resolved_by


def _inner_matches(
    type_: ResourceType, condition: SearchCondition, context: SearchContext, limit: int
) -> list[Entry] | None:
    if isinstance(condition, Criterion):
        found = matching_entries(type_, [condition], context, limit)
        # The request's identifiers were looked up meanwhile: the events of their patients go beside the next look-up.
        context.found.settle()
        return found
    criterion = _resolved(condition, context, limit)
    return None if criterion is None else matching_entries(type_, [criterion], context, limit)


def _referred_to(condition: Has, context: SearchContext, limit: int) -> tuple[str, ...] | None:
    found = _inner_matches(condition.source, condition.inner, context, limit)
    if found is None:
        return None
    note_met(condition, found, context)
    references = (one for entry in found for one in entry.values.get(condition.reference.name, ()))
    keys = dict.fromkeys(reference.partition("/")[::2] for reference in references)
    ids = tuple(resource_id for name, resource_id in keys if name == condition.target.name)
    return ids if len(ids) <= limit else None


def _filter(
    condition: SearchCondition, entries: Sequence[Entry], context: SearchContext, required: int
) -> FilterResult:
    match condition:
        case Criterion():
            if not entries:
                return FilterResult([], 0)
            meets = compiled(entries[0].type, [condition], context)
            return FilterResult([entry for entry in entries if meets(entry)], len(entries))
        case Chain():
            return _filter_chained(condition, entries, context, required)
        case Has():
            return _filter_referenced(condition, entries, context, required)


def _can_afford(calls: int, context: SearchContext) -> bool:
    return context.budget.calls_left - _CALLS_LEFT_FOR_PAGE >= calls and not context.budget.is_tight(
        _ENTRIES_LEFT_FOR_PAGE
    )


def _filter_chained(condition: Chain, entries: Sequence[Entry], context: SearchContext, required: int) -> FilterResult:
    """Filter entries by their targets, which are looked up a hundred entries at a time."""
    kept: list[Entry] = []
    for start in range(0, len(entries), BATCH):
        some = entries[start : start + BATCH]
        targets = [_targets(entry, condition.reference) for entry in some]
        needed = max(required - start, 0)
        wanted = dict.fromkeys(key for keys in targets for key in keys)
        if not needed and not _can_afford(math.ceil(len(wanted) / BATCH) * len(condition.branches), context):
            return FilterResult(kept, start)
        needed_keys = {key for keys in targets[:needed] for key in keys}
        met: set[NamedId] = set()
        unknown: set[NamedId] = set()
        for branch in condition.branches:
            found = _visible_targets(branch, wanted, context)
            must = sum((entry.type.name, entry.id) in needed_keys for entry in found)
            inner = _filter(branch.condition, found, context, must)
            note_met(condition, inner.entries, context)
            met |= {(entry.type.name, entry.id) for entry in inner.entries}
            unknown |= {(entry.type.name, entry.id) for entry in found[inner.decided :]}
        for position, (entry, keys) in enumerate(zip(some, targets, strict=True)):
            if not met.isdisjoint(keys):
                kept.append(entry)
            elif not unknown.isdisjoint(keys):
                return FilterResult(kept, start + position)
    return FilterResult(kept, len(entries))


def _targets(entry: Entry, reference: SearchParameter) -> list[NamedId]:
    keys = (value.partition("/") for value in entry.values.get(reference.name, ()))
    return [(name, resource_id) for name, _, resource_id in keys if name in reference.targets]


def _visible_targets(branch: Branch, wanted: Iterable[NamedId], context: SearchContext) -> list[Entry]:
    """Return the visible entries of a branch's targets, in the order of `wanted`."""
    ids = [resource_id for name, resource_id in wanted if name == branch.type.name]
    found = context.store.entries_by_id(branch.type, ids) if ids else []
    return [entry for entry in found if is_visible(entry, context, SEARCHED)]


def _filter_referenced(condition: Has, entries: Sequence[Entry], context: SearchContext, required: int) -> FilterResult:
    """Filter entries by their referrers, which are queried for several entries concurrently: one call for each."""
    kept: list[Entry] = []
    decided, group = 0, _FIRST_GROUP
    while decided < len(entries):
        needed = max(required - decided, 0)
        if not needed and not _can_afford(1, context):
            break
        affordable = context.budget.calls_left - _CALLS_LEFT_FOR_PAGE
        some = entries[decided : decided + max(min(group, affordable), 1)]
        for entry, met in zip(some, _are_referred_to(condition, some, context, needed), strict=True):
            if met is None:
                return FilterResult(kept, decided)
            if met:
                kept.append(entry)
            decided += 1
        group *= 2
    return FilterResult(kept, decided)


def _are_referred_to(
    condition: Has, entries: Sequence[Entry], context: SearchContext, required: int
) -> list[bool | None]:
    """Return for each entry whether a resource that meets the condition refers to it; None if that is too costly."""
    streams = referrers_of(entries, condition.source, condition.reference, context, _FIRST_REFERRERS, SEARCHED)
    if isinstance(condition.inner, Criterion):
        meets = compiled(condition.source, [condition.inner], context)
        return [
            _is_met(condition, meets, stream, context, needed=position < required)
            for position, stream in enumerate(streams)
        ]
    met: dict[int, bool | None] = {}
    going_on = dict(enumerate(streams))
    size = _FIRST_GROUP
    while going_on:
        looked_at: dict[int, list[Entry]] = {}
        for position, stream in going_on.items():
            some = _next_of(stream, size, context, needed=position < required)
            if some is None:
                met[position] = None
            else:
                looked_at[position] = some
        sources = {source.id: source for some in looked_at.values() for source in some}
        needed = {source.id for position, some in looked_at.items() if position < required for source in some}
        inner = _filter(condition.inner, list(sources.values()), context, len(needed))
        note_met(condition, inner.entries, context)
        good = {source.id for source in inner.entries}
        unknown = set(list(sources)[inner.decided :])
        for position, some in looked_at.items():
            ids = {source.id for source in some}
            if not some or ids & good:
                met[position] = bool(some)
            elif ids & unknown:
                met[position] = None
        going_on = {position: stream for position, stream in going_on.items() if position not in met}
        size *= 2
    return [met[position] for position in range(len(entries))]


def _is_met(
    condition: Has, meets: Predicate, stream: Iterable[Entry], context: SearchContext, *, needed: bool
) -> bool | None:
    """Return True if any entry of a stream meets a criterion; None if the budget is tight and it is not `needed`."""
    for source in stream:
        if meets(source):
            note_met(condition, [source], context)
            return True
        if not needed and context.budget.is_tight(_ENTRIES_LEFT_FOR_PAGE):
            return None
    return False


def _next_of(stream: Iterator[Entry], size: int, context: SearchContext, *, needed: bool) -> list[Entry] | None:
    """Return the next entries of a stream; None if the budget is tight and they are not `needed`."""
    some: list[Entry] = []
    for source in islice(stream, size):
        some.append(source)
        if not needed and context.budget.is_tight(_ENTRIES_LEFT_FOR_PAGE):
            return None
    return some
