"""The authorizer function: from an authorizer event to a policy and context."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from careconnect.http.base_url import base_url
from careconnect.oauth.token_verification import TrustedKeys
from scope_authorizer.policy_for import Direction, gateway_of, policy_for
from scope_authorizer.verify_access_token import RevokedTokens, verify_access_token

Authorize = Callable[[Mapping[str, Any]], dict[str, Any]]


def build_authorizer(
    *,
    direction: Direction,
    configured_base_url: str,
    keys: TrustedKeys,
    revoked: RevokedTokens,
    now: Callable[[], float],
) -> Authorize:
    """Build the function from a TOKEN authorizer event to the authorizer's response, for the routes of one direction.

    The context of an accepted token has `client_id`, `scope`, `issued_at`, `expires_at`, `jti` (its id in the audit
    trail), `client_name`, percent-encoded, unless the token has none, and, for a bound client, `patient` and
    `identifier_systems`, separated by spaces. A token that is bound to a key has its `jkt`, and `dpop_nonce` if its
    proofs need a nonce. For any other token the function raises `TokenRefusedError` (ADR 16).
    """

    def authorize(event: Mapping[str, Any]) -> dict[str, Any]:
        gateway = gateway_of(str(event.get("methodArn", "")))
        base = base_url(configured_base_url, api_id=gateway.api_id, stage=gateway.stage, region=gateway.region)
        token = verify_access_token(
            str(event.get("authorizationToken", "")), base_url=base, keys=keys, revoked=revoked, now=now
        )
        context = {
            "client_id": token.client_id,
            "scope": token.scope,
            "issued_at": str(token.issued_at),
            "expires_at": str(token.expires_at),
            "jti": token.jti,
        }
        if token.client_name:
            # The gateway's cache is known to break on quotes in a context, and nothing promises it other alphabets.
            context["client_name"] = quote(token.client_name)
        if token.patient:
            context["patient"] = token.patient
        if token.identifier_systems:
            context["identifier_systems"] = " ".join(token.identifier_systems)
        if token.jkt:
            context["jkt"] = token.jkt
            if token.dpop_nonce:
                context["dpop_nonce"] = "true"
        return {
            "principalId": token.client_id,
            "policyDocument": policy_for(token.scope, direction, gateway, bound=bool(token.patient)),
            "context": context,
        }

    return authorize
