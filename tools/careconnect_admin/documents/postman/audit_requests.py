"""The requests of a client that reads the audit trail: the events of the collection's earlier requests."""

import json
from typing import Final

from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import AUDITOR
from careconnect_admin.documents.postman.items import FHIR_JSON, FHIR_XML, Json, bearer, folder, request
from careconnect_admin.documents.postman.oauth_requests import needed_token_request
from careconnect_admin.documents.postman.scripts import (
    has_matches,
    is_bundle,
    media_type,
    outcome,
    status,
    test,
)
from careconnect_admin.documents.search_examples import PATIENT_ID

_TOKEN: Final = "auditorToken"
_EVENTS: Final = f"{FHIR_PATH}/{AUDIT_EVENT.name}"
_EVENT: Final = f"{_EVENTS}/{{{{auditEvent}}}}"
_OF_PATIENT: Final = (("patient", PATIENT_ID), ("_count", "5"))


def audit_folder() -> Json:
    """Return the folder of the requests. Without the secret of a client that reads it, the run ends here."""
    token = needed_token_request("Token", "auditor", _TOKEN, AUDITOR, "reads AuditEvent", r"/AuditEvent\.r")
    return folder("Access record", [token, *_searches(), *_reads(), *_refused()], bearer(_TOKEN))


def _searches() -> list[Json]:
    found = [*status(200), *is_bundle(), *has_matches(AUDIT_EVENT.name)]
    stored = test(
        "names the patient",
        "const [entry] = pm.response.json().entry;",
        f"pm.expect(JSON.stringify(entry.resource.entity)).to.include({json.dumps(f'Patient/{PATIENT_ID}')});",
        "pm.collectionVariables.set('auditEvent', entry.resource.id);",
    )
    return [
        request("Who saw a patient", _EVENTS, [*found, *media_type(FHIR_JSON), *stored], query=_OF_PATIENT),
        request("Who saw a patient, by a form", f"{_EVENTS}/_search", found, method="POST", form=_OF_PATIENT),
        request(
            "What a client asked for, and was refused",
            _EVENTS,
            [*status(200), *is_bundle()],
            query=(("user", "{{clientId}}"), ("outcome", "4"), ("_count", "5")),
        ),
    ]


def _reads() -> list[Json]:
    return [
        request(
            "Read an event",
            _EVENT,
            [
                *status(200),
                *media_type(FHIR_JSON),
                *test(
                    "is the event",
                    "pm.expect(pm.response.json().id).to.equal(pm.collectionVariables.get('auditEvent'));",
                ),
            ],
        ),
        request("Read an event as XML", _EVENT, [*status(200), *media_type(FHIR_XML)], accept=FHIR_XML),
    ]


def _refused() -> list[Json]:
    return [
        request(
            "The versions of an event, which has none", f"{_EVENT}/_history", [*status(404), *outcome("not-supported")]
        ),
        request(
            "Delete an event, which nobody does", _EVENT, [*status(405), *outcome("not-supported")], method="DELETE"
        ),
    ]
