"""A resource's text laid out to be read (`_pretty`), its numbers, strings and narratives to the letter."""

import re
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree

from careconnect.formats import Format

FHIR: Final = "http://hl7.org/fhir"

# A narrative is all that stands in a `text` after its status, and nothing else is called `div`.
_NARRATIVE: Final = re.compile(r"<div\b.*?(?=</text>)", re.DOTALL)


def parsed_xml(text: str) -> tuple[ElementTree.Element, list[str]]:
    """Parse a resource's XML, its narratives put aside: they stay as they are, to the letter."""
    narratives: list[str] = []

    def put_aside(narrative: re.Match[str]) -> str:
        narratives.append(narrative[0])
        return f"<div>{len(narratives) - 1}</div>"

    bare = _NARRATIVE.sub(put_aside, text)
    return ElementTree.fromstring(bare), narratives  # noqa: S314 - the text is ours, rendered when it was written


def text_of_xml(root: ElementTree.Element, narratives: Sequence[str]) -> str:
    """Return an element as text, its narratives back in their places."""
    ElementTree.register_namespace("", FHIR)
    text = ElementTree.tostring(root, encoding="unicode")
    return re.sub(r"<div>(\d+)</div>", lambda place: narratives[int(place[1])], text)


def indent(text: str, format_: Format) -> str:
    """Indent text of a format."""
    return pretty_json(text) if format_ is Format.JSON else pretty_xml(text)


_JSON_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s"{}\[\]:,]+')


def pretty_json(text: str) -> str:
    """Indent JSON text without touching its strings and numbers."""
    depth = 0
    out: list[str] = []
    previous = ""
    for token in _JSON_TOKEN.findall(text):
        if token in "}]":
            depth -= 1
            out.append(token if previous in "{[" else "\n" + "  " * depth + token)
        elif token == ",":
            out.append(",\n" + "  " * depth)
        elif token == ":":
            out.append(": ")
        else:
            if previous and previous in "{[":
                out.append("\n" + "  " * depth)
            out.append(token)
            depth += token in "{["
        previous = token
    return "".join(out)


def pretty_xml(text: str) -> str:
    """Indent XML text, leaving narratives as they are."""
    root, narratives = parsed_xml(text)
    ElementTree.indent(root)
    return text_of_xml(root, narratives)
