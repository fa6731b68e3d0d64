"""Verify a request's bearer token (`tokens.md`, Verification)."""

from collections.abc import Callable
from typing import Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.access_token import BEARER
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token


class RevokedTokens(Protocol):
    """The revoked tokens: by their id, or by a revocation cutoff of their client or patient."""

    def is_revoked(self, token: AccessToken) -> bool:
        """Return True if this token was revoked."""


def verify_access_token(
    authorization: str,
    *,
    base_url: BaseUrl,
    keys: TrustedKeys,
    revoked: RevokedTokens,
    now: Callable[[], float],
) -> AccessToken:
    """Verify the value of an Authorization header and return its token.

    Revocation is checked last, so that only tokens of this issuer cost a read. Raises `TokenRefusedError`; errors of
    the keys and of the store propagate (RFC 6750 §2.1, RFC 9068 §4).
    """
    bearer = BEARER.fullmatch(authorization)
    if bearer is None:
        raise TokenRefusedError("not a bearer token")
    token = verify_token(bearer[1], base_url=base_url, keys=keys, now=now())
    if revoked.is_revoked(token):
        raise TokenRefusedError("revoked")
    return token
