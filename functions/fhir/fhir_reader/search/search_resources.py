"""Search the resources of one type (`search.md`).

The stages are the modules of this folder: `parse` → `chains` → `plan_query` → `scan` and `filter` → `page`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import Bundle, outcome_entry
from careconnect.fhir.resource_types import LAST_UPDATED, Rank, ResourceType
from careconnect.search.criteria import Criterion
from careconnect.search.links import Cursor
from careconnect.search.result_parameters import Order
from fhir_reader.budget import MAX_CALLS, MAX_ENTRIES
from fhir_reader.opened import SEARCHED, search_limits
from fhir_reader.search.access_paths import AccessPath
from fhir_reader.search.chains.criteria import ChainedCondition
from fhir_reader.search.chains.led_through import led_through
from fhir_reader.search.chains.lookups import ChainLookups
from fhir_reader.search.chains.resolve import authorise, resolve, resolve_condition
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import compartment_criterion, disclose_named_patients, visible
from fhir_reader.search.page import fill_page
from fhir_reader.search.parse import SearchQuery
from fhir_reader.search.plan_query import candidate_entries, plan_query
from fhir_reader.search.result_order import ResultOrder
from fhir_reader.search.scan import (
    MAX_ENTRIES_OF_PAGE,
    Candidates,
    CountedFew,
    CountedPatients,
    CountedPersons,
    PageShare,
    ScanResult,
    candidates_of,
    estimated_entries,
    scan_index,
)
from fhir_reader.store.stored import Entry, IndexOrder, Position


def search_resources(query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the searchset Bundle of a query.

    A resource that the caller may not search, or that is outside its compartment, is not matched, not counted, not
    included and not referred to. A page in an index order reads only what it needs itself; it has the total if the
    scan reached the end, or if the total is asked for. If a criterion names persons, an unasked total is only on a page
    with all matches, and the patient of the next match is disclosed too. Raises the outcomes 403 for a chain that the
    token does not allow, 400 for the cursor of another search or for a search that is too costly.
    """
    if query.chained:
        authorise(query.chained, context.caller)
    # Who is named takes up room, also by a parameter that is ignored, or in a reference of the directory.
    names_persons = query.names_persons or bool(context.named or context.identifiers)
    if names_persons:
        context = replace(context, places=query.new_patients, met={} if query.chained else None)
    index = _index_order(query.type, context.result.sort)
    cursor = context.links.open_cursor(query.used, query.cursor) if query.cursor else None
    context.found.scope = search_limits(query.type, context.caller).scopes
    disclose_named_patients(query.type, context)
    with context.budget.charged_to(_charged_parameter(query, context)):
        scan = _PageScan(query, index, cursor, context, names_persons=names_persons)
        candidates, criteria, chained = scan.in_order(index) if index else scan.in_requested_order()
        # The identifiers were looked up meanwhile: the events of those who have them are stored beside the scan.
        context.found.settle()
        result = scan_index(
            candidates,
            visible(query.type, criteria, context),
            ChainLookups(chained, context) if chained else None,
            scan.share,
            context.budget,
            scan.wanted,
            count_all=scan.counts,
            patients=scan.counted_patients(),
        )
        total = _total(query, cursor, scan, result, context)
        links = [("self", context.links.url(query.used))]
        if not scan.wanted:
            entries: Sequence[str] = ()
        else:
            matches, after = result.matches[: context.result.count], result.matches[context.result.count :]
            page = fill_page(
                matches,
                query.includes,
                query.reverse_includes,
                context,
                opened_by=SEARCHED,
                following=after if names_persons else None,
                chained=query.chained,
            )
            entries = page.entries
            is_cut = page.taken < len(result.matches)
            if is_cut and not scan.counts:
                total = cursor.total if cursor else None
            last = result.matches[page.taken - 1] if is_cut else result.last
            if last is not None and (is_cut or not result.is_end):
                position = Cursor(
                    scan.position(last), total, access_path=scan.path_number, examined=result.examined_for_page
                )
                links.append(("next", context.links.next_url(query.used, position)))
    if query.warnings:
        # Warnings come first, so that a client sees them before the matches.
        entries = [outcome_entry(OperationOutcome(tuple(query.warnings)), context.result.view), *entries]
    return Bundle(total, links, entries)


def _index_order(type_: ResourceType, sort: Sequence[Order]) -> IndexOrder | None:
    """Return the order of the index that has the requested order, if there is one."""
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


def _charged_parameter(query: SearchQuery, context: SearchContext) -> str:
    """Return the name in the error of a too-costly search: its expensive parameter, or the type."""
    if context.result.exact_total:
        return "_total"
    return "_sort" if context.result.sort else query.type.name


def _total(
    query: SearchQuery, cursor: Cursor | None, scan: "_PageScan", result: ScanResult, context: SearchContext
) -> int | None:
    """Return the total of the search if it is known; raises the 400 outcome if it is asked for and too costly."""
    if cursor is not None:
        return cursor.total
    asked = context.result.exact_total
    if result.patients is not None:
        is_full = result.patients.is_full
        # They are disclosed also if the number is not told: that it is not tells of them too.
        context.found.disclose(result.patients.to_disclose)
        if is_full:
            raise outcomes.too_many_patients()
    if asked and not result.is_end:
        spent = (
            f"{MAX_CALLS} lookups would be made"
            if query.chained and scan.share.left
            else f"{MAX_ENTRIES:,} entries would be examined"
        )
        raise outcomes.too_costly("_total", f"more than {spent}")
    return result.found if result.is_end and context.result.wants_total else None


_Scan = tuple[Candidates, Sequence[Criterion], Sequence[ChainedCondition]]
"""The entries to scan, and the conditions that are left to filter them by."""


class _PageScan:
    """Chooses the entries that one page scans; `path_number` is the number of the access path that was chosen."""

    def __init__(
        self,
        query: SearchQuery,
        index: IndexOrder | None,
        cursor: Cursor | None,
        context: SearchContext,
        *,
        names_persons: bool,
    ) -> None:
        result, is_first = context.result, cursor is None
        self._type = query.type
        self._chained = query.chained
        self._names_persons = names_persons
        self._limits = search_limits(query.type, context.caller)
        limiting = (*compartment_criterion(query.type, context.caller), *self._limits.criteria)
        self._criteria = [*query.criteria, *(one for one in limiting if one not in query.criteria)]
        self._index = index
        self._cursor = cursor
        self._context = context
        self._counts_exactly = is_first and result.exact_total
        self._may_tell_total = is_first and result.wants_total
        self.counts = self._counts_exactly or (self._may_tell_total and not names_persons)
        self._limit = MAX_ENTRIES if self._counts_exactly else MAX_ENTRIES_OF_PAGE
        self.wanted = 0 if result.only_total else result.count + 1
        self.share = PageShare(self._limit)
        self.path_number = 0

    def counted_patients(self) -> CountedPatients | None:
        """Return the collector of a requested total's patients, None if no total is requested."""
        if not self._counts_exactly:
            return None
        if not self._names_persons:
            return CountedFew()
        context = self._context
        return CountedPersons(context.found, context.places, partial(led_through, self._chained, context=context))

    def position(self, entry: Entry) -> Position:
        """Return the cursor position of a result."""
        return self._index.position(entry) if self._index else self._order.position(entry)

    @property
    def _order(self) -> ResultOrder:
        return ResultOrder(self._context.result.sort, self._index)

    def in_order(self, order: IndexOrder) -> _Scan:
        """Choose the entries that a page may scan, in an index order."""
        cursor, context = self._cursor, self._context
        criteria, chained = self._criteria, list(self._chained)
        if chained:
            # Chains that select few become criteria; for the others the planner looks for an access path.
            resolved, chained = resolve(self._chained, context, least=Rank.CONTACT)
            criteria = [*criteria, *resolved]
        resolutions = [partial(resolve_condition, condition, context) for condition in chained]
        known = cursor.access_path if cursor else None
        plan = plan_query(self._type, criteria, order, context, resolutions, known=known)
        self.path_number = plan.number
        if plan.resolved_by is not None:
            del chained[plan.resolved_by]
        if not isinstance(plan.found, AccessPath):
            return self._in_memory(plan.found), criteria, chained
        before = cursor.examined if cursor else 0
        left = [one for one in criteria if one is not plan.found.satisfies]
        # A filtered first page reads as if it counted: a second query would take longer than the entries cost.
        reads_on = self.counts or (self._may_tell_total and bool(left or chained or not self._limits.is_complete))
        expected = self._limit if reads_on else estimated_entries(plan.found, self.wanted, before)
        after = cursor.position if cursor else None
        candidates = candidates_of(self._type, plan.found, order, after, context, self.share, expected=expected)
        return candidates, left, chained

    def in_requested_order(self) -> _Scan:
        """Choose all entries that match, for an order that no index has."""
        resolved, chained = resolve(self._chained, self._context)
        criteria = [*self._criteria, *resolved]
        found = candidate_entries(self._type, criteria, self._context, MAX_ENTRIES)
        if found is None:
            raise outcomes.too_costly("_sort", f"more than {MAX_ENTRIES:,} index entries would be examined")
        self.share = PageShare(MAX_ENTRIES)
        matches = visible(self._type, criteria, self._context)
        matching = found if matches is None else filter(matches, found)
        return self._in_memory(matching), (), chained

    def _in_memory(self, found: Iterable[Entry]) -> Candidates:
        """Return the entries after the cursor, in the order of the search."""
        order, cursor = self._order, self._cursor
        placed = sorted(((order.position(entry), entry) for entry in found), key=lambda one: order.key(one[0]))
        entries = [entry for position, entry in placed if not cursor or order.is_after(position, cursor.position)]
        return Candidates(iter(entries), len(entries))
