"""The search values of an event for each search parameter, in the forms of `careconnect.search.values`."""

from typing import Any

from access_auditor.event_query import patient_reference
from careconnect.audit.event import AuditEvent
from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect.search.values import SearchValues


def values_of(event: AuditEvent) -> SearchValues:
    """Return an event's searchable values; an event is an instant, to the millisecond."""
    patients = [patient_reference(event.patient)] if event.patient else []
    return {
        "_id": [["", event.id]],
        "patient": patients,
        "date": [[event.at, event.at + 1]],
        "user": [["", event.client_id]] if event.client_id else [],
        "action": _coded("action", event.action.value),
        # The requested version is in the event, but not searchable.
        "entity": [*patients, *(each.partition("/_history/")[0] for each in event.ids)],
        "outcome": _coded("outcome", event.outcome.value),
    }


def _coded(name: str, code: str) -> list[Any]:
    """Return a code with the system that its element implies."""
    parameter = AUDIT_EVENT.parameter(name)
    return [[parameter.system if parameter else "", code]]
