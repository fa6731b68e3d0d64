"""The keys and proofs of `--dpop-key` (RFC 9449 §4.2)."""

import base64
import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from careconnect_admin.clients.dpop_key import DpopKey
from careconnect_admin.clients.token_use import TokenUse
from careconnect_admin.errors import OperatorError

EC = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
ED = OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate(), as_dict=True)
RSA = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 2048), as_dict=True)
ROOT = "http://127.0.0.1:3000"


def without(jwk: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in jwk.items() if name not in names}


@pytest.mark.parametrize(
    ("jwk", "algorithm", "public"),
    [
        (EC, "ES256", {"kty", "crv", "x", "y"}),
        ({**EC, "alg": "ES256", "kid": "mine", "use": "sig"}, "ES256", {"kty", "crv", "x", "y"}),
        (RSA, "PS256", {"kty", "n", "e"}),
        (ED, "EdDSA", {"kty", "crv", "x"}),
    ],
    ids=["P-256", "P-256 with names", "RSA", "Ed25519"],
)
def test_a_proof_names_its_key_and_request_and_is_signed_by_it(
    jwk: dict[str, Any], algorithm: str, public: set[str]
) -> None:
    key = DpopKey.of_jwk(json.dumps(jwk))

    proof = key.proof("GET", f"{ROOT}/Patient?name=x#y", token="a.b.c", nonce="n")

    header = jwt.get_unverified_header(proof)
    assert header == {"typ": "dpop+jwt", "alg": algorithm, "jwk": {name: jwk[name] for name in public}}
    claims = jwt.decode(proof, jwt.PyJWK(header["jwk"], algorithm).key, algorithms=[algorithm])
    ath = base64.urlsafe_b64encode(hashlib.sha256(b"a.b.c").digest()).decode().rstrip("=")
    assert without(claims, "jti", "iat") == {"htm": "GET", "htu": f"{ROOT}/Patient", "ath": ath, "nonce": "n"}


def test_a_proof_is_new_each_time_and_bare_at_the_token_endpoint() -> None:
    key = DpopKey.of_jwk(json.dumps(EC))

    first, second = (
        jwt.decode(key.proof("POST", f"{ROOT}/token"), options={"verify_signature": False}) for _ in range(2)
    )

    assert first["jti"] != second["jti"]
    assert set(first) == {"jti", "htm", "htu", "iat"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not a private JWK"),
        ("[]", "not a private JWK"),
        ('{"keys": []}', "not a private JWK"),
        (json.dumps({"kty": "oct", "k": "AAAA"}), "not a private key of"),
        (json.dumps(without(EC, "d")), "not a private key of"),
        (json.dumps(without(RSA, "d", "p", "q", "dp", "dq", "qi")), "not a private key of"),
        (json.dumps(ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)), "not a private key of"),
        (json.dumps(RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024), as_dict=True)), "not a private key of"),  # noqa: S505 - short is the point
        (json.dumps({**RSA, "alg": "RS256"}), "for another algorithm than PS256"),
    ],
)
def test_what_can_sign_no_proof_is_refused(text: str, reason: str) -> None:
    with pytest.raises(OperatorError, match=reason):
        DpopKey.of_jwk(text)


def test_a_key_that_is_not_there_is_made_for_its_owner_alone_and_found_again(tmp_path: Path) -> None:
    path = tmp_path / "dpop.jwk"

    made, is_new = DpopKey.of_file(path)
    found, is_new_again = DpopKey.of_file(path)

    assert (is_new, is_new_again, made.algorithm) == (True, False, "ES256")
    assert made.public == found.public
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert set(json.loads(path.read_text())) == {"kty", "crv", "x", "y", "d"}
    assert "d=" not in repr(made)


def test_a_file_that_cannot_be_read_or_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff")

    for path, reason in (
        (tmp_path, "can be read"),
        (tmp_path / "bytes", "can be read"),
        (tmp_path / "no/key", "cannot be made"),
    ):
        with pytest.raises(OperatorError, match=reason):
            DpopKey.of_file(path)


# --- requests with proofs


class Service:
    """Answers in turn, and keeps the claims of the proofs that it got."""

    def __init__(self, *answers: httpx.Response) -> None:
        self._answers = list(answers)
        self.proofs: list[dict[str, Any]] = []

    def __call__(self, headers: Any) -> httpx.Response:
        if "DPoP" in headers:
            self.proofs.append(jwt.decode(headers["DPoP"], options={"verify_signature": False}))
        return self._answers.pop(0)


def wanted(nonce: str, *, renamed: bool = False) -> httpx.Response:
    name = "x-amzn-Remapped-WWW-Authenticate" if renamed else "WWW-Authenticate"
    challenge = f'{name}: DPoP realm="careconnect", error="use_dpop_nonce"'.partition(": ")
    return httpx.Response(401, headers={challenge[0]: challenge[2], "DPoP-Nonce": nonce})


def used(*answers: httpx.Response, url: str = f"{ROOT}/x", issuer: str = ROOT) -> tuple[int, list[dict[str, Any]]]:
    """Send one request and return the status in the end and the claims of its proofs."""
    service = Service(*answers)
    use = TokenUse(DpopKey.of_jwk(json.dumps(EC)), ROOT, issuer)
    return use.send("GET", url, service, token="t").status_code, service.proofs


@pytest.mark.parametrize(
    "refusal",
    [
        wanted("n1"),
        wanted("n1", renamed=True),
        httpx.Response(400, json={"error": "use_dpop_nonce"}, headers={"DPoP-Nonce": "n1"}),
    ],
    ids=["API", "API behind the gateway's own name", "token endpoint"],
)
def test_a_nonce_that_the_service_asks_for_is_sent_in_one_more_request(refusal: httpx.Response) -> None:
    status, (first, second) = used(refusal, httpx.Response(200))

    assert status == 200
    assert "nonce" not in first
    assert second["nonce"] == "n1"
    assert first["jti"] != second["jti"]


def test_a_nonce_is_asked_for_once_more_at_most() -> None:
    status, proofs = used(wanted("n1"), wanted("n2"))

    assert (status, len(proofs)) == (401, 2)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, headers={"WWW-Authenticate": 'DPoP error="invalid_dpop_proof"', "DPoP-Nonce": "n1"}),
        httpx.Response(400, json={"error": "invalid_scope"}, headers={"DPoP-Nonce": "n1"}),
        httpx.Response(400, text="x", headers={"DPoP-Nonce": "n1"}),
        httpx.Response(503),
    ],
)
def test_any_other_refusal_is_the_answer(answer: httpx.Response) -> None:
    status, proofs = used(answer)

    assert (status, len(proofs)) == (answer.status_code, 1)


def test_the_newest_nonce_is_in_the_next_proof() -> None:
    service = Service(httpx.Response(200, headers={"DPoP-Nonce": "n1"}), httpx.Response(200), httpx.Response(200))
    use = TokenUse(DpopKey.of_jwk(json.dumps(EC)), ROOT, ROOT)
    for _ in range(3):
        use.send("GET", f"{ROOT}/x", service)

    assert [each.get("nonce") for each in service.proofs] == [None, "n1", "n1"]


def test_a_proof_names_the_issuers_url_whatever_the_address() -> None:
    _, (claims,) = used(httpx.Response(200), url=f"{ROOT}/x?y=z", issuer="https://api.example/stage")

    assert claims["htu"] == "https://api.example/stage/x"


def test_without_a_key_a_token_is_a_bearer_token() -> None:
    service = Service(httpx.Response(401, headers={"WWW-Authenticate": 'DPoP error="use_dpop_nonce"'}))

    assert TokenUse().send("GET", ROOT, service).status_code == 401
    assert TokenUse().authorization("t") == {"Authorization": "Bearer t"}
    assert service.proofs == []
