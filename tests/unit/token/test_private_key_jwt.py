"""Client assertions (`oauth.md`, private_key_jwt; RFC 7523 §3; RFC 8725; SMART Backend Services)."""

import base64
import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import AuthMethod, ClientRecord
from careconnect_testing.parts.issuer import (
    ASSERTION_TYPE,
    BASE,
    OTHER_RSA_KEY,
    P256_KEY,
    P384_KEY,
    RSA_KEY,
    Issuer,
    NoKeySets,
    public_jwk,
)
from token_issuer.clients.verify_assertion import verify_assertion
from token_issuer.errors import ASSERTION_NOT_PROVEN, ClientRefusedError, KeySetUnreachableError

KEYS = {
    "keys": [
        public_jwk(RSA_KEY, "key-1"),
        public_jwk(P256_KEY, "p256"),
        public_jwk(P384_KEY, "p384"),
        public_jwk(RSA_KEY, "rs256-only", alg="RS256"),
        public_jwk(RSA_KEY, "for-encryption", use="enc"),
        public_jwk(RSA_KEY, "for-signing", key_ops=["sign"]),
        public_jwk(rsa.generate_private_key(65537, 1024), "short"),  # noqa: S505 - short is the point
    ]
}


@pytest.fixture
def keyed(issuer: Issuer) -> Issuer:
    issuer.register("client-1", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), secrets=(), jwks=json.dumps(KEYS))
    return issuer


def reason(issuer: Issuer) -> str:
    return str(issuer.observer.lines[-1]["reason"])


@pytest.mark.parametrize(
    ("algorithm", "kid", "key"),
    [
        ("RS256", "key-1", RSA_KEY),
        ("RS384", "key-1", RSA_KEY),
        ("RS512", "key-1", RSA_KEY),
        ("PS256", "key-1", RSA_KEY),
        ("RS256", "rs256-only", RSA_KEY),
        ("ES256", "p256", P256_KEY),
        ("ES384", "p384", P384_KEY),
    ],
)
def test_every_allowed_algorithm_authenticates(keyed: Issuer, algorithm: str, kid: str, key: Any) -> None:
    answer = keyed.assert_client(keyed.assertion(key=key, algorithm=algorithm, headers={"kid": kid}))

    assert answer.status == 200


@pytest.mark.parametrize("audience", [f"{BASE}/token", BASE, [BASE], ["https://other.example", f"{BASE}/token"]])
def test_rfc_7523_3_3_the_audience_is_token_url_or_issuer(keyed: Issuer, audience: Any) -> None:
    assert keyed.assert_client(keyed.assertion(aud=audience)).status == 200


@pytest.mark.parametrize("typ", ["JWT", "client-authentication+jwt"])
def test_rfc_8725_3_11_a_type_may_be_stated(keyed: Issuer, typ: str) -> None:
    assert keyed.assert_client(keyed.assertion(headers={"typ": typ})).status == 200


def test_a_success_costs_one_read_one_write_and_one_signature(keyed: Issuer) -> None:
    keyed.assert_client(keyed.assertion())
    keyed.calls.clear()

    keyed.assert_client(keyed.assertion())

    assert keyed.calls == ["BatchGetItem", "PutItem", "Sign"]


NOW = 1_800_000_000


def _row(name: str, why: str, **changes: Any) -> Any:
    return pytest.param(changes, why, id=name)


NOT_PROVEN = [
    _row("RFC 7523 §3.9 another key", "signature", key=OTHER_RSA_KEY),
    _row("RFC 8725 §3.1 the key's own algorithm", "unknown key", algorithm="RS384", headers={"kid": "rs256-only"}),
    _row("RFC 8725 §3.1 the key's own algorithm, PSS", "unknown key", algorithm="PS256", headers={"kid": "rs256-only"}),
    _row("RFC 8725 §2.1 RSA where the key is EC", "unusable key", headers={"kid": "p256"}),
    _row("RFC 7515 §4.1.4 an unknown kid", "unknown key", headers={"kid": "other"}),
    _row("RFC 7517 §4.2 a key for encryption", "unknown key", headers={"kid": "for-encryption"}),
    _row("RFC 7517 §4.3 a key not for verifying", "unknown key", headers={"kid": "for-signing"}),
    _row("RFC 7518 §3.3 a short key", "short key", headers={"kid": "short"}),
    # Further faults are not reported to a sender that has proven nothing.
    _row("another key and another audience", "signature", key=OTHER_RSA_KEY, aud="https://other.example"),
    _row("another key and another type", "signature", key=OTHER_RSA_KEY, headers={"typ": "at+jwt"}),
    _row("another key and another key set", "signature", key=OTHER_RSA_KEY, headers={"jku": "https://evil.example"}),
    _row("another key and an expiry in the past", "signature", key=OTHER_RSA_KEY, exp=NOW - 1),
]

ALGORITHM = "The client assertion's alg is none of RS256, RS384, RS512, PS256, ES256, ES384."
NO_KEY_ID = "The client assertion's header has no kid: give the id of the key that signs it."
NO_JWT = "The client_assertion is not a signed JWT with the client id as its sub."

MALFORMED = [
    _row("RFC 8725 §3.1 an algorithm that is not allowed", ALGORITHM, algorithm="PS512"),
    _row("RFC 7515 §4.1.4 no kid", NO_KEY_ID, headers={"kid": ""}),
    _row("RFC 7515 §4.1.11 a critical extension", NO_JWT, headers={"crit": ["exp"], "exp": 1}),
    _row("RFC 7521 §4.2 no subject", NO_JWT, without=["sub"]),
    _row("RFC 7521 §4.2 an empty subject", NO_JWT, sub=""),
    # Not reported to a sender that has proven nothing.
    _row("no kid and another audience", NO_KEY_ID, headers={"kid": ""}, aud="https://other.example"),
]

AUDIENCE = "The client assertion's aud holds neither the token endpoint's URL nor the issuer."
NO_EXPIRY = "The client assertion's exp is missing or not a number."
NOT_YET = "The client assertion is not valid yet."
PARTIES = "The client assertion's iss and sub are not both the client id."
JTI = "The client assertion's jti is not a text of 1 to 255 characters."
TIMES = "The client assertion's iat or nbf is not a number."
TYPE = "The client assertion's typ is neither absent nor JWT nor client-authentication+jwt."

PROVEN = [
    _row("RFC 7523 §3.1 no issuer", PARTIES, without=["iss"]),
    _row("RFC 7523 §3.1 another issuer", PARTIES, iss="someone"),
    _row("RFC 7523 §3.3 no audience", AUDIENCE, without=["aud"]),
    _row("RFC 7523 §3.3 another audience", AUDIENCE, aud="https://other.example/token"),
    _row("RFC 7523 §3.3 an audience that only begins like ours", AUDIENCE, aud=f"{BASE}/token/x"),
    _row("RFC 7523 §3.3 an audience of no text", AUDIENCE, aud=[1, {"a": 2}]),
    _row("RFC 7523 §3.4 no expiry", NO_EXPIRY, without=["exp"]),
    _row("RFC 7523 §3.4 expired", "The client assertion has expired: make a new one for each request.", exp=NOW),
    _row("RFC 7523 §3.4 an expiry that is a text", NO_EXPIRY, exp=str(NOW + 60)),
    _row("RFC 7523 §3.4 an expiry that is true", NO_EXPIRY, exp=True),
    _row(
        "SMART exp more than five minutes ahead",
        "The client assertion's exp is more than five minutes ahead.",
        exp=NOW + 301,
    ),
    _row("RFC 7523 §3.5 not before a later time", NOT_YET, nbf=NOW + 61),
    _row("RFC 7523 §3.5 not before a text", TIMES, nbf="now"),
    _row("RFC 7523 §3.6 issued in the future", NOT_YET, iat=NOW + 61),
    _row("RFC 7523 §3.6 issued at a text", TIMES, iat="now"),
    _row("RFC 7523 §3.7 no jti", JTI, without=["jti"]),
    _row("RFC 7523 §3.7 an empty jti", JTI, jti=""),
    _row("RFC 7523 §3.7 a jti of no text", JTI, jti=7),
    _row("RFC 7523 §3.7 a jti without end", JTI, jti="x" * 256),
    _row("RFC 8725 §3.11 an access token is no assertion", TYPE, headers={"typ": "at+jwt"}),
    _row("RFC 8725 §3.11 another type", TYPE, headers={"typ": ["JWT"]}),
]


@pytest.mark.parametrize(("changes", "why"), NOT_PROVEN)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_whatever_is_wrong_before_the_signature_is_proven_it_is_the_same_401(
    keyed: Issuer, changes: dict[str, Any], why: str
) -> None:
    keyed.clock.now = float(NOW)
    key = rsa.generate_private_key(65537, 1024) if why == "short key" else RSA_KEY  # noqa: S505
    assertion = keyed.assertion(**{"key": key, **changes})

    answer = keyed.assert_client(assertion)

    assert (answer.status, answer.error) == (401, "invalid_client")
    assert why in reason(keyed)
    assert answer.json["error_description"] == ASSERTION_NOT_PROVEN
    assert assertion not in json.dumps(keyed.observer.lines)
    unknown = keyed.assert_client(keyed.assertion("nobody", **{"key": key, **changes}))
    assert (answer.status, answer.headers, answer.text) == (unknown.status, unknown.headers, unknown.text)


@pytest.mark.parametrize(("changes", "told"), MALFORMED)
def test_an_assertion_that_no_key_could_prove_is_told_its_fault_before_a_client_is_looked_up(
    keyed: Issuer, changes: dict[str, Any], told: str
) -> None:
    keyed.clock.now = float(NOW)
    keyed.calls.clear()

    for client_id in ("client-1", "nobody"):
        answer = keyed.assert_client(keyed.assertion(client_id, **changes))
        assert (answer.status, answer.json) == (401, {"error": "invalid_client", "error_description": told})
    assert not keyed.calls


@pytest.mark.parametrize(("changes", "told"), PROVEN)
def test_whose_signature_is_proven_is_reported_the_cause(keyed: Issuer, changes: dict[str, Any], told: str) -> None:
    keyed.clock.now = float(NOW)
    assertion = keyed.assertion(**changes)

    answer = keyed.assert_client(assertion)

    assert (answer.status, answer.json) == (401, {"error": "invalid_client", "error_description": told})
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="careconnect"'
    assert reason(keyed).startswith("assertion: ")
    assert assertion not in json.dumps(keyed.observer.lines)


def test_a_proven_signature_counts_as_a_failure_too(keyed: Issuer) -> None:
    statuses = [keyed.assert_client(keyed.assertion(aud="x")).status for _ in range(22)]

    assert statuses == [401] * 20 + [429] * 2


@pytest.mark.parametrize("changes", [{"enabled": False}, {"auth_methods": frozenset({AuthMethod.BASIC})}])
def test_a_disabled_client_or_a_method_not_registered_is_reported_nothing_though_the_signature_is_right(
    issuer: Issuer, changes: dict[str, Any]
) -> None:
    methods = frozenset({AuthMethod.PRIVATE_KEY_JWT})
    issuer.register("client-1", **{"auth_methods": methods, "jwks": json.dumps(KEYS), **changes})

    unknown = issuer.assert_client(issuer.assertion("nobody"))

    for assertion in (issuer.assertion(), issuer.assertion(aud="x")):
        assert issuer.assert_client(assertion).text == unknown.text


def test_exp_exactly_five_minutes_ahead_is_accepted(keyed: Issuer) -> None:
    keyed.clock.now = float(NOW)

    assert keyed.assert_client(keyed.assertion(exp=NOW + 300)).status == 200


@pytest.mark.parametrize("members", ["x5u", "jwk"])
def test_rfc_8725_3_10_keys_that_an_assertion_brings_are_not_looked_at(keyed: Issuer, members: str) -> None:
    value: Any = public_jwk(OTHER_RSA_KEY, "key-1") if members == "jwk" else "https://evil.example/keys"

    assert keyed.assert_client(keyed.assertion(key=OTHER_RSA_KEY, headers={members: value})).status == 401
    assert keyed.assert_client(keyed.assertion(headers={members: value})).status == 200


@pytest.mark.parametrize("jku", ["https://evil.example/keys", "", None, ["https://client.example/jwks.json"]])
def test_smart_a_jku_is_refused_where_keys_are_registered_themselves(keyed: Issuer, jku: Any) -> None:
    answer = keyed.assert_client(keyed.assertion(headers={"jku": jku}))

    assert answer.status == 401
    assert answer.json["error_description"] == "The client assertion's jku is not the registered jwks_uri."


def test_rfc_8725_3_1_an_unsigned_assertion_is_refused(keyed: Issuer) -> None:
    header = json.dumps({"alg": "none", "kid": "key-1"})
    segments = [header, json.dumps({"sub": "client-1"}), "x"]
    unsigned = ".".join(base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode() for text in segments)

    assert keyed.assert_client(unsigned).status == 401


def test_rfc_8725_2_1_an_hmac_with_the_public_key_is_refused(keyed: Issuer) -> None:
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    good = keyed.assertion()
    payload = jwt.decode(good, options={"verify_signature": False})
    # PyJWT refuses to sign with a PEM text, so the MAC is made by hand.
    import hashlib
    import hmac

    def segment(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = segment(json.dumps({"alg": "HS256", "kid": "key-1"}).encode())
    body = segment(json.dumps(payload).encode())
    mac = segment(hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest())

    assert keyed.assert_client(f"{head}.{body}.{mac}").status == 401


HEADED: Final = jwt.encode({}, RSA_KEY, "RS256", {"kid": "key-1"}).partition(".")[0]


@pytest.mark.parametrize(
    "assertion",
    [
        "x",
        f"{HEADED}.W10.e30",
        f"{HEADED}.e31.e30",
        "a.b",
        "a.b.c.d",
        "....",
        "a.b.c",
        "e30.e30.e30",
        "e30=.e30.e30",
        "e30.W10.e30",
        "x" * 8000,
    ],
)
def test_rfc_7515_2_what_is_no_jwt_is_refused(keyed: Issuer, assertion: str) -> None:
    assert keyed.assert_client(assertion).status == 401


@pytest.mark.parametrize(
    "kind", ["", ASSERTION_TYPE.upper(), "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"]
)
def test_rfc_7521_4_2_the_assertion_type_is_exact(keyed: Issuer, kind: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": kind,
        "client_assertion": keyed.assertion(),
    }

    assert keyed.post("/token", form).status == 401


def test_an_assertion_type_without_an_assertion_is_refused(keyed: Issuer) -> None:
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}

    assert keyed.post("/token", form).status == 401


def test_rfc_7521_4_2_a_client_id_beside_it_must_be_the_same(keyed: Issuer) -> None:
    assert keyed.assert_client(keyed.assertion(), client_id="client-1").status == 200
    answer = keyed.assert_client(keyed.assertion(), client_id="other")
    assert (answer.status, answer.error) == (400, "invalid_request")


def test_another_clients_key_does_not_sign_for_this_one(keyed: Issuer) -> None:
    other = {"keys": [public_jwk(OTHER_RSA_KEY, "key-1")]}
    keyed.register("client-2", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=json.dumps(other))

    assert keyed.assert_client(keyed.assertion("client-1", key=OTHER_RSA_KEY)).status == 401
    assert keyed.assert_client(keyed.assertion("client-2", key=OTHER_RSA_KEY)).status == 200


def test_a_client_that_may_not_use_assertions_is_refused(issuer: Issuer) -> None:
    issuer.register("client-1", jwks=json.dumps(KEYS))

    assert issuer.assert_client(issuer.assertion()).status == 401
    assert reason(issuer) == "method not registered"


def test_an_access_token_is_not_an_assertion(keyed: Issuer) -> None:
    token = keyed.assert_client(keyed.assertion()).json["access_token"]

    assert keyed.assert_client(token).status == 401


# --- single use


def test_rfc_7523_3_7_an_assertion_is_used_once(keyed: Issuer) -> None:
    assertion = keyed.assertion()

    assert keyed.assert_client(assertion).status == 200
    again = keyed.assert_client(assertion)
    assert again.status == 401
    assert again.json["error_description"] == "The client assertion was used before: make a new one for each request."
    assert reason(keyed) == "assertion: used before"


def test_another_clients_equal_jti_is_another(keyed: Issuer) -> None:
    keyed.register("client-2", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=json.dumps(KEYS))

    assert keyed.assert_client(keyed.assertion("client-1", jti="same")).status == 200
    assert keyed.assert_client(keyed.assertion("client-2", jti="same")).status == 200


def test_a_jti_is_free_again_after_its_time_though_its_item_lingers(keyed: Issuer) -> None:
    assert keyed.assert_client(keyed.assertion(jti="same")).status == 200
    keyed.clock.now += 300 + 121

    assert keyed.assert_client(keyed.assertion(jti="same")).status == 200


def test_an_assertion_that_did_not_authenticate_uses_nothing_up(keyed: Issuer) -> None:
    assert keyed.assert_client(keyed.assertion(jti="same", aud="https://other.example")).status == 401

    assert keyed.assert_client(keyed.assertion(jti="same")).status == 200


class OneAtATime:
    """A client that passes one call at a time to moto, since its tables are not thread-safe; the order stays open."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._turn = Lock()

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            with self._turn:
                return operation(**arguments)

        return call


def test_of_fifty_parallel_uses_one_gets_a_token(keyed: Issuer) -> None:
    """In process; over HTTP and without turns, `tests/integration/test_oauth_token.py` asks the same."""
    assertion = keyed.assertion()
    tokens: Any = keyed.endpoint.tokens
    clients: Any = keyed.endpoint.authentication.clients
    tokens._client = clients._client = OneAtATime(tokens._client)

    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: keyed.assert_client(assertion).status, range(50)))

    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}


def test_the_used_id_outlives_the_assertion_and_names_nobody(keyed: Issuer) -> None:
    keyed.assert_client(keyed.assertion(jti="the-jti"))

    (item,) = keyed.items()
    assert int(item["expires_at"]["N"]) == int(keyed.clock.now) + 300 + 120
    assert "client-1" not in json.dumps(item)
    assert "the-jti" not in json.dumps(item)


def test_our_own_repeated_write_is_not_taken_for_a_replay(keyed: Issuer) -> None:
    """A write that timed out may have happened; boto3 then sends it again."""
    tokens: Any = keyed.endpoint.tokens
    first = tokens._client.put_item

    class Repeating:
        def __getattr__(self, name: str) -> Any:
            return getattr(first.__self__, name)

        def put_item(self, **arguments: Any) -> Any:
            first(**arguments)
            return first(**arguments)

    tokens._client = Repeating()

    assert keyed.assert_client(keyed.assertion()).status == 200


# --- published keys


class PublishedKeys:
    """A client's set at an address; `kids` are those that were looked for."""

    def __init__(self, keys: Sequence[Mapping[str, Any]]) -> None:
        self._keys = keys
        self.asked: list[tuple[str, str]] = []

    def keys(self, uri: str, kid: str) -> Sequence[Mapping[str, Any]]:
        self.asked.append((uri, kid))
        return self._keys


def published(issuer: Issuer, keys: Sequence[Mapping[str, Any]]) -> tuple[Issuer, PublishedKeys]:
    """Register a client with keys at an address; return the issuer that fetches them, and the address."""
    issuer.register(
        "client-1",
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks_uri="https://client.example/jwks.json",
    )
    at_address = PublishedKeys(keys)
    return issuer.rebuilt(authentication=replace(issuer.endpoint.authentication, key_sets=at_address)), at_address


@pytest.mark.parametrize(
    ("jku", "status"),
    [
        ("https://client.example/jwks.json", 200),
        ("https://client.example/jwks.json?", 401),
        ("https://client.example:443/jwks.json", 401),
        ("https://CLIENT.example/jwks.json", 401),
        ("https://evil.example/jwks.json", 401),
        ("", 401),
        (None, 401),
    ],
)
def test_smart_a_jku_is_the_registered_address_to_the_letter_and_never_fetched(
    issuer: Issuer, jku: Any, status: int
) -> None:
    issuer, at_address = published(issuer, KEYS["keys"])

    assert issuer.assert_client(issuer.assertion(headers={"jku": jku})).status == status
    assert at_address.asked == [("https://client.example/jwks.json", "key-1")]


def test_a_key_set_that_does_not_answer_is_named_in_the_log_alone(issuer: Issuer) -> None:
    class Unreachable:
        def keys(self, uri: str, kid: str) -> Sequence[Mapping[str, Any]]:
            raise KeySetUnreachableError

    issuer, _ = published(issuer, ())
    unknown = issuer.assert_client(issuer.assertion())
    down = issuer.rebuilt(authentication=replace(issuer.endpoint.authentication, key_sets=Unreachable()))

    refused = down.assert_client(down.assertion())

    assert (refused.status, refused.text) == (401, unknown.text)
    assert reason(down) == "assertion: key set unreachable"


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_rfc_8725_3_1_a_shared_secret_never_signs_though_the_client_publishes_it(issuer: Issuer) -> None:
    """Any reader of the published set could sign with it."""
    shared = b"0123456789abcdef0123456789abcdef"
    octets = base64.urlsafe_b64encode(shared).rstrip(b"=").decode()
    issuer, _ = published(issuer, [{"kid": "key-1", "kty": "oct", "k": octets}])

    for algorithm in ("HS256", "HS384", "HS512"):
        assert issuer.assert_client(issuer.assertion(key=shared, algorithm=algorithm)).status == 401


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        (KEYS["keys"], 200),
        ([], 401),
        ([{"kid": "key-1"}], 401),
        ([{"kid": "key-1", "kty": "oct", "k": "AAAA"}], 401),
        ([{"kid": "key-1", "kty": "RSA", "n": 5, "e": []}], 401),
        ([{"kid": "key-1", "kty": "RSA", "key_ops": 5}], 401),
    ],
)
def test_smart_keys_at_a_registered_address(issuer: Issuer, keys: Any, status: int) -> None:
    issuer, at_address = published(issuer, keys)

    assert issuer.assert_client(issuer.assertion()).status == status
    assert at_address.asked == [("https://client.example/jwks.json", "key-1")]
    assert not issuer.observer.failures


def test_verifying_takes_nothing_for_granted_that_reading_the_subject_has_checked() -> None:
    record = ClientRecord(
        "client-1",
        "x",
        enabled=True,
        auth_methods=frozenset(),
        grant_types=frozenset(),
        scopes=(),
        jwks=json.dumps(KEYS),
    )

    with pytest.raises(ClientRefusedError, match="not a compact serialization"):
        verify_assertion("a.b", record, base_url=BaseUrl(BASE), key_sets=NoKeySets(), now=0)
