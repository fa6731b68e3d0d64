"""The discovery documents' HTTP, and the 405 and the preflight of every path that reads FHIR."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from careconnect import outcomes
from careconnect.base_url import BaseUrl, base_url
from careconnect.formats import Format, error_response, negotiate, negotiate_for_error
from careconnect.http import BodyError, Cors, Request, Response, gateway_response, parse_request
from careconnect.outcomes import OutcomeError
from careconnect.resource_types import FHIR_PATH
from careconnect.signing_keys import JWKS_MAX_AGE, SigningKeyError
from service_discovery.capability_statement import capability_statement
from service_discovery.openapi_document import OPENAPI_PATH, openapi_document
from service_discovery.resource_xml import resource_xml
from service_discovery.server_metadata import (
    JWKS_PATH,
    SERVER_METADATA_PATH,
    server_metadata,
    smart_configuration,
)

_SMART_PATH: Final = f"{FHIR_PATH}/.well-known/smart-configuration"
_METADATA_PATH: Final = f"{FHIR_PATH}/metadata"
_READING: Final = "GET, HEAD, OPTIONS"
_SEARCHING: Final = "POST, OPTIONS"
_CACHING: Final = f"public, max-age={JWKS_MAX_AGE}"


class PublishedKeys(Protocol):
    """The public signing keys."""

    def jwks(self) -> Mapping[str, Any]:
        """Return them as a JWK Set; raises `SigningKeyError`."""


class Observer(Protocol):
    """Where the function says what it did."""

    def request(self, action: str, status: int, *, request_id: str, reason: str, milliseconds: int) -> None:
        """Log one answered request."""

    def failure(self, action: str, error: BaseException, *, request_id: str) -> None:
        """Log an unexpected error."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the deployed function is made of."""

    keys: PublishedKeys
    configured_base_url: str
    region: str
    cors: Cors
    observer: Observer
    now: Callable[[], float]


def build_app(deployment: Deployment) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Build the function from a REST proxy event to the gateway's answer; it raises nothing."""

    def app(event: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return _handle(event, deployment)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller gets a fixed 500
            deployment.observer.failure("unreadable event", error, request_id="")
            response = error_response(outcomes.internal(""), Format.JSON)
            return gateway_response(response, parse_request({}), deployment.cors)

    return app


def _handle(event: Mapping[str, Any], deployment: Deployment) -> dict[str, Any]:
    started = deployment.now()
    try:
        request = parse_request(event)
    except BodyError:
        # No body is ever looked at here.
        request = parse_request({**event, "body": "", "isBase64Encoded": False})
    action, document = _document_of(request.path)
    reason = ""
    try:
        response = _answer(request, document, deployment)
    except OutcomeError as error:
        response, reason = _error(error, request), error.reason
    except SigningKeyError as error:
        response, reason = _error(outcomes.unavailable(str(error)), request), str(error)
    except Exception as error:  # noqa: BLE001 - as above, here with the request's id and format
        deployment.observer.failure(action, error, request_id=request.request_id)
        response = _error(outcomes.internal(""), request)
    deployment.observer.request(
        action,
        response.status,
        request_id=request.request_id,
        reason=reason,
        milliseconds=round((deployment.now() - started) * 1000),
    )
    return gateway_response(response, request, deployment.cors)


_Document = Callable[[Request, BaseUrl, Deployment], Response]


def _answer(request: Request, document: "_Document | None", deployment: Deployment) -> Response:
    if request.method == "OPTIONS":
        return deployment.cors.preflight()
    is_reading = request.method in ("GET", "HEAD")
    if document is None and (is_reading or request.method == "POST"):
        # What can be read or searched goes elsewhere: this is the FHIR base itself.
        raise outcomes.not_supported()
    if document is None or not is_reading:
        is_search = document is None and request.path.endswith("/_search")
        raise outcomes.method_not_allowed(_SEARCHING if is_search else _READING)
    base = base_url(
        deployment.configured_base_url,
        api_id=request.api_id,
        stage=request.stage,
        region=deployment.region,
    )
    return document(request, base, deployment)


def _jwks(_request: Request, _base: BaseUrl, deployment: Deployment) -> Response:
    return _json(json.dumps(deployment.keys.jwks()))


def _server_metadata(_request: Request, base: BaseUrl, _deployment: Deployment) -> Response:
    return _json(_server_metadata_text(base))


def _smart_configuration(_request: Request, base: BaseUrl, _deployment: Deployment) -> Response:
    return _json(_smart_configuration_text(base))


def _capability_statement(request: Request, base: BaseUrl, _deployment: Deployment) -> Response:
    format_ = negotiate(_format_parameter(request), request.headers.get("accept", ""))
    return Response(
        200,
        _capability_statement_text(base, format_),
        {"Content-Type": format_.content_type, "Cache-Control": _CACHING, "Vary": "Accept"},
    )


def _openapi_document(_request: Request, base: BaseUrl, _deployment: Deployment) -> Response:
    return _json(_openapi_document_text(base))


_DOCUMENTS: Final[Mapping[str, tuple[str, _Document]]] = {
    JWKS_PATH: ("jwks", _jwks),
    SERVER_METADATA_PATH: ("server metadata", _server_metadata),
    _SMART_PATH: ("smart configuration", _smart_configuration),
    _METADATA_PATH: ("metadata", _capability_statement),
    OPENAPI_PATH: ("openapi document", _openapi_document),
}


def _document_of(path: str) -> "tuple[str, _Document | None]":
    return next((found for suffix, found in _DOCUMENTS.items() if path.endswith(suffix)), ("refused method", None))


# One deployment has one base URL, so each of these texts is made once in a container's life.


@lru_cache(maxsize=4)
def _server_metadata_text(base: BaseUrl) -> str:
    return json.dumps(server_metadata(base))


@lru_cache(maxsize=4)
def _smart_configuration_text(base: BaseUrl) -> str:
    return json.dumps(smart_configuration(base))


@lru_cache(maxsize=4)
def _openapi_document_text(base: BaseUrl) -> str:
    return json.dumps(openapi_document(base), separators=(",", ":"))


@lru_cache(maxsize=4)
def _capability_statement_text(base: BaseUrl, format_: Format) -> str:
    statement = capability_statement(base)
    if format_ is Format.JSON:
        return json.dumps(statement, separators=(",", ":"))
    return '<?xml version="1.0" encoding="UTF-8"?>' + resource_xml(statement)


def _json(text: str) -> Response:
    return Response(200, text, {"Content-Type": "application/json", "Cache-Control": _CACHING})


def _format_parameter(request: Request) -> str:
    return next((value for name, value in reversed(request.query) if name == "_format"), "")


def _error(error: OutcomeError, request: Request) -> Response:
    return error_response(error, negotiate_for_error(_format_parameter(request), request.headers.get("accept", "")))
