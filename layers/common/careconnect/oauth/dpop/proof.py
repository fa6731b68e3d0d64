"""Judge a DPoP proof (RFC 9449 §4.3; `bound-tokens.md`, The proof): in one order, and the first fault is told.

Whether a proof was used before takes a store, so that is the caller's last step (`used_proofs`).
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from careconnect.oauth import base64url
from careconnect.oauth.compact_jws import CompactJws, MalformedJwsError, json_object, parse_compact_jws
from careconnect.oauth.dpop.nonces import Nonces
from careconnect.oauth.dpop.request_url import is_request_url
from careconnect.oauth.numeric_date import is_time
from careconnect.oauth.thumbprint import jwk_thumbprint

HEADER: Final = "dpop"
"""The lower-cased name of the header with the proof."""

NONCE_HEADER: Final = "DPoP-Nonce"
TOKEN_TYPE: Final = "DPoP"
"""The type of a bound token in the answer of /token, and its authentication scheme."""

ALGORITHMS: Final = ("ES256", "PS256", "EdDSA")
CHALLENGE_ALGORITHMS: Final = f'algs="{" ".join(ALGORITHMS)}"'
"""The last parameter of a challenge for a bound token (RFC 9449 §7.1)."""

LONGEST_PROOF: Final = 4096
LONGEST_JTI: Final = 255
WINDOW: Final = 60
"""Seconds by which a proof's `iat` may differ from now, and by which its `nbf` may be ahead."""

_TYPE: Final = "dpop+jwt"


class ProofFault(StrEnum):
    """The faults of a proof, in the order in which they are judged; each is the text for the caller."""

    MISSING = "A DPoP proof is required."
    FORM = "The DPoP proof is not one JWT."
    TYPE = "The DPoP proof's typ is not dpop+jwt."
    ALGORITHM = "The DPoP proof's alg is not ES256, PS256 or EdDSA."
    JWK = "The DPoP proof's jwk is not a public key for its alg."
    SIGNATURE = "The DPoP proof's signature does not verify."
    METHOD = "The DPoP proof's htm is not the request's method."
    URL = "The DPoP proof's htu is not the request's URL."
    ID = "The DPoP proof's jti is not a text of 1 to 255 characters."
    ISSUED_AT = "The DPoP proof's iat is not within 60 seconds of now."
    PERIOD = "The DPoP proof has expired or is not valid yet."
    TOKEN_HASH = "The DPoP proof's ath is not the access token's hash."
    KEY = "The access token is bound to another key."
    NONCE = "The DPoP proof needs the nonce of the header DPoP-Nonce."
    USED = "The DPoP proof was used before."

    @property
    def code(self) -> str:
        """The `error` that tells of the fault (RFC 9449 §5, §7.1, §8)."""
        return _CODES.get(self, "invalid_dpop_proof")


_CODES: Final = {ProofFault.KEY: "invalid_token", ProofFault.NONCE: "use_dpop_nonce"}


class ProofRefusedError(Exception):
    """A proof is not accepted; `jkt` is the thumbprint of the key that signed it, empty unless its signature held."""

    def __init__(self, fault: ProofFault, jkt: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.jkt = jkt


@dataclass(frozen=True, slots=True)
class BoundToken:
    """The access token that a proof comes with: its text, and the thumbprint of the key that it is bound to."""

    text: str
    jkt: str


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof that has passed all but its first use.

    `jkt` is the thumbprint of its key. It was judged at `judged_at`, and could be accepted until `ends_at`: epoch
    seconds, of a clock that may be another function's.
    """

    jkt: str
    jti: str
    judged_at: float
    ends_at: int


def verify_proof(
    proof: str | None,
    *,
    method: str,
    url: str,
    nonces: Nonces,
    now: float,
    needs_nonce: bool = False,
    token: BoundToken | None = None,
) -> Proof:
    """Verify the value of the header `DPoP` of a request; None is for a request without the header.

    `url` is {base} and the request's path. `token` is the bound token that the request came with: at /token there is
    none. Raises `ProofRefusedError`; errors of the nonces' key pass through.
    """
    if proof is None:
        raise ProofRefusedError(ProofFault.MISSING)
    jws, claims = _parsed(proof)
    jkt = _signer(jws)

    def require(condition: bool, fault: ProofFault) -> None:
        if not condition:
            raise ProofRefusedError(fault, jkt)

    require(claims.get("htm") == method, ProofFault.METHOD)
    require(is_request_url(claims.get("htu"), url), ProofFault.URL)
    jti, issued_at, has_nonce = claims.get("jti"), claims.get("iat"), "nonce" in claims
    require(isinstance(jti, str) and 0 < len(jti) <= LONGEST_JTI, ProofFault.ID)
    # A nonce shows when the proof was made, whatever the client's clock says.
    require(is_time(issued_at) and (has_nonce or abs(now - issued_at) <= WINDOW), ProofFault.ISSUED_AT)
    require(_is_valid_now(claims, now), ProofFault.PERIOD)
    if token is not None:
        require(claims.get("ath") == _hash_of(token.text), ProofFault.TOKEN_HASH)
        require(jkt == token.jkt, ProofFault.KEY)
    nonce_end = nonces.end_of(claims["nonce"], now) if has_nonce else None
    require(nonce_end is not None or not (has_nonce or needs_nonce), ProofFault.NONCE)
    return Proof(jkt, str(jti), now, math.ceil(nonce_end or claims["iat"] + WINDOW))


def _parsed(proof: str) -> tuple[CompactJws, Mapping[str, Any]]:
    """Return a proof and its claims, with a header that names a type and an algorithm for proofs."""
    try:
        jws = parse_compact_jws(proof, longest=LONGEST_PROOF)
        claims = json_object(jws.payload)
    except MalformedJwsError:
        raise ProofRefusedError(ProofFault.FORM) from None
    if jws.header.get("typ") != _TYPE:
        raise ProofRefusedError(ProofFault.TYPE)
    if jws.header.get("alg") not in ALGORITHMS:
        raise ProofRefusedError(ProofFault.ALGORITHM)
    return jws, claims


def _signer(jws: CompactJws) -> str:
    """Return the thumbprint of the key in a proof's header, which has signed the proof."""
    from careconnect.oauth.dpop import public_key as keys  # not in a cold start: most requests have no proof

    algorithm = jws.header["alg"]
    try:
        members = keys.identifying_members(jws.header.get("jwk"), algorithm)
        key = keys.public_key(members, algorithm)
    except keys.UnfitKeyError:
        raise ProofRefusedError(ProofFault.JWK) from None
    if not keys.is_signed_by(key, jws.signing_input, jws.signature):
        raise ProofRefusedError(ProofFault.SIGNATURE)
    return jwk_thumbprint(members)


def _is_valid_now(claims: Mapping[str, Any], now: float) -> bool:
    expires_at, not_before = claims.get("exp", now + 1), claims.get("nbf", now)
    return is_time(expires_at) and expires_at > now and is_time(not_before) and not_before <= now + WINDOW


def _hash_of(token: str) -> str:
    return base64url.encode(hashlib.sha256(token.encode()).digest())
