"""Introspect a token for a client that may know its state (RFC 7662; `tokens.md`, Introspection and revocation)."""

from collections.abc import Mapping
from typing import Any, Protocol

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import ClientRecord
from careconnect.oauth.token_verification import AccessToken
from token_issuer.tokens.bind_token import token_type

INACTIVE: Mapping[str, Any] = {"active": False}


class RevokedTokens(Protocol):
    """The revoked tokens: by their id, or by a revocation cutoff of their client or patient."""

    def is_revoked(self, token: AccessToken) -> bool:
        """Return True if this token was revoked; raises the error `unavailable`."""


def may_introspect(client: ClientRecord, token: AccessToken) -> bool:
    """Return True for a client's own tokens, and for any token if the client is a resource server."""
    return token.client_id == client.client_id or client.resource_server


def introspect_token(token: AccessToken, *, base_url: BaseUrl, revoked: RevokedTokens) -> Mapping[str, Any]:
    """Return the introspection response for a token that was issued here and has not expired.

    It is `INACTIVE` for a revoked one, as it is for every fault of a token and for a token of another client.
    """
    if revoked.is_revoked(token):
        return INACTIVE
    optional: dict[str, Any] = {"client_name": token.client_name} if token.client_name else {}
    if token.patient:
        optional["patient"] = token.patient
    if token.identifier_systems:
        optional["identifier_systems"] = list(token.identifier_systems)
    if token.jkt:
        optional["cnf"] = {"jkt": token.jkt}
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
        "token_type": token_type(is_bound=bool(token.jkt)),
        **optional,
    }
