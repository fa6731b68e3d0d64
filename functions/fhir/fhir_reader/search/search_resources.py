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
from fhir_reader.search.access_paths import AccessPath
from fhir_reader.search.candidates import MOST_EXAMINED, Candidates, PageShare, candidates_of, estimated_entries
from fhir_reader.search.chained_criteria import ChainedCondition
from fhir_reader.search.context import SearchContext
from fhir_reader.search.filter import Filter
from fhir_reader.search.index_scan import MOST_COUNTED_PATIENTS, ScanResult, scan_index
from fhir_reader.search.named_patients import audit_named_patients
from fhir_reader.search.own_values import OwnValues, compartment_criterion
from fhir_reader.search.page import fill_page
from fhir_reader.search.plan_query import candidate_entries, plan_query
from fhir_reader.search.query import SearchQuery
from fhir_reader.search.resolve_chains import authorise, resolve, resolve_condition
from fhir_reader.search.result_order import IndexOrder, ResultOrder
from fhir_reader.store.stored import Entry


def search_resources(query: SearchQuery, context: SearchContext) -> Bundle:
    """Return the searchset Bundle of a query.

    What the caller may not search, or has outside its compartment, is not matched, not counted, not included
    and not pointed at. A page in an order that an index has costs itself alone, and the total is told if it was
    found on the way or is asked for. Raises the outcomes 403 for a chain that the token does not open, 400 for a
    foreign cursor or for a search that is too costly.
    """
    authorise(query.type, query.chained, context.caller)
    criteria = [*query.criteria, *compartment_criterion(query.type, context.caller)]
    order = ResultOrder(query.type, context.result.sort)
    cursor = context.links.open_cursor(query.used, query.cursor) if query.cursor else None
    audit_named_patients(query.type, context)
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
    scan = page.of_index(order.index) if order.index else page.of_sorted()
    total = cursor.total if cursor else None
    if cursor is None and scan.is_end and result.wants_total:
        total = scan.found
    elif total_asked and not scan.is_end:
        spent = (
            f"{MOST_CALLS} lookups would be made"
            if query.chained and page.share.left
            else f"{MOST_ENTRIES:,} entries would be examined"
        )
        raise outcomes.too_costly("_total", f"more than {spent}")
    links = [("self", context.links.url(query.used))]
    if total_asked:
        _record_counted(scan.patients or (), context)
    if result.only_total:
        return Bundle(total, links, [])
    shown = fill_page(scan.matches[: result.count], query.includes, query.reverse_includes, context)
    last = scan.matches[shown.taken - 1] if shown.taken < len(scan.matches) else scan.last
    if last is not None and (shown.taken < len(scan.matches) or not scan.is_end):
        place = Cursor(order.place(last), total, access_path=page.access_path, examined=scan.enough)
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
        self._chained = tuple(query.chained)
        self._criteria = criteria
        self._order = order
        self._cursor = cursor
        self._context = context
        self._counts = cursor is None and context.result.wants_total
        self._tells_number = cursor is None and context.result.exact_total
        self._most = MOST_ENTRIES if cursor is None and context.result.exact_total else MOST_EXAMINED
        self._wanted = 0 if context.result.only_total else context.result.count + 1
        self.share = PageShare(self._most)
        self.access_path = 0

    def of_index(self, order: IndexOrder) -> ScanResult:
        """Look through as much as a page may, in an order that an index has."""
        cursor = self._cursor
        # What asks for few is a criterion like any other; for what may ask for many a way is looked for.
        resolved, chained = resolve(self._chained, self._context, least=Rank.CONTACT)
        criteria = [*self._criteria, *resolved]
        resolutions = [partial(resolve_condition, condition, self._context) for condition in chained]
        known = cursor.access_path if cursor else None
        plan = plan_query(self._type, criteria, order, self._context, resolutions, known=known)
        self.access_path = plan.number
        if plan.resolved_by is not None:
            del chained[plan.resolved_by]
        if not isinstance(plan.found, AccessPath):
            return self._scan(self._sorted(plan.found), criteria, chained)
        examined = (
            self._most
            if self._counts
            else estimated_entries(plan.found, self._wanted, cursor.examined if cursor else 0)
        )
        after = cursor.place if cursor else None
        candidates = candidates_of(self._type, plan.found, order, after, self._context, self.share, expected=examined)
        return self._scan(candidates, [one for one in criteria if one is not plan.found.satisfies], chained)

    def of_sorted(self) -> ScanResult:
        """Look through all that matches, in an order that no index has."""
        resolved, chained = resolve(self._chained, self._context)
        criteria = [*self._criteria, *resolved]
        found = candidate_entries(self._type, criteria, self._context, MOST_ENTRIES)
        if found is None:
            raise outcomes.too_costly("_sort", f"more than {MOST_ENTRIES:,} index entries would be examined")
        self.share = PageShare(MOST_ENTRIES)
        matching = filter(OwnValues(criteria, self._context).match, found)
        return self._scan(self._sorted(matching), (), chained)

    def _sorted(self, found: Iterable[Entry]) -> Candidates:
        entries = sorted(found, key=self._order.key)
        if self._cursor:
            place = self._cursor.place
            entries = [entry for entry in entries if self._order.is_after(entry, place)]
        return Candidates(iter(entries), len(entries))

    def _scan(
        self, candidates: Candidates, criteria: Sequence[Criterion], chained: Sequence[ChainedCondition]
    ) -> ScanResult:
        filter_ = Filter(OwnValues(criteria, self._context), self._context, chained)
        wanted, counts = self._wanted, self._counts
        return scan_index(candidates, filter_, self.share, wanted, count_all=counts, tells_number=self._tells_number)
