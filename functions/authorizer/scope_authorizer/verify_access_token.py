"""Decide whether a bearer token is one of ours, whole and still good (`oauth.md`, Verification)."""

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt

from careconnect.access_token import (
    ALGORITHM,
    BEARER,
    CLOCK_SKEW,
    MAX_LIFETIME,
    REQUIRED_CLAIMS,
    TOKEN_TYPE,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    from careconnect.base_url import BaseUrl

_LONGEST_TOKEN: Final = 8192


class TrustedKeys(Protocol):
    """The public keys that sign access tokens."""

    def public_key(self, kid: str) -> "RSAPublicKey | None":
        """Return the trusted key with this RFC 7638 thumbprint, or None."""


class RevokedTokens(Protocol):
    """The ids of the tokens that were revoked and have not expired since."""

    def is_revoked(self, jti: str) -> bool:
        """Say whether the token with this id was revoked."""


class TokenRefusedError(Exception):
    """The token is not accepted; the text is a fixed reason for the log."""

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.expired = expired


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The verified claims that decisions are made from; `expires_at` is in epoch seconds."""

    client_id: str
    scope: str
    expires_at: int
    jti: str
    patient: str = ""


def verify_access_token(
    authorization: str,
    *,
    base_url: "BaseUrl",
    keys: TrustedKeys,
    revoked: RevokedTokens,
    now: Callable[[], float],
) -> AccessToken:
    """Verify the value of an Authorization header and return what its token says.

    The signature is checked before any claim is believed, and revocation last, so that only our own tokens
    cost a read. Raises `TokenRefusedError`; errors of the stores pass through (RFC 9068 §4, RFC 8725 §3).
    """
    token = _compact_serialization(authorization)
    kid = _kid(token)
    key = keys.public_key(kid)
    if key is None:
        raise TokenRefusedError("unknown key")
    claims = _signed_claims(token, key, base_url)
    access_token = _access_token(claims)
    _check_times(claims, now())
    if revoked.is_revoked(access_token.jti):
        raise TokenRefusedError("revoked")
    return access_token


def _compact_serialization(authorization: str) -> str:
    match = BEARER.fullmatch(authorization)
    if match is None or len(match[1]) > _LONGEST_TOKEN:
        raise TokenRefusedError("not a compact serialization")
    for segment in match[1].split("."):
        # One text per token: a segment whose last character carries stray bits is another text of the same bytes.
        try:
            decoded = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
        except (binascii.Error, ValueError):
            raise TokenRefusedError("not base64url") from None
        if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode() != segment:
            raise TokenRefusedError("not canonical base64url")
    return match[1]


def _kid(token: str) -> str:
    """Read the header: exactly our algorithm and type; `jku`, `x5u` and `jwk` are not even looked at."""
    try:
        header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    except (ValueError, RecursionError):
        raise TokenRefusedError("header is not JSON") from None
    if not isinstance(header, dict):
        raise TokenRefusedError("header is not an object")
    if header.get("alg") != ALGORITHM:
        raise TokenRefusedError("another algorithm")
    if header.get("typ") != TOKEN_TYPE:
        raise TokenRefusedError("another token type")
    if "crit" in header:
        raise TokenRefusedError("critical extension")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise TokenRefusedError("no key id")
    return kid


def _signed_claims(token: str, key: "RSAPublicKey", base_url: "BaseUrl") -> Mapping[str, Any]:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=base_url.root,
            audience=base_url.fhir,
            options={
                "require": list(REQUIRED_CLAIMS),
                "strict_aud": True,
                # Times are checked by `_check_times`: PyJWT has one leeway for all, and no oldest `iat`.
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
    patient = claims.get("patient", "")
    if not isinstance(patient, str):
        raise TokenRefusedError("claims")
    if not _is_time(claims["iat"]) or not _is_time(claims["exp"]):
        raise TokenRefusedError("times")
    return AccessToken(claims["client_id"], claims["scope"], int(claims["exp"]), claims["jti"], patient)


def _is_time(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_times(claims: Mapping[str, Any], now: float) -> None:
    not_before = claims.get("nbf", claims["iat"])
    if not _is_time(not_before) or max(claims["iat"], not_before) > now + CLOCK_SKEW:
        raise TokenRefusedError("not valid yet")
    if claims["exp"] <= now:
        raise TokenRefusedError("expired", expired=True)
    if now - claims["iat"] > MAX_LIFETIME:
        raise TokenRefusedError("older than any token may be", expired=True)
