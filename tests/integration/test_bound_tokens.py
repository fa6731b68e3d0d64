"""Bound tokens over HTTP, on the deployed template with IAM enforced (`bound-tokens.md`)."""

import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.dpop_proofs import dpop_proof, proof_key
from careconnect_testing.parts.issuer import basic

pytestmark = pytest.mark.integration

GRANT = {"grant_type": "client_credentials"}
PATH = f"{FHIR_PATH}/Organization"
USED = "The DPoP proof was used before."

Register = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def register(local_stack: LocalStack) -> Register:
    """Return a function that registers a client and returns its Authorization header."""
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])

    def new(**settings: Any) -> dict[str, str]:
        client_id = f"bound-{secrets.token_hex(4)}"
        registration = ClientRegistration(client_id, "Bound", ("system/Organization.rs",), **settings)
        return basic(client_id, str(register_client(registry, registration, now=time.time())))

    return new


def proof(http: httpx.Client, method: str, path: str, **changes: Any) -> dict[str, str]:
    url = str(http.base_url).rstrip("/") + path
    return {"DPoP": dpop_proof(method, url, time.time(), **{"jti": secrets.token_hex(16), **changes})}


def bearing(token: str) -> dict[str, str]:
    return {"Authorization": f"DPoP {token}"}


def test_a_bound_token_opens_what_its_key_proves(http: httpx.Client, register: Register) -> None:
    client = register()
    sent = {**client, **proof(http, "POST", "/token")}
    issued = http.post("/token", data=GRANT, headers=sent)
    assert (issued.status_code, issued.json()["token_type"]) == (200, "DPoP")
    assert "DPoP-Nonce" not in issued.headers

    again = http.post("/token", data=GRANT, headers=sent)
    assert (again.status_code, again.json()) == (400, {"error": "invalid_dpop_proof", "error_description": USED})

    token = issued.json()["access_token"]
    introspected = http.post("/introspect", data={"token": token}, headers=client).json()
    assert (introspected["token_type"], introspected["cnf"]) == ("DPoP", {"jkt": proof_key().jkt})

    read = {**bearing(token), **proof(http, "GET", PATH, token=token)}
    assert http.get(PATH, headers=read).status_code == 200
    replayed = http.get(PATH, headers=read)
    assert (replayed.status_code, replayed.json()["issue"][0]["diagnostics"]) == (401, USED)
    assert http.get(PATH, headers={"Authorization": f"Bearer {token}"}).status_code == 401
    stolen = {**bearing(token), **proof(http, "GET", PATH, token=token, key=proof_key("another"))}
    assert http.get(PATH, headers=stolen).status_code == 401


def test_a_client_of_nonces_takes_each_from_the_answer_before(http: httpx.Client, register: Register) -> None:
    client = register(dpop_bound=True, dpop_nonce=True)
    without = http.post("/token", data=GRANT, headers=client)
    assert (without.status_code, without.json()["error"]) == (400, "invalid_dpop_proof")

    first = http.post("/token", data=GRANT, headers={**client, **proof(http, "POST", "/token")})
    assert (first.status_code, first.json()["error"]) == (400, "use_dpop_nonce")

    nonce = first.headers["DPoP-Nonce"]
    issued = http.post("/token", data=GRANT, headers={**client, **proof(http, "POST", "/token", nonce=nonce, iat=0)})
    assert issued.status_code == 200
    token, nonce = issued.json()["access_token"], issued.headers["DPoP-Nonce"]

    read = http.get(PATH, headers={**bearing(token), **proof(http, "GET", PATH, token=token, nonce=nonce)})
    assert read.status_code == 200
    # The nonces of /token and of the FHIR API are the same.
    last = proof(http, "POST", "/token", nonce=read.headers["DPoP-Nonce"])
    assert http.post("/token", data=GRANT, headers={**client, **last}).status_code == 200
    refused = http.get(PATH, headers={**bearing(token), **proof(http, "GET", PATH, token=token)})
    assert refused.status_code == 401
    assert 'error="use_dpop_nonce"' in refused.headers["WWW-Authenticate"]


@pytest.mark.long
def test_of_many_requests_with_one_proof_one_gets_a_token(http: httpx.Client, register: Register) -> None:
    sent = {**register(), **proof(http, "POST", "/token")}

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: http.post("/token", data=GRANT, headers=sent), range(16)))

    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.json()["error_description"] for answer in answers if answer.status_code == 400} == {USED}
