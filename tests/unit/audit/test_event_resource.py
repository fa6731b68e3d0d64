"""The AuditEvent of an event: its content, and that it is valid STU3 in both formats (`audit.md`, Asked in FHIR)."""

import base64
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from access_auditor.event_resource import event_resource, event_text
from access_auditor.event_values import values_of
from careconnect.audit.event import EXPORTED_BY, Action, AuditEvent, Outcome, event_of
from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.resource_types import AUDIT_EVENT
from careconnect_admin.project import DOCS
from careconnect_testing.parts.auditor import KEPT, an_event
from careconnect_testing.records.fhir_models import valid_json, valid_xml

AT = datetime(2026, 11, 26, 7, 15, 2, 123_000, tzinfo=UTC)
DICOM = "http://dicom.nema.org/resources/ontology/DCM"
FULL = an_event(
    AT,
    11,
    interaction="search-type",
    type="Observation",
    query="patient=4&code=8867-4",
    patient="4",
    client_name="Ward 7",
    subject="client-1",
    jti="token-7",
    outcome=Outcome.REFUSED,
    why="compartment",
    status=200,
    request_id="asked-1",
    gateway_request_id="7d1f2c8e",
    trace="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    address="203.0.113.7",
)


def decoded(text: str) -> str:
    return base64.b64decode(text).decode()


def details(resource: dict[str, Any]) -> dict[str, str]:
    (request,) = (entity for entity in resource["entity"] if "detail" in entity)
    return {detail["type"]: decoded(detail["value"]) for detail in request["detail"]}


def test_an_event_says_who_did_what_to_whom_and_what_came_of_it() -> None:
    resource = event_resource(FULL)
    patient, request = resource.pop("entity")

    assert resource == {
        "resourceType": "AuditEvent",
        "id": FULL.id,
        "meta": {"versionId": "1", "lastUpdated": "2026-11-26T07:15:02.123Z"},
        "type": {"system": "http://hl7.org/fhir/audit-event-type", "code": "rest", "display": "RESTful Operation"},
        "subtype": [
            {"system": "http://hl7.org/fhir/restful-interaction", "code": "search-type", "display": "search-type"}
        ],
        "action": "R",
        "recorded": "2026-11-26T07:15:02.123Z",
        "outcome": "4",
        "outcomeDesc": "compartment",
        "agent": [
            {
                "userId": {"value": "client-1"},
                "name": "Ward 7",
                "requestor": True,
                "network": {"address": "203.0.113.7", "type": "2"},
            }
        ],
        "source": {
            "identifier": {"value": "fhir_reader"},
            "type": [
                {
                    "system": "http://hl7.org/fhir/security-source-type",
                    "code": "4",
                    "display": "Application Server",
                }
            ],
        },
    }
    assert patient == {
        "reference": {"reference": "Patient/4"},
        "type": {"system": "http://hl7.org/fhir/audit-entity-type", "code": "1", "display": "Person"},
        "role": {"system": "http://hl7.org/fhir/object-role", "code": "1", "display": "Patient"},
    }
    assert request["role"]["code"] == "24"
    assert decoded(request["query"]) == "Observation?patient=4&code=8867-4"
    assert details(event_resource(FULL)) == {
        "sub": "client-1",
        "jti": "token-7",
        "request-id": "asked-1",
        "gateway-request-id": "7d1f2c8e",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "status": "200",
    }


def test_the_key_that_a_token_is_bound_to_is_a_detail() -> None:
    event = an_event(AT, interaction="token", jti="token-7", jkt="a-thumbprint")

    assert details(event_resource(event)) == {"jti": "token-7", "jkt": "a-thumbprint"}


def test_the_scopes_with_a_suffix_that_opened_a_request_are_a_detail() -> None:
    scopes = "user/Observation.s?category=a user/Observation.rs?code=b|c"

    assert details(event_resource(an_event(AT, patient="4", scope=scopes)))["scope"] == scopes


def test_the_job_and_the_file_of_an_export_are_details() -> None:
    event = an_event(AT, interaction="operation", action=Action.EXECUTE, job="a-job", file="Patient.0.1.ndjson")

    assert details(event_resource(event)).items() >= {"job": "a-job", "file": "Patient.0.1.ndjson"}.items()
    assert event_resource(event)["type"]["code"] == "rest"


def test_whose_data_an_export_holds_is_an_event_of_that_kind() -> None:
    event = an_event(AT, patient="4", interaction="operation", action=Action.EXECUTE, job="a-job", service=EXPORTED_BY)

    resource = event_resource(event)
    assert resource["type"] == {"system": DICOM, "code": "110106", "display": "Export"}
    assert resource["subtype"][0]["code"] == "operation"
    assert details(resource)["job"] == "a-job"


def test_the_patient_that_was_asked_for_is_there_once() -> None:
    resource = event_resource(an_event(AT, patient="4", ids=("Patient/4", "Observation/1")))

    assert [entity["reference"]["reference"] for entity in resource["entity"]] == ["Patient/4", "Observation/1"]
    assert [entity["role"]["code"] for entity in resource["entity"]] == ["1", "4"]
    assert resource["entity"][1]["type"]["code"] == "Observation"


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ({"type": "Observation"}, "Observation"),
        ({"type": "Observation", "query": "code=1"}, "Observation?code=1"),
        (
            {"interaction": "search-type", "type": "Observation", "ids": ("Patient/4",), "query": "code=1"},
            "Patient/4/Observation?code=1",
        ),
        ({"interaction": "search-type", "type": "Observation", "ids": ("Patient/4",)}, "Patient/4/Observation"),
        ({"interaction": "search-type", "type": "Observation"}, "Observation"),
        ({"service": "cli", "interaction": "client-add", "query": "client_id=ward-7"}, "client_id=ward-7"),
        ({"type": "Observation", "ids": ("Observation/1",), "query": "_format=xml"}, "Observation/1?_format=xml"),
    ],
)
def test_what_was_asked_is_as_the_url_has_it(fields: dict[str, Any], query: str) -> None:
    (asked,) = (each["query"] for each in event_resource(an_event(AT, **fields))["entity"] if "query" in each)

    assert decoded(asked) == query


def test_what_was_read_by_its_id_has_no_query() -> None:
    resource = event_resource(an_event(AT, type="Observation", ids=("Observation/1",), jti="token-7"))
    (request,) = (each for each in resource["entity"] if "detail" in each)

    assert request["name"] == "request"
    assert "query" not in request


@pytest.mark.parametrize(
    ("interaction", "service", "type_", "subtype"),
    [
        ("read", "fhir_reader", "rest", ("http://hl7.org/fhir/restful-interaction", "read")),
        ("operation", "fhir_reader", "rest", ("http://hl7.org/fhir/restful-interaction", "operation")),
        ("batch", "record_writer", "rest", ("http://hl7.org/fhir/restful-interaction", "batch")),
        ("unknown", "fhir_reader", "rest", (None, "unknown")),
        ("token", "token_issuer", "110114", (DICOM, "110122")),
        ("revoke", "token_issuer", "110114", (DICOM, "110123")),
        ("introspect", "token_issuer", "110114", (None, "introspect")),
        ("client-add", "cli", "110113", (None, "client-add")),
    ],
)
def test_an_interaction_has_the_codes_that_there_are(
    interaction: str, service: str, type_: str, subtype: tuple[str | None, str]
) -> None:
    event = an_event(AT, interaction=interaction, service=service)
    resource = event_resource(event)

    assert resource["type"]["code"] == type_
    assert (resource["subtype"][0].get("system"), resource["subtype"][0]["code"]) == subtype
    valid_json(event_text(event), "AuditEvent")


def test_who_is_not_known_is_not_named() -> None:
    resource = event_resource(an_event(AT, client_id="", service=""))

    assert resource["agent"] == [{"requestor": True}]
    assert resource["source"]["identifier"] == {"value": "unknown"}
    assert "entity" not in resource
    assert "outcomeDesc" not in resource


@pytest.mark.parametrize("event", [*KEPT, FULL], ids=lambda event: str(event.interaction))
def test_an_event_is_valid_in_both_formats_and_the_same(event: AuditEvent) -> None:
    as_json = valid_json(event_text(event), "AuditEvent")
    as_xml = valid_xml(resource_xml(event_text(event)), "AuditEvent")

    assert as_json == as_xml


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20)
WORD = st.from_regex(r"[A-Za-z0-9.-]{1,12}", fullmatch=True)


@given(
    st.builds(
        lambda **fields: an_event(AT, **fields),
        action=st.sampled_from(Action),
        interaction=st.sampled_from(["read", "vread", "update", "operation", "token", "revoke"]),
        type=st.sampled_from(["", "Patient", "Observation"]),
        ids=st.lists(WORD.map("Observation/{}".format), max_size=3).map(tuple),
        query=TEXT,
        patient=st.one_of(st.just(""), WORD),
        client_id=st.one_of(st.just(""), WORD),
        jti=TEXT,
        jkt=TEXT,
        scope=TEXT,
        job=TEXT,
        file=TEXT,
        subject=TEXT,
        outcome=st.sampled_from(Outcome),
        why=st.sampled_from(["", "scope", "bad request"]),
        status=st.sampled_from([0, 200, 404]),
        address=st.one_of(st.just(""), st.ip_addresses().map(str)),
        service=st.sampled_from(["fhir_reader", "token_issuer", "cli", EXPORTED_BY]),
    )
)
def test_any_event_is_stored_and_shown_as_a_valid_one(event: AuditEvent) -> None:
    shown = event_of(event.item())

    assert shown == event
    valid_json(event_text(shown), "AuditEvent")
    valid_xml(resource_xml(event_text(shown)), "AuditEvent")


def test_an_event_has_values_of_every_parameter_that_is_offered() -> None:
    assert set(values_of(FULL)) == set(AUDIT_EVENT.by_name)


def test_a_version_that_was_asked_for_is_found_by_its_resource() -> None:
    event = an_event(AT, patient="4", ids=("Observation/1/_history/2",))

    assert values_of(event)["entity"] == ["Patient/4", "Observation/1"]
    assert event_resource(event)["entity"][1]["reference"]["reference"] == "Observation/1/_history/2"


def test_the_contracts_example_is_what_the_code_makes() -> None:
    page = (DOCS / "contract/audit.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)

    assert json.loads(example) == event_resource(FULL)
