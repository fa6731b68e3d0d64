"""The token endpoints' paths in the OpenAPI document."""

from typing import Any, Final

from careconnect_admin.documents.openapi.components import (
    OAUTH_ERRORS,
    Json,
    errors,
    form,
    json_answer,
    query_parameter,
    text,
)

_WHO: Final = (
    "The client proves who it is: by its id and secret in a Basic header or in the form, or by a signed assertion."
)


def oauth_paths() -> Json:
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
            answer=json_answer("The token.", "AccessToken"),
        ),
        "/introspect": _post(
            "introspectToken",
            "Ask whether a token is active (RFC 7662)",
            description=f"{_WHO} It is told of its own tokens, a resource server of all.",
            requestBody=form(_client_form() | token),
            answer=json_answer("What the token is.", "Introspection"),
        ),
        "/revoke": _post(
            "revokeToken",
            "Revoke a token (RFC 7009)",
            description=f"{_WHO} It ends its own tokens; another's stay as they are, and the answer is the same.",
            requestBody=form(_client_form() | token),
            answer=json_answer("Revoked, or nothing to revoke.", "Empty"),
        ),
    }


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
