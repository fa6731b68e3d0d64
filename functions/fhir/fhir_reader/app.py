"""The FHIR API's HTTP: a request in, the answer of one use case out, errors as OperationOutcomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from careconnect import outcomes
from careconnect.base_url import base_url
from careconnect.formats import Format, error_response, negotiate, negotiate_for_error
from careconnect.http import BodyError, Cors, Request, Response, gateway_response, parse_request
from careconnect.outcomes import OutcomeError
from careconnect.resource_types import Home
from fhir_reader.caller import Caller, caller_of
from fhir_reader.conditional import is_unmodified, validators
from fhir_reader.fhir_path import ALLOWED_METHODS, FhirPath, Route, parse_path
from fhir_reader.patient_everything import patient_everything
from fhir_reader.read_resource import read_resource
from fhir_reader.rendering.bundle import Bundle
from fhir_reader.rendering.views import indent, show
from fhir_reader.search.context import SearchContext
from fhir_reader.search.query import CURSOR, DEFAULT_COUNT, View, ignored, parse_count, parse_search, parse_view
from fhir_reader.search.search_resources import search_resources
from fhir_reader.store.stored import ResourceStore

_LONGEST_QUERY: Final = 8_192
_LARGEST_BODY: Final = 65_536
_MOST_PARAMETERS: Final = 200
_FORM: Final = "application/x-www-form-urlencoded"
_CACHING: Final = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"}
_XML_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'

Parameters = list[tuple[str, str]]


class Observer(Protocol):
    """Where a function says what it did."""

    def request(
        self, action: str, status: int, *, request_id: str, client_id: str, reason: str, milliseconds: int
    ) -> None:
        """Log one answered request."""

    def failure(self, action: str, error: BaseException, *, request_id: str) -> None:
        """Log an unexpected error."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What one deployed function is made of: the types of `home` are the ones that it answers for."""

    store: ResourceStore
    home: Home
    configured_base_url: str
    region: str
    cors: Cors
    observer: Observer
    now: Callable[[], float]


@dataclass(slots=True)
class _Asked:
    """What is known of a request so far, for the log and for the format of an error."""

    action: str = "unknown"
    client_id: str = ""
    format_parameter: str = ""


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
    asked = _Asked()
    reason = ""
    try:
        request = parse_request(event)
    except BodyError:
        request = parse_request({**event, "body": "", "isBase64Encoded": False})
        response = _error(outcomes.invalid_request("The body is not valid base64."), request, asked)
    else:
        try:
            response = _answer(request, deployment, asked)
        except OutcomeError as error:
            response, reason = _error(error, request, asked), error.reason
        except Exception as error:  # noqa: BLE001 - as above, here with the request's id and format
            deployment.observer.failure(asked.action, error, request_id=request.request_id)
            response = _error(outcomes.internal(""), request, asked)
    deployment.observer.request(
        asked.action,
        response.status,
        request_id=request.request_id,
        client_id=asked.client_id,
        reason=reason,
        milliseconds=round((deployment.now() - started) * 1000),
    )
    return gateway_response(response, request, deployment.cors)


def _error(error: OutcomeError, request: Request, asked: _Asked) -> Response:
    return error_response(error, negotiate_for_error(asked.format_parameter, request.headers.get("accept", "")))


def _answer(request: Request, deployment: Deployment, asked: _Asked) -> Response:
    asked.format_parameter = _last(request.query, "_format")
    caller = caller_of(request.authorizer, deployment.now())
    asked.client_id = caller.client_id
    path = parse_path(request.path)
    if path.type.home is not deployment.home:
        raise outcomes.not_supported()
    asked.action = f"{path.type.name}.{path.route}"
    if request.method not in ALLOWED_METHODS[path.route].split(", "):
        raise outcomes.method_not_allowed(ALLOWED_METHODS[path.route])
    parameters = _parameters(request, path)
    asked.format_parameter = _last(parameters, "_format")
    format_ = negotiate(asked.format_parameter, request.headers.get("accept", ""))
    context = SearchContext(
        store=deployment.store,
        caller=caller,
        format_=format_,
        view=View(),
        fhir_base=base_url(
            deployment.configured_base_url,
            api_id=request.api_id,
            stage=request.stage,
            region=deployment.region,
        ).fhir,
        path=path.type.name,
        pretty=_is_pretty(parameters),
    )
    if path.route in (Route.INSTANCE, Route.VERSION):
        return _read(request, path, parameters, caller, deployment, format_)
    if path.route is Route.EVERYTHING:
        return _everything(request, path, parameters, context)
    return _search(request, path, parameters, context, deployment)


def _parameters(request: Request, path: FhirPath) -> Parameters:
    """Return the parameters of the query, and of the form that a `_search` posts.

    A token among them is refused outright (RFC 6750 §2: one way of sending it, and never the query).
    """
    parameters = list(request.query)
    if path.route is Route.SEARCH:
        if request.media_type != _FORM and (request.body or request.media_type):
            raise outcomes.unsupported_media_type()
        if len(request.body) > _LARGEST_BODY:
            raise outcomes.too_large()
        parameters += _form(request.body)
    elif sum(len(name) + len(text) + 2 for name, text in parameters) > _LONGEST_QUERY:
        longest, _ = max(parameters, key=lambda pair: len(pair[1]))
        raise outcomes.invalid_parameter(longest, "the query is over the limit: post the search to _search.")
    if len(parameters) > _MOST_PARAMETERS:
        raise outcomes.invalid_request("There are too many parameters.")
    if any(name == "access_token" for name, _ in parameters):
        raise outcomes.invalid_request("An access token is taken from the Authorization header only.")
    if any("\ud800" <= character <= "\udfff" for pair in parameters for text in pair for character in text):
        raise outcomes.invalid_request("The parameters are not valid Unicode.")
    return parameters


def _form(body: bytes) -> Parameters:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise outcomes.invalid_request("The body is not a valid form.") from None


def _last(parameters: "Parameters | tuple[tuple[str, str], ...]", name: str) -> str:
    return next((text for given, text in reversed(parameters) if given == name), "")


def _is_strict(prefer: str) -> bool:
    """Say whether a Prefer header asks for strict handling; of several the first counts (RFC 7240 §2, §4.4)."""
    for preference in prefer.split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "handling":
            return value.strip().strip('"') == "strict"
    return False


def _is_pretty(parameters: Parameters) -> bool:
    return _last(parameters, "_pretty") == "true"


def _read(
    request: Request,
    path: FhirPath,
    parameters: Parameters,
    caller: Caller,
    deployment: Deployment,
    format_: Format,
) -> Response:
    view = parse_view(parameters)
    stored = read_resource(deployment.store, caller, path.type, path.id, format_, version=path.version)
    headers = {**_CACHING, **validators(stored)}
    if is_unmodified(stored, request.headers):
        return Response(304, headers=headers)
    return _body(show(stored.body, path.type, view, format_), format_, headers, pretty=_is_pretty(parameters))


def _search(
    request: Request, path: FhirPath, parameters: Parameters, context: SearchContext, deployment: Deployment
) -> Response:
    query = parse_search(
        path.type,
        parameters,
        strict=_is_strict(request.headers.get("prefer", "")),
        fhir_base=context.fhir_base,
        now=int(deployment.now() * 1000),
    )
    bundle = search_resources(query, context.viewed(query.view))
    return _bundle(bundle, context)


def _everything(request: Request, path: FhirPath, parameters: Parameters, context: SearchContext) -> Response:
    count = _last(parameters, "_count")
    strict = _is_strict(request.headers.get("prefer", ""))
    given = [(name, text) for name, text in parameters if text and name != CURSOR]
    bundle = patient_everything(
        path.type,
        path.id,
        count=parse_count(count) if count else DEFAULT_COUNT,
        used=[(name, text) for name, text in given if name in _EVERYTHING_PARAMETERS],
        warnings=[ignored(name, strict=strict) for name, _ in given if name not in _EVERYTHING_PARAMETERS],
        cursor=_last(parameters, CURSOR),
        context=context.viewed(parse_view(parameters)).at(f"Patient/{path.id}/$everything"),
    )
    return _bundle(bundle, context)


_EVERYTHING_PARAMETERS: Final = ("_count", "_summary", "_elements", "_format", "_pretty")


def _bundle(bundle: Bundle, context: SearchContext) -> Response:
    body = bundle.json() if context.format_ is Format.JSON else bundle.xml()
    return _body(body, context.format_, _CACHING, pretty=context.pretty)


def _body(body: str, format_: Format, headers: Mapping[str, str], *, pretty: bool) -> Response:
    if pretty:
        body = indent(body, format_)
    if format_ is Format.XML:
        body = _XML_DECLARATION + body
    return Response(200, body, {"Content-Type": format_.content_type, **headers})
