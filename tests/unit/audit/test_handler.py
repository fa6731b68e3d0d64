"""The auditor as Lambda runs it: settings at cold start, and the deployment over moto."""

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from careconnect_testing.access_records import hmac_key
from careconnect_testing.auditor import Auditor, an_event, auditor_on_moto
from careconnect_testing.cold_start import cold_start
from careconnect_testing.events import event

SETTINGS = {
    "POWERTOOLS_SERVICE_NAME": "access_auditor",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AUDIT_TABLE": "events",
    "SEAL_TABLE": "seals",
    "AUDIT_FAILURE": "closed",
    "ACCESS_SEAL_KEY_ALIAS": "alias/careconnect-access-seal",
    "ALLOWED_ORIGINS": "*",
    "BASE_URL": "https://care.example",
}
Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "BASE_URL"])
def test_a_missing_setting_stops_the_cold_start_and_is_named(name: str) -> None:
    ended = cold_start("access_auditor", {key: value for key, value in SETTINGS.items() if key != name})

    assert ended.returncode != 0
    assert f"The setting {name} is missing." in ended.stderr


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Auditor, Handler]]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with auditor_on_moto() as auditor:
        hmac_key(boto3.client("kms"), SETTINGS["ACCESS_SEAL_KEY_ALIAS"])
        tables = {"AUDIT_TABLE": auditor.event_table, "SEAL_TABLE": auditor.seal_table, "AWS_REGION": "eu-west-2"}
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


def test_what_it_sealed_it_finds_however_long_ago_that_was(deployed: tuple[Auditor, Handler]) -> None:
    """By the list of days that sealing leaves: no search goes back day by day for years."""
    auditor, handler = deployed
    kept = an_event(datetime.now(UTC) - timedelta(minutes=10), patient="4")
    auditor.keep(kept)

    assert "statusCode" not in handler({"seal": {}}, None)
    assert auditor.own_events() == []
    auditor.now.now = kept.at / 1000 + 86_400 * 365 * 3
    assert auditor.get("AuditEvent", "date=lt2029").ids() == [kept.id]
