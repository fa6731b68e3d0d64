"""Search the resources of one type: plan, match, authorise, order, page (`fhir.md`, Semantics)."""

from collections.abc import Collection, Iterable, Sequence
from functools import partial

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import Bundle, outcome_entry
from careconnect.fhir.resource_types import Rank
from careconnect.search.criteria import Criterion
from careconnect.search.cursor import Cursor
from fhir_reader.request_budget import MOST_CALLS, MOST_ENTRIES
from fhir_reader.search.access_paths import Way
from fhir_reader.search.candidates import MOST_EXAMINED, Candidates, PageShare, candidates_of, likely
from fhir_reader.search.chained_criteria import Deep
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import Filter
from fhir_reader.search.index_scan import MOST_COUNTED_PATIENTS, Stretch, walk
from fhir_reader.search.named_patients import record_named
from fhir_reader.search.own_values import OwnValues, compartment_criterion
from fhir_reader.search.page import fill_page
from fhir_reader.search.plan_query import all_that_may_match, choose_way
from fhir_reader.search.query import SearchQuery
from fhir_reader.search.resolve_chains import authorise, narrow, resolve
from fhir_reader.search.result_order import IndexOrder, ResultOrder
from fhir_reader.store.stored import Entry


def search_resources(query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the searchset Bundle of a query.

    What the caller may not search, or has outside its compartment, is not matched, not counted, not included
    and not pointed at. A page in an order that an index has costs itself alone, and the total is told if it was
    found on the way or is asked for. Raises the outcomes 403 for a chain that the token does not open, 400 for a
    foreign cursor or for a search that is too costly.
    """
    authorise(query.type, query.deep, context.caller)
    criteria = [*query.criteria, *compartment_criterion(query.type, context.caller)]
    order = ResultOrder(query.type, context.result.sort)
    cursor = context.links.open_cursor(query.used, query.cursor) if query.cursor else None
    record_named(query.type, context)
    with context.budget.charged_to(_named(query, context)):
        bundle = _bundle(query, criteria, order, cursor, context)
    if query.warnings:
        # First, so that whoever looks at the matches has seen what they are not.
        told = outcome_entry(OperationOutcome(tuple(query.warnings)), context.view)
        return Bundle(bundle.total, bundle.links, [told, *bundle.entries])
    return bundle


def _named(query: SearchQuery, context: SearchContext) -> str:
    """Return what a search that is too costly is refused by: what asks for all of the matches, or the type."""
    if context.result.exact_total:
        return "_total"
    return "_sort" if context.result.sort else query.type.name


def _bundle(
    query: SearchQuery, criteria: Sequence[Criterion], order: ResultOrder, cursor: Cursor | None, context: SearchContext
) -> Bundle:
    result = context.result
    total_asked = result.exact_total and cursor is None
    page = _Page(query, criteria, order, cursor, context)
    stretch = page.of_index(order.index) if order.index else page.of_sorted()
    total = cursor.total if cursor else None
    if cursor is None and stretch.is_end and result.wants_total:
        total = stretch.found
    elif total_asked and not stretch.is_end:
        spent = (
            f"{MOST_CALLS} lookups would be made"
            if query.deep and page.share.left
            else f"{MOST_ENTRIES:,} entries would be examined"
        )
        raise outcomes.too_costly("_total", f"more than {spent}")
    links = [("self", context.links.url(query.used))]
    if total_asked:
        _record_counted(stretch.patients or (), context)
    if result.only_total:
        return Bundle(total, links, [])
    shown = fill_page(stretch.matches[: result.count], query.includes, query.reverse_includes, context)
    last = stretch.matches[shown.taken - 1] if shown.taken < len(stretch.matches) else stretch.last
    if last is not None and (shown.taken < len(stretch.matches) or not stretch.is_end):
        place = Cursor(order.place(last), total, way=page.way, examined=stretch.enough)
        links.append(("next", context.links.next_url(query.used, place)))
    return Bundle(total, links, shown.entries)


def _record_counted(patients: Collection[str], context: SearchContext) -> None:
    """Begin the events of those whom a number that is asked for counts, if they are few enough to be told of."""
    context.trail.settle()
    if 0 < len(patients) <= MOST_COUNTED_PATIENTS and context.trail.fits(patients):
        context.trail.touched(patients)


class _Page:
    """What one page of a search looks through; `way` is the number of the way that it took."""

    def __init__(
        self,
        query: SearchQuery,
        criteria: Sequence[Criterion],
        order: ResultOrder,
        cursor: Cursor | None,
        context: SearchContext,
    ) -> None:
        self._type = query.type
        self._deep = tuple(query.deep)
        self._criteria = criteria
        self._order = order
        self._cursor = cursor
        self._context = context
        self._counts = cursor is None and context.result.wants_total
        self._tells_number = cursor is None and context.result.exact_total
        self._most = MOST_ENTRIES if cursor is None and context.result.exact_total else MOST_EXAMINED
        self._wanted = 0 if context.result.only_total else context.result.count + 1
        self.share = PageShare(self._most)
        self.way = 0

    def of_index(self, order: IndexOrder) -> Stretch:
        """Look through as much as a page may, in an order that an index has."""
        cursor = self._cursor
        # What asks for few is a criterion like any other; for what may ask for many a way is looked for.
        resolved, deep = resolve(self._deep, self._context, least=Rank.CONTACT)
        criteria = [*self._criteria, *resolved]
        narrowings = [partial(narrow, condition, self._context) for condition in deep]
        known = cursor.way if cursor else None
        choice = choose_way(self._type, criteria, order, self._context, narrowings, known=known)
        self.way = choice.number
        if choice.narrowed is not None:
            del deep[choice.narrowed]
        if not isinstance(choice.found, Way):
            return self._walk(self._sorted(choice.found), criteria, deep)
        examined = self._most if self._counts else likely(choice.found, self._wanted, cursor.examined if cursor else 0)
        after = cursor.place if cursor else None
        candidates = candidates_of(self._type, choice.found, order, after, self._context, self.share, expected=examined)
        return self._walk(candidates, [one for one in criteria if one is not choice.found.settles], deep)

    def of_sorted(self) -> Stretch:
        """Look through all that matches, in an order that no index has."""
        resolved, deep = resolve(self._deep, self._context)
        criteria = [*self._criteria, *resolved]
        found = all_that_may_match(self._type, criteria, self._context, MOST_ENTRIES)
        if found is None:
            raise outcomes.too_costly("_sort", f"more than {MOST_ENTRIES:,} index entries would be examined")
        self.share = PageShare(MOST_ENTRIES)
        matching = filter(OwnValues(criteria, self._context).match, found)
        return self._walk(self._sorted(matching), (), deep)

    def _sorted(self, found: Iterable[Entry]) -> Candidates:
        entries = sorted(found, key=self._order.key)
        if self._cursor:
            place = self._cursor.place
            entries = [entry for entry in entries if self._order.is_after(entry, place)]
        return Candidates(iter(entries), len(entries))

    def _walk(self, candidates: Candidates, criteria: Sequence[Criterion], deep: Sequence[Deep]) -> Stretch:
        filter_ = Filter(OwnValues(criteria, self._context), self._context, deep)
        wanted, counts = self._wanted, self._counts
        return walk(candidates, filter_, self.share, wanted, count_all=counts, tells_number=self._tells_number)
