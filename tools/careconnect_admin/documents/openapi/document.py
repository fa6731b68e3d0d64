"""The OpenAPI 3.0.3 description of the whole service, generated from the table of types and scopes."""

from typing import Any

from careconnect import __version__
from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.http.base_url import BaseUrl
from careconnect.oauth.dpop.proof import TOKEN_TYPE
from careconnect_admin.documents.openapi.answer_examples import answer_examples
from careconnect_admin.documents.openapi.components import (
    FHIR_ERRORS,
    Json,
    components,
    errors,
    fhir_answer,
    json_answer,
    parameters,
    plain_answer,
)
from careconnect_admin.documents.openapi.exports import EXPORTS, export_components, export_paths
from careconnect_admin.documents.openapi.oauth import oauth_paths
from careconnect_admin.documents.openapi.schemas import schemas
from careconnect_admin.documents.openapi.types import read_components, scopes_by_pattern, type_paths, type_tag
from careconnect_admin.documents.openapi.writes import BUNDLES, bundle_path, write_components
from service_discovery.built_documents import METADATA_PATH, OPENAPI_PATH
from service_discovery.llms_text import LLMS_PATH
from service_discovery.server_metadata import JWKS_PATH, SERVER_METADATA_PATH, SMART_PATH


def openapi_document(base: BaseUrl) -> Json:
    """Return the document for the service at `base`, a new object at each call."""
    paths = oauth_paths(base) | _discovery_paths(base)
    for served in SERVED_TYPES:
        paths |= type_paths(served)
    paths |= bundle_path() | export_paths()
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "Care Connect, serverless",
            "version": __version__,
            "description": "OAuth 2.0 client credentials, and a FHIR STU3 API to read and write by. Every FHIR answer "
            "comes as JSON or XML, by the Accept header or `_format`; every GET below also answers HEAD, without a "
            "body. The examples are of the project's sample, and a type's examples together find one resource of it.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "servers": [{"url": base.root}],
        "tags": [
            {"name": "OAuth", "description": "Tokens: issue, introspect, revoke"},
            {"name": "Discovery", "description": "What the service is; no token needed"},
            *(type_tag(served) for served in SERVED_TYPES),
            {"name": BUNDLES, "description": "Several requests in one"},
            {"name": EXPORTS, "description": "All records as files, for backend services"},
        ],
        # Each operation names its scopes, which the scheme of a bound token has no place for.
        "security": [{"clientCredentials": []}, {"dpop": []}],
        "paths": paths,
        "components": {"securitySchemes": _security_schemes(base)} | _components(base),
    }


def _components(base: BaseUrl) -> Json:
    """Return the components that all operations share, and those of reads and of writes."""
    shared = components()
    for more in (read_components(), write_components(), export_components()):
        for kind, components_ in more.items():
            shared[kind] = shared.get(kind, {}) | components_
    # Where the bodies are that the examples are of: compressed, what is alike has to be near.
    return shared | {"examples": answer_examples(base), "schemas": schemas()}


def _security_schemes(base: BaseUrl) -> Json:
    return {
        "clientCredentials": {
            "type": "oauth2",
            "description": "An access token, obtained with a client's id and secret. A client gets the scopes that it "
            "is registered for, all of them if it asks for none.",
            "flows": {"clientCredentials": {"tokenUrl": base.token_endpoint, "scopes": scopes_by_pattern()}},
        },
        "dpop": {
            "type": "http",
            "scheme": TOKEN_TYPE,
            "description": "The same token, bound to a key, with a proof in the header DPoP (RFC 9449).",
        },
    }


def _discovery_paths(base: BaseUrl) -> Json:
    shared = errors(FHIR_ERRORS, without=(401, 403, 406, 410, 415))
    documents = (
        (JWKS_PATH, "getSigningKeys", "The public signing keys (RFC 7517)", "JwkSet"),
        (SERVER_METADATA_PATH, "getServerMetadata", "The authorization server's metadata (RFC 8414)", "ServerMetadata"),
        (SMART_PATH, "getSmartConfiguration", "SMART App Launch discovery", "SmartConfiguration"),
        (OPENAPI_PATH, "getOpenApiDocument", "This document", "OpenApiDocument"),
    )
    paths = {
        path: _get(operation, summary, base.root + path, {"200": json_answer(summary + ".", schema)} | shared)
        for path, operation, summary, schema in documents
    }
    paths[LLMS_PATH] = _get(
        "getLlmsText",
        "The addresses of the service for language models (llmstxt.org)",
        base.root + LLMS_PATH,
        {"200": plain_answer("The text.")} | shared,
    )
    paths[METADATA_PATH] = _get(
        "getCapabilities",
        "The CapabilityStatement",
        base.root + METADATA_PATH,
        {"200": fhir_answer("What the server can do.", "CapabilityStatement")}
        | errors(FHIR_ERRORS, without=(401, 403, 410, 415)),
        parameters=parameters("_format"),
    )
    return paths


def _get(operation: str, summary: str, url: str, responses: Json, **members: Any) -> Json:
    """Return a path of discovery. Its example is what the service itself answers to everybody, at `url`.

    Not as an `externalValue`: generators of clients fetch that while they run.
    """
    published = {"externalDocs": {"url": url, "description": "The answer of this service"}}
    described = {"tags": ["Discovery"], "operationId": operation, "summary": summary, "security": []}
    return {"get": described | published | members | {"responses": responses}}
