"""Decide whether a request's bearer token opens anything at all (`oauth.md`, Verification)."""

from collections.abc import Callable
from typing import Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.access_token import BEARER
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token


class RevokedTokens(Protocol):
    """The tokens that were ended before their time: by their id, or with their client's or patient's others."""

    def is_revoked(self, token: AccessToken) -> bool:
        """Say whether this token was ended."""


def verify_access_token(
    authorization: str,
    *,
    base_url: BaseUrl,
    keys: TrustedKeys,
    revoked: RevokedTokens,
    now: Callable[[], float],
) -> AccessToken:
    """Verify the value of an Authorization header and return what its token says.

    Revocation is asked last, so that only our own tokens cost a read. Raises `TokenRefusedError`; errors of
    the keys and of the store pass through (RFC 6750 §2.1, RFC 9068 §4).
    """
    bearer = BEARER.fullmatch(authorization)
    if bearer is None:
        raise TokenRefusedError("not a bearer token")
    token = verify_token(bearer[1], base_url=base_url, keys=keys, now=now())
    if revoked.is_revoked(token):
        raise TokenRefusedError("revoked")
    return token
