"""The composition root: settings at cold start, by name; one call through the real parts."""

import importlib
import json
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from careconnect.runtime.settings import SettingError
from careconnect_testing.http.events import form_event
from careconnect_testing.parts.issuer import (
    ALIAS,
    AUDIT_TABLE,
    CLIENT_TABLE,
    PROOF_TABLE,
    REGION,
    TOKEN_TABLE,
    Issuer,
    basic,
    built_issuer,
)

SETTINGS = {
    "CLIENT_TABLE": CLIENT_TABLE,
    "TOKEN_TABLE": TOKEN_TABLE,
    "PROOF_TABLE": PROOF_TABLE,
    "AUDIT_TABLE": AUDIT_TABLE,
    "AUDIT_RETENTION_DAYS": "0",
    "AUDIT_FAILURE": "closed",
    "SIGNING_KEY_ALIAS": ALIAS,
    "ALLOWED_ORIGINS": "https://app.example",
    "POWERTOOLS_SERVICE_NAME": "token_issuer",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AWS_REGION": REGION,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {**SETTINGS, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    # Powertools keeps one logger for each service name, and with it the standard output of its first test.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"token_issuer_{uuid.uuid4().hex}")
    for name in ("BASE_URL", "AWS_ENDPOINT_URL", "TOKEN_LIFETIME_SECONDS", "THROTTLE_FAILURES"):
        monkeypatch.delenv(name, raising=False)
    sys.modules.pop("token_issuer.handler", None)
    yield
    sys.modules.pop("token_issuer.handler", None)


def load() -> Any:
    return importlib.import_module("token_issuer.handler")


@pytest.mark.parametrize("name", SETTINGS)
def test_a_missing_setting_stops_the_cold_start_and_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(SettingError, match=name):
        load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOKEN_LIFETIME_SECONDS", "59"),
        ("TOKEN_LIFETIME_SECONDS", "5401"),
        ("TOKEN_LIFETIME_SECONDS", "an hour"),
        ("THROTTLE_FAILURES", "0"),
        ("THROTTLE_FAILURES", "-1"),
    ],
)
def test_a_setting_out_of_bounds_stops_the_cold_start_and_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SettingError, match=name):
        load()


@pytest.fixture
def seeded() -> Iterator[Issuer]:
    """Give tables, a key and a client to the handler under test."""
    with built_issuer(tables_of_moto=True) as issuer:
        yield issuer


def test_the_handler_issues_for_the_gateways_own_url(
    seeded: Issuer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = seeded.register("client-1")
    monkeypatch.setenv("TOKEN_LIFETIME_SECONDS", "5400")
    handler = load()
    origin = {"Origin": "https://app.example", "Host": "evil.example"}

    event = form_event("/token", {"grant_type": "client_credentials"}, headers=basic("client-1", secret) | origin)
    response = handler.lambda_handler(event, None)

    assert response["statusCode"] == 200
    assert response["headers"]["Access-Control-Allow-Origin"] == "https://app.example"
    token = json.loads(response["body"])["access_token"]
    asked = handler.lambda_handler(form_event("/introspect", {"token": token}, headers=basic("client-1", secret)), None)
    answer = json.loads(asked["body"])
    assert answer["iss"] == "https://abc123def4.execute-api.eu-west-2.amazonaws.com/live"
    assert answer["exp"] - answer["iat"] == 5400
    logged = capsys.readouterr().out
    assert '"client_id":"client-1"' in logged
    for hidden in (secret, token, token.split(".")[2], basic("client-1", secret)["Authorization"]):
        assert hidden not in logged


def test_the_default_limit_is_twenty(seeded: Issuer, monkeypatch: pytest.MonkeyPatch) -> None:
    # They are counted in windows of the clock, and none may end meanwhile.
    begun = time.time()
    monkeypatch.setattr(time, "time", lambda: begun)
    handler = load()
    event = form_event("/token", {"grant_type": "client_credentials"}, headers=basic("nobody", "x"))

    statuses = [handler.lambda_handler(event, None)["statusCode"] for _ in range(22)]

    assert statuses.count(401) == 20
    assert statuses[-1] == 429


def test_no_secret_token_or_assertion_is_ever_logged(seeded: Issuer, capsys: pytest.CaptureFixture[str]) -> None:
    secret = seeded.register("client-1")
    handler = load()
    assertion = seeded.assertion()
    for event in (
        form_event("/token", {"client_id": "client-1", "client_secret": secret}),
        form_event("/token", {"client_secret": secret}, query=[("client_secret", secret)]),
        form_event("/token", {"grant_type": secret, "scope": secret}, headers=basic(secret, secret)),
        form_event("/token", {"client_assertion": assertion}),
        form_event("/introspect", {"token": assertion}, headers=basic("client-1", secret)),
        form_event(f"/{secret}", {}),
    ):
        handler.lambda_handler(event, None)

    logged = capsys.readouterr().out
    assert logged.count('"action":') == 6
    assert secret not in logged
    assert assertion not in logged
    assert assertion.split(".")[1] not in logged


def test_the_clients_are_of_the_functions_region(seeded: Issuer) -> None:
    """The clients are made at cold start, with the time-outs of `careconnect.runtime.aws`."""
    handler = load()

    config = handler._dynamodb.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert handler._kms.meta.region_name == boto3.session.Session().region_name == REGION


def test_the_handler_keeps_the_events_of_its_requests(seeded: Issuer) -> None:
    secret = seeded.register("client-1")
    handler = load()
    event = form_event("/token", {"grant_type": "client_credentials"}, headers=basic("client-1", secret))

    assert handler.lambda_handler(event, None)["statusCode"] == 200
    (kept,) = seeded.events()
    assert (kept.interaction, kept.client_id, kept.subject) == ("token", "client-1", "client-1")
    assert kept.service.startswith("token_issuer")
    seeded.dynamodb.delete_table(TableName=AUDIT_TABLE)
    assert handler.lambda_handler(event, None)["statusCode"] == 503
