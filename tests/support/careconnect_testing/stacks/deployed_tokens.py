"""Access tokens that the deployed issuer would not issue: signed with its own key by the administrator."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.access_tokens import encoded, segment


def current_kid(http: httpx.Client) -> str:
    """Return the `kid` of the signing key, the first published key."""
    return str(http.get("/.well-known/jwks.json").json()["keys"][0]["kid"])


def deployed_header(http: httpx.Client, **changes: Any) -> dict[str, Any]:
    """Return the header of an access token of the deployed issuer, with changes."""
    return {"alg": "RS256", "typ": "at+jwt", "kid": current_kid(http), **changes}


def deployed_claims(stack: LocalStack, **changes: Any) -> dict[str, Any]:
    """Return the claims of an access token of the deployed issuer, with changes."""
    now = int(time.time())
    return {
        "iss": stack.base_url,
        "sub": "explorer",
        "client_id": "explorer",
        "aud": stack.base_url + FHIR_PATH,
        "iat": now,
        "exp": now + 3600,
        # A new id for each, because the gateway caches its answer by token.
        "jti": encoded(f"{time.monotonic_ns()}".encode()),
        "scope": "system/*.read profile",
        **changes,
    }


def signed_by_the_issuer(stack: LocalStack, header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    """Sign with the deployed key, whatever the header and the claims contain."""
    signing_input = f"{segment(header)}.{segment(claims)}"
    answer = stack.client("kms").sign(
        KeyId=f"{stack.stack.outputs['SigningKeyAlias']}-current",
        Message=signing_input.encode(),
        MessageType="RAW",
        SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
    )
    return f"{signing_input}.{encoded(answer['Signature'])}"


def expired_token(stack: LocalStack, scope: str) -> str:
    """Return a token with the issuer's own signature that expired a minute ago."""
    now = int(time.time())
    with httpx.Client(base_url=stack.base_url, timeout=30) as http:
        header = deployed_header(http)
    return signed_by_the_issuer(stack, header, deployed_claims(stack, iat=now - 3600, exp=now - 60, scope=scope))


def claims_in(token: str) -> dict[str, Any]:
    """Return a token's claims, unverified."""
    body = token.split(".")[1]
    parsed: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return parsed
