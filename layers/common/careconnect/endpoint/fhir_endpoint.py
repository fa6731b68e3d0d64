"""Endpoints that answer errors as OperationOutcomes."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Final

from careconnect.endpoint.pipeline import Endpoint, Errors
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.formats import error_response
from careconnect.fhir.request import form_of
from careconnect.http.errors import ApiError
from careconnect.http.messages import Request, Response, last_value
from careconnect.oauth.dpop.proof import CHALLENGE_ALGORITHMS, TOKEN_TYPE

_CHALLENGE: Final = "WWW-Authenticate"


def refusal_of(error: ApiError, request: Request) -> Response:
    """Render an error as an OperationOutcome in the requested format, which a posted search may set in its form."""
    asked = last_value(request.query, "_format")
    if request.method == "POST" and request.path.endswith("/_search"):
        # An unreadable form is the error being rendered, or comes after it.
        with suppress(OutcomeError):
            asked = last_value(form_of(request), "_format") or asked
    response = error_response(error, asked, request.headers.get("accept", ""))
    # An absent resource may exist a moment later.
    headers = {**response.headers, "Cache-Control": "no-store"}
    if request.authorizer.get("jkt"):
        headers |= _bound(headers)
    return replace(response, headers=headers)


def _bound(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the challenge in `headers` as it is for a bound token (RFC 9449 §7.1)."""
    scheme, _, parameters = headers.get(_CHALLENGE, "").partition(" ")
    return {_CHALLENGE: f"{TOKEN_TYPE} {parameters}, {CHALLENGE_ALGORITHMS}"} if scheme == "Bearer" else {}


class OutcomeEndpoint(Endpoint):
    """An endpoint that renders its errors as OperationOutcomes in the requested format."""

    __slots__ = ()
    errors = Errors(refusal_of, outcomes.internal, outcomes.bypassed_edge, outcomes.unavailable, outcomes.in_doubt)
