"""Verify client assertions (RFC 7523 §3; SMART App Launch 2.x, Backend Services)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.access_token import CLOCK_SKEW, TOKEN_TYPE
from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, FAPI2, FAPI2_ALGORITHMS, ClientRecord
from careconnect.oauth.numeric_date import is_time
from careconnect.oauth.token_verification import TokenRefusedError, jws_header
from token_issuer.errors import CLIENT_NOT_PROVEN, ClientRefusedError, KeySetUnreachableError

MAX_SECONDS_AHEAD: Final = 300
"""Maximum seconds by which an assertion's `exp` may be in the future."""

LONGEST_JTI: Final = 255
SMALLEST_RSA_KEY: Final = 2048
ASSERTION_TYPES: Final = (None, "JWT", "client-authentication+jwt")

Jwk = Mapping[str, Any]


class KeySets(Protocol):
    """The JWK Sets that clients publish under their registered addresses."""

    def keys(self, uri: str, kid: str) -> Sequence[Jwk]:
        """Return the keys of the set at `uri`; `kid` is the required key's id. Raises `KeySetUnreachableError`."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """The id of a verified assertion, to store until `expires_at`, in epoch seconds."""

    jti: str
    expires_at: int


def claimed_client_id(assertion: str) -> str:
    """Return the `sub` that an assertion claims, unverified.

    Raises `ClientRefusedError` for an assertion that no key could prove, before any client is looked up: its text tells
    nothing of one.
    """
    _header(assertion)
    try:
        subject = jwt.decode(assertion, options={"verify_signature": False}).get("sub")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise _no_jwt("claims") from None
    if not isinstance(subject, str) or not subject:
        raise _no_jwt("no subject")
    return subject


def verify_assertion(
    assertion: str, client: ClientRecord, *, base_url: BaseUrl, key_sets: KeySets, now: float
) -> Assertion:
    """Verify an assertion of `client`; the caller must check that it was not used before.

    Only keys that the client registered count: a `jku` is compared and never fetched; `x5u` and `jwk` are ignored.
    Raises `ClientRefusedError`; it shows the cause only after the signature has proven the sender.
    """
    header = _header(assertion)
    algorithm = header["alg"]
    claims = _signed_claims(assertion, algorithm, _key(client, header["kid"], algorithm, key_sets))
    if algorithm not in _algorithms_of(client):
        raise ClientRefusedError("assertion: algorithm of another profile", CLIENT_NOT_PROVEN)
    _check_header(header, client)
    _check_parties(claims, client, base_url)
    expiry = _expiry(claims, now)
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise ClientRefusedError(
            "assertion: no usable jti", f"The client assertion's jti is not a text of 1 to {LONGEST_JTI} characters."
        )
    return Assertion(jti, expiry)


def _header(assertion: str) -> Mapping[str, Any]:
    """Return the header of an assertion, with an algorithm that is taken and the id of a key."""
    try:
        header = jws_header(assertion)
    except TokenRefusedError as refused:
        raise _no_jwt(refused.reason) from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ASSERTION_ALGORITHMS:
        raise ClientRefusedError(
            "assertion: algorithm", f"The client assertion's alg is none of {', '.join(ASSERTION_ALGORITHMS)}."
        )
    if not isinstance(kid, str) or not kid:
        raise ClientRefusedError(
            "assertion: no key id", "The client assertion's header has no kid: give the id of the key that signs it."
        )
    return header


def _no_jwt(reason: str) -> ClientRefusedError:
    return ClientRefusedError(
        f"assertion: {reason}", "The client_assertion is not a signed JWT with the client id as its sub."
    )


def _check_header(header: Mapping[str, Any], client: ClientRecord) -> None:
    if header.get("typ") not in ASSERTION_TYPES:
        raise ClientRefusedError(
            f"assertion: type (an {TOKEN_TYPE} is not an assertion)",
            "The client assertion's typ is neither absent nor JWT nor client-authentication+jwt.",
        )
    if "jku" in header and (not client.jwks_uri or header["jku"] != client.jwks_uri):
        raise ClientRefusedError(
            "assertion: another key set", "The client assertion's jku is not the registered jwks_uri."
        )


def _check_parties(claims: Mapping[str, Any], client: ClientRecord, base_url: BaseUrl) -> None:
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise ClientRefusedError(
            "assertion: issuer and subject", "The client assertion's iss and sub are not both the client id."
        )
    _check_audience(claims.get("aud"), client, base_url)


def _check_audience(audience: object, client: ClientRecord, base_url: BaseUrl) -> None:
    if client.security_profile == FAPI2:
        if audience != base_url.root:
            raise ClientRefusedError("assertion: audience", "The client assertion's aud is not the issuer alone.")
        return
    audiences = audience if isinstance(audience, list) else [audience]
    if not {base_url.token_endpoint, base_url.root} & {one for one in audiences if isinstance(one, str)}:
        raise ClientRefusedError(
            "assertion: audience", "The client assertion's aud holds neither the token endpoint's URL nor the issuer."
        )


def _expiry(claims: Mapping[str, Any], now: float) -> int:
    expiry, issued, not_before = claims.get("exp"), claims.get("iat", now), claims.get("nbf", now)
    if not is_time(expiry):
        raise ClientRefusedError("assertion: no expiry", "The client assertion's exp is missing or not a number.")
    if not (is_time(issued) and is_time(not_before)):
        raise ClientRefusedError("assertion: times", "The client assertion's iat or nbf is not a number.")
    if expiry <= now:
        raise ClientRefusedError(
            "assertion: expired", "The client assertion has expired: make a new one for each request."
        )
    if expiry > now + MAX_SECONDS_AHEAD:
        raise ClientRefusedError(
            "assertion: exp too far ahead", "The client assertion's exp is more than five minutes ahead."
        )
    if max(issued, not_before) > now + CLOCK_SKEW:
        raise ClientRefusedError("assertion: not valid yet", "The client assertion is not valid yet.")
    return int(expiry)


def _signed_claims(assertion: str, algorithm: str, key: jwt.PyJWK) -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=[algorithm],
            # `verify_assertion` checks the claims, each with a separate reason.
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


def _algorithms_of(client: ClientRecord) -> Sequence[str]:
    return FAPI2_ALGORITHMS if client.security_profile == FAPI2 else ASSERTION_ALGORITHMS


def _key(client: ClientRecord, kid: str, algorithm: str, key_sets: KeySets) -> jwt.PyJWK:
    """Return the registered key with the id `kid`, suitable for `algorithm` and for verifying (RFC 7517 §4.2-4.4).

    For an algorithm outside the client's profile, the key may name one within it: the sender is told of the profile
    once this key has proven it.
    """
    named = (algorithm,) if algorithm in _algorithms_of(client) else (algorithm, *FAPI2_ALGORITHMS)
    keys = json.loads(client.jwks)["keys"] if client.jwks else ()
    if client.jwks_uri:
        try:
            keys = key_sets.keys(client.jwks_uri, kid)
        except KeySetUnreachableError:
            raise ClientRefusedError("assertion: key set unreachable") from None
    for jwk in keys:
        if _fits(jwk, kid) and jwk.get("alg", algorithm) in named:
            return _built(jwk, algorithm)
    raise ClientRefusedError("assertion: unknown key")


def _fits(jwk: Jwk, kid: str) -> bool:
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kid") == kid
        and jwk.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
    )


def _built(jwk: Jwk, algorithm: str) -> jwt.PyJWK:
    try:
        key = jwt.PyJWK(dict(jwk), algorithm)
    except (jwt.PyJWTError, ValueError, TypeError):
        raise ClientRefusedError("assertion: unusable key") from None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < SMALLEST_RSA_KEY:
        raise ClientRefusedError("assertion: short key")
    return key
