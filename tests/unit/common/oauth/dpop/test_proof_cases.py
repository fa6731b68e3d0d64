"""Proofs by one table of cases, which the token doctor of the console is tested by too."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from careconnect.oauth.dpop.nonces import Nonces
from careconnect.oauth.dpop.proof import BoundToken, ProofRefusedError, verify_proof
from careconnect_admin.project import PROJECT
from careconnect_testing.parts.access_tokens import encoded, segment
from careconnect_testing.parts.dpop_proofs import proof_key
from careconnect_testing.running.cases import each_of

CASES: list[dict[str, Any]] = json.loads(
    (PROJECT / "functions/console/web/tests/proof-cases.json").read_text(encoding="utf-8")
)
URL = "http://127.0.0.1:3000/careconnect-ri/STU3/Patient/4"
NOW = 1_790_000_000
NONCES = Nonces(lambda: b"k" * 32)


def bound_token(case: Mapping[str, Any], jkt: str) -> tuple[BoundToken | None, bool]:
    """Return the access token of a case, and whether it asks for a nonce."""
    if case.get("token", {}) is None:
        return None, False
    claims = {"cnf": {"jkt": jkt}, **case.get("token", {})}
    text = f"{segment({'typ': 'at+jwt'})}.{segment(claims)}.AA"
    return BoundToken(text, claims["cnf"]["jkt"]), claims.get("dpop_nonce", False)


def forged(case: Mapping[str, Any], token: BoundToken | None) -> str:
    """Return the proof of a case: right in every respect but what the case says."""
    algorithm = case.get("key", "ES256")
    key = proof_key("ours", algorithm)
    stands_for = {"{nonce}": NONCES.give(NOW)}
    if token:
        stands_for["{ath}"] = encoded(hashlib.sha256(token.text.encode()).digest())
    claims = {"htm": "GET", "htu": case.get("url", URL), "jti": "once", "iat": NOW}
    if token:
        claims["ath"] = "{ath}"
    claims |= case.get("claims", {})
    for mark, text in stands_for.items():
        claims = {
            name: value.replace(mark, text) if isinstance(value, str) else value for name, value in claims.items()
        }
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": {**key.jwk, **case.get("jwk", {})}, **case.get("header", {})}
    for name in case.get("without", ()):
        header.pop(name, None)
        claims.pop(name, None)
    signer = proof_key(case.get("signedBy", "ours"), algorithm)
    proof = signer.proof(header, claims)
    head, body, signature = proof.split(".")
    parts = {"proof": proof, "head": head, "body": body, "signature": signature}
    wrap: str = case.get("wrap", "{proof}")
    return wrap.format(**parts, otherBody=segment({**claims, "jti": "another"}))


@each_of("case", CASES)
def test_the_first_fault_of_a_case_is_the_one_in_the_table(case: dict[str, Any]) -> None:
    token, needs_nonce = bound_token(case, proof_key("ours", case.get("key", "ES256")).jkt)
    told = ""
    try:
        verify_proof(
            forged(case, token),
            method=case.get("method", "GET"),
            url=case.get("url", URL),
            nonces=NONCES,
            now=NOW,
            needs_nonce=needs_nonce,
            token=token,
        )
    except ProofRefusedError as error:
        told = error.fault.value

    assert told == case["fault"]
