"""Say of a time that the table has forgotten that its events are in the archive (`audit.md`, Events of former days)."""

from collections.abc import Collection
from typing import Final

from access_auditor.event_query import EventQuery
from access_auditor.event_store import EventStore
from access_auditor.scan_events import Window
from careconnect.audit.event import day_of, is_event_id, time_of
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError

_REPORT: Final = "An operator reads the archive by careconnect audit report."


def lost_events(
    store: EventStore, query: EventQuery, window: Window, found: Collection[str], now: int
) -> tuple[Issue, ...]:
    """Return the warning that events of a query may be missing, if the table may have forgotten some.

    `window` is what the page read, and `found` are the ids of its matches. The warning follows from the request and the
    time alone, but for ids: of one that is found nothing is missing.
    """
    if window.is_empty or not (since := store.kept_since(now)):
        return ()
    ids = query.event_ids()
    # A caller that may not see an event learns nothing: to it the id is not found.
    starts = [window.low] if ids is None else [id_ for id_ in ids if window.has(id_) and id_ not in found]
    if not any(_is_lost(start, since) for start in starts):
        return ()
    text = f"Events before {since} (UTC) may be missing: they are in the archive. {_REPORT}"
    return (Issue("informational", text, severity="warning"),)


def not_found(store: EventStore, event_id: str, now: int, *, why: str = "") -> OutcomeError:
    """Return the 404 of an event; `why` is for the audit trail.

    Its text follows from the id and the time alone, so it does not tell whether an event is there.
    """
    if is_event_id(event_id) and _is_lost(event_id, store.kept_since(now)):
        text = f"No such resource here: an event of its time may be in the archive. {_REPORT}"
        return OutcomeError(404, "not-found", text, why=why)
    return outcomes.out_of_compartment(()) if why else outcomes.not_found()


def _is_lost(sort_key: str, since: str) -> bool:
    """Return True for an event's id, or the first part of one, of a day before the first that the table keeps."""
    return day_of(time_of(sort_key)) < since
