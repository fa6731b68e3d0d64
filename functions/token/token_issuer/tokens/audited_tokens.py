"""Tokens looked up and ended while the event of that is being written (`audit.md`, Before the answer leaves)."""

from typing import Protocol

from careconnect.audit.trail import AuditTrail
from careconnect.oauth.token_verification import AccessToken
from token_issuer.tokens.introspect_token import RevokedTokens
from token_issuer.tokens.revoke_token import RevocationStore


class TokenStore(RevokedTokens, RevocationStore, Protocol):
    """Knows which tokens were revoked, and is told of more."""


class AuditedTokens:
    """Asks of `tokens`, and tells them, what it is asked and told, and meanwhile begins to write the event.

    Which token it is has been noted in `trail` before.
    """

    def __init__(self, tokens: TokenStore, trail: AuditTrail) -> None:
        self._tokens = tokens
        self._trail = trail

    def is_revoked(self, token: AccessToken) -> bool:
        """Say whether this token was ended; raises the error `unavailable`."""
        self._trail.touched()
        return self._tokens.is_revoked(token)

    def revoke(self, jti: str, expires_at: int) -> None:
        """Remember a revoked token; raises the error `unavailable`."""
        self._trail.touched()
        self._tokens.revoke(jti, expires_at)
