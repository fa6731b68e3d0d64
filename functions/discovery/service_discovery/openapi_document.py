"""The OpenAPI 3.0.3 description of the whole service, made from the one table of types and scopes."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from careconnect import __version__
from careconnect.base_url import BaseUrl
from careconnect.resource_types import (
    COMMON_PARAMETERS,
    FHIR_PATH,
    ID_PATTERN,
    RESOURCE_TYPES,
    Follow,
    Home,
    ResourceType,
)
from careconnect.scopes import PROFILE, supported_scopes

OPENAPI_PATH: Final = "/openapi.json"

_Json = dict[str, Any]
_Rows = tuple[tuple[int, str, str], ...]

_FHIR_MEDIA_TYPES: Final = ("application/fhir+json", "application/fhir+xml")
_FORM: Final = "application/x-www-form-urlencoded"
_LEVELS: Final = ("user", "patient", "system")

# Status, name in `components/responses` and meaning, of errors whose body is an OperationOutcome.
_FHIR_ERRORS: Final[_Rows] = (
    (400, "BadRequest", "A malformed id, parameter, value or cursor."),
    (401, "Unauthorized", "No access token, or one that is bad, expired or revoked."),
    (403, "Forbidden", "The access token's scopes do not allow it."),
    (404, "NotFound", "No such resource, or nothing that this server offers."),
    (405, "MethodNotAllowed", "The path does not take this method: see the Allow header."),
    (406, "NotAcceptable", "Neither JSON nor XML is acceptable to the client."),
    (410, "Gone", "The resource was deleted."),
    (413, "TooLarge", "The body is over the limit."),
    (415, "UnsupportedMediaType", "The body is not a form."),
    (429, "TooManyRequests", "Too many requests: see the Retry-After header."),
    (503, "Unavailable", "Temporarily unavailable: see the Retry-After header."),
)
_OAUTH_ERRORS: Final[_Rows] = (
    (400, "OAuthBadRequest", "A malformed request, another grant, or a scope beyond the registration."),
    (401, "OAuthUnauthorized", "The client did not prove who it is (`invalid_client`)."),
    (405, "OAuthMethodNotAllowed", "The method must be POST."),
    (413, "TooLarge", "The body is over the gateway's limit."),
    (429, "OAuthTooManyRequests", "Too many failed attempts: see the Retry-After header."),
    (503, "OAuthUnavailable", "Temporarily unavailable, nothing was issued: see the Retry-After header."),
)


def openapi_document(base: BaseUrl) -> _Json:
    """Return the document for the service at `base`: a new object at each call."""
    paths = _oauth_paths() | _discovery_paths()
    for served in RESOURCE_TYPES:
        paths |= _type_paths(served)
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Care Connect, serverless",
            "version": __version__,
            "description": "OAuth 2.0 client credentials and a FHIR STU3 read API. Every FHIR answer comes as JSON or "
            "XML, by the Accept header or `_format`; every GET below also answers HEAD, without a body.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": base.root}],
        "tags": [
            {"name": "OAuth", "description": "Tokens: issue, introspect, revoke"},
            {"name": "Discovery", "description": "What the service is; no token needed"},
            *({"name": served.name} for served in RESOURCE_TYPES),
        ],
        "paths": paths,
        "components": {
            "securitySchemes": _security_schemes(base),
            "parameters": _shared_parameters(),
            "responses": _shared_responses(),
            "schemas": _schemas(),
        },
    }


def _security_schemes(base: BaseUrl) -> _Json:
    return {
        "clientCredentials": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {
                    "tokenUrl": base.token_endpoint,
                    "scopes": {scope: _scope_meaning(scope) for scope in supported_scopes()},
                }
            },
        },
        "clientSecret": {"type": "http", "scheme": "basic", "description": "The client's id and secret."},
    }


def _scope_meaning(scope: str) -> str:
    if scope == PROFILE:
        return "Read and search the directory"
    level, _, rest = scope.partition("/")
    name = rest.partition(".")[0]
    return f"Read and search {'every type' if name == '*' else name} ({level})"


# ---------------------------------------------------------------- tokens and discovery


def _oauth_paths() -> _Json:
    token = {"type": "string", "description": "The access token."}
    return {
        "/token": {
            "post": {
                "tags": ["OAuth"],
                "operationId": "issueToken",
                "summary": "Obtain an access token by client credentials",
                "description": "Parameters come in the form or, secrets excepted, in the query; none of them twice.",
                "security": [{"clientSecret": []}, {}],
                "parameters": [
                    _query("grant_type", "`client_credentials`."),
                    _query("client_id", "The id that the client authenticates as."),
                    _query("scope", "Space-separated scopes; all registered ones if left out."),
                ],
                "requestBody": _form({**_CLIENT_FORM, "grant_type": _TEXT, "scope": _TEXT}, required=False),
                "responses": {"200": _json("The token.", "AccessToken")} | _errors(_OAUTH_ERRORS),
            }
        },
        "/introspect": {
            "post": {
                "tags": ["OAuth"],
                "operationId": "introspectToken",
                "summary": "Ask whether a token is active (RFC 7662)",
                "security": [{"clientSecret": []}, {}],
                "requestBody": _form({**_CLIENT_FORM, "token": token, "token_type_hint": _TEXT}),
                "responses": {"200": _json("What the token is.", "Introspection")} | _errors(_OAUTH_ERRORS),
            }
        },
        "/revoke": {
            "post": {
                "tags": ["OAuth"],
                "operationId": "revokeToken",
                "summary": "Revoke a token (RFC 7009)",
                "security": [{"clientSecret": []}, {}],
                "requestBody": _form({**_CLIENT_FORM, "token": token, "token_type_hint": _TEXT}),
                "responses": {"200": _json("Revoked, or nothing to revoke.", "Empty")} | _errors(_OAUTH_ERRORS),
            }
        },
    }


_TEXT: Final = {"type": "string"}
_CLIENT_FORM: Final = {
    "client_id": _TEXT,
    "client_secret": {"type": "string", "description": "Instead of the Basic header."},
    "client_assertion_type": {"type": "string", "description": "For `private_key_jwt` (RFC 7523 §2.2)."},
    "client_assertion": {"type": "string", "description": "The signed assertion."},
}


def _query(name: str, description: str) -> _Json:
    return {"name": name, "in": "query", "description": description, "schema": {"type": "string"}}


def _form(properties: Mapping[str, Any], *, required: bool = True) -> _Json:
    return {"required": required, "content": {_FORM: {"schema": {"type": "object", "properties": dict(properties)}}}}


def _json(description: str, schema: str) -> _Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _discovery_paths() -> _Json:
    documents = (
        ("/.well-known/jwks.json", "getSigningKeys", "The public signing keys (RFC 7517)", "JwkSet"),
        (
            "/.well-known/oauth-authorization-server",
            "getServerMetadata",
            "The authorization server's metadata (RFC 8414)",
            "ServerMetadata",
        ),
        (
            f"{FHIR_PATH}/.well-known/smart-configuration",
            "getSmartConfiguration",
            "SMART App Launch discovery",
            "SmartConfiguration",
        ),
        (OPENAPI_PATH, "getOpenApiDocument", "This document", "OpenApiDocument"),
    )
    shared = _errors(_FHIR_ERRORS, without=(401, 403, 406, 410, 415))
    paths: _Json = {
        path: {
            "get": {
                "tags": ["Discovery"],
                "operationId": operation,
                "summary": summary,
                "security": [],
                "responses": {"200": _json(summary + ".", schema)} | shared,
            }
        }
        for path, operation, summary, schema in documents
    }
    paths[f"{FHIR_PATH}/metadata"] = {
        "get": {
            "tags": ["Discovery"],
            "operationId": "getCapabilities",
            "summary": "The CapabilityStatement",
            "security": [],
            "parameters": _references("_format", "Accept"),
            "responses": {"200": _fhir("What the server can do.", "CapabilityStatement")}
            | _errors(_FHIR_ERRORS, without=(401, 403, 410, 415)),
        }
    }
    return paths


# ---------------------------------------------------------------- the FHIR API


def _type_paths(served: ResourceType) -> _Json:
    name, root = served.name, f"{FHIR_PATH}/{served.name}"
    read = _errors(_FHIR_ERRORS, without=(415,))
    search = _errors(_FHIR_ERRORS, without=(410, 415))
    posted = _errors(_FHIR_ERRORS, without=(410,))
    one = {"200": _fhir(f"The {name}.", name, _VALIDATORS), "304": {"description": "Not modified since."}}
    bundle = {"200": _fhir("The matches, a page at a time.", "Bundle")}
    paths: _Json = {
        root: {
            "get": _operation(
                served,
                "search",
                f"Search {name}",
                [*_search_parameters(served), *_references(*_RESULT_PARAMETERS, "Accept", "Prefer")],
                bundle | search,
            )
        },
        f"{root}/_search": {
            "post": _operation(
                served, "searchByPost", f"Search {name} by a form", _references("Accept", "Prefer"), bundle | posted
            )
            | {
                "requestBody": _form(
                    {parameter["name"]: parameter["schema"] for parameter in _search_parameters(served)},
                    required=False,
                )
            }
        },
        f"{root}/{{id}}": {
            "get": _operation(
                served,
                "read",
                f"Read a {name}",
                _references("id", *_VIEW_PARAMETERS, "Accept", "If-None-Match", "If-Modified-Since"),
                one | read,
            )
        },
        f"{root}/{{id}}/_history/{{vid}}": {
            "get": _operation(
                served,
                "vread",
                f"Read the current version of a {name} by its number",
                _references("id", "vid", *_VIEW_PARAMETERS, "Accept", "If-None-Match", "If-Modified-Since"),
                one | read,
            )
        },
    }
    for operation in served.operations:
        paths[f"{root}/{{id}}/{operation}"] = {
            "get": _operation(
                served,
                operation.removeprefix("$"),
                f"Read a {name}'s whole record, as far as the scopes go",
                _references("id", "_count", *_VIEW_PARAMETERS, "Accept"),
                bundle | read,
            )
        }
    return paths


_VIEW_PARAMETERS: Final = ("_format", "_pretty", "_summary", "_elements")
_RESULT_PARAMETERS: Final = ("_count", "_sort", *_VIEW_PARAMETERS)
_VALIDATORS: Final = ("ETag", "Last-Modified")


def _operation(
    served: ResourceType, verb: str, summary: str, parameters: Sequence[_Json], responses: Mapping[str, Any]
) -> _Json:
    return {
        "tags": [served.name],
        "operationId": f"{verb}{served.name}",
        "summary": summary,
        "security": [{"clientCredentials": [scope]} for scope in opening_scopes(served)],
        "parameters": list(parameters),
        "responses": dict(responses),
    }


def opening_scopes(served: ResourceType) -> tuple[str, ...]:
    """Return the SMART v1 scopes each of which opens a type for reading and searching."""
    own = tuple(f"{level}/{name}.read" for name in served.scope_names for level in _LEVELS)
    return (PROFILE, *own) if served.home is Home.DIRECTORY else own


def _search_parameters(served: ResourceType) -> list[_Json]:
    parameters = [_query(each.name, each.description) for each in (*COMMON_PARAMETERS, *served.searchable)]
    parameters += [
        _query(parameter.chain, f"A chain: it takes the other parameters of {', '.join(parameter.targets)} too.")
        for parameter in served.followed(Follow.CHAIN)
    ]
    for name, values in (("_include", served.includes), ("_revinclude", served.reverse_includes)):
        if values:
            parameters.append(
                {
                    "name": name,
                    "in": "query",
                    "description": "References to follow.",
                    "explode": True,
                    "schema": {"type": "array", "items": {"type": "string", "enum": list(values)}},
                }
            )
    return parameters


# ---------------------------------------------------------------- shared components


def _references(*names: str) -> list[_Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _errors(rows: _Rows, *, without: Sequence[int] = ()) -> _Json:
    return {
        str(status): {"$ref": f"#/components/responses/{name}"} for status, name, _ in rows if status not in without
    }


def _fhir(description: str, schema: str, headers: Sequence[str] = ()) -> _Json:
    """Describe an answer in both formats; OpenAPI has no way to describe FHIR's XML, so it is text there."""
    json_type, xml_type = _FHIR_MEDIA_TYPES
    response: _Json = {
        "description": description,
        "content": {json_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}, xml_type: {}},
    }
    if headers:
        response["headers"] = {name: {"schema": {"type": "string"}} for name in headers}
    return response


def _shared_responses() -> _Json:
    responses = {name: _fhir(meaning, "OperationOutcome") for _, name, meaning in _FHIR_ERRORS}
    responses |= {name: _json(meaning, "OAuthError") for _, name, meaning in _OAUTH_ERRORS if name not in responses}
    return responses


def _shared_parameters() -> _Json:
    text = {"type": "string"}
    return {
        "id": {
            "name": "id",
            "in": "path",
            "required": True,
            "description": "The resource's id.",
            "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
            "example": "4",
        },
        "vid": {
            "name": "vid",
            "in": "path",
            "required": True,
            "description": "The version's number, as in `meta.versionId`.",
            "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
            "example": "1",
        },
        "_format": {
            "name": "_format",
            "in": "query",
            "description": "`json`, `xml` or a media type; it beats the Accept header.",
            "schema": {"type": "string", "enum": ["json", "xml", *_FHIR_MEDIA_TYPES]},
        },
        "_pretty": {"name": "_pretty", "in": "query", "schema": {"type": "string", "enum": ["true", "false"]}},
        "_summary": {
            "name": "_summary",
            "in": "query",
            "schema": {"type": "string", "enum": ["true", "text", "data", "count", "false"]},
        },
        "_elements": {
            "name": "_elements",
            "in": "query",
            "description": "Comma-separated names of top-level elements.",
            "schema": text,
        },
        "_count": {
            "name": "_count",
            "in": "query",
            "description": "Matches on a page: 20 unless said otherwise, at most 100; 0 asks for the total alone.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "_sort": {
            "name": "_sort",
            "in": "query",
            "description": "Date and name parameters, comma-separated, `-` for descending.",
            "schema": text,
        },
        "Accept": {"name": "Accept", "in": "header", "schema": text, "example": _FHIR_MEDIA_TYPES[0]},
        "Prefer": {
            "name": "Prefer",
            "in": "header",
            "description": "`handling=strict` refuses unknown parameters, which are ignored otherwise.",
            "schema": {"type": "string", "enum": ["handling=strict", "handling=lenient"]},
        },
        "If-None-Match": {"name": "If-None-Match", "in": "header", "schema": text, "example": 'W/"1"'},
        "If-Modified-Since": {"name": "If-Modified-Since", "in": "header", "schema": text},
    }


def _schemas() -> _Json:
    resources = {served.name: _resource(served.name, "id") for served in RESOURCE_TYPES}
    return {
        **resources,
        "Bundle": {
            **_resource("Bundle", "type", "link"),
            "properties": {
                "resourceType": {"type": "string", "enum": ["Bundle"]},
                "type": {"type": "string", "enum": ["searchset"]},
                "total": {"type": "integer", "minimum": 0},
                "link": _array(_object(relation=_TEXT, url=_TEXT)),
                "entry": _array(_object(fullUrl=_TEXT, resource={"type": "object"}, search={"type": "object"})),
            },
        },
        "OperationOutcome": {
            **_resource("OperationOutcome", "issue"),
            "properties": {
                "resourceType": {"type": "string", "enum": ["OperationOutcome"]},
                "issue": _array(_object("severity", "code", severity=_TEXT, code=_TEXT, diagnostics=_TEXT)),
            },
        },
        "CapabilityStatement": _resource("CapabilityStatement", "rest"),
        "AccessToken": _object(
            "access_token",
            "token_type",
            "expires_in",
            "scope",
            access_token=_TEXT,
            token_type={"type": "string", "enum": ["Bearer"]},
            expires_in={"type": "integer", "minimum": 1},
            scope=_TEXT,
        ),
        "Introspection": _object("active", active={"type": "boolean"}),
        "Empty": {"type": "object"},
        "OAuthError": _object("error", error=_TEXT, error_description=_TEXT),
        "JwkSet": _object("keys", keys=_array({"type": "object"})),
        "ServerMetadata": _object("issuer", "token_endpoint", issuer=_TEXT, token_endpoint=_TEXT),
        "SmartConfiguration": _object(
            "token_endpoint", "capabilities", token_endpoint=_TEXT, capabilities=_array(_TEXT)
        ),
        "OpenApiDocument": _object("openapi", "paths", openapi=_TEXT, paths={"type": "object"}),
    }


def _resource(name: str, *required: str) -> _Json:
    return {
        "type": "object",
        "required": ["resourceType", *required],
        "properties": {"resourceType": {"type": "string", "enum": [name]}, "id": {"type": "string"}},
    }


def _object(*required: str, **properties: Any) -> _Json:
    schema: _Json = {"type": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def _array(items: Mapping[str, Any]) -> _Json:
    return {"type": "array", "items": dict(items)}
