"""Revoke a client's own token (RFC 7009; `tokens.md`, Introspection and revocation)."""

from typing import Protocol

from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.token_verification import AccessToken


class RevocationStore(Protocol):
    """The store of revoked tokens, which keeps each while it could be accepted."""

    def revoke(self, jti: str, expires_at: int) -> None:
        """Store the id of a revoked token, which expires at this epoch second; raises the error `unavailable`."""


def may_revoke(client: ClientRecord, token: AccessToken) -> bool:
    """Return True for a client's own tokens. The response does not show that another's stays (RFC 7009 §2.2)."""
    return token.client_id == client.client_id
