"""The composition root: settings at cold start, by name."""

import importlib
import json
import sys
from collections.abc import Iterator

import pytest
from moto import mock_aws

from careconnect.runtime.settings import SettingError
from careconnect_testing.http.events import rest_event

SETTINGS = {
    "SIGNING_KEY_ALIAS": "alias/test-signing",
    "BULK_EXPORT": "on",
    "ALLOWED_ORIGINS": "*",
    "POWERTOOLS_SERVICE_NAME": "service_discovery",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AWS_REGION": "eu-west-2",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**SETTINGS, "AWS_DEFAULT_REGION": "eu-west-2", "AWS_ACCESS_KEY_ID": "testing"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("BASE_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    sys.modules.pop("service_discovery.handler", None)
    with mock_aws():
        yield
    sys.modules.pop("service_discovery.handler", None)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_missing_setting_stops_the_cold_start_and_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(SettingError, match=name):
        importlib.import_module("service_discovery.handler")


def test_the_handler_answers_an_event() -> None:
    handler = importlib.import_module("service_discovery.handler")

    response = handler.lambda_handler(rest_event("GET", "/.well-known/oauth-authorization-server"), None)

    assert response["statusCode"] == 200
    assert json.loads(response["body"])["issuer"] == "https://abc123def4.execute-api.eu-west-2.amazonaws.com/live"
