"""The token endpoints' paths in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any, Final

from careconnect.http.base_url import BaseUrl
from careconnect.oauth.access_token import DEFAULT_LIFETIME
from careconnect.oauth.client_record import CLIENT_CREDENTIALS, GRANT_TYPES, AuthMethod, ClientRecord
from careconnect.oauth.token_verification import AccessToken
from careconnect_admin.clients.demo import PATIENT_ACCESS
from careconnect_admin.documents.openapi.components import (
    OAUTH_ERRORS,
    Json,
    errors,
    form,
    json_answer,
    query_parameter,
    text,
)
from token_issuer.tokens.grant_token import GrantedToken, grant_token
from token_issuer.tokens.introspect_token import introspect_token

_WHO: Final = (
    "The client proves who it is: by its id and secret in a Basic header or in the form, or by a signed assertion."
)


def oauth_paths(base: BaseUrl) -> Json:
    """Return the paths that issue, introspect and revoke tokens."""
    token = {"token": text("The access token."), "token_type_hint": text()}
    grant = {
        "grant_type": text(example="client_credentials"),
        "scope": text("Space-separated; all that is registered if left out."),
    }
    return {
        "/token": _post(
            "issueToken",
            "Obtain an access token by client credentials",
            description=f"{_WHO} Parameters come in the form or, secrets excepted, in the query; none of them twice.",
            parameters=[
                query_parameter("grant_type", "`client_credentials`."),
                query_parameter("client_id", "The id that the client authenticates as."),
                query_parameter("scope", "Space-separated scopes; all registered ones if left out."),
            ],
            requestBody=form(_client_form() | grant, required=False),
            answer=json_answer("The token.", "AccessToken", _granted(base).answer("eyJ…")),
        ),
        "/introspect": _post(
            "introspectToken",
            "Ask whether a token is active (RFC 7662)",
            description=f"{_WHO} It is told of its own tokens, a resource server of all.",
            requestBody=form(_client_form() | token),
            answer=json_answer("What the token is.", "Introspection", _introspected(base)),
        ),
        "/revoke": _post(
            "revokeToken",
            "Revoke a token (RFC 7009)",
            description=f"{_WHO} It ends its own tokens; another's stay as they are, and the answer is the same.",
            requestBody=form(_client_form() | token),
            answer=json_answer("Revoked, or nothing to revoke.", "Empty", {}),
        ),
    }


_ISSUED: Final = 1_767_225_600
"""The issue of the token in the examples: 2026-01-01."""


def _granted(base: BaseUrl) -> GrantedToken:
    """Return what a client of local runs is granted that asks for all its scopes."""
    client = ClientRecord(
        client_id=PATIENT_ACCESS.client_id,
        name=PATIENT_ACCESS.name,
        enabled=True,
        auth_methods=frozenset([AuthMethod.BASIC]),
        grant_types=frozenset(GRANT_TYPES),
        scopes=PATIENT_ACCESS.scopes,
    )
    asked = {"grant_type": CLIENT_CREDENTIALS}
    return grant_token(client, asked, base_url=base, lifetime=DEFAULT_LIFETIME, now=_ISSUED)


def _introspected(base: BaseUrl) -> Mapping[str, Any]:
    """Return what the client of that token is told of it."""
    claims = _granted(base).claims
    token = AccessToken(
        client_id=claims["client_id"],
        scope=claims["scope"],
        issued_at=claims["iat"],
        expires_at=claims["exp"],
        # The token's own is new each time.
        jti="7d1f0c52-3f0e-4f7b-9a51-0c6f0a4de9b3",
        client_name=claims["client_name"],
    )
    return introspect_token(token, base_url=base, revoked=_NoneRevoked())


class _NoneRevoked:
    def is_revoked(self, token: AccessToken) -> bool:  # noqa: ARG002 - the Protocol's
        return False


def _post(operation: str, summary: str, *, answer: Json, **members: Any) -> Json:
    return {
        "post": {
            "tags": ["OAuth"],
            "operationId": operation,
            "summary": summary,
            # No security scheme here, so that a viewer requests only one authorisation: the token's.
            "security": [],
            **members,
            "responses": {"200": answer} | errors(OAUTH_ERRORS),
        }
    }


def _client_form() -> Json:
    return {
        "client_id": text(),
        "client_secret": text("Instead of the Basic header."),
        "client_assertion_type": text("For `private_key_jwt` (RFC 7523 §2.2)."),
        "client_assertion": text("The signed assertion."),
    }
