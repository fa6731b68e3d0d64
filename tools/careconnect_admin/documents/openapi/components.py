"""The parts of the OpenAPI document's operations, and the components that they refer to."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.formats import Format, fhir_response
from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.resource_types import ID_PATTERN
from careconnect.fhir.result_parameter_names import BOOLEANS, DEFAULT_COUNT, MAX_COUNT, SUMMARIES, TOTALS
from careconnect.http.errors import ApiError
from careconnect.http.messages import FORM
from careconnect.storage.quota import UNITS_PER_MINUTE
from token_issuer import errors as oauth_errors

Json = dict[str, Any]
Rows = tuple[tuple[int, str, str], ...]

# Status, name in `components/responses` and meaning of a read's errors; their body is an OperationOutcome.
FHIR_ERRORS: Final[Rows] = (
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
    (500, "InternalError", "An error that should never happen."),
    (503, "Unavailable", "Temporarily unavailable: see the Retry-After header."),
    (504, "TimedOut", "No answer in time: see the Retry-After header."),
)
OAUTH_ERRORS: Final[Rows] = (
    (400, "OAuthBadRequest", "A malformed request, another grant, or a scope beyond the registration."),
    (401, "OAuthUnauthorized", "The client did not prove who it is (`invalid_client`)."),
    (405, "OAuthMethodNotAllowed", "The method must be POST."),
    (413, "TooLarge", "The body is over the gateway's limit."),
    (429, "OAuthTooManyRequests", "Too many failed attempts: see the Retry-After header."),
    (500, "OAuthInternalError", "An error that should never happen."),
    (503, "OAuthUnavailable", "Temporarily unavailable, nothing was issued: see the Retry-After header."),
)

# An error of each kind, as a caller might meet it.
_EXAMPLES: Final[Mapping[str, Callable[[], ApiError]]] = {
    "BadRequest": outcomes.invalid_id,
    "Unauthorized": outcomes.expired_token,
    "Forbidden": lambda: outcomes.insufficient_scope("user/Patient.read"),
    "NotFound": outcomes.not_found,
    "MethodNotAllowed": lambda: outcomes.method_not_allowed("GET, HEAD, PUT, PATCH, DELETE"),
    "NotAcceptable": outcomes.not_acceptable,
    "Gone": outcomes.gone,
    "TooLarge": outcomes.too_large,
    "UnsupportedMediaType": outcomes.unsupported_media_type,
    "TooManyRequests": lambda: outcomes.too_many_requests(40, quota=UNITS_PER_MINUTE, owed=45_000, cost=145_000),
    "InternalError": outcomes.internal,
    "Unavailable": lambda: outcomes.unavailable(""),
    "TimedOut": lambda: OutcomeError(504, "timeout", "The request took too long."),
}

_OAUTH_EXAMPLES: Final[Mapping[str, Callable[[], ApiError]]] = {
    "OAuthBadRequest": oauth_errors.unsupported_grant_type,
    "OAuthUnauthorized": lambda: oauth_errors.invalid_client(""),
    "OAuthMethodNotAllowed": oauth_errors.method_not_allowed,
    "OAuthTooManyRequests": lambda: oauth_errors.too_many_failures(60),
    "OAuthInternalError": oauth_errors.internal,
    "OAuthUnavailable": lambda: oauth_errors.unavailable(""),
}

XML: Final = "Xml"
"""What follows an example's name in that of the same in XML."""

_TEXT: Final = {"type": "string"}

# ---------------------------------------------------------------- parts of an operation


def text(description: str = "", example: str | None = None) -> Json:
    """Return the schema of a text."""
    told = {"description": description or None, "example": example}
    return _TEXT | {name: value for name, value in told.items() if value is not None}


def query_parameter(name: str, description: str, **more: Any) -> Json:
    """Return a query parameter, a text unless `schema` says otherwise."""
    return {"name": name, "in": "query", "description": description, "schema": dict(_TEXT)} | more


def path_parameter(name: str, description: str, example: str | None) -> Json:
    """Return a path parameter in the form of an id."""
    described: Json = {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "pattern": f"^{ID_PATTERN}$"},
    }
    return described | ({} if example is None else {"example": example})


def parameters(*names: str) -> list[Json]:
    """Return references to shared parameters."""
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def form(properties: Mapping[str, Any], *, required: bool = True) -> Json:
    """Return a request body that is a form."""
    return {"required": required, "content": {FORM: {"schema": {"type": "object", "properties": dict(properties)}}}}


def json_answer(description: str, schema: str, example: Mapping[str, Any] | None = None) -> Json:
    """Return a response in plain JSON, with an example of it unless there is none that is always true."""
    told = {} if example is None else {"example": dict(example)}
    return {"description": description, "content": {"application/json": _of_schema(schema) | told}}


def plain_answer(description: str) -> Json:
    """Return a response in plain text."""
    return {"description": description, "content": {"text/plain": {"schema": dict(_TEXT)}}}


def fhir_answer(description: str, schema: str, headers: Sequence[str] = (), example: str = "") -> Json:
    """Return a response in both formats; OpenAPI cannot describe FHIR's XML, which therefore is a text.

    `example` is the name of the example in JSON; that in XML has `XML` after it.
    """
    content: Json = {Format.JSON.value: _of_schema(schema), Format.XML.value: {"schema": dict(_TEXT)}}
    if example:
        content[Format.JSON.value]["examples"] = example_reference(example)
        content[Format.XML.value]["examples"] = example_reference(example + XML)
    response: Json = {"description": description, "content": content}
    return response | ({"headers": {name: {"schema": dict(_TEXT)} for name in headers}} if headers else {})


def in_xml(text: str) -> str:
    """Return a resource, given as JSON text, in XML as the service answers it."""
    return fhir_response(200, resource_xml(text), Format.XML, {}).body


def example_reference(name: str) -> Json:
    """Return the examples of a media type: one component."""
    return {"sample": {"$ref": f"#/components/examples/{name}"}}


def errors(rows: Rows, *, without: Sequence[int] = ()) -> Json:
    """Return references to the shared responses of the errors in `rows`, except the statuses in `without`."""
    return {
        str(status): {"$ref": f"#/components/responses/{name}"} for status, name, _ in rows if status not in without
    }


def _of_schema(name: str) -> Json:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


# ---------------------------------------------------------------- components


def components() -> Json:
    """Return the shared parameters and responses."""
    responses = {
        name: json_answer(meaning, "OAuthError", oauth_errors.answer(_OAUTH_EXAMPLES[name]()))
        for _, name, meaning in OAUTH_ERRORS
        if name in _OAUTH_EXAMPLES
    }
    responses |= {name: refusal(meaning, _EXAMPLES[name]()) for _, name, meaning in FHIR_ERRORS}
    return {"parameters": _parameters(), "responses": responses}


def refusal(meaning: str, error: ApiError) -> Json:
    """Return the response with which an error is answered, with this error as the example."""
    answer = fhir_answer(meaning, "OperationOutcome")
    text_ = outcomes.outcome_of(error).json()
    answer["content"][Format.JSON.value]["example"] = json.loads(text_)
    answer["content"][Format.XML.value]["example"] = in_xml(text_)
    return answer


def _parameters() -> Json:
    rows: tuple[Json, ...] = (
        path_parameter("vid", "The version's number, as in `meta.versionId`.", "1"),
        query_parameter(
            "_format",
            "`json`, `xml` or a media type; it beats the Accept header.",
            schema=_one_of("json", "xml", Format.JSON.value, Format.XML.value),
        ),
        query_parameter("_pretty", "Whether the text is indented.", schema=_one_of(*BOOLEANS)),
        query_parameter("_summary", "Which part of each resource is wanted.", schema=_one_of(*SUMMARIES)),
        query_parameter("_elements", "Comma-separated names of top-level elements."),
        query_parameter(
            "_count",
            f"Matches on a page: {DEFAULT_COUNT} unless said otherwise, at most {MAX_COUNT}; 0 asks for the total "
            "alone.",
            schema={"type": "integer", "minimum": 0},
        ),
        query_parameter("_since", "What was changed at this instant or later, in full and with its zone."),
        query_parameter("_type", "Comma-separated types, of the record or the patient's own (R4's parameter)."),
        query_parameter("start", "Of the day, month or year and later: dated resources that overlap the time."),
        query_parameter("end", "Of the day, month or year and earlier: dated resources that overlap the time."),
        query_parameter("_sort", "Date and name parameters, comma-separated, `-` for descending."),
        query_parameter("_total", "Whether all matches are counted (R4's parameter).", schema=_one_of(*TOTALS)),
        {
            "name": "Prefer",
            "in": "header",
            "description": "What becomes of a parameter that is not offered: `handling=strict` refuses it, "
            "`handling=lenient` ignores it; without either one that STU3 defines is refused, any other ignored.",
            "schema": _one_of("handling=strict", "handling=lenient"),
        },
        {
            "name": "If-None-Match",
            "in": "header",
            "description": "The ETag of the copy that the client has.",
            "schema": _TEXT,
        },
        {
            "name": "If-Modified-Since",
            "in": "header",
            "description": "The Last-Modified of the copy that the client has.",
            "schema": _TEXT,
        },
    )
    return {row["name"]: row for row in rows}


def _one_of(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}
