"""The token endpoints' paths in the OpenAPI document."""

from typing import Any

from service_discovery.openapi_components import (
    OAUTH_ERRORS,
    Json,
    errors,
    form,
    json_answer,
    query_parameter,
    text,
)


def oauth_paths() -> Json:
    """Return the paths that issue, introspect and revoke tokens."""
    token = {"token": text("The access token."), "token_type_hint": text()}
    grant = {"grant_type": text(), "scope": text()}
    return {
        "/token": _post(
            "issueToken",
            "Obtain an access token by client credentials",
            description="Parameters come in the form or, secrets excepted, in the query; none of them twice.",
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
            requestBody=form(_client_form() | token),
            answer=json_answer("What the token is.", "Introspection"),
        ),
        "/revoke": _post(
            "revokeToken",
            "Revoke a token (RFC 7009)",
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
            "security": [{"clientSecret": []}, {}],
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
