"""Read the headers and the parameters of a kick-off, from its query and its body (`export.md`, Kick-off)."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.posted_parameters import ParametersError, typed_parameters
from careconnect.fhir.rendering.formats import Format, body_format, is_acceptable
from careconnect.http.messages import BodyError, Request, is_utf8

PATIENTS: Final = "patient"
"""The parameter that selects a cohort."""

_RESPOND_ASYNC: Final = "respond-async"
_LARGEST_BODY: Final = 65_536
_QUERY: Final = ""


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter that a client has given: `type` is that of its `value[x]`, empty for one in the query."""

    name: str
    value: Any
    type: str = _QUERY
    is_posted: bool = False

    @property
    def is_empty(self) -> bool:
        """True for a value that counts as absent."""
        return bool(self.value == "")


def require_headers(headers: Mapping[str, str]) -> None:
    """Raise the outcomes 400 and 406 unless a kick-off may be answered later, and by JSON."""
    preferences = headers.get("prefer", "").split(",")
    if all(each.partition(";")[0].strip().lower() != _RESPOND_ASYNC for each in preferences):
        raise OutcomeError(400, "required", "Prefer: an export is answered later, so send Prefer: respond-async.")
    if not is_acceptable(Format.JSON, headers.get("accept", "")):
        raise OutcomeError(406, "not-supported", "Accept: the answers are application/fhir+json.")


def given_parameters(request: Request) -> list[Given]:
    """Return the parameters of the query, then those of the body; raises the outcomes 400, 413 and 415."""
    if not is_utf8(request.query):
        raise outcomes.not_utf8("query")
    if any(name == "access_token" for name, _ in request.query):
        raise outcomes.invalid_request("An access token is taken from the Authorization header only.")
    return [*(Given(name, value) for name, value in request.query), *_posted(request)]


def _posted(request: Request) -> Iterable[Given]:
    if request.method != "POST" or not request.encoded_body:
        return
    if body_format(request.headers.get("content-type", "")) is not Format.JSON:
        raise OutcomeError(415, "not-supported", "Parameters are sent as application/fhir+json, in UTF-8.")
    try:
        body = request.body()
        if len(body) > _LARGEST_BODY:
            raise OutcomeError(413, "too-long", "The body is over 64 KB: send fewer or shorter parameters.")
        posted = typed_parameters(body)
    except (BodyError, ParametersError):
        text = "The body has to be a Parameters resource in JSON, each parameter a name with one value."
        raise OutcomeError(400, "structure", text) from None
    yield from (Given(each.name, each.value, each.type, is_posted=True) for each in posted)


def values_of(name: str, given: Sequence[Given]) -> list[Any]:
    """Return the values of a parameter, without those that count as absent."""
    return [each.value for each in given if each.name == name and not each.is_empty]


def split_texts(name: str, given: Sequence[Given]) -> list[str]:
    """Return the values of a parameter that takes several separated by commas, each once."""
    parts = (part.strip() for text in values_of(name, given) for part in text.split(","))
    return list(dict.fromkeys(filter(None, parts)))
