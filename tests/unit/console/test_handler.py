"""The composition root: settings at cold start, by name."""

import importlib
import json
import sys
from collections.abc import Iterator

import pytest

from careconnect.runtime.settings import SettingError
from careconnect_testing.http.events import rest_event

SETTINGS = {
    "CONSOLE": "on",
    "ALLOWED_ORIGINS": "*",
    "POWERTOOLS_SERVICE_NAME": "service_console",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AWS_REGION": "eu-west-2",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("BASE_URL", raising=False)
    sys.modules.pop("service_console.handler", None)
    yield
    sys.modules.pop("service_console.handler", None)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_missing_setting_stops_the_cold_start_and_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(SettingError, match=name):
        importlib.import_module("service_console.handler")


def test_the_parameter_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE", "true")

    with pytest.raises(SettingError, match="CONSOLE"):
        importlib.import_module("service_console.handler")


@pytest.mark.parametrize(("console", "status"), [("on", 503), ("off", 404)])
def test_the_handler_answers_an_event(console: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sources hold no built site: that the function is there is told by its saying so."""
    monkeypatch.setenv("CONSOLE", console)
    handler = importlib.import_module("service_console.handler")

    response = handler.lambda_handler(rest_event("GET", "/docs"), None)

    assert response["statusCode"] == status
    assert json.loads(response["body"])["resourceType"] == "OperationOutcome"
