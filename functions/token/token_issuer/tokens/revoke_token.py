"""Revoke a client's own token (RFC 7009; `tokens.md`, Introspection and revocation)."""

from collections.abc import Callable
from typing import Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token


class RevocationStore(Protocol):
    """The store of revoked tokens, which keeps each while it could be accepted."""

    def revoke(self, jti: str, expires_at: int) -> None:
        """Store the id of a revoked token, which expires at this epoch second; raises the error `unavailable`."""


def revoke_token(
    client: ClientRecord,
    token: str,
    *,
    base_url: BaseUrl,
    keys: TrustedKeys,
    revocations: RevocationStore,
    now: float,
    tell: Callable[[AccessToken], None],
) -> bool:
    """Revoke `token` and return True if that had an effect.

    A token that is unknown, expired or another client's stays unchanged, and the response does not show it
    (RFC 7009 §2.2). `tell` is called with a token that was issued here and has not expired.
    """
    try:
        found = verify_token(token, base_url=base_url, keys=keys, now=now)
    except TokenRefusedError:
        return False
    tell(found)
    if found.client_id != client.client_id:
        return False
    revocations.revoke(found.jti, found.expires_at)
    return True
