"""Parse the Parameters that an operation which reads is posted with, whose values are primitives (STU3 Parameters).

The parser of resources is in the layer of those who write: readers start without it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.fhir.rendering.formats import Format

Pairs = list[tuple[str, str]]

_VALUE: Final = "value"
_NAMESPACE: Final = "http://hl7.org/fhir "
_IGNORED: Final = ("id", "meta", "language")
"""The elements of every resource that say nothing about the values."""


class ParametersError(ValueError):
    """A body is no Parameters resource of names with one primitive value each."""


@dataclass(frozen=True, slots=True)
class PostedParameter:
    """One parameter with its value: `type` is that of `value[x]` (`String`), empty for a resource or for parts."""

    name: str
    type: str
    value: Any


def posted_parameters(data: bytes, format_: Format) -> Pairs:
    """Return the names and the texts of the values, in order; raises `ParametersError`."""
    return _of_json(data) if format_ is Format.JSON else _of_xml(data)


def typed_parameters(data: bytes) -> list[PostedParameter]:
    """Return the parameters of a Parameters resource in JSON, in order; raises `ParametersError`."""
    try:
        resource = json.loads(data.decode())
        # A half of a pair of surrogates, which an escape may name, is no character: nothing could store it.
        json.dumps(resource, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise ParametersError from None
    if not isinstance(resource, dict) or resource.get("resourceType") != "Parameters":
        raise ParametersError
    listed = resource.get("parameter", [])
    if not isinstance(listed, list) or not resource.keys() <= {"resourceType", "parameter", *_IGNORED}:
        raise ParametersError
    return [_typed(each) for each in listed]


def _typed(parameter: Any) -> PostedParameter:
    if not isinstance(parameter, dict) or len(parameter) != 2 or not isinstance(parameter.get("name"), str):
        raise ParametersError
    key = next(each for each in parameter if each != "name")
    return PostedParameter(
        parameter["name"], key.removeprefix(_VALUE) if key.startswith(_VALUE) else "", parameter[key]
    )


def _of_json(data: bytes) -> Pairs:
    return [_pair(each) for each in typed_parameters(data)]


def _pair(parameter: PostedParameter) -> tuple[str, str]:
    value = parameter.value
    if not parameter.type or not isinstance(value, str | int):
        raise ParametersError
    return parameter.name, str(value).lower() if isinstance(value, bool) else str(value)


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
    return [_pair(_typed(each)) for each in found]
