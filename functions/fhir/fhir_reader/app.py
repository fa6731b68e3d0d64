"""The FHIR API: a call in, the answer of one use case out, errors as OperationOutcomes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from careconnect import outcomes
from careconnect.formats import Format, error_response, fhir_response, negotiate, negotiate_for_error
from careconnect.http import BodyError, BodyFault, Request, Response, is_unicode
from careconnect.outcomes import OutcomeError
from careconnect.resource_types import Home
from careconnect.shell import Call, RefusalError
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
_CACHING: Final = {"Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"}

Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FhirEndpoint:
    """What one deployed function is made of: the types of `home` are the ones that it answers for."""

    store: ResourceStore
    home: Home

    def answer(self, call: Call) -> Response:
        """Answer a read, a search or an operation; raises `OutcomeError`."""
        request = call.request
        caller = caller_of(request.authorizer, call.now)
        call.client_id = caller.client_id
        path = parse_path(request.path)
        if path.type.home is not self.home:
            raise outcomes.not_supported()
        call.action = f"{path.type.name}.{path.route}"
        if request.method not in ALLOWED_METHODS[path.route].split(", "):
            raise outcomes.method_not_allowed(ALLOWED_METHODS[path.route])
        parameters = _parameters(request, path)
        format_ = negotiate(_last(parameters, "_format"), request.headers.get("accept", ""))
        context = SearchContext(
            store=self.store,
            caller=caller,
            format_=format_,
            view=View(),
            fhir_base=call.base_url.fhir,
            path=path.type.name,
            pretty=_is_pretty(parameters),
        )
        if path.route in (Route.INSTANCE, Route.VERSION):
            return _read(request, path, parameters, caller, self.store, format_)
        if path.route is Route.EVERYTHING:
            return _everything(request, path, parameters, context)
        return _search(call, path, parameters, context)

    def refuse(self, error: RefusalError, call: Call, /) -> Response:
        """Render an error as an OperationOutcome in the format asked for, in the query or in a posted form."""
        request = call.request
        try:
            asked = _last(_form(request), "_format") or request.last("_format")
        except OutcomeError:
            asked = request.last("_format")
        return error_response(error, negotiate_for_error(asked, request.headers.get("accept", "")))

    def internal(self) -> RefusalError:
        """Return the fixed 500."""
        return outcomes.internal()


def _parameters(request: Request, path: FhirPath) -> Parameters:
    """Return the parameters of the query, and of the form that a `_search` posts.

    A token among them is refused outright (RFC 6750 §2: one way of sending it, and never the query).
    """
    parameters = list(request.query)
    if path.route is Route.SEARCH:
        parameters += _form(request)
    elif sum(len(name) + len(text) + 2 for name, text in parameters) > _LONGEST_QUERY:
        longest, _ = max(parameters, key=lambda pair: len(pair[1]))
        raise outcomes.invalid_parameter(longest, "the query is over the limit: post the search to _search.")
    if len(parameters) > _MOST_PARAMETERS:
        raise outcomes.invalid_request("There are too many parameters.")
    if any(name == "access_token" for name, _ in parameters):
        raise outcomes.invalid_request("An access token is taken from the Authorization header only.")
    if not all(is_unicode(text) for pair in parameters for text in pair):
        raise outcomes.invalid_request("The parameters are not valid Unicode.")
    return parameters


_FAULTS: Final[Mapping[BodyFault, Callable[[], OutcomeError]]] = {
    BodyFault.MEDIA_TYPE: outcomes.unsupported_media_type,
    BodyFault.SIZE: outcomes.too_large,
    BodyFault.ENCODING: lambda: outcomes.invalid_request("The body is not valid base64."),
    BodyFault.FORM: lambda: outcomes.invalid_request("The body is not a valid form."),
}


def _form(request: Request) -> Parameters:
    try:
        return request.form(most_bytes=_LARGEST_BODY, most_parameters=_MOST_PARAMETERS)
    except BodyError as error:
        raise _FAULTS[error.fault]() from None


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
    store: ResourceStore,
    format_: Format,
) -> Response:
    view = parse_view(parameters)
    stored = read_resource(store, caller, path.type, path.id, format_, version=path.version)
    headers = {**_CACHING, **validators(stored)}
    if is_unmodified(stored, request.headers):
        return Response(304, headers=headers)
    return _body(show(stored.body, path.type, view, format_), format_, headers, pretty=_is_pretty(parameters))


def _search(call: Call, path: FhirPath, parameters: Parameters, context: SearchContext) -> Response:
    query = parse_search(
        path.type,
        parameters,
        strict=_is_strict(call.request.headers.get("prefer", "")),
        fhir_base=context.fhir_base,
        now=int(call.now * 1000),
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
    return fhir_response(200, indent(body, format_) if pretty else body, format_, headers)
