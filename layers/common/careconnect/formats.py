"""The two formats of a FHIR answer, and which of them a request asks for (`fhir.md`, Semantics: Formats)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from careconnect.http import Response
from careconnect.outcomes import OutcomeError, not_acceptable, outcome_of
from careconnect.refusal import RefusalError


class Format(Enum):
    """A format of FHIR resources; the value is the media type that answers carry (STU3 HTTP §3.1.0.1.10)."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"


# STU3's name first, then the one of DSTU2, the plain media types and `_format`'s codes.
_NAMES: Final = {
    Format.JSON: ("application/fhir+json", "application/json+fhir", "application/json", "text/json", "json"),
    Format.XML: ("application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml", "xml"),
}
_FORMAT_OF: Final = {name: format_ for format_, names in _NAMES.items() for name in names}

_QUALITY: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def negotiate(format_parameter: str, accept: str) -> Format:
    """Return the format that `_format` names, else the one that the Accept header prefers, else JSON.

    Equal preferences go to the one named first. Raises the 406 outcome if neither format is acceptable
    (RFC 9110 §12.5.1; STU3 HTTP §3.1.0.1.11).
    """
    if format_parameter.strip():
        # An unencoded `+` in a query is a space by the time it gets here.
        name = format_parameter.partition(";")[0].strip().lower().replace(" ", "+")
        if name not in _FORMAT_OF:
            raise not_acceptable()
        return _FORMAT_OF[name]
    if not accept.strip():
        return Format.JSON
    ranges = _ranges(accept)
    best = max(Format, key=lambda format_: _preference(format_, ranges))
    if _preference(best, ranges)[0] == 0:
        raise not_acceptable()
    return best


def fhir_response(status: int, body: str, format_: Format, headers: Mapping[str, str]) -> Response:
    """Return a response whose body is a resource's text; as XML it gets its declaration here."""
    declaration = '<?xml version="1.0" encoding="UTF-8"?>' if format_ is Format.XML else ""
    return Response(status, declaration + body, {"Content-Type": f"{format_.value}; charset=utf-8", **headers})


def error_response(error: RefusalError, format_parameter: str, accept: str) -> Response:
    """Render a refusal as an OperationOutcome in the format asked for, or in JSON where that cannot be had."""
    try:
        format_ = negotiate(format_parameter, accept)
    except OutcomeError:
        format_ = Format.JSON
    outcome = outcome_of(error)
    body = outcome.json() if format_ is Format.JSON else outcome.xml()
    return fhir_response(error.status, body, format_, error.headers)


@dataclass(frozen=True, slots=True)
class _Range:
    name: str
    quality: float
    place: int

    def specificity(self, name: str) -> int:
        """Return 3 for the media type itself, 2 for its `type/*`, 1 for `*/*`, 0 if it is none of them."""
        if self.name == name:
            return 3
        if self.name == "*/*":
            return 1
        return 2 if self.name.endswith("/*") and name.startswith(self.name[:-1]) else 0


def _ranges(accept: str) -> list[_Range]:
    ranges = []
    for place, text in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in text.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if name and _QUALITY.fullmatch(quality):
            ranges.append(_Range(name, float(quality), place))
    return ranges


def _preference(format_: Format, ranges: list[_Range]) -> tuple[float, int]:
    """Return the best quality that any of the format's names has, and how early it is named."""
    preferences = []
    for name in _NAMES[format_]:
        fitting = [found for found in ranges if found.specificity(name)]
        if fitting:
            closest = max(fitting, key=lambda found: found.specificity(name))
            preferences.append((closest.quality, -closest.place))
    return max(preferences, default=(0.0, 0))
