"""An event of the audit trail as a FHIR AuditEvent (STU3 AuditEvent; DICOM PS3.15 A.5)."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from access_auditor.event_query import patient_reference
from careconnect.audit.event import EXPORTED_BY, AuditEvent
from careconnect.fhir.interactions import INTERACTIONS
from careconnect.fhir.resource_types import AUDIT_EVENT

Json = dict[str, Any]

_DICOM: Final = "http://dicom.nema.org/resources/ontology/DCM"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_IP_ADDRESS: Final = "2"

_REST: Final = {"system": "http://hl7.org/fhir/audit-event-type", "code": "rest", "display": "RESTful Operation"}
_AUTHENTICATION: Final = {"system": _DICOM, "code": "110114", "display": "User Authentication"}
_SECURITY: Final = {"system": _DICOM, "code": "110113", "display": "Security Alert"}
_EXPORT: Final = {"system": _DICOM, "code": "110106", "display": "Export"}
_LOGIN: Final = {"system": _DICOM, "code": "110122", "display": "Login"}
_LOGOUT: Final = {"system": _DICOM, "code": "110123", "display": "Logout"}

_TOKENS: Final[dict[str, Json]] = {"token": _LOGIN, "introspect": {"code": "introspect"}, "revoke": _LOGOUT}
"""The subtypes of the token issuer's interactions, by their names in the audit trail."""

_CODES: Final = frozenset(each.code for each in INTERACTIONS)
"""The codes of `restful-interaction` in the audit trail."""

_OPERATOR: Final = "cli"
"""The `service` of an operator's commands."""

_PERSON: Final = {"system": "http://hl7.org/fhir/audit-entity-type", "code": "1", "display": "Person"}
_SYSTEM_OBJECT: Final = {"system": "http://hl7.org/fhir/audit-entity-type", "code": "2", "display": "System Object"}
_PATIENT: Final = {"system": "http://hl7.org/fhir/object-role", "code": "1", "display": "Patient"}
_RESOURCE: Final = {"system": "http://hl7.org/fhir/object-role", "code": "4", "display": "Domain Resource"}
_QUERY: Final = {"system": "http://hl7.org/fhir/object-role", "code": "24", "display": "Query"}
_SERVER: Final = {
    "system": "http://hl7.org/fhir/security-source-type",
    "code": "4",
    "display": "Application Server",
}


VERSION: Final = 1
"""The version of every event: an event is written once."""


def event_text(event: AuditEvent) -> str:
    """Render an event as the JSON text of an AuditEvent, compact."""
    return json.dumps(event_resource(event), separators=(",", ":"), ensure_ascii=False)


def event_resource(event: AuditEvent) -> Json:
    """Return an event as an AuditEvent, its elements in STU3's order."""
    recorded = _instant(event.at)
    resource = {
        "resourceType": AUDIT_EVENT.name,
        "id": event.id,
        "meta": {"versionId": str(VERSION), "lastUpdated": recorded},
        "type": _type(event),
        "subtype": [_subtype(event)],
        "action": event.action.value,
        "recorded": recorded,
        "outcome": event.outcome.value,
        "outcomeDesc": event.why,
        "agent": [_agent(event)],
        "source": {"identifier": {"value": event.service or "unknown"}, "type": [_SERVER]},
        "entity": list(_entities(event)),
    }
    return {name: value for name, value in resource.items() if value}


def _type(event: AuditEvent) -> Json:
    if event.service == _OPERATOR:
        return _SECURITY
    if event.service == EXPORTED_BY:
        return _EXPORT
    return _AUTHENTICATION if event.interaction in _TOKENS else _REST


def _subtype(event: AuditEvent) -> Json:
    """Return the coding of an interaction: from STU3 or DICOM if they have one, else the audit trail's own code."""
    code = event.interaction
    if code in _CODES:
        return {"system": "http://hl7.org/fhir/restful-interaction", "code": code, "display": code}
    return _TOKENS.get(code, {"code": code})


def _agent(event: AuditEvent) -> Json:
    """Return the agent: a client by its id and name, or an operator by the name that AWS has for it."""
    user = {"userId": {"value": event.client_id}} if event.client_id else {}
    name = {"name": event.client_name} if event.client_name else {}
    network = {"network": {"address": event.address, "type": _IP_ADDRESS}} if event.address else {}
    return {**user, **name, "requestor": True, **network}


def _entities(event: AuditEvent) -> Iterator[Json]:
    """Yield the entities: the patient, the requested resources, and the request itself."""
    patient = patient_reference(event.patient) if event.patient else ""
    if patient:
        yield {"reference": {"reference": patient}, "type": _PERSON, "role": _PATIENT}
    for reference in event.ids:
        if reference != patient:
            type_name, _, _ = reference.partition("/")
            type_ = {"system": "http://hl7.org/fhir/resource-types", "code": type_name, "display": type_name}
            yield {"reference": {"reference": reference}, "type": type_, "role": _RESOURCE}
    query, details = _query(event), list(_details(event))
    # A name or a query, and never both (STU3 AuditEvent: sev-1).
    said = {"role": _QUERY, "query": _base64(query)} if query else {"name": "request"}
    if query or details:
        request = {"type": _SYSTEM_OBJECT, **said, "detail": details}
        yield {name: value for name, value in request.items() if value}


def _query(event: AuditEvent) -> str:
    """Return the search or other request as its URL below the base, without personal values.

    For an operator's change, return the changed item and the kind of change in the same form.
    """
    asked = event.searched or (event.ids[0] if event.ids else event.type)
    if event.query:
        return f"{asked}?{event.query}" if asked else event.query
    return asked if event.searched or not event.ids else ""


def _details(event: AuditEvent) -> Iterator[Json]:
    texts = {
        "sub": event.subject,
        "jti": event.jti,
        "jkt": event.jkt,
        "scope": event.scope,
        "job": event.job,
        "file": event.file,
        "request-id": event.request_id,
        "gateway-request-id": event.gateway_request_id,
        "traceparent": event.trace,
        "status": str(event.status or ""),
        "unknown-parameters": str(event.unknown_parameters or ""),
        "parameters": str(event.parameters or ""),
    }
    for name, text in texts.items():
        if text:
            yield {"type": name, "value": _base64(text)}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")


def _instant(milliseconds: int) -> str:
    at = _EPOCH + timedelta(milliseconds=milliseconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
