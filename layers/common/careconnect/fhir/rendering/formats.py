"""The two formats of FHIR responses, and content negotiation (`fhir.md`, Formats)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from careconnect.fhir.outcomes import OutcomeError, not_acceptable, other_fhir_version, outcome_of
from careconnect.fhir.rendering.indentation import pretty_json
from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.http.errors import ApiError
from careconnect.http.messages import Response


class Format(Enum):
    """A format of FHIR resources; the value is the media type of responses (STU3 HTTP §3.1.0.1.10)."""

    JSON = "application/fhir+json"
    XML = "application/fhir+xml"


# STU3's name first, then the one of DSTU2, the plain media types and `_format`'s codes.
_NAMES: Final = {
    Format.JSON: ("application/fhir+json", "application/json+fhir", "application/json", "text/json", "json"),
    Format.XML: ("application/fhir+xml", "application/xml+fhir", "application/xml", "text/xml", "xml"),
}
_FORMAT_OF: Final = {name: format_ for format_, names in _NAMES.items() for name in names}

# The media type parameter of STU3 (STU3 HTTP §3.1.0.1.10 has no such parameter; R4 added it for every version).
_OUR_VERSION: Final = re.compile(r'"?3\.0(?:\.\d+)?"?')

_QUALITY: Final = re.compile(r"(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)")


def negotiate(format_parameter: str, accept: str) -> Format:
    """Return the format that `_format` names, else the one that the Accept header prefers, else JSON.

    Of equal preferences the first wins. A media type with another version in its parameter `fhirVersion` is ignored
    (RFC 9110 §12.5.1; STU3 HTTP §3.1.0.1.11).

    Raises:
        OutcomeError: 406 if neither format is acceptable, or only in another version.
    """
    if format_parameter.strip():
        # The query parser has turned an unencoded `+` into a space.
        name, *parameters = (part.strip().lower() for part in format_parameter.split(";"))
        format_ = _FORMAT_OF.get(name.replace(" ", "+"))
        if format_ is None:
            raise not_acceptable()
        if not _is_of_our_version(parameters):
            raise other_fhir_version()
        return format_
    if not accept.strip():
        return Format.JSON
    ranges = _ranges(accept)
    best = max(Format, key=lambda format_: _preference(format_, ranges))
    if _preference(best, ranges)[0] == 0:
        raise not_acceptable() if len(ranges) == len(_ranges(accept, any_version=True)) else other_fhir_version()
    return best


def is_acceptable(format_: Format, accept: str) -> bool:
    """Return True if an Accept header takes a format, whatever it prefers."""
    return not accept.strip() or _preference(format_, _ranges(accept))[0] > 0


def _is_of_our_version(parameters: Sequence[str]) -> bool:
    """Return True if a media type's parameters, in lower case, name STU3 or no version at all."""
    versions = (text.strip() for name, _, text in (one.partition("=") for one in parameters) if name == "fhirversion")
    return all(_OUR_VERSION.fullmatch(version) for version in versions)


def body_format(content_type: str) -> Format | None:
    """Return the format that a Content-Type declares; None for another format, FHIR version or charset.

    A resource is UTF-8 (STU3 HTTP §3.1.0.1.10).
    """
    name, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = {part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")}
    if "/" not in name or not charsets <= {"utf-8", "utf8"} or not _is_of_our_version(parameters):
        return None
    return _FORMAT_OF.get(name)


def render(text: str, format_: Format, *, pretty: bool = False) -> str:
    """Return a resource's compact JSON text in a format, indented if `pretty`."""
    if format_ is Format.XML:
        return resource_xml(text, pretty=pretty)
    return pretty_json(text) if pretty else text


def fhir_response(status: int, body: str, format_: Format, headers: Mapping[str, str]) -> Response:
    """Return a response with a resource's text as its body, after the declaration if it is XML."""
    declaration = '<?xml version="1.0" encoding="UTF-8"?>' if format_ is Format.XML else ""
    return Response(status, declaration + body, {"Content-Type": f"{format_.value}; charset=utf-8", **headers})


def error_response(error: ApiError, format_parameter: str, accept: str) -> Response:
    """Return an error's OperationOutcome in the requested format, or in JSON if that is not acceptable."""
    try:
        format_ = negotiate(format_parameter, accept)
    except OutcomeError:
        format_ = Format.JSON
    return fhir_response(error.status, render(outcome_of(error).json(), format_), format_, error.headers)


@dataclass(frozen=True, slots=True)
class _Range:
    name: str
    quality: float
    place: int

    def specificity(self, name: str) -> int:
        """Return 3 for the media type itself, 2 for its `type/*`, 1 for `*/*`, 0 for any other."""
        if self.name == name:
            return 3
        if self.name == "*/*":
            return 1
        return 2 if self.name.endswith("/*") and name.startswith(self.name[:-1]) else 0


def _ranges(accept: str, *, any_version: bool = False) -> list[_Range]:
    ranges = []
    for place, text in enumerate(accept.split(",")):
        name, *parameters = (part.strip().lower() for part in text.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        if name and _QUALITY.fullmatch(quality) and (any_version or _is_of_our_version(parameters)):
            ranges.append(_Range(name, float(quality), place))
    return ranges


def _preference(format_: Format, ranges: list[_Range]) -> tuple[float, int]:
    """Return the best quality of the format's names, and minus its position in the header."""
    preferences = []
    for name in _NAMES[format_]:
        fitting = [found for found in ranges if found.specificity(name)]
        if fitting:
            closest = max(fitting, key=lambda found: found.specificity(name))
            preferences.append((closest.quality, -closest.place))
    return max(preferences, default=(0.0, 0))
