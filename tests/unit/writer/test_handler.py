"""The writer as Lambda runs it: settings at cold start, and both deployments over moto."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from careconnect.audit.event import AuditEvent
from careconnect.http.base_url import FHIR_PATH
from careconnect_records.items.table_formats import begin_table
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.events import Event, event, event_names, fhir_event
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.stores import reader_on_moto
from careconnect_testing.stacks.refused_start import missing_settings, refused_start

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "record_writer",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "WRITER_TABLE": "directory",
    "DIRECTORY_TABLE": "directory",
    "REFERENCE_TABLE": "references",
    "TRANSACTION_TABLE": "transactions",
    "DIRECTORY_TRANSACTION_TABLE": "directory-transactions",
    "USAGE_TABLE": "usage",
    "PROOF_TABLE": "proofs",
    "AUDIT_TABLE": "audit",
    "AUDIT_RETENTION_DAYS": "0",
    "AUDIT_FAILURE": "closed",
    "ALLOWED_ORIGINS": "*",
    "BASE_URL": "https://care.example",
}


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    needed = {name: value for name, value in SETTINGS.items() if name != "BASE_URL"}

    assert missing_settings("record_writer", needed) == {name: f"The setting {name} is missing." for name in needed}


def test_a_writer_of_records_is_shown_their_table() -> None:
    refused = refused_start("record_writer", {**SETTINGS, "WRITER_TABLE": "record"})

    assert refused == "The setting RECORD_TABLE is missing."


@dataclass
class Deployed:
    """Tables, over which the handler can be imported anew."""

    tables: RecordTables
    monkeypatch: pytest.MonkeyPatch
    events: Callable[[], list[AuditEvent]]

    def handler(self, **settings: str) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
        environment = {
            **SETTINGS,
            "AWS_REGION": "eu-west-2",
            "DIRECTORY_TABLE": self.tables.directory,
            "REFERENCE_TABLE": self.tables.reference,
            "TRANSACTION_TABLE": self.tables.transaction,
            "DIRECTORY_TRANSACTION_TABLE": self.tables.directory_transaction,
            **settings,
        }
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        sys.modules.pop("record_writer.handler", None)
        handler: Callable[[Mapping[str, Any], Any], dict[str, Any]]
        handler = importlib.import_module("record_writer.handler").lambda_handler
        return handler


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with reader_on_moto() as reader:
        for table in reader.tables.of_resources:
            begin_table(reader.client, table)
        yield Deployed(reader.tables, monkeypatch, audit_table(reader.client, SETTINGS["AUDIT_TABLE"]))
    sys.modules.pop("record_writer.handler", None)


def create(type_name: str) -> Event:
    context = {"client_id": "c", "scope": "system/*.cruds", "expires_at": "9999999999"}
    headers = {"Content-Type": "application/fhir+json"}
    body = json.dumps(
        {"resourceType": type_name, "name": "A practice"} if type_name != "Patient" else {"resourceType": type_name}
    )
    return fhir_event("POST", type_name, headers=headers, body=body, authorizer=context)


def test_at_home_with_records_it_writes_records(deployed: Deployed) -> None:
    handler = deployed.handler(WRITER_TABLE="record", RECORD_TABLE=deployed.tables.record)

    written = handler(create("Patient"), None)
    assert written["statusCode"] == 201
    assert written["headers"]["Location"].startswith("https://care.example/careconnect-ri/STU3/Patient/")
    assert handler(create("Organization"), None)["statusCode"] == 404
    done, refused = deployed.events()
    assert (done.interaction, done.action, done.outcome, done.status) == ("create", "C", "0", 0)
    assert done.ids == (written["headers"]["Location"].partition("STU3/")[2],)
    assert (refused.outcome, refused.why, refused.status) == ("4", "not found", 404)
    assert {done.service, refused.service} == {"record_writer"}


def test_a_conditions_value_is_left_out(deployed: Deployed) -> None:
    handler = deployed.handler(WRITER_TABLE="record", RECORD_TABLE=deployed.tables.record)
    conditional = create("Patient")
    conditional["headers"]["If-None-Exist"] = "identifier=urn:x%7C9434765919"
    assert handler(conditional, None)["statusCode"] == 201

    (event,) = deployed.events()
    assert event.query == "identifier=***"


def test_at_home_with_the_directory_it_writes_that(deployed: Deployed) -> None:
    handler = deployed.handler()

    first, second = (handler(create("Organization"), None) for _ in range(2))
    assert (first["statusCode"], second["statusCode"]) == (201, 201)
    # An id that nobody can guess.
    assert len({json.loads(each["body"])["id"] for each in (first, second)}) == 2
    assert len(json.loads(first["body"])["id"]) == 36
    assert handler(create("Patient"), None)["statusCode"] == 404


def test_the_events_of_the_writers_are_answered_however_often(deployed: Deployed) -> None:
    answers = {
        "patient-record-update": [201, 200],
        "patient-record-delete": [204, 204],
        "patient-record-create": [201, 201],
        "patient-record-patch": [200, 200],
        "patient-record-validate": [200, 200],
        "directory-create": [201, 201],
    }
    assert set(event_names("RecordWriterFunction", "DirectoryWriterFunction")) == set(answers)
    record = deployed.handler(WRITER_TABLE="record", RECORD_TABLE=deployed.tables.record)
    body = json.dumps({"resourceType": "Patient", "id": "4", "gender": "female"})
    patched = event("patient-record-update") | {
        "path": f"{FHIR_PATH}/Patient/4",
        "body": body,
        "isBase64Encoded": False,
    }
    assert record(patched, None)["statusCode"] == 201
    directory = deployed.handler()

    for name, statuses in answers.items():
        handler = directory if name.startswith("directory") else record
        assert [handler(event(name), None)["statusCode"] for _ in range(2)] == statuses
