"""The discovery documents, and the 404, the 405 and the preflight of every path without another function."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.formats import Format, fhir_response, negotiate
from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.request import BASE, parse_path
from careconnect.http.base_url import FHIR_PATH, BaseUrl
from careconnect.http.messages import Response, last_value
from careconnect.oauth.signing_keys import JWKS_MAX_AGE, SigningKeyError
from service_discovery.built_documents import (
    METADATA_PATH,
    OPENAPI_PATH,
    capability_statement,
    capability_statement_without_exports,
    json_text,
    openapi_document,
    openapi_without_exports,
)
from service_discovery.llms_text import LLMS_PATH, llms_text
from service_discovery.server_metadata import (
    JWKS_PATH,
    SERVER_METADATA_PATH,
    SMART_PATH,
    server_metadata,
    smart_configuration,
)

_READING: Final = "GET, HEAD, OPTIONS"
_CACHING: Final = f"public, max-age={JWKS_MAX_AGE}"


class PublishedKeys(Protocol):
    """The public signing keys."""

    def jwks(self) -> Mapping[str, Any]:
        """Return the keys as a JWK Set; raises `SigningKeyError`."""


@dataclass(frozen=True, slots=True)
class DiscoveryEndpoint(OutcomeEndpoint):
    """The endpoint of the deployed function."""

    keys: PublishedKeys
    has_exports: bool = True
    """Whether the stack offers bulk exports."""

    def answer(self, context: RequestContext) -> Response:
        """Return a document, or raise `OutcomeError` for a path or method that no function supports."""
        request = context.request
        context.action, document = _document_of(request.path)
        is_reading = request.method in ("GET", "HEAD")
        if document is None:
            raise _refusal(request.method, request.path, has_exports=self.has_exports)
        if not is_reading:
            raise outcomes.method_not_allowed(_READING)
        return document(self, context)


_Document = Callable[[DiscoveryEndpoint, RequestContext], Response]


def _jwks(deployed: DiscoveryEndpoint, context: RequestContext) -> Response:
    try:
        return _json(json_text(deployed.keys.jwks(), pretty=_is_pretty(context)))
    except SigningKeyError as error:
        raise outcomes.unavailable(str(error)) from error


def _server_metadata(_deployed: DiscoveryEndpoint, context: RequestContext) -> Response:
    return _json(_text_of(server_metadata, context.base_url, pretty=_is_pretty(context)))


def _smart_configuration(_deployed: DiscoveryEndpoint, context: RequestContext) -> Response:
    return _json(_text_of(smart_configuration, context.base_url, pretty=_is_pretty(context)))


def _openapi_document(deployed: DiscoveryEndpoint, context: RequestContext) -> Response:
    document = openapi_document if deployed.has_exports else openapi_without_exports
    return _json(_text_of(document, context.base_url, pretty=_is_pretty(context)))


def _llms_text(_deployed: DiscoveryEndpoint, context: RequestContext) -> Response:
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": _CACHING}
    return Response(200, llms_text(context.base_url), headers)


def _capability_statement(deployed: DiscoveryEndpoint, context: RequestContext) -> Response:
    format_ = negotiate(last_value(context.request.query, "_format"), context.request.headers.get("accept", ""))
    text_of = _text_of if format_ is Format.JSON else _xml_of
    document = capability_statement if deployed.has_exports else capability_statement_without_exports
    body = text_of(document, context.base_url, pretty=_is_pretty(context))
    return fhir_response(200, body, format_, {"Cache-Control": _CACHING, "Vary": "Accept"})


_DOCUMENTS: Final[Mapping[str, tuple[str, _Document]]] = {
    JWKS_PATH: ("jwks", _jwks),
    SERVER_METADATA_PATH: ("server metadata", _server_metadata),
    SMART_PATH: ("smart configuration", _smart_configuration),
    METADATA_PATH: ("metadata", _capability_statement),
    OPENAPI_PATH: ("openapi document", _openapi_document),
    LLMS_PATH: ("llms text", _llms_text),
}


def _document_of(path: str) -> "tuple[str, _Document | None]":
    # The event's path begins below the stage, so only the exact path is a document.
    return _DOCUMENTS.get(path, ("refused method", None))


def _refusal(method: str, path: str, *, has_exports: bool) -> OutcomeError:
    """Return the 404 of a path that the API does not have, or the 405 of one that does not take the method."""
    if path in (FHIR_PATH, f"{FHIR_PATH}/"):
        return outcomes.method_not_allowed(f"OPTIONS, {BASE.allowed}")
    try:
        parsed = parse_path(path)
    except OutcomeError as unknown:
        return unknown
    if parsed.is_export and not has_exports:
        return outcomes.not_supported("Bulk export is not offered here.")
    allowed = parsed.allowed
    if method in allowed.split(", "):
        # The gateway routes a path by its spelling: this one has escapes that it need not have.
        return outcomes.not_supported("The path is spelled in another way: write its letters without escapes.")
    return outcomes.method_not_allowed(f"{allowed}, OPTIONS")


def _is_pretty(context: RequestContext) -> bool:
    return last_value(context.request.query, "_pretty") == "true"


# One deployment has one base URL, so each of these texts is created once in a container's life.


@lru_cache(maxsize=16)
def _text_of(document: Callable[[BaseUrl], str], base: BaseUrl, *, pretty: bool) -> str:
    text = document(base)
    return json_text(json.loads(text), pretty=True) if pretty else text


@lru_cache(maxsize=4)
def _xml_of(document: Callable[[BaseUrl], str], base: BaseUrl, *, pretty: bool) -> str:
    return resource_xml(document(base), pretty=pretty)


def _json(text: str) -> Response:
    return Response(200, text, {"Content-Type": "application/json", "Cache-Control": _CACHING})
