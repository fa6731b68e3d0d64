"""Write a valid STU3 resource as XML, letter by letter what its JSON says (STU3 XML §2.6.1).

Not by fhir.resources' own writer: that turns decimals into floats (`1.10` into `1.1`) and dates into other
spellings of the same instant. Here the models give the order of the elements, and the source the text.
"""

import re
from collections.abc import Callable
from itertools import zip_longest
from typing import Any, Final

from careconnect_records.exact_json import JsonNumber
from careconnect_records.narrative import XHTML
from careconnect_records.schema import Element, model_of, shape_beside_primitive, shape_of

FHIR: Final = "http://hl7.org/fhir"

_ESCAPED: Final = re.compile(r'[&<>"\t\n\r]')
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
_ATTRIBUTE: Final = re.compile(r"""\s+(?P<name>[^\s=]+)\s*=\s*(?:"[^"]*"|'[^']*')""")

_Put = Callable[[str], None]


def xml_text(resource: dict[str, Any]) -> str:
    """Return a validated resource as one XML element with its namespace and without a declaration.

    So a Bundle can take it in as it stands.
    """
    parts: list[str] = []
    _write_resource(resource, parts.append, f' xmlns="{FHIR}"')
    return "".join(parts)


def _write_resource(resource: dict[str, Any], put: _Put, namespace: str = "") -> None:
    type_name = resource["resourceType"]
    _write_element(type_name, resource, shape_of(model_of(type_name)), put, namespace)


def _write_element(name: str, node: dict[str, Any], shape: dict[str, Element], put: _Put, attributes: str = "") -> None:
    children: list[str] = []
    for element in shape.values():
        value: Any = node.get(element.name)
        beside: Any = node.get(f"_{element.name}")
        if value is None and beside is None:
            continue
        if element.attribute:
            attributes += f' {element.name}="{_escape(value)}"'
        elif not element.primitive:
            for item in value if element.repeats else (value,):
                _write_child(element, item, children.append)
        elif element.repeats:
            for item, its_beside in zip_longest(value or (), beside or ()):
                _write_primitive(element, item, its_beside, children.append)
        else:
            _write_primitive(element, value, beside, children.append)
    _write_tag(name, attributes, children, put)


def _write_child(element: Element, node: dict[str, Any], put: _Put) -> None:
    if element.type_class.__name__ != "Resource":
        _write_element(element.name, node, element.shape, put)
        return
    put(f"<{element.name}>")
    _write_resource(node, put)
    put(f"</{element.name}>")


def _write_primitive(element: Element, value: Any, beside: Any, put: _Put) -> None:
    if element.primitive == "xhtml":
        put(_narrative(value))
        return
    attributes = ""
    children: list[str] = []
    if beside is not None:
        if "id" in beside:
            attributes = f' id="{_escape(beside["id"])}"'
        extension = shape_beside_primitive()["extension"]
        for item in beside.get("extension", ()):
            _write_child(extension, item, children.append)
    if value is not None:
        attributes += f' value="{_escape(_literal(value))}"'
    _write_tag(element.name, attributes, children, put)


def _write_tag(name: str, attributes: str, children: list[str], put: _Put) -> None:
    if children:
        put(f"<{name}{attributes}>{''.join(children)}</{name}>")
    else:
        put(f"<{name}{attributes}/>")


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, JsonNumber):
        # STU3's XML decimals have no exponent.
        return f"{value:f}" if "e" in value.literal.lower() else value.literal
    return str(value)


def _escape(text: str) -> str:
    """Escape an attribute's value, line ends and tabs too, which a reader would turn into spaces."""
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[0]) or f"&#{ord(match[0])};", text)


def _narrative(div: str) -> str:
    """Return a narrative with the XHTML namespace, which JSON sources often leave out."""
    start = len("<div")
    position = start
    while attribute := _ATTRIBUTE.match(div, position):
        if attribute["name"] == "xmlns":
            return div
        position = attribute.end()
    return f'<div xmlns="{XHTML}"{div[start:]}'
