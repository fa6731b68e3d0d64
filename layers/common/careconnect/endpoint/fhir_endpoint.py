"""The parameters of a FHIR request, from its query or from the form of a posted search, and its error responses."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from careconnect.endpoint.pipeline import Endpoint, Errors
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.path import FhirPath, Route
from careconnect.fhir.rendering.formats import error_response
from careconnect.http.errors import ApiError
from careconnect.http.messages import BodyError, BodyFault, Request, Response, is_unicode, last_value

_LONGEST_QUERY: Final = 8_192
_LARGEST_BODY: Final = 65_536
_MOST_PARAMETERS: Final = 200

Parameters = list[tuple[str, str]]


def parameters_of(request: Request, path: FhirPath) -> Parameters:
    """Return the parameters of the query, and of the form that a `_search` posts.

    An access token among them is refused (RFC 6750 §2: one method of sending it, and never the query). Raises the
    outcomes 400, 413 and 415.
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


def refusal_of(error: ApiError, request: Request) -> Response:
    """Render an error as an OperationOutcome in the requested format, which a posted search may set in its form."""
    asked = last_value(request.query, "_format")
    if request.method == "POST" and request.path.endswith("/_search"):
        # An unreadable form is the error being rendered, or comes after it.
        with suppress(OutcomeError):
            asked = last_value(_form(request), "_format") or asked
    response = error_response(error, asked, request.headers.get("accept", ""))
    # An absent resource may exist a moment later.
    return replace(response, headers={**response.headers, "Cache-Control": "no-store"})


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


class OutcomeEndpoint(Endpoint):
    """An endpoint that renders its errors as OperationOutcomes in the requested format."""

    __slots__ = ()
    errors = Errors(refusal_of, outcomes.internal, outcomes.bypassed_edge, outcomes.unavailable)
