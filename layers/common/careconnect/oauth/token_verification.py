"""The verification that a text is one of our access tokens, intact and still valid (`tokens.md`, Verification).

The authorizer verifies the token of every request and the issuer that of every introspection, so that both mean
the same by "active". Revocation is not checked here, since it takes a store; that is up to the caller.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from careconnect.oauth.access_token import ALGORITHMS, CLOCK_SKEW, MAX_LIFETIME, REQUIRED_CLAIMS, TOKEN_TYPE
from careconnect.oauth.compact_jws import MalformedJwsError, parse_compact_jws
from careconnect.oauth.numeric_date import is_time

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from careconnect.http.base_url import BaseUrl

LONGEST_TOKEN: Final = 8192


class TrustedKeys(Protocol):
    """The public keys that verify access tokens."""

    def public_key(self, kid: str) -> "RSAPublicKey | None":
        """Return the trusted key with this RFC 7638 thumbprint, or None."""


class TokenRefusedError(Exception):
    """The token is not accepted; the text is a fixed reason for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The verified claims; times are in epoch seconds. Nothing is decided by `client_name`.

    `jkt` is the thumbprint of the key that the token is bound to, empty if it is bound to none. With `dpop_nonce`, each
    proof of that key needs a nonce.
    """

    client_id: str
    scope: str
    issued_at: int
    expires_at: int
    jti: str
    patient: str = ""
    identifier_systems: tuple[str, ...] = ()
    client_name: str = ""
    jkt: str = ""
    dpop_nonce: bool = False


def verify_token(token: str, *, base_url: "BaseUrl", keys: TrustedKeys, now: float) -> AccessToken:
    """Verify a compact serialization and return its claims.

    The signature is checked before any claim is used. Raises `TokenRefusedError`; errors of `keys` pass
    through (RFC 9068 §4, RFC 8725 §3).
    """
    header = jws_header(token)
    key = keys.public_key(_kid(header))
    if key is None:
        raise TokenRefusedError("unknown key")
    claims = _signed_claims(token, key, base_url)
    access_token = _access_token(claims)
    _check_times(claims, now)
    return access_token


def jws_header(token: str) -> Mapping[str, Any]:
    """Return the protected header of a compact serialization, still unverified.

    Raises `TokenRefusedError` for anything that `parse_compact_jws` refuses.
    """
    try:
        return parse_compact_jws(token, longest=LONGEST_TOKEN).header
    except MalformedJwsError as malformed:
        raise TokenRefusedError(malformed.reason) from None


def _kid(header: Mapping[str, Any]) -> str:
    """Check algorithm and type and return the key id; `jku`, `x5u` and `jwk` are never read."""
    if header.get("alg") not in ALGORITHMS:
        raise TokenRefusedError("another algorithm")
    if header.get("typ") != TOKEN_TYPE:
        raise TokenRefusedError("another token type")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRefusedError("no key id")
    return kid


def _signed_claims(token: str, key: "RSAPublicKey", base_url: "BaseUrl") -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=base_url.root,
            audience=base_url.fhir,
            options={
                "require": list(REQUIRED_CLAIMS),
                "strict_aud": True,
                # `_check_times` checks the times: PyJWT has one leeway for all, and no limit on the age of `iat`.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.InvalidSignatureError:
        raise TokenRefusedError("signature") from None
    except jwt.InvalidIssuerError:
        raise TokenRefusedError("issuer") from None
    except jwt.InvalidAudienceError:
        raise TokenRefusedError("audience") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefusedError("claims") from None
    return claims


def _access_token(claims: Mapping[str, Any]) -> AccessToken:
    texts = [claims[name] for name in ("sub", "client_id", "jti", "scope")]
    if not all(isinstance(text, str) and text for text in texts) or claims["sub"] != claims["client_id"]:
        raise TokenRefusedError("claims")
    patient, name = claims.get("patient", ""), claims.get("client_name", "")
    systems = claims.get("identifier_systems", [])
    # In the authorizer's context, which holds text only, spaces separate them.
    if not isinstance(systems, list) or not all(isinstance(each, str) and each.split() == [each] for each in systems):
        raise TokenRefusedError("claims")
    if not isinstance(patient, str) or not isinstance(name, str):
        raise TokenRefusedError("claims")
    if not is_time(claims["iat"]) or not is_time(claims["exp"]):
        raise TokenRefusedError("times")
    dpop_nonce = claims.get("dpop_nonce", False)
    if not isinstance(dpop_nonce, bool):
        raise TokenRefusedError("claims")
    return AccessToken(
        client_id=claims["client_id"],
        scope=claims["scope"],
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
        jti=claims["jti"],
        patient=patient,
        identifier_systems=tuple(systems),
        client_name=name,
        jkt=_jkt(claims) if "cnf" in claims else "",
        dpop_nonce=dpop_nonce,
    )


def _jkt(claims: Mapping[str, Any]) -> str:
    """Return the thumbprint in the claim `cnf`; another binding could not be enforced, so it is refused (RFC 7800)."""
    confirmation = claims["cnf"]
    jkt = confirmation.get("jkt") if isinstance(confirmation, dict) and len(confirmation) == 1 else None
    if not isinstance(jkt, str) or not jkt:
        raise TokenRefusedError("confirmation")
    return jkt


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    not_before = claims.get("nbf", claims["iat"])
    if not is_time(not_before) or max(claims["iat"], not_before) > now + CLOCK_SKEW:
        raise TokenRefusedError("not valid yet")
    if claims["exp"] <= now:
        raise TokenRefusedError("expired")
    if now - claims["iat"] > MAX_LIFETIME:
        raise TokenRefusedError("older than any token may be")
