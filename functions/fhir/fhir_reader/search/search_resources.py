"""Search the resources of one type: plan, match, authorise, order, page (`fhir.md`, Semantics)."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from careconnect import outcomes
from careconnect.outcomes import OperationOutcome
from careconnect.record_keys import resource_key
from careconnect.resource_types import ID_PARAMETER, ResourceType
from careconnect.scopes import Interaction
from fhir_reader.budget import COMPARISONS_PER_ENTRY
from fhir_reader.caller import Caller
from fhir_reader.rendering.bundle import Bundle, outcome_entry
from fhir_reader.search.context import SearchContext
from fhir_reader.search.criteria import MOST_ALTERNATIVES, Criterion, Token
from fhir_reader.search.next_link import Cursor
from fhir_reader.search.order import ResultOrder
from fhir_reader.search.page import fill_page
from fhir_reader.search.plan import Plan, plan_search
from fhir_reader.search.query import Chain, SearchQuery
from fhir_reader.store.stored import Entry, ResourceStore


def search_resources(query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the searchset Bundle of a query.

    What the caller may not search, or has outside its compartment, is not matched, not counted, not included
    and not pointed at. The first page reads the whole range of its plan, for the total; a later page in the
    default order reads only itself. Raises the outcomes 403 without the scope, 400 for a foreign cursor or a
    search that is too costly.
    """
    context.caller.require(query.type, Interaction.SEARCH)
    criteria = _all_criteria(query, context)
    plan = plan_search(query.type, criteria)
    with context.budget.charged_to(plan.named_after or query.type.name):
        return _bundle(query, plan, criteria, context)


def _bundle(query: SearchQuery, plan: Plan, criteria: Sequence[Criterion], context: SearchContext) -> Bundle:
    order = ResultOrder(context.result.sort)
    if query.cursor:
        cursor = context.open_cursor(query.used, query.cursor)
        if order.is_default and plan.ordered:
            # The place itself, which is passed over, the page, and one more that tells whether there is another.
            latest, resource_id = cursor.place
            plan = plan.from_place(latest, resource_id, context.result.count + 2)
        results = _ordered(query.type, plan, criteria, order, context)
        rest = (entry for entry in results if order.is_after(entry, cursor.place))
        offered, total = list(islice(rest, context.result.count + 1)), cursor.total
    else:
        offered = list(_ordered(query.type, plan, criteria, order, context))
        total = len(offered)
    links = [("self", context.url(query.used))]
    entries = []
    if not context.result.only_total:
        page = fill_page(offered[: context.result.count], query.includes, query.reverse_includes, context)
        entries = page.entries
        if page.taken < len(offered):
            place = order.place(offered[page.taken - 1])
            links.append(("next", context.next_url(query.used, Cursor(place, total))))
    if query.warnings:
        # First, so that whoever looks at the matches has seen what they are not.
        entries = [outcome_entry(OperationOutcome(tuple(query.warnings)), context.view.format), *entries]
    return Bundle(total, links, entries)


def _all_criteria(query: SearchQuery, context: SearchContext) -> list[Criterion]:
    """Return the query's criteria, its chains resolved, with the caller's compartment as one more of them."""
    resolved = (_resolve(one, context) for one in query.chains)
    return [*query.criteria, *resolved, *_compartment_criterion(query.type, context.caller)]


def _compartment_criterion(type_: ResourceType, caller: Caller) -> Iterator[Criterion]:
    """Yield what a bound caller's search is limited to, so that its plan begins there too."""
    if not caller.patient:
        return
    if type_.is_patient:
        yield Criterion(ID_PARAMETER, "", (Token(None, caller.patient),))
    elif (reference := type_.patient_parameter) is not None:
        yield Criterion(reference, "", tuple(resource_key(target, caller.patient) for target in reference.targets))


def _resolve(one: Chain, context: SearchContext) -> Criterion:
    """Turn a criterion on a reference's target into one on the reference.

    It is a search of its own: without the scope for the target's type it is refused, and it sees no further
    than the caller does.
    """
    context.caller.require(one.target, Interaction.SEARCH)
    criteria = [one.criterion, *_compartment_criterion(one.target, context.caller)]
    plan = plan_search(one.target, criteria)
    name = f"{one.reference.name}.{one.criterion.parameter.name}"
    with context.budget.charged_to(name):
        targets = list(islice(_matching(one.target, plan, criteria, context), MOST_ALTERNATIVES + 1))
    if len(targets) > MOST_ALTERNATIVES:
        raise outcomes.too_costly(name, f"more than {MOST_ALTERNATIVES} resources match")
    return Criterion(one.reference, "", tuple(f"{one.target.name}/{target.id}" for target in targets))


def _ordered(
    type_: ResourceType,
    plan: Plan,
    criteria: Sequence[Criterion],
    order: ResultOrder,
    context: SearchContext,
) -> Iterable[Entry]:
    """Return the matching entries in the order asked for: as they come, or sorted once all are there."""
    matching = _matching(type_, plan, criteria, context)
    return matching if order.is_default and plan.ordered else sorted(matching, key=order.key)


def _matching(
    type_: ResourceType, plan: Plan, criteria: Sequence[Criterion], context: SearchContext
) -> Iterator[Entry]:
    matchers = [criterion.matcher() for criterion in criteria]
    extra = sum(criterion.comparisons for criterion in criteria) // COMPARISONS_PER_ENTRY
    seen: set[str] = set()
    for entry in _candidates(type_, plan, context.store):
        if entry.id in seen:
            continue
        seen.add(entry.id)
        if context.caller.patient and not context.caller.sees(type_, entry.id, entry.patients):
            continue
        if matchers:
            context.budget.examine(extra)
            values = entry.values
            if not all(matches(values) for matches in matchers):
                continue
        yield entry


def _candidates(type_: ResourceType, plan: Plan, store: ResourceStore) -> Iterator[Entry]:
    """Yield the entries of a plan's ranges, merged into the default order if each of them lies in it."""
    if plan.ids is not None:
        return iter(store.entries_by_id(type_, plan.ids))
    streams = store.entries(type_, plan.ranges)
    if plan.ordered:
        return heapq.merge(*streams, key=lambda entry: (entry.order, entry.id), reverse=True)
    return chain.from_iterable(streams)
