"""Read one event by its id."""

from access_auditor.event_store import EventStore
from access_auditor.lost_events import not_found
from careconnect.audit.event import AuditEvent, is_event_id
from careconnect.oauth.caller import Caller


def read_event(store: EventStore, caller: Caller, event_id: str, now: int) -> AuditEvent:
    """Return an event: one look-up; `now` is in epoch milliseconds.

    Raises the 404 outcome for an unknown id. An event of another patient than the one that the caller is bound to gets
    the same 404.
    """
    found = store.events([event_id]) if is_event_id(event_id) else []
    if not found:
        raise not_found(store, event_id, now)
    if caller.patient and found[0].patient != caller.patient:
        # The audit event of this error names no patient either: the caller requested none.
        raise not_found(store, event_id, now, why="compartment")
    return found[0]
