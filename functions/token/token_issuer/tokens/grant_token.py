"""Grant an authenticated client an access token (RFC 6749 §4.4; `tokens.md`, The access token)."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.client_record import GRANT_TYPES, MAX_NAME_BYTES, MAX_SCOPE_LENGTH, ClientRecord
from careconnect.oauth.scopes import ScopeError, beyond, split_scope
from token_issuer import errors
from token_issuer.tokens import scope_refusals
from token_issuer.tokens.bind_token import token_type


@dataclass(frozen=True, slots=True)
class GrantedToken:
    """A token to be signed: its claims, and its lifetime in seconds."""

    claims: Mapping[str, Any]
    expires_in: int

    def answer(self, access_token: str) -> Mapping[str, Any]:
        """Return the response with the signed token (RFC 6749 §5.1)."""
        return {
            "access_token": access_token,
            "token_type": token_type(is_bound="cnf" in self.claims),
            "expires_in": self.expires_in,
            "scope": self.claims["scope"],
            # The launch context of a client that has no launch (SMART App Launch 2.x).
            **({"patient": self.claims["patient"]} if "patient" in self.claims else {}),
        }


def grant_token(
    client: ClientRecord,
    parameters: Mapping[str, str],
    *,
    base_url: BaseUrl,
    lifetime: int,
    now: float,
    jkt: str = "",
) -> GrantedToken:
    """Grant a token of `lifetime` seconds, bound to the key with the thumbprint `jkt` if there is one.

    Raises the error `invalid_scope`. The client may use the grant type that it asks for (`check_grant_type`).
    """
    scope = _scope(client, parameters)
    issued_at = int(now)
    claims = {
        "iss": base_url.root,
        "sub": client.client_id,
        "client_id": client.client_id,
        "aud": base_url.fhir,
        "iat": issued_at,
        "exp": issued_at + lifetime,
        "jti": str(uuid.uuid4()),
        "scope": scope,
        "client_name": _name(client),
    }
    if client.patient:
        claims["patient"] = client.patient
    if client.identifier_systems:
        claims["identifier_systems"] = list(client.identifier_systems)
    if jkt:
        claims["cnf"] = {"jkt": jkt}
        if client.dpop_nonce:
            claims["dpop_nonce"] = True
    return GrantedToken(claims, lifetime)


def _name(client: ClientRecord) -> str:
    """Return the client's name, shortened until the token has at most `MAX_NAME_BYTES` of it.

    In a token, quotes take two bytes. Names that were registered before there was a limit may be longer too.
    """
    name = client.name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    while len(json.dumps(name, ensure_ascii=False).encode()) - len('""') > MAX_NAME_BYTES:
        name = name[:-1]
    return name


def check_grant_type(client: ClientRecord, parameters: Mapping[str, str]) -> None:
    """Raise the error `invalid_request`, `unsupported_grant_type` or `unauthorized_client` unless it may be used."""
    grant_type = parameters.get("grant_type")
    if grant_type is None:
        raise errors.invalid_request("The grant_type is missing: send client_credentials.", reason="no grant type")
    if grant_type not in GRANT_TYPES:
        raise errors.unsupported_grant_type()
    if grant_type not in client.grant_types:
        raise errors.unauthorized_client()


def _scope(client: ClientRecord, parameters: Mapping[str, str]) -> str:
    """Return the scope to grant: the whole requested scope, or the whole registered scope if none is requested."""
    try:
        requested = split_scope(parameters.get("scope") or " ".join(client.scopes))
        not_covered = next(beyond(client.scopes, requested), None)
    except ScopeError as error:
        raise scope_refusals.malformed_scope(error) from None
    if not_covered is not None:
        raise scope_refusals.scope_beyond_registration(not_covered)
    scope = " ".join(requested)
    if len(" ".join([scope, *client.identifier_systems])) > MAX_SCOPE_LENGTH:
        raise scope_refusals.scope_too_long()
    return scope
