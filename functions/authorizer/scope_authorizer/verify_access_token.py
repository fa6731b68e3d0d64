"""Verify a request's access token (`tokens.md`, Verification)."""

from collections.abc import Callable
from typing import Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.access_token import AUTHORIZATION
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token


class DowngradedTokenError(TokenRefusedError):
    """A token that is bound to a key came as a Bearer token, for which no proof of the key is asked."""


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

    A bound token comes with the scheme DPoP, any other with Bearer. Revocation is checked last, so that only tokens of
    this issuer cost a read. Raises `TokenRefusedError`; errors of the keys and of the store propagate (RFC 6750 §2.1,
    RFC 9068 §4, RFC 9449 §7.2).
    """
    credentials = AUTHORIZATION.fullmatch(authorization)
    if credentials is None:
        raise TokenRefusedError("not a bearer token")
    token = verify_token(credentials["token"], base_url=base_url, keys=keys, now=now())
    if token.jkt and not credentials["dpop"]:
        raise DowngradedTokenError("bound token as Bearer")
    if credentials["dpop"] and not token.jkt:
        raise TokenRefusedError("unbound token as DPoP")
    if revoked.is_revoked(token):
        raise TokenRefusedError("revoked")
    return token
