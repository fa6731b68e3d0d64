"""Read one event by its id."""

from access_auditor.event_store import EventStore
from careconnect.audit.event import AuditEvent, is_event_id
from careconnect.fhir import outcomes
from careconnect.oauth.caller import Caller


def read_event(store: EventStore, caller: Caller, event_id: str) -> AuditEvent:
    """Return an event: one query.

    Raises the outcome 404 for an unknown id, and for an event that is not of the patient that the caller is bound to,
    which looks the same.
    """
    found = store.events([event_id]) if is_event_id(event_id) else []
    if not found:
        raise outcomes.not_found()
    if caller.patient and found[0].patient != caller.patient:
        # Nor does the event of this refusal say whose it is: that was not asked for.
        raise outcomes.out_of_compartment(())
    return found[0]
