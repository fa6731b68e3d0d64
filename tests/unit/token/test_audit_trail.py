"""The issuer's audit events of clients and tokens, and its answers when they cannot be stored (`audit.md`)."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jwt
import pytest

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import AuditEvent
from careconnect.endpoint.pipeline import Auditing
from careconnect.oauth.signing_keys import SigningKeyError
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.issuer import AUDIT_TABLE, TOKEN_TABLE, Issuer, basic
from token_issuer.errors import unavailable

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
def stored() -> StoredEvents:
    return StoredEvents()


@pytest.fixture
def recorded(issuer: Issuer, stored: StoredEvents) -> Issuer:
    """Return the issuer with a record of its own."""
    return replace(issuer, auditing=stored.auditing())


def only(stored: StoredEvents) -> AuditEvent:
    (event,) = stored.events
    return event


def jti_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


def reported(event: AuditEvent) -> tuple[str, str, str, str]:
    return event.interaction, event.client_id, event.outcome.value, event.why


# --- tokens


def test_a_token_issued_is_one_event_that_names_it_by_its_id(
    recorded: Issuer, stored: StoredEvents, secret: str
) -> None:
    token = recorded.token("client-1", secret).json["access_token"]

    event = only(stored)
    assert reported(event) == ("token", "client-1", "0", "")
    assert (event.action, event.subject, event.jti, event.patient) == ("E", "client-1", jti_of(token), "")
    assert event.client_name == "A test client"
    assert event.service == "tested"
    assert len(stored.events) == 1


def test_a_bound_clients_token_is_an_event_without_patient(recorded: Issuer, stored: StoredEvents) -> None:
    secret = recorded.register("bound", patient="4", scopes=("patient/Patient.read",))

    assert recorded.token("bound", secret).json["patient"] == "4"
    assert only(stored).patient == ""


def test_the_event_of_a_token_is_begun_before_it_is_signed(recorded: Issuer, stored: StoredEvents, secret: str) -> None:
    class Signer:
        def sign(self, claims: Mapping[str, Any]) -> str:
            stored.steps.append("sign")
            return "a-token"

    recorded.rebuilt(signer=Signer()).token("client-1", secret)

    assert stored.steps == ["begin 1", "sign"]


def test_a_token_that_could_not_be_signed_was_allowed(recorded: Issuer, stored: StoredEvents, secret: str) -> None:
    class Broken:
        def sign(self, claims: Mapping[str, Any]) -> str:
            raise SigningKeyError("DisabledException")

    assert recorded.rebuilt(signer=Broken()).token("client-1", secret).status == 503

    assert reported(only(stored)) == ("token", "client-1", "0", "")


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"scope": "user/Observation.read"}, "scope"),
        ({"scope": "user/Patient.reed"}, "scope"),
        ({"grant_type": "password"}, "bad request"),
        ({"client_id": "another"}, "bad request"),
    ],
)
def test_a_request_that_is_refused_to_a_proven_client_is_an_event_of_that_client(
    recorded: Issuer, stored: StoredEvents, secret: str, form: dict[str, str], why: str
) -> None:
    assert recorded.post("/token", GRANT | form, headers=basic("client-1", secret)).status == 400

    assert reported(only(stored)) == ("token", "client-1", "4", why)
    assert (only(stored).jti, only(stored).status) == ("", 400)


# --- client authentication


@pytest.mark.parametrize("endpoint", ["token", "introspect", "revoke"])
def test_a_failed_authentication_names_the_registered_client_that_was_claimed(
    recorded: Issuer, stored: StoredEvents, secret: str, endpoint: str
) -> None:
    answer = recorded.post(f"/{endpoint}", {**GRANT, "token": "x"}, headers=basic("client-1", "wrong"))

    assert answer.status == 401
    assert reported(only(stored)) == (endpoint, "client-1", "4", "client authentication")
    assert only(stored).subject == ""


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        ({}, {}),
        ({}, {"Authorization": "Bearer x"}),
        ({}, basic("nobody", "x")),
        ({"client_secret": "x"}, {}),
        ({"client_assertion": "x"}, {}),
    ],
)
def test_a_failed_authentication_of_nobody_registered_names_no_client(
    recorded: Issuer, stored: StoredEvents, form: dict[str, str], headers: dict[str, str]
) -> None:
    assert recorded.post("/token", GRANT | form, headers=headers).status == 401

    assert reported(only(stored)) == ("token", "", "4", "client authentication")


def test_a_throttled_attempt_is_an_event_too(issuer: Issuer, stored: StoredEvents, secret: str) -> None:
    authentication = replace(issuer.endpoint.authentication, limit=1)
    recorded = replace(issuer, auditing=stored.auditing()).rebuilt(authentication=authentication)
    for _ in range(2):
        recorded.token("client-1", "wrong")

    assert [reported(event) for event in stored.events] == [
        ("token", "client-1", "4", "client authentication"),
        ("token", "client-1", "4", "throttled"),
    ]


def test_l12_failures_of_anybody_are_one_event_a_minute(recorded: Issuer, stored: StoredEvents, secret: str) -> None:
    for _ in range(4):
        for path in ("/token", "/revoke", "/introspect"):
            recorded.post(path, {**GRANT, "token": "x"})
            recorded.post(path, {**GRANT, "token": "x"}, headers=basic("client-1", "wrong"))

    assert [reported(event) for event in stored.events] == [
        ("token", "", "4", "client authentication"),
        ("token", "client-1", "4", "client authentication"),
    ]
    assert recorded.observer.counts.count("ClientRefused") == 24
    recorded.post("/token", {**GRANT, "grant_type": "x"}, headers=basic("client-1", secret))
    recorded.post("/token", {**GRANT, "grant_type": "x"}, headers=basic("client-1", secret))
    assert len(stored.events) == 4


# --- introspection and revocation


def test_an_introspection_says_who_asked_about_whose_token(recorded: Issuer, stored: StoredEvents, secret: str) -> None:
    server = recorded.register("server", resource_server=True)
    token = recorded.token("client-1", secret).json["access_token"]
    stored.events.clear()

    recorded.post("/introspect", {"token": token}, headers=basic("server", server))

    event = only(stored)
    assert reported(event) == ("introspect", "server", "0", "")
    assert (event.action, event.subject, event.jti) == ("E", "client-1", jti_of(token))
    assert len(stored.events) == 1


def test_what_is_reported_nothing_of_a_token_says_so_and_names_one_of_ours(
    recorded: Issuer, stored: StoredEvents, secret: str
) -> None:
    other = recorded.register("other")
    token = recorded.token("client-1", secret).json["access_token"]
    ours = (jti_of(token), "client-1")
    for endpoint, asked, by, with_secret, said in (
        ("introspect", token, "other", other, ("4", "inactive", 200, *ours)),
        ("introspect", "not-a-token", "client-1", secret, ("4", "inactive", 200, "", "")),
        ("revoke", token, "other", other, ("4", "not revoked", 200, *ours)),
        ("revoke", token, "client-1", secret, ("0", "", 0, *ours)),
        # The revocation is looked up at the same time as the event is written.
        ("introspect", token, "client-1", secret, ("0", "", 0, *ours)),
    ):
        stored.events.clear()
        assert recorded.post(f"/{endpoint}", {"token": asked}, headers=basic(by, with_secret)).status == 200

        event = only(stored)
        assert (event.interaction, event.client_id) == (endpoint, by)
        assert (event.outcome, event.why, event.status, event.jti, event.subject) == said


@pytest.mark.parametrize(("endpoint", "asks"), [("introspect", "is_revoked"), ("revoke", "revoke")])
def test_the_event_of_a_token_is_begun_before_the_tokens_are_asked(
    recorded: Issuer, stored: StoredEvents, secret: str, endpoint: str, asks: str
) -> None:
    token = recorded.token("client-1", secret).json["access_token"]
    stored.steps.clear()

    class Tokens:
        def __getattr__(self, name: str) -> Any:
            stored.steps.append(name)
            return getattr(recorded.endpoint.tokens, name)

    asked = recorded.rebuilt(tokens=Tokens())
    assert asked.post(f"/{endpoint}", {"token": token}, headers=basic("client-1", secret)).status == 200

    assert stored.steps == ["begin 1", asks]


@pytest.mark.parametrize("endpoint", ["introspect", "revoke"])
def test_what_the_tokens_did_not_answer_was_allowed(
    recorded: Issuer, stored: StoredEvents, secret: str, endpoint: str
) -> None:
    token = recorded.token("client-1", secret).json["access_token"]
    stored.events.clear()

    class Broken:
        def __getattr__(self, name: str) -> Any:
            def fails(*_: object) -> None:
                raise unavailable("ThrottlingException")

            return fails

    asked = recorded.rebuilt(tokens=Broken())
    assert asked.post(f"/{endpoint}", {"token": token}, headers=basic("client-1", secret)).status == 503

    assert reported(only(stored)) == (endpoint, "client-1", "0", "")
    assert only(stored).jti == jti_of(token)


# --- data that no event holds


def test_no_secret_token_or_unregistered_id_is_ever_in_an_event(
    recorded: Issuer, stored: StoredEvents, secret: str
) -> None:
    other = secrets.token_urlsafe(64)
    token = recorded.token("client-1", secret).json["access_token"]
    assertion = recorded.assertion(other)
    right = basic("client-1", secret)
    for path, form, headers in (
        ("/token", {"client_id": other, "client_secret": other}, {}),
        ("/token", {"grant_type": other, "scope": other, "client_id": other}, right),
        ("/token", {**GRANT, "scope": other}, right),
        ("/token", GRANT, basic(secret, secret)),
        ("/token", GRANT, basic(token, secret)),
        ("/token", {"client_assertion": assertion, "client_id": other}, {}),
        ("/introspect", {"token": other}, right),
        ("/introspect", {"token": token + "x"}, right),
        ("/introspect", {"token": token}, right),
        ("/revoke", {"token": secret}, right),
        ("/revoke", {"token": token}, right),
        (f"/{secret}", {}, right),
    ):
        recorded.post(path, form, headers=headers)
    recorded.post("/token", GRANT, query=[("client_secret", secret), ("scope", other)])

    # Unproven requests are one event for each cause and claimed client.
    assert len(stored.events) == 11
    text = repr([event.item() for event in stored.events])
    for hidden in (secret, other, token, *token.split("."), assertion.split(".")[1]):
        assert hidden not in text
    assert {event.client_id for event in stored.events} == {"client-1", ""}


def test_a_preflight_is_no_event(recorded: Issuer, stored: StoredEvents) -> None:
    recorded.app({"httpMethod": "OPTIONS", "path": "/token", "headers": {}})

    assert stored.events == []


# --- while no event can be stored


@pytest.mark.parametrize("endpoint", ["token", "introspect", "revoke"])
def test_without_a_record_an_endpoint_is_503_to_everybody(
    recorded: Issuer, stored: StoredEvents, secret: str, endpoint: str
) -> None:
    stored.fault = "AccessDeniedException"

    answers = [
        recorded.post(f"/{endpoint}", {**GRANT, "token": "x"}, headers=basic("client-1", each))
        for each in (secret, "wrong")
    ]

    for answer in answers:
        assert answer.status == 503
        assert answer.json["error"] == "temporarily_unavailable"
        assert set(answer.json) == {"error", "error_description"}
        assert answer.headers["Retry-After"] == "2"
    assert recorded.observer.counts.count("AuditEventNotWritten") == 2


def test_a_revocation_without_its_event_has_ended_the_token_and_may_be_repeated(
    recorded: Issuer, stored: StoredEvents, secret: str
) -> None:
    token = recorded.token("client-1", secret).json["access_token"]
    asks = {"token": token}
    stored.fault = "AccessDeniedException"
    assert recorded.post("/revoke", asks, headers=basic("client-1", secret)).status == 503

    stored.fault = ""
    assert recorded.post("/introspect", asks, headers=basic("client-1", secret)).json == {"active": False}
    assert recorded.post("/revoke", asks, headers=basic("client-1", secret)).status == 200


def test_a_deployment_that_says_so_answers_without_its_record(
    issuer: Issuer, stored: StoredEvents, secret: str
) -> None:
    stored.fault = "AccessDeniedException"
    open_ = replace(issuer, auditing=stored.auditing(fails_open=True))

    assert open_.token("client-1", secret).status == 200
    assert "AuditEventNotWritten" in open_.observer.counts


def test_a_token_costs_one_call_more(issuer: Issuer, secret: str) -> None:
    record = DynamoDbAuditStore(issuer.dynamodb, AUDIT_TABLE)
    recorded = replace(issuer, auditing=Auditing(record, "tested"))
    recorded.token("client-1", secret)
    issuer.calls.clear()

    assert recorded.token("client-1", secret).status == 200

    assert sorted(issuer.calls) == ["BatchExecuteStatement", "BatchGetItem", "Sign"]
    assert [reported(event) for event in issuer.events()] == [("token", "client-1", "0", "")] * 2
    assert issuer.items(TOKEN_TABLE) == []
