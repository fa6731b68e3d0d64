"""The schemas of the OpenAPI document: STU3's types, and the JSON of the OAuth endpoints and of discovery.

Those of STU3 leave out the `_` member beside a primitive, an additional property.
"""

from typing import Any, Final

from careconnect_admin.documents.openapi.stu3_schemas import stu3_schemas

Json = dict[str, Any]

_TEXT: Final = {"type": "string"}
_TEXTS: Final = {"type": "array", "items": _TEXT}
_SECONDS: Final = {"type": "integer", "minimum": 1}


def schemas() -> Json:
    """Return all schemas by name."""
    return {
        **stu3_schemas(),
        "AccessToken": _object(
            "access_token",
            "token_type",
            "expires_in",
            "scope",
            access_token=_TEXT,
            token_type=_TEXT | {"enum": ["Bearer", "DPoP"]},
            expires_in=_SECONDS,
            scope=_TEXT,
            patient=_TEXT,
        ),
        "Introspection": _object(
            "active",
            active={"type": "boolean"},
            exp=_SECONDS,
            iat=_SECONDS,
            identifier_systems=_TEXTS,
            cnf=_object("jkt", jkt=_TEXT),
            **dict.fromkeys(
                ("scope", "client_id", "client_name", "token_type", "sub", "aud", "iss", "jti", "patient"), _TEXT
            ),
        ),
        "Empty": {"type": "object"},
        "OAuthError": _object("error", error=_TEXT, error_description=_TEXT),
        "JwkSet": _object("keys", keys={"type": "array", "items": {"$ref": "#/components/schemas/Jwk"}}),
        "Jwk": _object("kty", **dict.fromkeys(("kty", "kid", "use", "n", "e", "crv", "x", "y"), _TEXT)),
        "ServerMetadata": _object("issuer", "token_endpoint", issuer=_TEXT, **_ENDPOINTS),
        "SmartConfiguration": _object("token_endpoint", "capabilities", capabilities=_TEXTS, **_ENDPOINTS),
        "OpenApiDocument": _object("openapi", "paths", openapi=_TEXT, paths={"type": "object"}),
    }


_ENDPOINTS: Final = {
    "token_endpoint": _TEXT,
    "introspection_endpoint": _TEXT,
    "revocation_endpoint": _TEXT,
    "jwks_uri": _TEXT,
    "grant_types_supported": _TEXTS,
    "scopes_supported": _TEXTS,
    "dpop_signing_alg_values_supported": _TEXTS,
}


def _object(*required: str, **properties: Any) -> Json:
    schema: Json = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema
