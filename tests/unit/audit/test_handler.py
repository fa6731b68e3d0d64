"""The auditor as Lambda runs it: settings at cold start, and the deployment over moto."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from careconnect_testing.http.events import event
from careconnect_testing.parts.auditor import Auditor, an_event, auditor_on_moto
from careconnect_testing.stacks.refused_start import missing_settings

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "access_auditor",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AUDIT_TABLE": "events",
    "AUDIT_RETENTION_DAYS": "0",
    "USAGE_TABLE": "usage",
    "PROOF_TABLE": "proofs",
    "AUDIT_FAILURE": "closed",
    "ALLOWED_ORIGINS": "*",
    "BASE_URL": "https://care.example",
}
Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    needed = {name: value for name, value in SETTINGS.items() if name != "BASE_URL"}

    assert missing_settings("access_auditor", needed) == {name: f"The setting {name} is missing." for name in needed}


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Auditor, Handler]]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with auditor_on_moto() as auditor:
        tables = {"AUDIT_TABLE": auditor.event_table, "AWS_REGION": "eu-west-2"}
        for name, value in {**SETTINGS, **tables}.items():
            monkeypatch.setenv(name, value)
        sys.modules.pop("access_auditor.handler", None)
        yield auditor, importlib.import_module("access_auditor.handler").lambda_handler
    sys.modules.pop("access_auditor.handler", None)


def test_it_answers_from_its_tables_and_records_that(deployed: tuple[Auditor, Handler]) -> None:
    auditor, handler = deployed
    kept = [an_event(datetime(2025, 4, 5, 5, 42, tzinfo=UTC), number, patient="4") for number in range(25)]
    auditor.keep(*kept)

    found = json.loads(handler(event("audit-search"), None)["body"])
    assert len(found["entry"]) == 20
    assert found["link"][1]["url"].startswith("https://care.example/careconnect-ri/STU3/AuditEvent?patient=4&_cursor=")
    assert handler(event("audit-read"), None)["statusCode"] == 404
    assert [each.interaction for each in auditor.own_events()] == ["search-type", "read"]
