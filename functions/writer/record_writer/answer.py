"""What a write is answered with: its status, its version, and as much of the resource as was preferred."""

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
from record_writer.write_request import Written

_UNCACHED: Final = {"Cache-Control": "no-store"}


class Preference(Enum):
    """What the body of an answer holds (STU3 HTTP §3.1.0.1.8): nothing, the resource, or what was done."""

    MINIMAL = "minimal"
    REPRESENTATION = "representation"
    OUTCOME = "OperationOutcome"


_PREFERENCES: Final = {each.value.lower(): each for each in Preference}


def preference_of(headers: Mapping[str, str]) -> Preference:
    """Return the first `return` of a request's Prefer that is known, by default the resource (RFC 7240 §2)."""
    for text in headers.get("prefer", "").replace(";", ",").split(","):
        name, _, value = text.partition("=")
        known = _PREFERENCES.get(value.strip().strip('"').lower())
        if name.strip().lower() == "return" and known:
            return known
    return Preference.REPRESENTATION


@dataclass(frozen=True, slots=True)
class Look:
    """How an answer is to look."""

    format: Format
    preference: Preference
    pretty: bool = False


def is_pretty(query: Sequence[tuple[str, str]]) -> bool:
    """Say whether a query asks for an answer that is laid out to be read; raises the 400 outcome for another value."""
    given = last_value(query, "_pretty")
    if given not in ("", *BOOLEANS):
        raise outcomes.invalid_parameter("_pretty", "takes true or false.")
    return given == "true"


def answer_to(written: Written, type_: ResourceType, fhir_base: str, look: Look) -> Response:
    """Return the answer to a write that was done, or that found everything done."""
    if written.status == 204:
        return Response(204, headers=_UNCACHED)
    headers = {
        "Location": f"{fhir_base}/{type_.name}/{written.id}/_history/{written.version}",
        **validators(written.version, written.updated),
        **_UNCACHED,
    }
    if look.preference is Preference.MINIMAL:
        return Response(written.status, headers=headers)
    text = written.body if look.preference is Preference.REPRESENTATION else _outcome(written.status)
    body = render(text, look.format, pretty=look.pretty)
    if not fits_answer(body):
        # It is written, whatever its answer can hold; `Location` says where to read it.
        return Response(written.status, headers=headers)
    return fhir_response(written.status, body, look.format, headers)


def _outcome(status: int) -> str:
    text = "The resource was created." if status == 201 else "The resource is as it was asked to be."
    return OperationOutcome((Issue("informational", text, severity="information"),)).json()
