"""Introspection, revocation, discovery and key rotation over HTTP (`oauth.md`; `tokens.md`)."""

import threading
import time
from typing import Any

import httpx
import jwt
import pytest

from careconnect.oauth.access_token import REVOCATION_DELAY
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.signing.key_ring import SHORT_PUBLICATION_SECONDS, KeyRing, rotate
from careconnect_testing.http.token_rows import GRANT

pytestmark = pytest.mark.integration

FHIR = "/careconnect-ri/STU3"
INACTIVE = {"active": False}


@pytest.fixture(scope="module")
def registry(local_stack: LocalStack) -> DynamoDbClientRegistry:
    return DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])


@pytest.fixture(scope="module")
def owner(registry: DynamoDbClientRegistry) -> tuple[str, str]:
    """Register a client of the directory."""
    return "owner", str(register_client(registry, ClientRegistration("owner", "x", ("profile",)), now=time.time()))


def issue(http: httpx.Client, client: tuple[str, str]) -> str:
    answer = http.post("/token", data=GRANT, auth=client)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def read(http: httpx.Client, token: str) -> int:
    return http.get(f"{FHIR}/Organization", headers={"Authorization": f"Bearer {token}"}).status_code


def introspect(http: httpx.Client, client: tuple[str, str], token: str) -> Any:
    answer = http.post("/introspect", data={"token": token}, auth=client)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json()


def test_rfc_7662_who_may_know_what(
    http: httpx.Client, owner: tuple[str, str], explorer: DemoClient, registry: DynamoDbClientRegistry
) -> None:
    server = ClientRegistration("resource-server", "x", resource_server=True)
    server_secret = str(register_client(registry, server, now=time.time()))
    token = issue(http, owner)
    claims = jwt.decode(token, options={"verify_signature": False})

    own = introspect(http, owner, token)
    assert own == {
        "active": True,
        "token_type": "Bearer",
        **{
            name: claims[name]
            for name in ("scope", "client_id", "sub", "aud", "iss", "iat", "exp", "jti", "client_name")
        },
    }
    assert introspect(http, ("resource-server", server_secret), token) == own
    assert introspect(http, (explorer.client_id, explorer.secret), token) == INACTIVE
    for text in ("x", "a.b.c", f"{token}x", token[:-4]):
        assert introspect(http, owner, text) == INACTIVE
    assert http.post("/introspect", data={"token": token}).status_code == 401
    assert http.post("/introspect", auth=owner).status_code == 400


def test_rfc_7009_a_foreign_token_is_200_and_lives(
    http: httpx.Client, owner: tuple[str, str], explorer: DemoClient
) -> None:
    token = issue(http, owner)

    answer = http.post("/revoke", data={"token": token}, auth=(explorer.client_id, explorer.secret))

    assert answer.status_code == 200
    assert introspect(http, owner, token)["active"] is True


@pytest.mark.long
def test_s9_a_revoked_token_is_refused_within_the_stated_bound(http: httpx.Client, owner: tuple[str, str]) -> None:
    """Through the authorizer's real cache: the token was in use when it was revoked."""
    token, other = issue(http, owner), issue(http, owner)
    assert (read(http, token), read(http, other)) == (200, 200)

    assert http.post("/revoke", data={"token": token}, auth=owner).status_code == 200
    revoked = time.monotonic()

    assert introspect(http, owner, token) == INACTIVE
    while (began := time.monotonic()) and read(http, token) != 401:
        assert began - revoked < REVOCATION_DELAY + 5
        time.sleep(1)
    assert read(http, other) == 200


def test_s9_a_token_revoked_before_its_first_use_is_never_accepted(http: httpx.Client, owner: tuple[str, str]) -> None:
    token = issue(http, owner)
    assert http.post("/revoke", data={"token": token}, auth=owner).status_code == 200

    assert read(http, token) == 401


def test_rfc_8414_every_advertised_url_answers(http: httpx.Client, owner: tuple[str, str]) -> None:
    for path in ("/.well-known/oauth-authorization-server", f"{FHIR}/.well-known/smart-configuration"):
        metadata = http.get(path).json()
        claims = jwt.decode(issue(http, owner), options={"verify_signature": False})
        assert metadata["issuer"] == claims["iss"] == str(http.base_url).rstrip("/")
        assert http.get(metadata["jwks_uri"]).json()["keys"]
        assert http.post(metadata["token_endpoint"], data=GRANT, auth=owner).status_code == 200
        for endpoint in ("introspection_endpoint", "revocation_endpoint"):
            assert http.post(metadata[endpoint], data={"token": "x"}, auth=owner).status_code == 200


def test_every_advertised_scope_can_be_had(http: httpx.Client, editor: DemoClient, auditor: DemoClient) -> None:
    """`system/*` covers its own, but for those of the access record, which it does not."""
    scopes = http.get("/.well-known/oauth-authorization-server").json()["scopes_supported"]
    ours = [scope for scope in scopes if scope == "profile" or scope.startswith("system/")]
    of_record = [scope for scope in ours if "/AuditEvent." in scope]
    assert of_record
    for client, had in ((editor, [each for each in ours if each not in of_record]), (auditor, of_record)):
        for start in range(0, len(had), 16):
            some = " ".join(had[start : start + 16])
            answer = http.post("/token", data={**GRANT, "scope": some}, auth=(client.client_id, client.secret))
            assert answer.status_code == 200, answer.text
            assert answer.json()["scope"] == some


@pytest.mark.long
def test_no_request_fails_while_keys_are_rotated(
    local_stack: LocalStack, http: httpx.Client, owner: tuple[str, str]
) -> None:
    """A steady stream of token and read calls from before the new key is made until it signs; then retirement."""
    ring = KeyRing(local_stack.client("kms"), local_stack.stack.outputs["SigningKeyAlias"])
    failures: list[tuple[str, int]] = []
    kids: list[str] = []
    over = threading.Event()

    def stream() -> None:
        with httpx.Client(base_url=str(http.base_url), timeout=30, trust_env=False) as client:
            while not over.is_set():
                answer = client.post("/token", data=GRANT, auth=owner)
                if answer.status_code != 200:
                    failures.append(("token", answer.status_code))
                    continue
                token = answer.json()["access_token"]
                kids.append(jwt.get_unverified_header(token)["kid"])
                status = read(client, token)
                if status != 200:
                    failures.append(("read", status))
                time.sleep(0.1)

    before = issue(http, owner)
    streams = [threading.Thread(target=stream) for _ in range(2)]
    for each in streams:
        each.start()
    try:
        rotate(ring, wait=SHORT_PUBLICATION_SECONDS, sleep=time.sleep, tell=lambda _: None)
        new = next(state.kid for state in ring.list() if state.place == "current")
        deadline = time.monotonic() + 75
        while kids.count(new) < 20 and time.monotonic() < deadline:
            time.sleep(0.5)
    finally:
        over.set()
        for each in streams:
            each.join(30)

    assert failures == []
    assert kids.count(new) >= 20
    assert kids[0] != new
    assert read(http, before) == 200
    # Discovery may keep what it published for as long as an instance's cache.
    deadline = time.monotonic() + 65
    while len(published := http.get("/.well-known/jwks.json").json()["keys"]) < 2 and time.monotonic() < deadline:
        time.sleep(1)
    assert {key["kid"] for key in published} == {kids[0], new}
