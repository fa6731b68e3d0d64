"""Tokens looked up and ended while the event of that is being kept (`audit.md`, Before the answer leaves)."""

from typing import Protocol

from careconnect.access_record.access import NOBODY, Access
from careconnect.token_verification import AccessToken
from token_issuer.introspect_token import RevokedTokens
from token_issuer.revoke_token import RevocationStore


class TokenStore(RevokedTokens, RevocationStore, Protocol):
    """Knows which tokens were revoked, and is told of more."""


class RecordedTokens:
    """Asks of `tokens`, and tells them, what it is asked and told, and meanwhile begins to keep the event in `access`.

    Which token it is has been noted there before. What the event does not say yet, it is corrected by.
    """

    def __init__(self, tokens: TokenStore, access: Access) -> None:
        self._tokens = tokens
        self._access = access

    def is_revoked(self, token: AccessToken) -> bool:
        """Say whether this token was ended; raises the error `unavailable`, and the event is corrected then."""
        self._access.begin([NOBODY])
        is_revoked = self._tokens.is_revoked(token)
        self._access.discloses([NOBODY])
        return is_revoked

    def revoke(self, jti: str, expires_at: int) -> None:
        """Remember a revoked token; raises the error `unavailable`, and the event is corrected then."""
        self._access.begin([NOBODY])
        self._tokens.revoke(jti, expires_at)
        self._access.discloses([NOBODY])
