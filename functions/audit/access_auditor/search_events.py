"""Search the audit trail: newest first, a page at a time, for no further than one request may go back."""

from collections.abc import Iterator
from dataclasses import dataclass

from access_auditor.event_query import EventQuery, of_patient, require_order
from access_auditor.event_resource import event_text
from access_auditor.event_store import EventStore
from access_auditor.event_values import values_of
from access_auditor.scan_events import MOST_COUNTED, MOST_COUNTING_QUERIES, Effort, Walk, Window
from careconnect.audit.event import AuditEvent
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import BUNDLE_BYTES, Bundle, bytes_of, outcome_entry, search_entry
from careconnect.fhir.rendering.views import show
from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect.oauth.caller import Caller
from careconnect.search.links import Cursor, Links
from careconnect.search.result_parameters import ResultParameters


@dataclass(frozen=True, slots=True)
class EventContext:
    """Where events are, who asks, how the answer is to look; `now` in epoch milliseconds."""

    store: EventStore
    caller: Caller
    result: ResultParameters
    links: Links
    now: int


@dataclass(frozen=True, slots=True)
class _Found:
    """The matches of a page, at most one more than it shows, and how many there were; `place` is where to go on."""

    matches: list[AuditEvent]
    count: int
    is_end: bool
    place: str


def search_events(query: EventQuery, context: EventContext) -> Bundle:
    """Return the searchset Bundle of a query.

    A caller that is bound to a patient finds that patient's events and no other. Without a patient and without a
    time to begin at, a search is of the last seven days. A page may be short, or empty, and
    still have a `next` link: it ends where one request may go no further. The total is told if the first page came to
    the end, or is asked for. Raises the outcome 400 for a foreign cursor, for another order, and for a total that is
    too costly.
    """
    require_order(context.result.sort)
    if context.caller.patient:
        query.criteria.insert(0, of_patient(context.caller.patient))
    query.bound(context.now)
    cursor = context.links.open_cursor(query.used, query.cursor) if query.cursor else None
    found = _find(query, cursor, context)
    total = _total(found, cursor, context.result)
    links = [("self", context.links.url(query.used))]
    entries: list[str] = []
    if not context.result.only_total:
        entries = list(_entries(found.matches[: context.result.count], context))
        place = found.matches[len(entries) - 1].id if len(entries) < found.count and entries else found.place
        if len(entries) < found.count or not found.is_end:
            links.append(("next", context.links.next_url(query.used, Cursor([place], total))))
    if query.warnings:
        # First, so that whoever looks at the matches has seen what they are not.
        entries.insert(0, outcome_entry(OperationOutcome(tuple(query.warnings)), context.result.view))
    return Bundle(total, links, entries)


def _find(query: EventQuery, cursor: Cursor | None, context: EventContext) -> _Found:
    """Go back through what can match, until there is a page, or the count of all if that is asked for."""
    counts = cursor is None and context.result.exact_total
    window = query.window(context.now)
    if cursor is not None:
        window = Window(window.low, cursor.place[0])
    wanted = context.result.count + 1
    effort = Effort(MOST_COUNTED, MOST_COUNTING_QUERIES) if counts else Effort()
    walk = Walk(context.store, window, wanted, effort)
    matchers = [criterion.matcher() for criterion in query.criteria]
    matches: list[AuditEvent] = []
    count = 0
    for event in _visible_matches(query, walk):
        values = values_of(event)
        if all(match(values) for match in matchers):
            count += 1
            if count <= wanted:
                matches.append(event)
            if count == wanted and not counts:
                break
    if counts and not walk.is_end:
        raise outcomes.too_costly("_total", f"more than {MOST_COUNTED:,} events would be examined")
    return _Found(matches, count, walk.is_end, walk.place)


def _visible_matches(query: EventQuery, walk: Walk) -> Iterator[AuditEvent]:
    """Yield the events that can match, by the way that comes by the fewest others."""
    event_ids, patients = query.event_ids(), query.patients()
    if event_ids is not None:
        return walk.by_id(event_ids)
    return walk.by_day() if patients is None else walk.by_patient(patients)


def _total(found: _Found, cursor: Cursor | None, result: ResultParameters) -> int | None:
    if cursor is not None:
        return cursor.total
    return found.count if found.is_end and result.wants_total else None


def _entries(matches: list[AuditEvent], context: EventContext) -> Iterator[str]:
    """Yield entries for as long as there is room, the first in any case."""
    view, room = context.result.view, BUNDLE_BYTES
    for event in matches:
        body = show(event_text(event), AUDIT_EVENT, view)
        entry = search_entry(body, "match", f"{context.links.fhir_base}/{AUDIT_EVENT.name}/{event.id}", view)
        room -= bytes_of(entry)
        if room < 0 and event is not matches[0]:
            return
        yield entry
