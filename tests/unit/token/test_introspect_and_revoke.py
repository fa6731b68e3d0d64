"""Introspection and revocation (`tokens.md`; RFC 7662, RFC 7009)."""

from typing import Any

import jwt
import pytest

from careconnect.oauth.access_token import LONGEST_JOB, client_cutoff_key, patient_cutoff_key
from careconnect_testing.parts.issuer import BASE, FHIR_BASE, RSA_KEY, TOKEN_TABLE, Issuer, basic
from token_issuer.tokens.introspect_token import INACTIVE

ENDPOINTS = ["/introspect", "/revoke"]


@pytest.fixture
def token(issuer: Issuer, secret: str) -> str:
    """Return a token of `client-1`."""
    return str(issuer.token("client-1", secret).json["access_token"])


def introspect(issuer: Issuer, client_id: str, secret: str, token: str, **form: str) -> Any:
    answer = issuer.post("/introspect", {"token": token, **form}, headers=basic(client_id, secret))
    assert answer.status == 200
    return answer.json


def revoke(issuer: Issuer, client_id: str, secret: str, token: str, **form: str) -> None:
    answer = issuer.post("/revoke", {"token": token, **form}, headers=basic(client_id, secret))
    assert answer.status == 200


def test_rfc_7662_2_2_an_own_token_is_active(issuer: Issuer, secret: str, token: str) -> None:
    claims = jwt.decode(token, options={"verify_signature": False})

    assert introspect(issuer, "client-1", secret, token) == {
        "active": True,
        "scope": claims["scope"],
        "client_id": "client-1",
        "sub": "client-1",
        "aud": FHIR_BASE,
        "iss": BASE,
        "iat": claims["iat"],
        "exp": claims["exp"],
        "jti": claims["jti"],
        "token_type": "Bearer",
        "client_name": "A test client",
    }


def test_the_binding_of_a_bound_token_is_reported_and_of_no_other(issuer: Issuer, secret: str, token: str) -> None:
    bound = issuer.register("bound", patient="4", identifier_systems=("urn:x", "urn:y"))
    bound_token = str(issuer.token("bound", bound).json["access_token"])

    reported = introspect(issuer, "bound", bound, bound_token)
    assert (reported["patient"], reported["identifier_systems"]) == ("4", ["urn:x", "urn:y"])
    assert not {"patient", "identifier_systems"} & set(introspect(issuer, "client-1", secret, token))


@pytest.mark.parametrize("key", [client_cutoff_key("bound"), patient_cutoff_key("4")])
def test_a_token_that_a_cutoff_ends_is_inactive_and_a_later_one_active(issuer: Issuer, key: str) -> None:
    secret = issuer.register("bound", patient="4")
    before = str(issuer.token("bound", secret).json["access_token"])
    mark = {"pk": {"S": key}, "before": {"N": str(int(issuer.clock.now))}}
    issuer.dynamodb.put_item(TableName=TOKEN_TABLE, Item=mark)
    issuer.clock.now += 1
    after = str(issuer.token("bound", secret).json["access_token"])

    assert introspect(issuer, "bound", secret, before) == INACTIVE
    assert introspect(issuer, "bound", secret, after)["active"] is True


def test_a_token_is_dated_before_its_client_is_read(issuer: Issuer, secret: str) -> None:
    """Else a token of the client as it was could be dated after the mark that is to end it."""
    begun = int(issuer.clock.now)

    def slow(**_: Any) -> None:
        issuer.clock.now += 5

    issuer.dynamodb.meta.events.register("before-call.dynamodb.BatchGetItem", slow)

    token = issuer.token("client-1", secret).json["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["iat"] == begun


def test_introspection_costs_one_read_beside_the_clients(issuer: Issuer, secret: str, token: str) -> None:
    issuer.calls.clear()

    introspect(issuer, "client-1", secret, token)

    assert issuer.calls == ["BatchGetItem", "BatchGetItem"]


def test_a_resource_server_may_ask_about_any_token(issuer: Issuer, token: str) -> None:
    server = issuer.register("server", resource_server=True, grant_types=frozenset(), scopes=())

    assert introspect(issuer, "server", server, token)["active"] is True


def test_rfc_7662_4_another_clients_token_is_inactive(issuer: Issuer, token: str) -> None:
    other = issuer.register("client-2")

    assert introspect(issuer, "client-2", other, token) == INACTIVE


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_rfc_7662_2_1_a_hint_changes_nothing(issuer: Issuer, secret: str, token: str, hint: str) -> None:
    assert introspect(issuer, "client-1", secret, token, token_type_hint=hint)["active"] is True


def test_everything_else_is_exactly_inactive(issuer: Issuer, secret: str, token: str) -> None:
    head, payload, signature = token.split(".")
    claims = jwt.decode(token, options={"verify_signature": False})
    kid = jwt.get_unverified_header(token)["kid"]
    forged = jwt.encode(claims, RSA_KEY, "RS256", headers={"typ": "at+jwt", "kid": kid})
    for text in ("x", "a.b.c", f"{head}.{payload}.", f"{head}.{payload}.{signature}x", f"{token}=", forged):
        answer = issuer.post("/introspect", {"token": text}, headers=basic("client-1", secret))
        assert (answer.status, answer.text) == (200, '{"active": false}')


def test_an_expired_token_is_inactive(issuer: Issuer, secret: str, token: str) -> None:
    issuer.clock.now += 3600

    assert introspect(issuer, "client-1", secret, token) == INACTIVE


def test_a_client_assertion_is_not_an_access_token(issuer: Issuer, secret: str) -> None:
    assert introspect(issuer, "client-1", secret, issuer.assertion()) == INACTIVE


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_caller_authenticates_as_a_client(issuer: Issuer, secret: str, token: str, path: str) -> None:
    for headers in ({}, basic("client-1", "wrong"), {"Authorization": f"Bearer {token}"}):
        answer = issuer.post(path, {"token": token}, headers=headers)
        assert (answer.status, answer.error) == (401, "invalid_client")
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="careconnect"'


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("form", [{}, {"token": ""}, {"token": "x", "client_id": "other"}])
def test_a_malformed_request_is_invalid_request(issuer: Issuer, secret: str, path: str, form: dict[str, str]) -> None:
    answer = issuer.post(path, form, headers=basic("client-1", secret))

    assert (answer.status, answer.error) == (400, "invalid_request")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_token_in_the_query_is_invalid_request(issuer: Issuer, secret: str, token: str, path: str) -> None:
    answer = issuer.post(path, query=[("token", token)], headers=basic("client-1", secret))

    assert (answer.status, answer.error) == (400, "invalid_request")


def test_rfc_7009_2_an_own_token_is_revoked(issuer: Issuer, secret: str, token: str) -> None:
    other = str(issuer.token("client-1", secret).json["access_token"])

    revoke(issuer, "client-1", secret, token)

    assert introspect(issuer, "client-1", secret, token) == INACTIVE
    assert introspect(issuer, "client-1", secret, other)["active"] is True


def test_the_revocation_outlives_the_token(issuer: Issuer, secret: str, token: str) -> None:
    revoke(issuer, "client-1", secret, token)

    claims = jwt.decode(token, options={"verify_signature": False})
    (item,) = issuer.items()
    ends_at = claims["exp"] + LONGEST_JOB + 120
    assert item == {"pk": {"S": f"revoked#{claims['jti']}"}, "expires_at": {"N": str(ends_at)}}


def test_rfc_7009_2_2_an_unknown_expired_or_foreign_token_is_200_without_effect(
    issuer: Issuer, secret: str, token: str
) -> None:
    other = issuer.register("client-2")
    server = issuer.register("server", resource_server=True)
    revoke(issuer, "client-1", secret, "unknown")
    revoke(issuer, "client-2", other, token)
    revoke(issuer, "server", server, token)
    assert introspect(issuer, "client-1", secret, token)["active"] is True
    issuer.clock.now += 3600
    revoke(issuer, "client-1", secret, token)

    assert issuer.items() == []


def test_a_disabled_client_may_still_revoke_its_own_tokens_and_nothing_else(
    issuer: Issuer, secret: str, token: str
) -> None:
    server = issuer.register("server", resource_server=True, grant_types=frozenset(), scopes=())
    issuer.register("client-1", secret=secret, enabled=False)
    other = issuer.register("client-2")
    foreign = str(issuer.token("client-2", other).json["access_token"])
    refused = issuer.token("nobody", "x").text

    assert issuer.token("client-1", secret).text == refused
    for known in (token, foreign):
        assert issuer.post("/introspect", {"token": known}, headers=basic("client-1", secret)).text == refused
    assert issuer.post("/revoke", {"token": token}, headers=basic("client-1", "wrong")).text == refused
    assert introspect(issuer, "server", server, token)["active"] is True
    revoke(issuer, "client-1", secret, token)
    revoke(issuer, "client-1", secret, foreign)

    assert introspect(issuer, "server", server, token) == INACTIVE
    assert introspect(issuer, "server", server, foreign)["active"] is True


def test_revoking_twice_is_200(issuer: Issuer, secret: str, token: str) -> None:
    revoke(issuer, "client-1", secret, token)
    revoke(issuer, "client-1", secret, token)

    assert len(issuer.items()) == 1
