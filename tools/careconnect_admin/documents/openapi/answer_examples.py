"""Examples of the FHIR API's bodies and answers: resources of the project's sample, as the service answers them.

They are components, so that a resource stands once in the document, and bodies and answers refer to it.
"""

import json
from collections.abc import Sequence
from typing import Final

from access_auditor.event_resource import event_text
from careconnect.audit.event import Action, AuditEvent
from careconnect.fhir.interactions import EVERYTHING, READ
from careconnect.fhir.outcomes import OperationOutcome
from careconnect.fhir.rendering.bundle import Bundle, BundleType, search_entries
from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.rendering.views import View
from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES, ResourceType
from careconnect.http.base_url import BaseUrl
from careconnect_admin.documents.openapi.components import XML, Json, in_xml
from careconnect_admin.documents.search_examples import PATIENT_ID, TypeExamples, search_examples
from careconnect_records.items.resource_items import with_version
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.stu3.element_order import in_order
from record_writer.judge_write import ACCEPTED

MATCHES: Final = "Matches"
RECORD: Final = "Record"
"""What follows a type's name in the names of its examples of a search and of `$everything`."""
VERSIONS: Final = "Versions"
ANSWERED: Final = "AnsweredBundle"
JUDGED: Final = "AcceptedWrite"
"""The examples of a history, of a Bundle's answer and of `$validate`'s."""

_VIEW: Final = View(Format.JSON)
_LOADED: Final = 1_767_225_600_000
"""The load of the sample in the examples: 2026-01-01."""

_Stored = tuple[ResourceType, str, str]
"""A resource's type, id and JSON text."""


def answer_examples(base: BaseUrl) -> dict[str, Json]:
    """Return all examples by name; the links of Bundles are of the service at `base`."""
    texts = {JUDGED: OperationOutcome((ACCEPTED,)).json()}
    stored = [(each.type, each.resource_id, _as_stored(each)) for each in search_examples()]
    for one in stored:
        type_, resource_id, body = one
        name = type_.name
        texts[name] = body
        texts[name + MATCHES] = _searchset(base, f"{name}?_id={resource_id}", [one])
        if type_.members:
            # A type of which the patient has one resource, that refers to the patient alone.
            *_, wanted, _ = type_.members
            (owned,) = (each for each in stored if each[0].name == wanted)
            asked = f"{name}/{resource_id}/{EVERYTHING.operation}?_type={wanted}"
            texts[name + RECORD] = _searchset(base, asked, [owned])
        if type_.is_patient:
            event = _event(type_)
            found = (AUDIT_EVENT, event.id, event_text(event))
            texts |= {VERSIONS: _history(base, one), ANSWERED: _answered(base, one), AUDIT_EVENT.name: found[2]}
            texts[AUDIT_EVENT.name + MATCHES] = _searchset(base, f"{AUDIT_EVENT.name}?_id={event.id}", [found])
    # What is alike stands together, by which the document is small once it is compressed.
    examples: dict[str, Json] = {}
    for name, text in texts.items():
        examples[name] = {"value": json.loads(text)}
        if not name.endswith(MATCHES) or name == RESOURCE_TYPES[0].name + MATCHES:
            examples[name + XML] = {"value": in_xml(text)}
    return examples


def _event(patient: ResourceType) -> AuditEvent:
    """Return the event of a read of the patient with the compartment that examples are taken from."""
    return AuditEvent(
        id="019b76daa800-5d41402abc4b2a76b9719d911017c592",
        action=Action.READ,
        interaction=READ.code,
        type=patient.name,
        ids=(f"{patient.name}/{PATIENT_ID}",),
        patient=PATIENT_ID,
        client_id="explorer",
        client_name="Explorer: reads everything",
        subject="explorer",
        request_id="0b2f6f3e-7a6b-4f7e-9f0e-2f4c1d9a5b11",
        address="203.0.113.7",
        service="fhir_reader",
    )


def _as_stored(example: TypeExamples) -> str:
    """Return the JSON text of an example as the service holds it, in its first version."""
    return json_text(in_order(with_version(example.resource, 1, _LOADED)))


def _searchset(base: BaseUrl, asked: str, found: Sequence[_Stored]) -> str:
    entries = [each.text for each in search_entries(found, "match", base.fhir, _VIEW)]
    return Bundle(len(found), [("self", f"{base.fhir}/{asked}")], entries).text(_VIEW)


def _history(base: BaseUrl, one: _Stored) -> str:
    type_, resource_id, body = one
    url = f"{type_.name}/{resource_id}"
    entry = {
        "fullUrl": f"{base.fhir}/{url}",
        "resource": json.loads(body),
        "request": {"method": "PUT", "url": url},
        "response": {"status": "201", "etag": 'W/"1"', "lastModified": json.loads(body)["meta"]["lastUpdated"]},
    }
    return Bundle(1, [("self", f"{base.fhir}/{url}/_history")], [json.dumps(entry)], BundleType.HISTORY).text(_VIEW)


def _answered(base: BaseUrl, one: _Stored) -> str:
    type_, resource_id, body = one
    changed = json.loads(body)["meta"]["lastUpdated"].partition(".")[0] + "Z"
    entry = {
        "fullUrl": f"{base.fhir}/{type_.name}/{resource_id}",
        "resource": json.loads(body),
        "response": {"status": "200 OK", "etag": 'W/"1"', "lastModified": changed},
    }
    return Bundle(None, [], [json.dumps(entry)], BundleType.BATCH_RESPONSE).text(_VIEW)
