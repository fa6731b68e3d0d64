"""Search the audit trail: newest first, a page at a time, within the limits of one request."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from access_auditor.event_query import EventQuery, of_patient, require_order
from access_auditor.event_resource import event_text
from access_auditor.event_store import EventStore
from access_auditor.event_values import values_of
from access_auditor.lost_events import lost_events
from access_auditor.scan_events import (
    MAX_COUNTED,
    MAX_COUNTING_QUERIES,
    MAX_EVENTS,
    MAX_QUERIES,
    MAX_SECONDS,
    Effort,
    EventScan,
    Window,
)
from careconnect.audit.event import AuditEvent
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import BUNDLE_BYTES, Bundle, bytes_of, outcome_entry, search_entry
from careconnect.fhir.rendering.views import show
from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect.oauth.caller import Caller
from careconnect.search.links import Cursor, Links
from careconnect.search.result_parameters import ResultParameters
from careconnect.storage.read_charges import ReadCharges

Test = Callable[[AuditEvent], bool]
"""Tells whether an event matches the criteria of a search."""


@dataclass(frozen=True, slots=True)
class EventContext:
    """The store, caller, result parameters, links and charges of a search.

    `now` is in epoch milliseconds; `elapsed` gives seconds since an arbitrary start.
    """

    store: EventStore
    caller: Caller
    result: ResultParameters
    links: Links
    now: int
    elapsed: Callable[[], float]
    charges: ReadCharges


@dataclass(frozen=True, slots=True)
class _Found:
    """The first matches, at least one more than a page shows if there is, and the count of all.

    The next page begins at `position`. Matches of the index by patient have only what a search tests.
    """

    matches: list[AuditEvent]
    count: int
    is_end: bool
    position: str


def search_events(query: EventQuery, context: EventContext) -> Bundle:
    """Return the searchset Bundle of a query.

    A caller that is bound to a patient finds only that patient's events. Without a patient and a start time, a search
    covers the last seven days. A page may be short, or empty, and still have a `next` link: it ends at the limits of
    one request. The Bundle has a total if the first page reached the end, or if the total is requested. It has a
    warning if the table may have forgotten events. Raises the 400 outcome for a foreign cursor, for another order, and
    for a total that is too costly; and the 429 outcome.
    """
    require_order(context.result.sort)
    if context.caller.patient:
        query.criteria.insert(0, of_patient(context.caller.patient))
    query.bound(context.now)
    cursor = context.links.open_cursor(query.used, query.cursor) if query.cursor else None
    window = query.window(context.now)
    if cursor is not None:
        window = Window(window.low, cursor.position[0])
    is_match = _test(query)
    found = _find(query, window, is_match, cursor, context)
    total = _total(found, cursor, context.result)
    links = [("self", context.links.url(query.used))]
    entries: list[str] = []
    if not context.result.only_total:
        page = found.matches[: context.result.count]
        events = _stored(page, query, is_match, context)
        entries = list(_entries(events, context))
        position = "" if found.is_end else found.position
        if len(entries) < len(events):
            position = events[len(entries) - 1].id
        elif len(page) < found.count:
            # The page's last match, not its last event: that may have expired since.
            position = page[-1].id
        if position:
            links.append(("next", context.links.next_url(query.used, Cursor([position], total))))
    if found.is_end or total is not None:
        matches = {event.id for event in found.matches}
        query.warnings += lost_events(context.store, query, window, matches, context.now)
    if query.warnings:
        # First, so that a reader sees the warnings before the matches.
        entries.insert(0, outcome_entry(OperationOutcome(tuple(query.warnings)), context.result.view))
    return Bundle(total, links, entries)


def _find(query: EventQuery, window: Window, is_match: Test, cursor: Cursor | None, context: EventContext) -> _Found:
    """Scan the candidate events until a page is full, or to the end if an exact total is requested."""
    counts = cursor is None and context.result.exact_total
    wanted = context.result.count + 1
    events, queries = (MAX_COUNTED, MAX_COUNTING_QUERIES) if counts else (MAX_EVENTS, MAX_QUERIES)
    effort = Effort(events, queries, elapsed=context.elapsed, charges=context.charges)
    scan = EventScan(context.store, window, MAX_COUNTED if counts else wanted, effort)
    matches: list[AuditEvent] = []
    count = 0
    for event in _visible_matches(query, scan):
        if is_match(event):
            count += 1
            # Of ids all matches are kept, to know which are missing.
            if count <= wanted or query.event_ids() is not None:
                matches.append(event)
            if count == wanted and not counts:
                break
    if counts and not scan.is_end:
        most = f"{MAX_COUNTED:,} events, {MAX_COUNTING_QUERIES:,} queries or {MAX_SECONDS:g} seconds"
        raise outcomes.too_costly("_total", f"it takes more than {most}")
    return _Found(matches, count, scan.is_end, scan.position)


def _test(query: EventQuery) -> Test:
    """Return the test of all criteria of a search."""
    tests = [(criterion.parameter.name, criterion.compiled()) for criterion in query.criteria]

    def is_match(event: AuditEvent) -> bool:
        values = values_of(event)
        return all(matches(values.get(name, ())) for name, matches in tests)

    return is_match


def _visible_matches(query: EventQuery, scan: EventScan) -> Iterator[AuditEvent]:
    """Yield the candidate events by the most selective access path."""
    event_ids, patients = query.event_ids(), query.patients()
    if event_ids is not None:
        return scan.by_id(event_ids)
    return scan.by_day() if patients is None else scan.by_patient(patients)


def _stored(page: list[AuditEvent], query: EventQuery, is_match: Test, context: EventContext) -> list[AuditEvent]:
    """Return a page's events as they are stored: what is found by the index by patient is read by one batch more.

    What is read is tested again: index and event are read by two calls.
    """
    if not page or query.patients() is None or query.event_ids() is not None:
        return page
    context.charges.call(1)
    return list(filter(is_match, context.store.events([each.id for each in page])))


def _total(found: _Found, cursor: Cursor | None, result: ResultParameters) -> int | None:
    if cursor is not None:
        return cursor.total
    return found.count if found.is_end and result.wants_total else None


def _entries(matches: list[AuditEvent], context: EventContext) -> Iterator[str]:
    """Yield entries up to the response size budget, and the first in any case."""
    view, room = context.result.view, BUNDLE_BYTES
    for event in matches:
        body = show(event_text(event), AUDIT_EVENT, view)
        entry = search_entry(body, "match", f"{context.links.fhir_base}/{AUDIT_EVENT.name}/{event.id}", view)
        room -= bytes_of(entry)
        if room < 0 and event is not matches[0]:
            return
        yield entry
