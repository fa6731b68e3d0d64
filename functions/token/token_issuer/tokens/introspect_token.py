"""Introspect a token for a client that may know its state (RFC 7662; `tokens.md`, Introspection and revocation)."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.token_verification import AccessToken, TokenRefusedError, TrustedKeys, verify_token

INACTIVE: Mapping[str, Any] = {"active": False}


class RevokedTokens(Protocol):
    """The revoked tokens: by their id, or by a revocation cutoff of their client or patient."""

    def is_revoked(self, token: AccessToken) -> bool:
        """Return True if this token was revoked; raises the error `unavailable`."""


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

    The response is the same `INACTIVE` for every fault of a token, and for a token of another client. `tell` is called
    with a token that was issued here and has not expired.
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
    optional: dict[str, Any] = {"client_name": token.client_name} if token.client_name else {}
    if token.patient:
        optional["patient"] = token.patient
    if token.identifier_systems:
        optional["identifier_systems"] = list(token.identifier_systems)
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
        **optional,
    }
