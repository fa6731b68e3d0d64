"""Which DPoP proofs are accepted: each row of the contract's table, its text and its place in the order."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from careconnect.oauth.base64url import decode
from careconnect.oauth.dpop.nonces import Nonces
from careconnect.oauth.dpop.proof import BoundToken, Proof, ProofFault, ProofRefusedError, verify_proof
from careconnect_testing.parts.access_tokens import ABSENT, encoded, segment
from careconnect_testing.parts.dpop_proofs import (
    ProofKey,
    dpop_proof,
    ec_key,
    edited_segments,
    proof_key,
    raw_signature,
    rsa_key,
)
from careconnect_testing.running.cases import each_of

NOW = 1_800_000_000
URL = "https://care.example/careconnect-ri/STU3/Patient/4"
TOKEN = "header.claims.signature"
NONCES = Nonces(lambda: b"k" * 32)
OTHER_NONCES = Nonces(lambda: b"o" * 32)


def verify(proof: str | None, **changes: Any) -> Proof:
    expected = {"method": "GET", "url": URL, "nonces": NONCES, "now": NOW}
    return verify_proof(proof, **{**expected, **changes})


def refused(proof: str | None, **changes: Any) -> ProofRefusedError:
    with pytest.raises(ProofRefusedError) as caught:
        verify(proof, **changes)
    return caught.value


def proof(**changes: Any) -> str:
    return dpop_proof("GET", URL, NOW, **changes)


def bound(key: ProofKey | None = None) -> BoundToken:
    return BoundToken(TOKEN, (key or proof_key()).jkt)


@each_of("algorithm", ["ES256", "PS256", "EdDSA"])
def test_a_proof_of_each_algorithm_is_accepted(algorithm: str) -> None:
    key = proof_key(algorithm=algorithm)

    accepted = verify(proof(key=key, token=TOKEN), token=bound(key))

    assert accepted == Proof(jkt=key.jkt, jti="proof-1", judged_at=NOW, ends_at=NOW + 60)


def without_signature(text: str) -> str:
    return text.rpartition(".")[0] + "." + encoded(b"\0" * 64)


def repeated(text: str) -> str:
    header, claims, signature = text.split(".")
    return ".".join([header, claims, signature[:-1] + chr(ord(signature[-1]) + 1)])


EC_JWK = dict(proof_key().jwk)
RSA_JWK = dict(rsa_key(2048).jwk)
OKP_JWK = dict(proof_key(algorithm="EdDSA").jwk)


def jwk(value: Any, algorithm: str = "ES256", key: ProofKey | None = None) -> str:
    return proof(header={"jwk": value, "alg": algorithm}, key=key)


LATER: dict[str, Any] = {"htm": "PUT", "htu": "x", "jti": "", "iat": "x", "exp": 0, "ath": "x", "nonce": "x"}
"""Claims that are all wrong; the cases below set those right that come before their own."""

_RIGHT: dict[str, Any] = {"htm": "GET", "htu": URL, "jti": "proof-1", "iat": NOW, "exp": ABSENT}


def right(*names: str) -> dict[str, Any]:
    return LATER | {name: _RIGHT[name] for name in names}


UP_TO_ID = ("htm", "htu", "jti")

TYPES: list[Any] = [ABSENT, None, "", "JWT", "at+jwt", "DPoP+JWT", "application/dpop+jwt", ["dpop+jwt"], {}]
ALGORITHMS: list[Any] = [*(ABSENT, None, "", "none", "RS256", "ES384", "HS256", "es256", "Ed25519", ["ES256"], {}, 1)]

ROWS: list[tuple[ProofFault, Any]] = [
    (ProofFault.MISSING, None),
    *(
        (ProofFault.FORM, text)
        for text in [
            "",
            "a",
            "a.b",
            "a.b.c.d",
            f"{proof()},{proof()}",
            f"{proof()}, {proof()}",
            f" {proof()}",
            f"{proof()}=",
            f"{proof()}\n",
            repeated(proof()),
            "x" * 5_000,
            proof(padding="x" * 4_000),
            edited_segments(proof(), header=b"[]"),
            edited_segments(proof(), header=b"no JSON"),
            edited_segments(proof(), header=b"[" * 2_000),
            edited_segments(proof(), claims=b"[]"),
            edited_segments(proof(), claims=b"null"),
            edited_segments(proof(), claims=b'"text"'),
            edited_segments(proof(), claims=b"\xff"),
            edited_segments(proof(), claims=b"[" * 2_500),
            edited_segments(proof(), claims=b'{"iat":' + b"1" * 2_500 + b"1" * 2_000 + b"}"),
            proof(header={"crit": ["b64"], "typ": "x", "alg": "none"}, **LATER),
            proof(header={"crit": []}),
        ]
    ),
    *(
        (ProofFault.TYPE, without_signature(proof(header={"typ": value, "alg": "none", "jwk": 1}, **LATER)))
        for value in TYPES
    ),
    *(
        (ProofFault.ALGORITHM, without_signature(proof(header={"alg": value, "jwk": 1}, **LATER)))
        for value in ALGORITHMS
    ),
    *(
        (ProofFault.JWK, without_signature(jwk(value, algorithm)))
        for algorithm, value in [
            ("ES256", ABSENT),
            ("ES256", None),
            ("ES256", "text"),
            ("ES256", [EC_JWK]),
            ("ES256", {}),
            ("ES256", RSA_JWK),
            ("ES256", OKP_JWK),
            ("ES256", {"kty": "oct", "k": "AAAA"}),
            ("ES256", EC_JWK | {"kty": "ec"}),
            ("ES256", EC_JWK | {"crv": "P-384"}),
            ("ES256", dict(ec_key(ec.SECP384R1(), "P-384").jwk)),
            ("ES256", dict(ec_key(ec.SECP256K1(), "secp256k1").jwk)),
            ("ES256", dict(ec_key(ec.SECP256K1(), "P-256").jwk)),
            ("ES256", EC_JWK | {"x": EC_JWK["y"]}),
            ("ES256", EC_JWK | {"x": 1}),
            ("ES256", EC_JWK | {"x": EC_JWK["x"] + "="}),
            ("ES256", EC_JWK | {"x": encoded(b"\0" + decode(EC_JWK["x"]))}),
            ("ES256", EC_JWK | {"x": "", "y": ""}),
            ("ES256", EC_JWK | {"x": "é"}),
            ("ES256", {name: EC_JWK[name] for name in ("kty", "crv", "x")}),
            *(("ES256", EC_JWK | {name: "AA"}) for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k")),
            ("ES256", EC_JWK | {"d": None}),
            ("PS256", EC_JWK),
            ("PS256", OKP_JWK),
            ("PS256", dict(rsa_key(2047).jwk)),
            ("PS256", RSA_JWK | {"n": encoded(b"\1" + b"\0" * 511 + b"\1")}),
            ("PS256", RSA_JWK | {"n": encoded(b"\0" + decode(RSA_JWK["n"]))}),
            ("PS256", RSA_JWK | {"e": "AAEAAQ"}),
            ("PS256", RSA_JWK | {"e": "AQ"}),
            ("PS256", RSA_JWK | {"e": "Ag"}),
            ("PS256", RSA_JWK | {"e": ""}),
            ("PS256", RSA_JWK | {"e": encoded(b"\1" + b"\0" * 7 + b"\1")}),
            ("PS256", RSA_JWK | {"e": encoded(b"\1" * 255)}),
            ("PS256", RSA_JWK | {"kty": "RSA-PSS"}),
            ("PS256", RSA_JWK | {"d": "AQAB"}),
            ("EdDSA", EC_JWK),
            ("EdDSA", RSA_JWK),
            ("EdDSA", OKP_JWK | {"crv": "Ed448", "x": encoded(b"x" * 57)}),
            ("EdDSA", OKP_JWK | {"crv": "X25519"}),
            ("EdDSA", OKP_JWK | {"x": encoded(b"x" * 31)}),
            ("EdDSA", OKP_JWK | {"kty": "EC"}),
            ("EdDSA", OKP_JWK | {"d": OKP_JWK["x"]}),
        ]
    ),
    *(
        (ProofFault.SIGNATURE, text)
        for text in [
            without_signature(proof(**LATER)),
            proof().rpartition(".")[0] + "." + encoded(b"x"),
            jwk(proof_key("another").jwk),
            jwk(RSA_JWK, "PS256"),
            jwk(OKP_JWK, "EdDSA"),
            ".".join([proof().split(".")[0], segment({"jti": "x"}), proof().split(".")[2]]),
        ]
    ),
    *(
        (ProofFault.METHOD, proof(**{**LATER, "htm": value}))
        for value in [ABSENT, None, "get", "HEAD", " GET", ["GET"]]
    ),
    *(
        (ProofFault.URL, proof(**right("htm") | {"htu": value}))
        for value in [ABSENT, None, "", 1, [URL], URL + "/", URL.replace("4", "5")]
    ),
    *(
        (ProofFault.ID, proof(**right("htm", "htu") | {"jti": value}))
        for value in [ABSENT, None, "", "x" * 256, 1, ["x"], True]
    ),
    *(
        (ProofFault.ISSUED_AT, proof(**right(*UP_TO_ID) | {"iat": value, "nonce": ABSENT}))
        for value in [ABSENT, None, str(NOW), True, NOW - 61, NOW - 60.5, NOW + 61, 10**400, -(10**400), [NOW]]
    ),
    *(
        (ProofFault.ISSUED_AT, edited_segments(proof(), claims=json.dumps(right(*UP_TO_ID) | {"iat": value}).encode()))
        for value in [float("nan"), float("inf"), None, "1", True, 10**13]
    ),
    *(
        (ProofFault.PERIOD, proof(**right(*UP_TO_ID, "iat") | {"exp": value}))
        for value in [None, NOW, NOW - 1, str(NOW + 9), True, 10**13]
    ),
    *(
        (ProofFault.PERIOD, proof(**right(*UP_TO_ID, "iat", "exp") | {"nbf": value}))
        for value in [None, NOW + 61, str(NOW), False, -(10**13)]
    ),
]


@each_of(("fault", "text"), ROWS)
def test_a_fault_is_told_before_those_of_later_rows(fault: ProofFault, text: str | None) -> None:
    error = refused(text, token=BoundToken(TOKEN, "another"), needs_nonce=True)

    assert error.fault is fault
    # The key is named once its signature has held.
    faults = list(ProofFault)
    assert bool(error.jkt) is (faults.index(fault) > faults.index(ProofFault.SIGNATURE))


@each_of("value", [ABSENT, None, "", "x", encoded(b"x" * 32), 1])
def test_ath_is_the_hash_of_the_token(value: Any) -> None:
    claims = right(*UP_TO_ID, "iat", "exp") | {"ath": value}

    assert refused(proof(**claims), token=BoundToken(TOKEN, "another")).fault is ProofFault.TOKEN_HASH


def test_the_key_is_judged_after_the_hash_and_before_the_nonce() -> None:
    error = refused(proof(token=TOKEN, nonce="x"), token=bound(proof_key("another")))

    assert (error.fault, error.jkt) == (ProofFault.KEY, proof_key().jkt)


def test_without_a_token_neither_hash_nor_key_is_judged() -> None:
    assert verify(proof(ath="x")).jkt == proof_key().jkt


@each_of(
    "text",
    [
        proof(jti="x" * 255, iat=NOW - 60, exp=NOW + 0.5, nbf=NOW + 60),
        proof(jti="é", iat=NOW + 60.0, exp=NOW + 10**9),
        proof(iat=float(NOW)),
        proof(header={"kid": "x", "jku": "https://x.example", "cty": "x"}, sub="x", aud=["x"], iss=1),
        jwk(EC_JWK | {"use": "enc", "alg": "ES384", "key_ops": [], "kid": 1, "x5c": ["x"]}),
    ],
)
def test_the_limits_themselves_are_good_and_other_members_are_ignored(text: str) -> None:
    assert verify(text).jkt == proof_key().jkt


def of_length(length: int) -> str:
    """Return a proof of a number of characters; not every length of claims can be base64url."""
    about = (length - len(proof())) * 3 // 4
    made = (proof(header={"x": "y" * each}, padding="x" * n) for each in range(3) for n in range(about - 40, about))
    return next(text for text in made if len(text) == length)


def test_a_proof_of_4096_characters_is_read_and_no_longer_one() -> None:
    assert verify(of_length(4096)).jti == "proof-1"
    assert refused(of_length(4097)).fault is ProofFault.FORM


@pytest.mark.parametrize("bits", [2048, 4096])
def test_the_shortest_and_the_longest_rsa_key(bits: int) -> None:
    assert verify(proof(key=rsa_key(bits))).jkt == rsa_key(bits).jkt


def test_a_key_has_one_thumbprint_whatever_else_its_jwk_says() -> None:
    assert verify(jwk(EC_JWK | {"kid": "x"})).jkt == verify(proof()).jkt


def test_an_ecdsa_signature_in_der_is_none() -> None:
    key = proof_key().private
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signing_input = proof().rpartition(".")[0]
    der = key.sign(signing_input.encode(), ec.ECDSA(SHA256()))

    assert refused(f"{signing_input}.{encoded(der)}").fault is ProofFault.SIGNATURE
    assert verify(f"{signing_input}.{encoded(raw_signature(key, signing_input.encode()))}").jti == "proof-1"


def test_a_proof_is_remembered_as_long_as_it_could_be_accepted() -> None:
    nonce = NONCES.give(NOW - 100)

    assert verify(proof(iat=NOW - 60)).ends_at == NOW
    assert verify(proof(iat=NOW + 59.5)).ends_at == NOW + 120
    assert verify(proof(nonce=nonce, iat=0)).ends_at == NOW + 200


@each_of("iat", [0, NOW - 10_000, NOW + 10_000, NOW + 0.5])
def test_with_a_good_nonce_iat_is_not_compared_with_the_clock(iat: float) -> None:
    assert verify(proof(nonce=NONCES.give(NOW - 1), iat=iat), needs_nonce=True).jti == "proof-1"


@each_of(
    "nonce",
    [
        None,
        "",
        1,
        True,
        ["x"],
        "x" * 30,
        "é" * 30,
        NONCES.give(NOW - 300),
        OTHER_NONCES.give(NOW),
        NONCES.give(NOW) + "A",
        NONCES.give(NOW)[:-1],
        NONCES.give(NOW).swapcase(),
    ],
)
@pytest.mark.parametrize("needs_nonce", [False, True])
def test_a_nonce_that_is_there_has_to_be_good(nonce: Any, needs_nonce: bool) -> None:
    error = refused(proof(nonce=nonce, token=TOKEN), token=bound(), needs_nonce=needs_nonce)

    assert (error.fault, error.jkt) == (ProofFault.NONCE, proof_key().jkt)


def test_a_nonce_that_is_required_has_to_be_there() -> None:
    assert refused(proof(), needs_nonce=True).fault is ProofFault.NONCE


def test_exp_counts_with_a_nonce_too() -> None:
    assert refused(proof(nonce=NONCES.give(NOW), exp=NOW)).fault is ProofFault.PERIOD


def test_the_nonces_key_is_asked_for_only_by_proofs_with_a_nonce() -> None:
    def down() -> bytes:
        raise ConnectionError

    assert verify(proof(), nonces=Nonces(down)).jti == "proof-1"
    with pytest.raises(ConnectionError):
        verify(proof(nonce=NONCES.give(NOW)), nonces=Nonces(down))


@each_of(
    ("fault", "code"),
    [(fault, {ProofFault.KEY: "invalid_token", ProofFault.NONCE: "use_dpop_nonce"}.get(fault)) for fault in ProofFault],
)
def test_a_fault_has_a_code(fault: ProofFault, code: str | None) -> None:
    assert fault.code == (code or "invalid_dpop_proof")


RFC_PROOF = (
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJo"
    "RjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19"
)
AT_THE_TOKEN_ENDPOINT = (
    f"{RFC_PROOF}.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rv"
    "a2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg"
)
AT_THE_RESOURCE = (
    f"{RFC_PROOF}.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9w"
    "cm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9"
    ".2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA"
)
RFC_TOKEN = BoundToken("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I")


def test_rfc9449_5_the_proof_of_the_token_request() -> None:
    accepted = verify(AT_THE_TOKEN_ENDPOINT, method="POST", url="https://server.example.com/token", now=1562262616)

    # RFC 9449 §6.1 names the thumbprint.
    assert (accepted.jti, accepted.jkt) == ("-BwC3ESc6acc2lTc", RFC_TOKEN.jkt)


def test_rfc9449_7_1_the_proof_of_the_protected_resource() -> None:
    url = "https://resource.example.org/protectedresource"

    def there(**changes: Any) -> dict[str, Any]:
        return {"url": url, "now": 1562262618, "token": RFC_TOKEN, **changes}

    assert verify(AT_THE_RESOURCE, **there()).jti == "e1j3V_bKic8-LAEB"
    assert refused(AT_THE_RESOURCE, **there(now=1562262679)).fault is ProofFault.ISSUED_AT
    assert refused(AT_THE_RESOURCE, **there(token=BoundToken("x", RFC_TOKEN.jkt))).fault is ProofFault.TOKEN_HASH
    assert refused(AT_THE_RESOURCE, **there(token=BoundToken(RFC_TOKEN.text, "x"))).fault is ProofFault.KEY
