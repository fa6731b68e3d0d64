"""Say whether a token is active, to those who may know (RFC 7662; `oauth.md`, Introspection and revocation)."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token

INACTIVE: Mapping[str, Any] = {"active": False}


class RevokedTokens(Protocol):
    """The tokens that were ended before their time: by their id, or with their client's or patient's others."""

    def is_revoked(self, token: AccessToken) -> bool:
        """Say whether this token was ended; raises the error `unavailable`."""


def introspect_token(
    client: ClientRecord,
    token: str,
    *,
    base_url: BaseUrl,
    keys: TrustedKeys,
    revoked: RevokedTokens,
    now: float,
    tell: Callable[[AccessToken], None],
) -> Mapping[str, Any]:
    """Return the introspection response: own tokens for a client, any token for a resource server.

    Whatever is wrong with a token, or whoever it belongs to, the answer is the same `INACTIVE`. `tell` is told of one
    that was issued here and has not expired.
    """
    try:
        found = verify_token(token, base_url=base_url, keys=keys, now=now)
    except TokenRefusedError:
        return INACTIVE
    tell(found)
    if found.client_id != client.client_id and not client.resource_server:
        return INACTIVE
    if revoked.is_revoked(found):
        return INACTIVE
    return _active(found, base_url)


def _active(token: AccessToken, base_url: BaseUrl) -> Mapping[str, Any]:
    bound = {"patient": token.patient} if token.patient else {}
    return {
        "active": True,
        "scope": token.scope,
        "client_id": token.client_id,
        "sub": token.client_id,
        "aud": base_url.fhir,
        "iss": base_url.root,
        "iat": token.issued_at,
        "exp": token.expires_at,
        "jti": token.jti,
        "token_type": "Bearer",
        **bound,
    }
