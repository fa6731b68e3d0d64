"""A token store that writes the audit event concurrently (`audit.md`, Before the answer leaves)."""

from typing import Protocol

from careconnect.audit.trail import AuditTrail
from careconnect.oauth.token_verification import AccessToken
from token_issuer.tokens.introspect_token import RevokedTokens
from token_issuer.tokens.revoke_token import RevocationStore


class TokenStore(RevokedTokens, RevocationStore, Protocol):
    """The store of revoked tokens: look them up and add to them."""


class AuditedTokens:
    """Look up and revoke as `tokens` does, and concurrently begin to write the audit event.

    The caller has already identified the token in `trail`.
    """

    def __init__(self, tokens: TokenStore, trail: AuditTrail) -> None:
        self._tokens = tokens
        self._trail = trail

    def is_revoked(self, token: AccessToken) -> bool:
        """Return True if this token was revoked; raises the error `unavailable`."""
        self._trail.touched()
        return self._tokens.is_revoked(token)

    def revoke(self, jti: str, expires_at: int) -> None:
        """Store a revoked token; raises the error `unavailable`."""
        self._trail.touched()
        self._tokens.revoke(jti, expires_at)
