"""Parse the Parameters that an operation which reads is posted with, whose values are primitives (STU3 Parameters).

The parser of resources is in the layer of those who write: readers start without it.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from careconnect.fhir.rendering.formats import Format

Pairs = list[tuple[str, str]]

_NAMESPACE: Final = "http://hl7.org/fhir "
_IGNORED: Final = ("id", "meta", "language")
"""The elements of every resource that say nothing about the values."""


class ParametersError(ValueError):
    """A body is no Parameters resource of names with one primitive value each."""


def posted_parameters(data: bytes, format_: Format) -> Pairs:
    """Return the names and the texts of the values, in order; raises `ParametersError`."""
    return _of_json(data) if format_ is Format.JSON else _of_xml(data)


def _of_json(data: bytes) -> Pairs:
    try:
        resource = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise ParametersError from None
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise ParametersError
    listed = resource.get("parameter", [])
    if not isinstance(listed, list) or not resource.keys() <= {"resourceType", "parameter", *_IGNORED}:
        raise ParametersError
    return [_pair(each) for each in listed]


def _pair(parameter: Any) -> tuple[str, str]:
    if not isinstance(parameter, dict) or len(parameter) != 2:
        raise ParametersError
    name = parameter.get("name")
    value = next((each for key, each in parameter.items() if key.startswith("value")), None)
    if not isinstance(name, str) or not isinstance(value, str | int):
        raise ParametersError
    return name, str(value).lower() if isinstance(value, bool) else str(value)


def _of_xml(data: bytes) -> Pairs:
    from xml.parsers import expat  # not in a cold start: hardly anybody posts XML to read

    parser = expat.ParserCreate("utf-8", " ")
    path: list[str] = []
    found: list[dict[str, str]] = []

    def refuse(*_: object) -> None:
        raise ParametersError

    def start(tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.removeprefix(_NAMESPACE)
        path.append(name)
        match path:
            case ["Parameters"] if name != tag and not attributes:
                pass
            case ["Parameters", first, *_] if name != tag and first in _IGNORED:
                pass
            case ["Parameters", "parameter"] if name != tag and not attributes:
                found.append({})
            case ["Parameters", "parameter", _] if name != tag and attributes.keys() == {"value"}:
                if name in found[-1]:
                    raise ParametersError
                found[-1][name] = attributes["value"]
            case _:
                raise ParametersError

    def text(characters: str) -> None:
        if characters.strip():
            raise ParametersError

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _tag: path.pop()
    parser.CharacterDataHandler = text
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeDecodeError):
        raise ParametersError from None
    return [_pair(each) for each in found]
