"""OAuth discovery: RFC 8414 metadata and the SMART configuration, generated from the enforced settings."""

from typing import Any, Final

from careconnect.http.base_url import FHIR_PATH, BaseUrl
from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, GRANT_TYPES, AuthMethod
from careconnect.oauth.dpop.proof import ALGORITHMS as PROOF_ALGORITHMS
from careconnect.oauth.scopes import supported_scopes
from service_discovery.built_documents import json_text

JWKS_PATH: Final = "/.well-known/jwks.json"
SERVER_METADATA_PATH: Final = "/.well-known/oauth-authorization-server"
SMART_PATH: Final = f"{FHIR_PATH}/.well-known/smart-configuration"

# SMART App Launch 2.x, Conformance: only the capabilities that a client without a user can use.
_CAPABILITIES: Final = (
    "client-confidential-symmetric",
    "client-confidential-asymmetric",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
)


def server_metadata(base_url: BaseUrl) -> str:
    """Return the authorization server's metadata (RFC 8414 §2), as compact JSON.

    `response_types_supported` is a required member. It is empty, since there is no authorization endpoint.
    """
    methods, algorithms = list(AuthMethod), list(ASSERTION_ALGORITHMS)
    return json_text(
        {
            **_common(base_url),
            "introspection_endpoint_auth_methods_supported": methods,
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        }
    )


def smart_configuration(base_url: BaseUrl) -> str:
    """Return the SMART configuration (SMART App Launch 2.x, Conformance), as compact JSON.

    `code_challenge_methods_supported` is a required member. It is empty, since no code is ever issued.
    """
    smart = {"code_challenge_methods_supported": [], "capabilities": list(_CAPABILITIES)}
    return json_text(_common(base_url) | smart)


def _common(base_url: BaseUrl) -> dict[str, Any]:
    return {
        "issuer": base_url.root,
        "token_endpoint": base_url.token_endpoint,
        "introspection_endpoint": f"{base_url.root}/introspect",
        "revocation_endpoint": f"{base_url.root}/revoke",
        "jwks_uri": base_url.root + JWKS_PATH,
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": [],
        "scopes_supported": list(supported_scopes()),
        "token_endpoint_auth_methods_supported": list(AuthMethod),
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
    }
