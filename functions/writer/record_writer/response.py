"""The response to a write: its status, its version, and the body that the client prefers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OperationOutcome
from careconnect.fhir.rendering.formats import Format, fhir_response, render
from careconnect.fhir.resource_types import ResourceType
from careconnect.fhir.result_parameter_names import BOOLEANS
from careconnect.http.messages import Response, fits_answer, last_value
from careconnect.http.validators import validators
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from careconnect.search.limits import opens_body
from careconnect_records.parsing.exact_json import parse_json
from record_writer.checks.care_connect import MAX_WARNINGS, warnings_of
from record_writer.checks.valid_resource import invariant_warnings
from record_writer.request.write_request import WriteResult

_UNCACHED: Final = {"Cache-Control": "no-store"}


class Preference(Enum):
    """The body of a response (STU3 HTTP §3.1.0.1.8): none, the resource, or an OperationOutcome."""

    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OUTCOME = "OperationOutcome"


_PREFERENCES: Final = {each.value.lower(): each for each in Preference}


def preference_of(headers: Mapping[str, str]) -> Preference:
    """Return the first known `return` of a request's Prefer, by default the resource (RFC 7240 §2)."""
    for text in headers.get("prefer", "").replace(";", ",").split(","):
        name, _, value = text.partition("=")
        known = _PREFERENCES.get(value.strip().strip('"').lower())
        if name.strip().lower() == "return" and known:
            return known
    return Preference.REPRESENTATION


@dataclass(frozen=True, slots=True)
class Presentation:
    """The presentation of a response to a caller: its format, its preferred body, and whether it is indented."""

    caller: Caller
    format: Format
    preference: Preference
    pretty: bool = False


def is_pretty(query: Sequence[tuple[str, str]]) -> bool:
    """Return True if `_pretty` asks for an indented response; raises the 400 outcome unless it is a boolean."""
    given = last_value(query, "_pretty")
    if given not in ("", *BOOLEANS):
        raise outcomes.invalid_parameter("_pretty", "takes true or false.")
    return given == "true"


def response_to(result: WriteResult, type_: ResourceType, fhir_base: str, presentation: Presentation) -> Response:
    """Return the response to a write that was done, or that changed nothing."""
    if result.status == 204:
        return Response(204, headers=_UNCACHED)
    headers = {
        "Location": f"{fhir_base}/{type_.name}/{result.id}/_history/{result.version}",
        **validators(result.version, result.updated),
        **_UNCACHED,
    }
    if presentation.preference is Preference.MINIMAL or not _may_show(result, type_, presentation.caller):
        return Response(result.status, headers=headers)
    text = result.body if presentation.preference is Preference.REPRESENTATION else _outcome(result)
    body = render(text, presentation.format, pretty=presentation.pretty)
    if not fits_answer(body):
        # Too large for a response, but written all the same: `Location` says where to read it.
        return Response(result.status, headers=headers)
    return fhir_response(result.status, body, presentation.format, headers)


def _may_show(result: WriteResult, type_: ResourceType, caller: Caller) -> bool:
    """Return True if the caller may read the version that is stored now."""
    if not caller.limits(type_, Letter.READ):
        return True
    return result.body != "" and opens_body(caller, type_, Letter.READ, parse_json(result.body))


def _outcome(result: WriteResult) -> str:
    text = "The resource was created." if result.status == 201 else "The resource is as it was asked to be."
    resource = parse_json(result.body) if result.body else None
    warnings = [*invariant_warnings(resource), *warnings_of(resource)][:MAX_WARNINGS] if resource else []
    return OperationOutcome((Issue("informational", text, severity="information"), *warnings)).json()
