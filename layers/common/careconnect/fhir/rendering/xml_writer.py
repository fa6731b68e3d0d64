"""A writer of FHIR JSON as XML (STU3 XML §2.6.1).

The writer knows no definitions. It writes elements in the order of the JSON's members, so those have to be in the
order of their definition. Strings and the digits of numbers stay unchanged.
"""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import zip_longest
from typing import Any, Final

FHIR: Final = "http://hl7.org/fhir"
XHTML: Final = "http://www.w3.org/1999/xhtml"

_Node = dict[str, Any]

# The members that are attributes in XML; all others are elements.
_OF_ELEMENT: Final = ("id",)
_OF_EXTENSION: Final = ("id", "url")
_EXTENSIONS: Final = ("extension", "modifierExtension")

# Line ends and tabs too: an XML parser turns them into spaces.
_ESCAPED: Final = re.compile(r'[&<>"\t\n\r]')
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_ATTRIBUTE: Final = re.compile(r"""\s+(?P<name>[^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')""")


def resource_xml(text: str, *, pretty: bool = False) -> str:
    """Return a resource's JSON as one XML element with FHIR's namespace, without a declaration."""
    resource = _DECODER.decode(text)
    parts: list[str] = []
    _write_resource(resource, parts, "\n" if pretty else "", f' xmlns="{FHIR}"')
    return "".join(parts).lstrip("\n")


def element_xml(name: str, text: str, line: str = "") -> str:
    """Return the JSON object of an element as XML, for insertion into a resource's XML.

    `line` is a line end and the indentation of the element, empty if nothing is indented.
    """
    parts: list[str] = []
    _write_element(name, _DECODER.decode(text), parts, line)
    return "".join(parts)


def _decimal(literal: str) -> str:
    """Return a number without an exponent, which STU3's decimals do not have in XML."""
    return f"{Decimal(literal):f}" if "e" in literal.lower() else literal


_DECODER: Final = json.JSONDecoder(parse_float=_decimal, parse_int=str)


def _write_resource(resource: _Node, parts: list[str], line: str, attributes: str = "") -> None:
    _write_tag(resource["resourceType"], attributes, resource, ("resourceType",), parts, line)


def _write_element(name: str, node: _Node, parts: list[str], line: str, value: str = "") -> None:
    """Write an object. `value` is the attribute of the primitive that the object extends."""
    # A ClaimPayee has an element of this name too: a Coding.
    if isinstance(node.get("resourceType"), str):
        parts.append(f"{line}<{name}>")
        _write_resource(node, parts, line and line + "  ")
        parts.append(f"{line}</{name}>")
        return
    names = _OF_EXTENSION if name in _EXTENSIONS else _OF_ELEMENT
    attributes = "".join(f' {each}="{_escape(node[each])}"' for each in names if each in node)
    _write_tag(name, attributes + value, node, names, parts, line)


def _write_tag(name: str, attributes: str, node: _Node, omitted: tuple[str, ...], parts: list[str], line: str) -> None:
    """Write a start tag with its attributes, all members but those `omitted`, and an end tag."""
    start = len(parts)
    parts.append("")
    _write_members(node, omitted, parts, line and line + "  ")
    if len(parts) == start + 1:
        parts[start] = f"{line}<{name}{attributes}/>"
    else:
        parts[start] = f"{line}<{name}{attributes}>"
        parts.append(f"{line}</{name}>")


def _write_members(node: _Node, omitted: tuple[str, ...], parts: list[str], line: str) -> None:
    for member, value in node.items():
        if isinstance(value, dict):
            if member[0] != "_":
                _write_element(member, value, parts, line)
            elif member[1:] not in node:
                _write_element(member[1:], value, parts, line)
        elif isinstance(value, list):
            for name, item, beside in _items(member, value, node):
                if isinstance(item, dict):
                    _write_element(name, item, parts, line)
                else:
                    _write_primitive(name, item, beside, parts, line)
        elif member == "div":
            parts.append(line + _narrative(value))
        elif member not in omitted:
            _write_primitive(member, value, node.get("_" + member), parts, line)


def _items(member: str, values: list[Any], node: _Node) -> Iterator[tuple[str, Any, Any]]:
    """Yield the items of a repeating element: the name, the value, and the object that extends a primitive."""
    if member[0] != "_":
        beside = node.get("_" + member, ())
        return ((member, *pair) for pair in zip_longest(values, beside))
    return iter(()) if member[1:] in node else ((member[1:], None, each) for each in values)


def _write_primitive(name: str, value: Any, beside: _Node | None, parts: list[str], line: str) -> None:
    """Write a primitive. Its value is a string, a boolean or None."""
    attribute = ""
    if isinstance(value, str):
        attribute = f' value="{_escape(value)}"'
    elif value is not None:
        attribute = ' value="true"' if value else ' value="false"'
    if beside is None:
        parts.append(f"{line}<{name}{attribute}/>")
    else:
        _write_element(name, beside, parts, line, attribute)


def _escape(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)


def _narrative(div: str) -> str:
    """Return a narrative with the XHTML namespace, which JSON sources often omit."""
    start = len("<div")
    position = start
    while attribute := _ATTRIBUTE.match(div, position):
        if attribute["name"] == "xmlns":
            return div
        position = attribute.end()
    return f'<div xmlns="{XHTML}"{div[start:]}'
