"""Clients with the profile fapi2 (`oauth.md`, The profile fapi2; FAPI 2.0 Security Profile, Final)."""

import json
from typing import Any

import jwt
import pytest

from careconnect.oauth.client_record import FAPI2, AuthMethod
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.dpop_proofs import dpop_proof
from careconnect_testing.parts.issuer import (
    ASSERTION_TYPE,
    BASE,
    OTHER_RSA_KEY,
    P256_KEY,
    P384_KEY,
    RSA_KEY,
    Issuer,
    public_jwk,
)
from token_issuer.errors import ASSERTION_NOT_PROVEN

KEYS = {
    "keys": [
        public_jwk(RSA_KEY, "key-1"),
        public_jwk(RSA_KEY, "ps256", alg="PS256"),
        public_jwk(P256_KEY, "p256", alg="ES256"),
        public_jwk(P384_KEY, "p384"),
    ]
}
NOT_PROVEN = "Client authentication failed."
AUDIENCE = "The client assertion's aud is not the issuer alone."
NOT_YET = "The client assertion is not valid yet."
OTHER_ALGORITHMS = [
    ("RS256", "key-1", RSA_KEY),
    ("RS384", "key-1", RSA_KEY),
    ("RS512", "key-1", RSA_KEY),
    ("RS256", "ps256", RSA_KEY),
    ("ES384", "p384", P384_KEY),
]


def register(issuer: Issuer, client_id: str, profile: str) -> None:
    issuer.register(
        client_id,
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        secrets=(),
        jwks=json.dumps(KEYS),
        security_profile=profile,
        dpop_bound_access_tokens=profile == FAPI2,
    )


@pytest.fixture
def profiled(issuer: Issuer) -> Issuer:
    register(issuer, "client-1", FAPI2)
    register(issuer, "other", "")
    return issuer


def ask(
    issuer: Issuer,
    path: str = "/token",
    client_id: str = "client-1",
    *,
    proof: str | None = "",
    key: Any = RSA_KEY,
    algorithm: str = "PS256",
    **changes: Any,
) -> Answer:
    """Send a request that is right unless changed; `proof` is a good one by default, None for none."""
    assertion = issuer.assertion(client_id, key=key, algorithm=algorithm, **{"aud": BASE, **changes})
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
    form |= {"grant_type": "client_credentials"} if path == "/token" else {"token": "of-nobody"}
    if proof == "":
        jti = jwt.decode(assertion, options={"verify_signature": False}).get("jti", "")
        proof = dpop_proof("POST", f"{BASE}{path}", issuer.clock(), jti=f"of {jti}")
    return issuer.post(path, form, headers={"DPoP": proof} if proof else {})


ENDPOINTS = pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])


@ENDPOINTS
@pytest.mark.parametrize(
    ("algorithm", "kid", "key"),
    [("PS256", "key-1", RSA_KEY), ("PS256", "ps256", RSA_KEY), ("ES256", "p256", P256_KEY)],
)
def test_5_4_1_1_an_assertion_is_signed_by_ps256_or_es256(
    profiled: Issuer, path: str, algorithm: str, kid: str, key: Any
) -> None:
    assert ask(profiled, path, key=key, algorithm=algorithm, headers={"kid": kid}).status == 200


@ENDPOINTS
@pytest.mark.parametrize(("algorithm", "kid", "key"), OTHER_ALGORITHMS)
def test_5_4_1_1_another_algorithm_fails_though_the_key_is_proven(
    profiled: Issuer, path: str, algorithm: str, kid: str, key: Any
) -> None:
    answer = ask(profiled, path, key=key, algorithm=algorithm, headers={"kid": kid})

    assert (answer.status, answer.json) == (401, {"error": "invalid_client", "error_description": NOT_PROVEN})
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="careconnect"'


def test_who_proves_no_key_learns_nothing_of_the_profile(profiled: Issuer) -> None:
    def told(client_id: str) -> list[tuple[int, Any]]:
        answers = [ask(profiled, client_id=client_id, key=OTHER_RSA_KEY, algorithm=name) for name in ("RS256", "PS256")]
        return [(answer.status, answer.text) for answer in answers]

    assert told("client-1") == told("other") == told("nobody")
    assert ASSERTION_NOT_PROVEN in told("client-1")[0][1]


@ENDPOINTS
@pytest.mark.parametrize(
    "audience",
    [
        f"{BASE}/token",
        f"{BASE}/",
        [BASE],
        [BASE, f"{BASE}/token"],
        f"{BASE}/careconnect-ri/STU3",
        "https://other.example",
        {"aud": BASE},
        1,
        None,
    ],
    ids=str,
)
def test_5_3_2_1_8_the_audience_is_the_issuer_as_a_text(profiled: Issuer, path: str, audience: Any) -> None:
    answer = ask(profiled, path, aud=audience)

    assert (answer.status, answer.json) == (401, {"error": "invalid_client", "error_description": AUDIENCE})


def test_5_3_2_1_8_no_audience_is_another_too(profiled: Issuer) -> None:
    assert ask(profiled, without=["aud"]).json["error_description"] == AUDIENCE


@pytest.mark.parametrize("claim", ["iat", "nbf"])
@pytest.mark.parametrize(("ahead", "status"), [(8, 200), (10, 200), (60, 200), (61, 401), (90, 401)])
def test_5_3_2_1_13_times_may_be_some_seconds_ahead(profiled: Issuer, claim: str, ahead: int, status: int) -> None:
    changes: dict[str, Any] = {claim: int(profiled.clock()) + ahead}
    answer = ask(profiled, **changes)

    assert answer.status == status
    assert status == 200 or answer.json["error_description"] == NOT_YET


def test_wrong_assertions_count_for_the_throttle(profiled: Issuer) -> None:
    faults: tuple[dict[str, Any], ...] = ({"algorithm": "RS256"}, {"aud": f"{BASE}/token"})

    statuses = [ask(profiled, **faults[number % 2]).status for number in range(22)]

    assert statuses == [401] * 20 + [429] * 2


def test_5_4_1_1_its_access_tokens_are_signed_by_ps256_with_the_key_of_all_others(profiled: Issuer) -> None:
    ours = jwt.get_unverified_header(ask(profiled).json["access_token"])
    theirs = jwt.get_unverified_header(ask(profiled, client_id="other", proof=None).json["access_token"])

    assert (ours.pop("alg"), theirs.pop("alg")) == ("PS256", "RS256")
    assert ours == theirs


def test_its_access_tokens_are_introspected_and_revoked(profiled: Issuer) -> None:
    token = ask(profiled).json["access_token"]

    def post(path: str) -> Answer:
        form = {"client_assertion_type": ASSERTION_TYPE, "token": token}
        assertion = profiled.assertion(algorithm="PS256", aud=BASE)
        return profiled.post(path, {**form, "client_assertion": assertion})

    assert post("/introspect").json["active"] is True
    assert (post("/revoke").status, post("/introspect").json) == (200, {"active": False})


def test_5_3_2_1_4_no_token_without_a_proof_whatever_the_record_says(issuer: Issuer) -> None:
    issuer.register(
        "client-1",
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps(KEYS),
        security_profile=FAPI2,
        dpop_bound_access_tokens=False,
    )

    answer = ask(issuer, proof=None)

    assert (answer.status, answer.error) == (400, "invalid_dpop_proof")
    assert ask(issuer).json["token_type"] == "DPoP"


def test_other_clients_are_asked_for_none_of_it(profiled: Issuer) -> None:
    for algorithm, kid, key in OTHER_ALGORITHMS:
        if kid != "ps256":
            assert ask(profiled, client_id="other", key=key, algorithm=algorithm, headers={"kid": kid}).status == 200
    for audience in (f"{BASE}/token", [BASE, "https://other.example"]):
        assert ask(profiled, client_id="other", proof=None, aud=audience).json["token_type"] == "Bearer"
