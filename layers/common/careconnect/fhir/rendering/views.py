"""The presentation of a response: its format, its layout and the elements it shows (`_summary`, `_elements`).

JSON is cut as text, so that numbers and strings stay unchanged to the letter (STU3 Search §2.21.1.10).
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.resource_types import ResourceType

_SUBSETTED: Final = '{"system":"http://hl7.org/fhir/v3/ObservationValue","code":"SUBSETTED"}'
_SUBSETTED_IN_R4: Final = '{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}'


@dataclass(frozen=True, slots=True)
class View:
    """The presentation of a response: its format, its indentation, and the elements of each resource it shows."""

    format: Format
    pretty: bool = False
    summary: str = "false"
    elements: tuple[str, ...] = ()


def show(body: str, type_: ResourceType, view: View) -> str:
    """Return the elements of a resource's JSON that `view` asks for, with the tag SUBSETTED if some are left out."""
    keep = _shown_elements(type_, view)
    return body if keep is None else _subset(body, keep, _SUBSETTED)


def show_elements(body: str, type_: ResourceType, elements: Collection[str]) -> str:
    """Return a resource's JSON as `show` with these elements, with the tag of R4 too, which bulk clients look for."""
    return _subset(body, _named(type_, elements), f"{_SUBSETTED},{_SUBSETTED_IN_R4}")


def _subset(body: str, keep: Callable[[str], bool], tags: str) -> str:
    """Return the elements to keep, with more tags."""
    members = {name: text for name, text in _members(body) if keep(name.removeprefix("_"))}
    first: dict[str, str] = {name: members.pop(name) for name in ("resourceType", "id") if name in members}
    meta = dict(_members(members.pop("meta", "{}")))
    # `tag` is the last element of a Meta, and `meta` a resource's first after its id.
    meta["tag"] = f"{meta['tag'][:-1]},{tags}]" if "tag" in meta else f"[{tags}]"
    return _object({**first, "meta": _object(meta), **members})


def _shown_elements(type_: ResourceType, view: View) -> Callable[[str], bool] | None:
    """Return a test of the names of top-level elements to show, or None for all of them."""
    if view.elements:
        return _named(type_, view.elements)
    match view.summary:
        case "true":
            return lambda name: name in type_.summary
        case "text":
            texts = type_.mandatory | {"text"}
            return lambda name: name in texts
        case "data":
            return lambda name: name != "text"
        case _:
            return None


def _named(type_: ResourceType, elements: Collection[str]) -> Callable[[str], bool]:
    """Return a test of the names of the top-level elements that are named, and of mandatory ones."""
    asked = type_.mandatory | {element.removesuffix("[x]") for element in elements}
    return lambda name: name in asked or _choice(name) in asked


def _choice(name: str) -> str:
    """Return a choice's name without its type: `effective` for `effectiveDateTime`."""
    match = re.match(r"[a-z]+", name)
    return match[0] if match else name


def _members(body: str) -> Iterator[tuple[str, str]]:
    """Yield the top-level members of a compact JSON object: each name, and the text of its value."""
    decoder = json.JSONDecoder()
    at = 1
    while body[at] != "}":
        name, at = decoder.raw_decode(body, at)
        start = at + 1
        _, at = decoder.raw_decode(body, start)
        yield name, body[start:at]
        if body[at] == ",":
            at += 1


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items()) + "}"
