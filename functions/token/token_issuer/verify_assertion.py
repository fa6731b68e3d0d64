"""Decide whether a client assertion proves who sent it (RFC 7523 §3; SMART App Launch 2.x, Backend Services)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from careconnect.access_token import CLOCK_SKEW, TOKEN_TYPE
from careconnect.base_url import BaseUrl
from careconnect.client_record import ASSERTION_ALGORITHMS, ClientRecord
from careconnect.token_verification import TokenRefusedError, is_time, jws_header
from token_issuer.errors import ClientRefusedError

MAX_SECONDS_AHEAD: Final = 300
"""How far ahead an assertion's `exp` may be."""

_LONGEST_JTI: Final = 255
_SMALLEST_RSA_KEY: Final = 2048
_TYPES: Final = (None, "JWT", "client-authentication+jwt")

Jwk = Mapping[str, Any]


class KeySets(Protocol):
    """The JWK Sets that clients publish under their registered addresses."""

    def keys(self, uri: str, kid: str) -> Sequence[Jwk]:
        """Return the keys of the set at `uri`, none if it cannot be had; `kid` is the one looked for."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What a verified assertion leaves to be remembered until `expires_at`, in epoch seconds."""

    jti: str
    expires_at: int


def claimed_client_id(assertion: str) -> str:
    """Return the `sub` that an assertion claims, unverified; empty if it is not a JWT with one."""
    try:
        jws_header(assertion)
        subject = jwt.decode(assertion, options={"verify_signature": False}).get("sub")
    except (TokenRefusedError, jwt.PyJWTError, ValueError, RecursionError):
        return ""
    return subject if isinstance(subject, str) else ""


def verify_assertion(
    assertion: str, client: ClientRecord, *, base_url: BaseUrl, key_sets: KeySets, now: float
) -> Assertion:
    """Verify an assertion of `client`; whether it was used before is the caller's question.

    Only keys that the client registered count; `jku`, `x5u` and `jwk` are not even looked at. Raises
    `ClientRefusedError` with the reason.
    """
    try:
        header = jws_header(assertion)
    except TokenRefusedError as refused:
        raise ClientRefusedError(f"assertion: {refused.reason}") from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ASSERTION_ALGORITHMS:
        raise ClientRefusedError("assertion: algorithm")
    if header.get("typ") not in _TYPES:
        raise ClientRefusedError(f"assertion: type (an {TOKEN_TYPE} is not an assertion)")
    if not isinstance(kid, str) or not kid:
        raise ClientRefusedError("assertion: no key id")
    claims = _signed_claims(assertion, algorithm, _key(client, kid, algorithm, key_sets))
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise ClientRefusedError("assertion: issuer and subject")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if not {base_url.token_endpoint, base_url.root} & {one for one in audiences if isinstance(one, str)}:
        raise ClientRefusedError("assertion: audience")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_JTI:
        raise ClientRefusedError("assertion: no usable jti")
    return Assertion(jti, _expiry(claims, now))


def _expiry(claims: Mapping[str, Any], now: float) -> int:
    expiry, issued, not_before = claims.get("exp"), claims.get("iat", now), claims.get("nbf", now)
    if not (is_time(expiry) and is_time(issued) and is_time(not_before)):
        raise ClientRefusedError("assertion: times")
    if expiry <= now:
        raise ClientRefusedError("assertion: expired")
    if expiry > now + MAX_SECONDS_AHEAD:
        raise ClientRefusedError("assertion: exp too far ahead")
    if max(issued, not_before) > now + CLOCK_SKEW:
        raise ClientRefusedError("assertion: not valid yet")
    return int(expiry)


def _signed_claims(assertion: str, algorithm: str, key: jwt.PyJWK) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=[algorithm],
            # The claims are checked by `verify_assertion`, each with a reason of its own.
            options={
                "verify_aud": False,
                "verify_iss": False,
                "verify_sub": False,
                "verify_jti": False,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise ClientRefusedError("assertion: signature") from None
    return claims


def _key(client: ClientRecord, kid: str, algorithm: str, key_sets: KeySets) -> jwt.PyJWK:
    """Return the registered key called `kid`, fit for `algorithm` and for verifying (RFC 7517 §4.2-4.4)."""
    keys = json.loads(client.jwks)["keys"] if client.jwks else ()
    if client.jwks_uri:
        keys = key_sets.keys(client.jwks_uri, kid)
    for jwk in keys:
        if _fits(jwk, kid, algorithm):
            return _built(jwk, algorithm)
    raise ClientRefusedError("assertion: unknown key")


def _fits(jwk: Jwk, kid: str, algorithm: str) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kid") == kid
        and jwk.get("alg", algorithm) == algorithm
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _built(jwk: Jwk, algorithm: str) -> jwt.PyJWK:
    try:
        key = jwt.PyJWK(dict(jwk), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ClientRefusedError("assertion: unusable key") from None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _SMALLEST_RSA_KEY:
        raise ClientRefusedError("assertion: short key")
    return key
