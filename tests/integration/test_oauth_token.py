"""/token over HTTP, on the deployed template with IAM enforced (`oauth.md`; RFC 6749, RFC 7523)."""

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlencode

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from careconnect.oauth.client_record import AuthMethod
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client, rotate_secret
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.token_rows import CLIENT_ID, GRANT, ROWS, Row
from careconnect_testing.parts.issuer import ASSERTION_TYPE, RSA_KEY, basic, public_jwk

pytestmark = pytest.mark.integration

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def registry(local_stack: LocalStack) -> DynamoDbClientRegistry:
    return DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])


@pytest.fixture(scope="module")
def secret(registry: DynamoDbClientRegistry) -> str:
    """Register the client that the rows speak of."""
    scopes = ("profile", "user/Patient.read", "patient/Patient.read")
    return str(register_client(registry, ClientRegistration(CLIENT_ID, "Rows", scopes), now=time.time()))


@pytest.fixture(scope="module")
def keyed(registry: DynamoDbClientRegistry) -> str:
    """Register a client by its public keys and return its id."""
    client_id = f"keyed-{secrets.token_hex(4)}"
    registration = ClientRegistration(
        client_id,
        "Keyed",
        ("system/*.rs",),
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps({"keys": [public_jwk(RSA_KEY, "key-1"), public_jwk(P256, "p256")]}),
    )
    register_client(registry, registration, now=time.time())
    return client_id


P256 = ec.generate_private_key(ec.SECP256R1())


def assertion(client_id: str, audience: str, *, key: Any = RSA_KEY, algorithm: str = "RS256", **changes: Any) -> str:
    kid = changes.pop("kid", "key-1")
    now = int(time.time())
    claims = {"iss": client_id, "sub": client_id, "aud": audience, "exp": now + 120, "jti": secrets.token_urlsafe(16)}
    return jwt.encode({**claims, **changes}, key, algorithm, headers={"kid": kid})


def assert_client(http: httpx.Client, text: str) -> httpx.Response:
    form = {**GRANT, "client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
    return http.post("/token", data=form)


def test_the_pages_call_gives_the_pages_answer(http: httpx.Client, clients: tuple[DemoClient, ...]) -> None:
    """An empty body, the parameters in the query, Basic: for each of the page's clients."""
    for demo in clients:
        answer = http.post(
            f"/token?grant_type=client_credentials&client_id={demo.client_id}",
            headers={"Accept": "application/json", "Content-Type": FORM, **basic(demo.client_id, demo.secret)},
        )

        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
        assert body["token_type"] == "Bearer"
        assert type(body["expires_in"]) is int
        assert body["scope"].split() == list(demo.scopes)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Pragma"] == "no-cache"


def test_the_access_token_verifies_by_what_is_published(
    local_stack: LocalStack, http: httpx.Client, explorer: DemoClient
) -> None:
    answer = http.post("/token", data=GRANT, auth=(explorer.client_id, explorer.secret)).json()
    metadata = http.get("/.well-known/oauth-authorization-server").json()
    jwks = jwt.PyJWKSet.from_dict(http.get(metadata["jwks_uri"]).json())
    header = jwt.get_unverified_header(answer["access_token"])

    claims = jwt.decode(
        answer["access_token"],
        jwks[header["kid"]],
        algorithms=["RS256"],
        issuer=metadata["issuer"],
        audience=local_stack.fhir_url,
        options={"require": ["iss", "sub", "client_id", "aud", "iat", "exp", "jti", "scope"]},
    )
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": header["kid"]}
    assert claims["sub"] == claims["client_id"] == explorer.client_id
    assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3600


@pytest.mark.parametrize("row", [row for row in ROWS if row.over_http], ids=lambda row: row.name)
def test_answers_table(http: httpx.Client, secret: str, row: Row) -> None:
    answer = http.post(
        "/token",
        params=urlencode(row.asked(secret)),
        content=urlencode(row.pairs(secret)),
        headers={"Content-Type": FORM, **row.sent(secret)},
    )

    assert (answer.status_code, answer.json()["error"]) == (row.status, row.error)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Pragma"] == "no-cache"
    expected = 'Basic realm="careconnect"' if row.status == 401 else None
    assert answer.headers.get("WWW-Authenticate") == expected


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", '{"grant_type": "client_credentials"}'),
        ("text/plain", "grant_type=client_credentials"),
        (FORM, "grant_type=client_credentials&pad=" + "x" * 8192),
        (FORM, "grant_type=%ff"),
    ],
)
def test_rfc_6749_5_2_a_body_that_is_no_small_form(
    http: httpx.Client, secret: str, content_type: str, body: str
) -> None:
    headers = {"Content-Type": content_type, **basic(CLIENT_ID, secret)}

    answer = http.post("/token", content=body, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_rfc_9110_15_5_6_other_methods(http: httpx.Client, path: str, method: str) -> None:
    answer = http.request(method, path)

    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_space_in_the_query_is_a_space(http: httpx.Client, secret: str) -> None:
    for query in ("scope=profile%20user/Patient.read", "scope=profile+user/Patient.read"):
        answer = http.post(f"/token?grant_type=client_credentials&{query}", headers=basic(CLIENT_ID, secret))
        assert answer.status_code == 200, answer.text
        assert answer.json()["scope"] == "profile user/Patient.read"


def test_every_cause_of_invalid_client_is_one_answer(http: httpx.Client, registry: DynamoDbClientRegistry) -> None:
    scopes = ("profile",)
    disabled = str(register_client(registry, ClientRegistration("one-disabled", "x", scopes), now=0))
    registry.enable("one-disabled", enabled=False)
    post = frozenset({AuthMethod.POST})
    posting = ClientRegistration("one-post", "x", scopes, auth_methods=post)
    post_only = str(register_client(registry, posting, now=0))
    register_client(registry, ClientRegistration("one-known", "x", scopes), now=0)
    attempts = {"one-nobody": "x", "one-known": "wrong", "one-disabled": disabled, "one-post": post_only}

    answers = [http.post("/token", data=GRANT, headers=basic(*attempt)) for attempt in attempts.items()]

    assert len(answers) == 4
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, answers[0].text)}


def test_a_rotated_secret_overlaps(http: httpx.Client, registry: DynamoDbClientRegistry) -> None:
    old = str(register_client(registry, ClientRegistration("rotated", "x", ("profile",)), now=time.time()))
    new = rotate_secret(registry, "rotated", overlap=3600, now=time.time())
    assert [http.post("/token", data=GRANT, auth=("rotated", each)).status_code for each in (old, new)] == [200, 200]
    newest = rotate_secret(registry, "rotated", overlap=0, now=time.time())

    statuses = [http.post("/token", data=GRANT, auth=("rotated", each)).status_code for each in (old, new, newest)]
    assert statuses == [401, 401, 200]


def test_rfc_6585_4_guesses_are_throttled_and_others_are_not(
    http: httpx.Client, secret: str, registry: DynamoDbClientRegistry
) -> None:
    right = str(register_client(registry, ClientRegistration("guessed", "x", ("profile",)), now=time.time()))
    # The known one last: its count loses weight once a window of five minutes begins.
    for client_id in ("guessed-unknown", "guessed"):
        answers = [http.post("/token", data=GRANT, auth=(client_id, "wrong")) for _ in range(22)]
        assert [answer.status_code for answer in answers[:20]] == [401] * 20
        assert answers[-1].status_code == 429
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 300
        assert answers[-1].json()["error"]

    assert http.post("/token", data=GRANT, auth=("guessed", right)).status_code == 429
    assert http.post("/token", data=GRANT, auth=(CLIENT_ID, secret)).status_code == 200


# --- assertions


def test_rfc_7523_2_2_a_key_authenticates(http: httpx.Client, keyed: str) -> None:
    root = str(http.base_url).rstrip("/")
    for audience in (f"{root}/token", root):
        answer = assert_client(http, assertion(keyed, audience))
        assert answer.status_code == 200, answer.text
    answer = assert_client(http, assertion(keyed, root, key=P256, algorithm="ES256", kid="p256"))
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 0},
        {"exp": 2**40},
        {"aud": "https://other.example"},
        {"iss": "someone"},
        {"jti": ""},
        {"kid": "other"},
        {"key": rsa.generate_private_key(65537, 2048)},
        {"algorithm": "PS512"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_rfc_7523_3_a_wrong_assertion_is_invalid_client(
    http: httpx.Client, keyed: str, changes: dict[str, Any]
) -> None:
    answer = assert_client(http, assertion(keyed, **{"audience": str(http.base_url).rstrip("/"), **changes}))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_rfc_7523_3_7_of_fifty_parallel_uses_of_one_assertion_one_gets_a_token(
    http: httpx.Client, registry: DynamoDbClientRegistry
) -> None:
    registration = ClientRegistration(
        "replayed",
        "x",
        ("profile",),
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps({"keys": [public_jwk(RSA_KEY, "key-1")]}),
    )
    register_client(registry, registration, now=time.time())
    text = assertion("replayed", str(http.base_url).rstrip("/"))

    with ThreadPoolExecutor(10) as pool:
        statuses = list(pool.map(lambda _: assert_client(http, text).status_code, range(50)))

    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}


# --- faults


def test_a_disabled_key_never_signs(local_stack: LocalStack, http: httpx.Client, secret: str) -> None:
    kms, alias = local_stack.client("kms"), local_stack.stack.outputs["SigningKeyAlias"]
    key_id = kms.describe_key(KeyId=f"{alias}-current")["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=key_id)
    try:
        answer = http.post("/token", data=GRANT, auth=(CLIENT_ID, secret))
    finally:
        kms.enable_key(KeyId=key_id)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "access_token" not in answer.text
    assert http.post("/token", data=GRANT, auth=(CLIENT_ID, secret)).status_code == 200


def test_no_secret_token_or_assertion_is_in_any_log(
    local_stack: LocalStack, http: httpx.Client, secret: str, keyed: str, clients: tuple[DemoClient, ...]
) -> None:
    """After the requests above, no function of the stack has logged their secrets, tokens or assertions."""
    text = assertion(keyed, str(http.base_url).rstrip("/"))
    token = assert_client(http, text).json()["access_token"]
    http.get("/careconnect-ri/STU3/Organization", headers={"Authorization": f"Bearer {token}"})
    http.post("/introspect", data={"token": token}, auth=(CLIENT_ID, secret))
    hidden = [secret, text, token, token.split(".")[2], *(demo.secret for demo in clients)]
    hidden += [basic(demo.client_id, demo.secret)["Authorization"].split()[1] for demo in clients]

    functions = ("Token", "ReadAuthorizer", "WriteAuthorizer", "PatientRecord", "Directory", "Discovery")
    lines = [line for name in functions for line in local_stack.function_log(f"{name}Function")]

    assert sum('"action":"token"' in line for line in lines) > 50
    for each in hidden:
        assert not any(each in line for line in lines)
