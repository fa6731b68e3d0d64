"""The checks on a client assertion and the errors that its sender sees, over HTTP (`oauth.md`, private_key_jwt)."""

import base64
import json
import secrets
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
import pytest

from careconnect.oauth.client_record import AuthMethod
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.issuer import ASSERTION_TYPE, OTHER_RSA_KEY, RSA_KEY, public_jwk
from token_issuer.errors import ASSERTION_NOT_PROVEN

pytestmark = pytest.mark.integration

CLIENT_ID = "asserting"
NOT_PROVEN = {"error": "invalid_client", "error_description": ASSERTION_NOT_PROVEN}


@pytest.fixture(scope="module")
def root(local_stack: LocalStack) -> str:
    """Register a client by its public key and return the root URL of the service."""
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    registration = ClientRegistration(
        CLIENT_ID,
        "x",
        ("profile",),
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps({"keys": [public_jwk(RSA_KEY, "key-1")]}),
    )
    register_client(registry, registration, now=time.time())
    return local_stack.base_url


def ask(
    http: httpx.Client, root: str, *, headers: Mapping[str, Any] | None = None, **changes: Any
) -> tuple[int, dict[str, Any]]:
    """Request a token with an assertion that is valid unless changed by the arguments; return status and body."""
    key, algorithm = changes.pop("key", RSA_KEY), changes.pop("algorithm", "RS256")
    now = int(time.time())
    claims = {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": f"{root}/token",
        "exp": now + 120,
        "jti": secrets.token_urlsafe(16),
        **changes,
    }
    assertion = jwt.encode(claims, key, algorithm, headers={"kid": "key-1", **(headers or {})})
    answer = http.post(
        "/token",
        data={
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        },
    )
    return answer.status_code, answer.json()


def test_a_jku_that_is_not_registered_is_refused(http: httpx.Client, root: str) -> None:
    status, body = ask(http, root, headers={"jku": "https://evil.example/jwks.json"})

    assert (status, body["error_description"]) == (401, "The client assertion's jku is not the registered jwks_uri.")


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"aud": "https://other.example/token"}, "aud"),
        ({"exp": int(time.time()) + 86_400}, "five minutes"),
        ({"exp": 1}, "expired"),
        ({"iss": "someone"}, "iss"),
        ({"jti": ""}, "jti"),
        ({"headers": {"typ": "at+jwt"}}, "typ"),
    ],
)
def test_whose_signature_is_proven_is_reported_the_cause_and_no_one_else(
    http: httpx.Client, root: str, changes: dict[str, Any], word: str
) -> None:
    status, body = ask(http, root, **changes)
    assert (status, body["error"]) == (401, "invalid_client")
    assert word in body["error_description"]

    assert ask(http, root, key=OTHER_RSA_KEY, **changes) == (401, NOT_PROVEN)


def test_an_assertion_that_was_used_is_refused_and_says_so(http: httpx.Client, root: str) -> None:
    jti = secrets.token_urlsafe(16)

    assert ask(http, root, jti=jti)[0] == 200
    status, body = ask(http, root, jti=jti)
    assert (status, body["error_description"]) == (
        401,
        "The client assertion was used before: make a new one for each request.",
    )


def test_pss_signs_and_no_shared_secret_does(http: httpx.Client, root: str) -> None:
    assert ask(http, root, algorithm="PS256")[0] == 200

    shared = base64.urlsafe_b64encode(json.dumps(public_jwk(RSA_KEY, "key-1")).encode())
    for algorithm in ("HS256", "HS384", "HS512"):
        status, body = ask(http, root, key=shared, algorithm=algorithm)
        assert (status, body["error"]) == (401, "invalid_client")
        assert body["error_description"].startswith("The client assertion's alg is none of")
    for document in ("/.well-known/oauth-authorization-server", "/careconnect-ri/STU3/.well-known/smart-configuration"):
        offered = http.get(document).json()["token_endpoint_auth_signing_alg_values_supported"]
        assert offered == ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384"]
