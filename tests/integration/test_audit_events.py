"""Audit events, searched over HTTP on the deployed template, after requests that leave them (`audit.md`)."""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.records.fhir_models import valid_json, valid_xml
from careconnect_testing.search.search_reader import HttpReader, walk

pytestmark = pytest.mark.integration

PATIENT = "4"
OTHER = "5"
BOUND = "bound-auditor"
SECRET = "a-secret-of-the-bound-auditor-" + "0123456789" * 3


@pytest.fixture(scope="module")
def explorer_of(
    http: httpx.Client, sample: Path, explorer: DemoClient, bearer: Callable[[DemoClient], dict[str, str]]
) -> HttpReader:
    return HttpReader(http, bearer(explorer))


@pytest.fixture(scope="module")
def record(http: httpx.Client, auditor: DemoClient, bearer: Callable[[DemoClient], dict[str, str]]) -> HttpReader:
    return HttpReader(http, bearer(auditor))


@pytest.fixture(scope="module")
def of_patient(
    local_stack: LocalStack, http: httpx.Client, bearer: Callable[[DemoClient], dict[str, str]]
) -> HttpReader:
    """Return a client that is bound to a patient and may read the audit events of that patient."""
    scopes = ("patient/AuditEvent.read", "patient/Patient.read")
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    registration = ClientRegistration(client_id=BOUND, name="Bound", scopes=scopes, secret=SECRET, patient=PATIENT)
    register_client(registry, registration, now=time.time())
    return HttpReader(http, bearer(DemoClient(BOUND, "Bound", SECRET, scopes)))


def details(event: dict[str, Any]) -> dict[str, str]:
    return {
        detail["type"]: base64.b64decode(detail["value"]).decode()
        for entity in event["entity"]
        for detail in entity.get("detail", ())
    }


def events_of(record: HttpReader, *parameters: tuple[str, str]) -> list[dict[str, Any]]:
    answer = record.get("AuditEvent", parameters)
    assert answer.status == 200, answer.text
    return [entry["resource"] for entry in answer.json.get("entry", ())]


def with_request_id(events: list[dict[str, Any]], request_id: str) -> list[dict[str, Any]]:
    return [event for event in events if details(event)["request-id"] == request_id]


def test_a_read_is_found_by_its_patient(explorer_of: HttpReader, record: HttpReader) -> None:
    request_id = f"read-{time.time_ns()}"
    assert explorer_of.get(f"Patient/{PATIENT}", (), **{"X-Request-Id": request_id}).status == 200

    (event,) = with_request_id(events_of(record, ("patient", PATIENT)), request_id)
    assert event["agent"][0]["userId"] == {"value": "explorer"}
    assert event["agent"][0]["name"] == "Explorer: reads everything"
    assert event["agent"][0]["network"]["address"] == "127.0.0.1"
    assert event["entity"][0]["reference"] == {"reference": f"Patient/{PATIENT}"}
    assert (event["action"], event["outcome"], event["subtype"][0]["code"]) == ("R", "0", "read")
    assert details(event)["jti"]
    read = record.get(f"AuditEvent/{event['id']}")
    assert valid_json(read.text, "AuditEvent").id == event["id"]
    assert read.json == event


def test_every_form_finds_it(explorer_of: HttpReader, record: HttpReader) -> None:
    request_id, day = f"ways-{time.time_ns()}", time.strftime("%Y-%m-%d", time.gmtime())
    explorer_of.get("Observation", (("patient", PATIENT), ("_count", "1")), **{"X-Request-Id": request_id})

    for parameters in (
        (("patient", PATIENT),),
        (("patient", PATIENT), ("date", f"ge{day}"), ("user", "explorer"), ("action", "R"), ("outcome", "0")),
        (("entity", f"Patient/{PATIENT}"),),
        (("user", "explorer"), ("date", f"ge{day}")),
    ):
        events = [event for page in _pages(record, parameters) for event in page]
        assert len(with_request_id(events, request_id)) == 1, parameters


def _pages(record: HttpReader, parameters: tuple[tuple[str, str], ...]) -> list[list[dict[str, Any]]]:
    until = ("date", time.strftime("le%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1)))
    first = record.get("AuditEvent", (*parameters, until, ("_count", "50")))
    return [[entry["resource"] for entry in page.json.get("entry", ())] for page in walk(record, first)]


def test_newest_is_first_and_pages_are_whole(explorer_of: HttpReader, record: HttpReader) -> None:
    for _ in range(5):
        explorer_of.get(f"Patient/{OTHER}")
    until = ("date", time.strftime("lt%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1)))
    time.sleep(1.1)

    whole = record.get("AuditEvent", (("patient", OTHER), until, ("_count", "100")))
    pages = walk(record, record.get("AuditEvent", (("patient", OTHER), until, ("_count", "2"))))
    ids = [id_ for page in pages for id_ in page.ids()]
    assert ids == whole.ids() == sorted(ids, reverse=True)
    assert len(ids) >= 5


def test_a_refusal_is_found_with_its_reason(of_patient: HttpReader, record: HttpReader) -> None:
    request_id = f"refused-{time.time_ns()}"
    assert of_patient.get(f"Patient/{OTHER}", (), **{"X-Request-Id": request_id}).status == 404

    (event,) = with_request_id(events_of(record, ("patient", OTHER), ("outcome", "4")), request_id)
    assert event["outcomeDesc"]
    assert event["agent"][0]["userId"] == {"value": BOUND}


def test_reading_the_record_is_recorded_once(record: HttpReader, explorer_of: HttpReader) -> None:
    explorer_of.get(f"Patient/{PATIENT}")
    request_id = f"audit-{time.time_ns()}"
    found = record.get("AuditEvent", (("patient", PATIENT),), **{"X-Request-Id": request_id})

    (event,) = with_request_id(events_of(record, ("patient", PATIENT), ("user", "auditor")), request_id)
    assert event["id"] not in found.ids()
    assert event["entity"][-1]["query"] == base64.b64encode(f"AuditEvent?patient={PATIENT}".encode()).decode()


def test_a_bound_client_sees_its_own_patients_events_alone(
    of_patient: HttpReader, record: HttpReader, explorer_of: HttpReader
) -> None:
    explorer_of.get(f"Patient/{PATIENT}")
    explorer_of.get(f"Patient/{OTHER}")

    own = events_of(of_patient, ("_count", "100"))
    assert {event["entity"][0]["reference"]["reference"] for event in own} == {f"Patient/{PATIENT}"}
    assert events_of(of_patient, ("patient", OTHER)) == []
    foreign = events_of(record, ("patient", OTHER))[0]
    assert of_patient.get(f"AuditEvent/{foreign['id']}").status == 404
    assert of_patient.get(f"AuditEvent/{own[0]['id']}").status == 200


def test_both_formats_are_valid(record: HttpReader, explorer_of: HttpReader) -> None:
    explorer_of.get(f"Patient/{PATIENT}")

    valid_json(record.get("AuditEvent", (("_count", "100"),)).text, "Bundle")
    valid_xml(record.get("AuditEvent", (("_count", "100"), ("_format", "xml"))).text, "Bundle")


def test_a_posted_search_and_head_are_answered(record: HttpReader, http: httpx.Client) -> None:
    posted = record.post("AuditEvent/_search", (("patient", PATIENT), ("_count", "1")))
    assert (posted.status, len(posted.ids())) == (200, 1)

    path = f"{FHIR_PATH}/AuditEvent/{posted.ids()[0]}"
    assert http.head(path, headers=dict(record.authorization)).status_code == 200
