"""Faults of DynamoDB and KMS: 503 with Retry-After, nothing issued, nothing leaked (`oauth.md`, Answers of /token)."""

import json
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from careconnect.oauth.access_token import MAX_LIFETIME
from careconnect.oauth.client_record import AuthMethod
from careconnect.oauth.signing_keys import CACHE_SECONDS, OUTAGE_SECONDS, RECHECK_SECONDS
from careconnect.runtime.aws import error_code
from careconnect_admin.signing.key_ring import KeyRing
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.issuer import (
    ALIAS,
    CLIENT_TABLE,
    RSA_KEY,
    TOKEN_TABLE,
    Issuer,
    basic,
    public_jwk,
)

URL = "https://internal.example"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "an internal detail"}}, "Operation")


FAULTS = [
    refusal("ProvisionedThroughputExceededException"),
    refusal("ThrottlingException"),
    refusal("AccessDeniedException"),
    refusal("ResourceNotFoundException"),
    refusal("InternalServerError"),
    ReadTimeoutError(endpoint_url=URL),
    ConnectTimeoutError(endpoint_url=URL),
    EndpointConnectionError(endpoint_url=URL),
]


def fail(client: Any, operation: str, fault: Exception) -> None:
    """Make every call of an operation fail before it is sent."""

    def broken(**_: Any) -> None:
        raise fault

    client.meta.events.register(f"before-call.*.{operation}", broken)


def assert_unavailable(answer: Answer) -> None:
    assert (answer.status, answer.error) == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "internal" not in answer.text
    assert "access_token" not in answer.text


@pytest.mark.parametrize("fault", FAULTS, ids=error_code)
@pytest.mark.parametrize("operation", ["BatchGetItem", "Sign", "GetPublicKey"])
def test_issuing_without_a_backing_service_is_503(
    issuer: Issuer, secret: str, operation: str, fault: Exception
) -> None:
    fail(issuer.dynamodb if operation == "BatchGetItem" else issuer.kms, operation, fault)

    assert_unavailable(issuer.token("client-1", secret))
    line = issuer.observer.lines[-1]
    assert line["reason"]
    assert "detail" not in json.dumps(line)


def test_a_failed_signature_is_counted_for_the_alarm(issuer: Issuer, secret: str) -> None:
    fail(issuer.kms, "Sign", refusal("KMSInternalException"))

    issuer.token("client-1", secret)

    assert "SigningFailed" in issuer.observer.counts


@pytest.mark.parametrize("code", ["DisabledException", "KMSInvalidStateException"])
def test_a_disabled_or_pending_deletion_key_never_signs(issuer: Issuer, secret: str, code: str) -> None:
    fail(issuer.kms, "Sign", refusal(code))

    assert_unavailable(issuer.token("client-1", secret))
    assert "SigningFailed" in issuer.observer.counts


def test_the_key_of_a_rotation_signs_once_kms_refuses_the_former_one(issuer: Issuer, secret: str) -> None:
    former = issuer.kms.describe_key(KeyId=f"{ALIAS}-current")["KeyMetadata"]["Arn"]
    first = issuer.token("client-1", secret).json["access_token"]
    ring = KeyRing(issuer.kms, ALIAS)
    ring.publish()
    ring.promote()

    def refused_by_the_former(params: dict[str, Any], **_: Any) -> None:
        if former.endswith(params["KeyId"]):
            raise refusal("DisabledException")

    issuer.kms.meta.events.register("before-parameter-build.kms.Sign", refused_by_the_former)
    assert_unavailable(issuer.token("client-1", secret))
    issuer.clock.now += RECHECK_SECONDS
    answer = issuer.token("client-1", secret)

    assert answer.status == 200
    kids = {jwt.get_unverified_header(token)["kid"] for token in (first, answer.json["access_token"])}
    assert len(kids) == 2


def test_no_current_key_is_503(issuer: Issuer, secret: str) -> None:
    issuer.kms.delete_alias(AliasName=f"{ALIAS}-current")

    assert_unavailable(issuer.token("client-1", secret))


def test_what_dynamodb_left_undone_lets_nobody_in(issuer: Issuer, secret: str) -> None:
    def unprocessed(parsed: dict[str, Any], **_: Any) -> None:
        parsed["UnprocessedKeys"] = {"tokens": {"Keys": [{"pk": {"S": "x"}}]}}

    issuer.dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", unprocessed)

    assert_unavailable(issuer.token("client-1", secret))


def test_a_failure_that_cannot_be_counted_is_503(issuer: Issuer, secret: str) -> None:
    """The token table fails closed: no guess goes uncounted."""
    fail(issuer.dynamodb, "UpdateItem", refusal("ThrottlingException"))

    assert_unavailable(issuer.token("client-1", "wrong"))


def test_an_assertion_that_cannot_be_used_up_is_503(issuer: Issuer) -> None:
    jwks = json.dumps({"keys": [public_jwk(RSA_KEY, "key-1")]})
    issuer.register("client-1", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=jwks)
    fail(issuer.dynamodb, "PutItem", refusal("ThrottlingException"))

    assert_unavailable(issuer.assert_client(issuer.assertion()))
    assert "Sign" not in issuer.calls


def test_introspection_that_cannot_ask_for_revocations_is_503_not_active(issuer: Issuer, secret: str) -> None:
    token = issuer.token("client-1", secret).json["access_token"]
    reads: list[str] = []

    def broken_after_authentication(model: Any, **_: Any) -> None:
        reads.append(model.name)
        if len(reads) > 1:
            raise refusal("ThrottlingException")

    issuer.dynamodb.meta.events.register("before-call.dynamodb.BatchGetItem", broken_after_authentication)

    assert_unavailable(issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret)))
    assert reads == ["BatchGetItem", "BatchGetItem"]


def test_introspection_whose_cutoffs_were_left_unanswered_is_503_not_active(issuer: Issuer, secret: str) -> None:
    token = issuer.token("client-1", secret).json["access_token"]

    def unprocessed(parsed: dict[str, Any], **_: Any) -> None:
        if CLIENT_TABLE not in parsed["Responses"]:
            parsed["UnprocessedKeys"] = {TOKEN_TABLE: {"Keys": [{"pk": {"S": "x"}}]}}

    issuer.dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", unprocessed)

    assert_unavailable(issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret)))


def test_a_revocation_that_was_not_written_is_503_not_200(issuer: Issuer, secret: str) -> None:
    token = issuer.token("client-1", secret).json["access_token"]
    fail(issuer.dynamodb, "PutItem", refusal("ThrottlingException"))

    assert_unavailable(issuer.post("/revoke", {"token": token}, headers=basic("client-1", secret)))


@pytest.mark.parametrize("path", ["/introspect", "/revoke"])
def test_a_token_that_cannot_be_verified_for_want_of_kms_is_503(issuer: Issuer, secret: str, path: str) -> None:
    token = issuer.token("client-1", secret).json["access_token"]
    issuer.clock.now += OUTAGE_SECONDS
    fail(issuer.kms, "GetPublicKey", refusal("ThrottlingException"))

    assert_unavailable(issuer.post(path, {"token": token}, headers=basic("client-1", secret)))


def test_an_outage_of_kms_ends_issuing_at_once_and_verifying_after_a_while(issuer: Issuer, secret: str) -> None:
    token = issuer.token("client-1", secret).json["access_token"]
    fail(issuer.kms, "GetPublicKey", refusal("KMSInternalException"))
    issuer.clock.now += CACHE_SECONDS

    assert_unavailable(issuer.token("client-1", secret))
    asked = issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret))
    assert asked.json["active"] is True


@pytest.mark.slow
def test_no_request_fails_while_keys_are_rotated(issuer: Issuer, secret: str) -> None:
    """Tokens are issued and introspected throughout, by instances with caches of different ages."""
    old = issuer.kms.describe_key(KeyId=f"{ALIAS}-current")["KeyMetadata"]["KeyId"]
    instances = [issuer.rebuilt() for _ in range(3)]
    kids: set[str] = set()
    tokens: list[str] = []

    def stream(seconds: int) -> None:
        for second in range(0, seconds, 7):
            issuer.clock.now += 7
            at = instances[second % 3]
            answer = at.token("client-1", secret)
            assert answer.status == 200
            tokens.append(answer.json["access_token"])
            kids.add(jwt.get_unverified_header(tokens[-1])["kid"])
            for token in (tokens[-1], tokens[0]):
                for each in instances:
                    asked = each.post("/introspect", {"token": token}, headers=basic("client-1", secret))
                    assert asked.json["active"] is True

    stream(70)
    ring = KeyRing(issuer.kms, ALIAS)
    new = ring.publish()
    stream(CACHE_SECONDS + 7)
    ring.promote()
    stream(7)
    stream(140)
    places = {state.place: state.key_id for state in ring.list()}
    assert places == {"current": new, "previous": old}

    assert len(kids) == 2
    assert jwt.get_unverified_header(tokens[0])["kid"] != jwt.get_unverified_header(tokens[-1])["kid"]

    # Retired after the longest token life, the old key is trusted no more.
    ring.retire(now=issuer.clock.now, force=True)
    issuer.clock.now += MAX_LIFETIME
    gone = instances[0].post("/introspect", {"token": tokens[0]}, headers=basic("client-1", secret))
    assert gone.json == {"active": False}
