"""The reader as Lambda runs it: settings at cold start, and both deployments over moto."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.events import event
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.stores import load, reader_on_moto
from careconnect_testing.records.few_records import write_records
from careconnect_testing.stacks.refused_start import missing_settings, refused_start

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "fhir_reader",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "READER_TABLE": "directory",
    "DIRECTORY_TABLE": "directory",
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

    assert missing_settings("fhir_reader", needed) == {name: f"The setting {name} is missing." for name in needed}


def test_a_reader_of_records_is_shown_their_table() -> None:
    assert (
        refused_start("fhir_reader", {**SETTINGS, "READER_TABLE": "record"}) == "The setting RECORD_TABLE is missing."
    )


def test_a_home_that_is_none_stops_the_start() -> None:
    refused = refused_start("fhir_reader", {**SETTINGS, "READER_TABLE": "elsewhere"})

    assert refused == "The setting READER_TABLE must be one of: record, directory."


@dataclass
class Deployed:
    """Loaded tables, over which the handler can be imported anew."""

    tables: RecordTables
    monkeypatch: pytest.MonkeyPatch

    def handler(self, **settings: str) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
        environment = {**SETTINGS, "AWS_REGION": "eu-west-2", "DIRECTORY_TABLE": self.tables.directory, **settings}
        for name, value in environment.items():
            self.monkeypatch.setenv(name, value)
        sys.modules.pop("fhir_reader.handler", None)
        handler: Callable[[Mapping[str, Any], Any], dict[str, Any]]
        handler = importlib.import_module("fhir_reader.handler").lambda_handler
        return handler


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Deployed]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with reader_on_moto() as reader:
        load(reader, write_records(tmp_path))
        audit_table(reader.client, SETTINGS["AUDIT_TABLE"])
        yield Deployed(reader.tables, monkeypatch)
    sys.modules.pop("fhir_reader.handler", None)


def test_at_home_with_records_it_serves_records(deployed: Deployed) -> None:
    handler = deployed.handler(READER_TABLE="record", RECORD_TABLE=deployed.tables.record)

    read = handler(event("patient-record-read"), None)
    assert (read["statusCode"], json.loads(read["body"])["id"]) == (200, "4")
    found = handler(event("patient-record-search"), None)
    assert len(json.loads(found["body"])["entry"]) == 10
    below = handler(event("patient-record-compartment-search"), None)
    assert len(json.loads(below["body"])["entry"]) == 10
    assert handler(event("directory-search"), None)["statusCode"] == 404


def test_at_home_with_the_directory_it_serves_that(deployed: Deployed) -> None:
    handler = deployed.handler()

    found = handler(event("directory-search"), None)
    assert (found["statusCode"], json.loads(found["body"])["total"]) == (200, 0)
    assert handler(event("patient-record-read"), None)["statusCode"] == 404


def test_without_a_root_url_links_are_the_gateways_own(deployed: Deployed) -> None:
    handler = deployed.handler(BASE_URL="")

    found = json.loads(handler(event("directory-search"), None)["body"])
    assert found["link"][0]["url"] == (
        "https://abc123def4.execute-api.eu-west-2.amazonaws.com/live/careconnect-ri/STU3/Organization?name=leeds"
    )
