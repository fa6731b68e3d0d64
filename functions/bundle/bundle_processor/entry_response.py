"""An entry of a response Bundle, from the response that its request would have had alone."""

import json
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from bundle_processor.bundle_request import Entry
from careconnect.fhir.interactions import Shape
from careconnect.fhir.outcomes import OutcomeError, outcome_of
from careconnect.http.messages import Response

_OUTCOME = '{"resourceType":"OperationOutcome",'


def entry_of(response: Response, full_url: str = "") -> str:
    """Return the JSON text of an entry; the response has a body in JSON, or none."""
    is_outcome = response.body.startswith(_OUTCOME)
    url = f'"fullUrl":{json.dumps(full_url)},' if full_url else ""
    shown = f'{url}"resource":{response.body},' if response.body and not is_outcome else ""
    return f'{{{shown}"response":{_response(response, response.body if is_outcome else "")}}}'


def full_url_of(entry: Entry, response: Response, fhir_base: str) -> str:
    """Return the full URL of the resource that a response shows, empty for a page of results and without a resource."""
    if not response.body or response.body.startswith(_OUTCOME):
        return ""
    if location := response.headers.get("Location"):
        return location.rpartition("/_history/")[0]
    path = entry.parsed
    return f"{fhir_base}/{path.type.name}/{path.id}" if path and path.shape in (Shape.INSTANCE, Shape.VERSION) else ""


def without_body(response: Response) -> Response:
    """Return a response without its resource or its outcome."""
    return Response(response.status, headers=response.headers)


def refused(error: OutcomeError) -> Response:
    """Return the response to an entry that is refused as part of its Bundle."""
    return Response(error.status, outcome_of(error).json())


def _response(response: Response, outcome: str) -> str:
    headers = response.headers
    members = {"status": f"{response.status} {HTTPStatus(response.status).phrase}"}
    if location := headers.get("Location"):
        members["location"] = location
    if etag := headers.get("ETag"):
        members["etag"] = etag
    if modified := headers.get("Last-Modified"):
        members["lastModified"] = f"{parsedate_to_datetime(modified):%Y-%m-%dT%H:%M:%SZ}"
    text = json.dumps(members, ensure_ascii=False, separators=(",", ":"))
    return f'{text[:-1]},"outcome":{outcome}}}' if outcome else text
