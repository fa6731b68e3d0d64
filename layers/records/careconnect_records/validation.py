"""Say whether a parsed resource is valid STU3, and if not, which elements are wrong.

fhir.resources checks cardinalities, choices and the forms of values, but it mends what it can (`"true"` is
taken for a boolean, `1.0` for an integer, an empty array for none) and leaves codes unchecked. The server
stores the source's own text, so nothing may need mending: those rules are checked here first.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any, Final

from lxml import etree
from pydantic import ValidationError

from careconnect.resource_types import valid_id
from careconnect_records.exact_json import JsonNumber
from careconnect_records.schema import Element, model_of, shape_beside_primitive, shape_of

_NOT_IN_XML: Final = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_INTEGERS: Final = frozenset(("integer", "unsignedInt", "positiveInt"))
_URIS: Final = frozenset(("uri", "oid", "uuid", "url"))
_MOST_REASONS: Final = 3
_LARGEST_EXPONENT: Final = 40

# In words what the models ask of these by a regular expression (STU3 Datatypes §2.24.0.1).
_FORMS: Final = {
    "date": "a date is YYYY-MM-DD, YYYY-MM or YYYY",
    "dateTime": "a dateTime is YYYY-MM-DD, YYYY-MM, YYYY, or YYYY-MM-DDThh:mm:ss with a zone (Z, +01:00)",
    "instant": "an instant is YYYY-MM-DDThh:mm:ss with a zone (Z, +01:00)",
    "time": "a time is hh:mm:ss",
}
_FORM_FAULT: Final = re.compile(r"(\w+) value string does not match spec regex\.?")
_CHOICE_FAULT: Final = re.compile(
    r"(?:Any of one|Expect any of) field value (?:is expected )?"
    r"from this list \[(?P<names>[^]]+)\](?P<many>, but got multiple!)?\.?"
)

XHTML: Final = "http://www.w3.org/1999/xhtml"


class InvalidResourceError(ValueError):
    """A resource is not valid STU3; the text names the elements and never quotes their values."""


def validate(resource: dict[str, Any]) -> None:
    """Check a resource with its `resourceType`; raises `InvalidResourceError` with up to three reasons."""
    model = model_of(resource["resourceType"])
    if model is None:
        raise InvalidResourceError("not a resource type of STU3")
    try:
        reasons = list(islice(_resource_faults(resource, ""), _MOST_REASONS))
        if not reasons:
            reasons = _model_faults(model, resource)
    except RecursionError:
        raise InvalidResourceError("nested too deeply") from None
    if reasons:
        raise InvalidResourceError("; ".join(reasons))


def _model_faults(model: Any, resource: dict[str, Any]) -> list[str]:
    try:
        model.model_validate(resource)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        return [f"{_location(fault['loc'])}{_message(fault['msg'])}" for fault in faults[:_MOST_REASONS]]
    return []


def _location(steps: tuple[int | str, ...]) -> str:
    text = ""
    for step in steps:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return f"{text}: " if text else ""


def _message(text: str) -> str:
    message = " ".join(text.removeprefix("Value error, ").split())
    if form := _FORM_FAULT.fullmatch(message):
        kind = f"{form[1][:1].lower()}{form[1][1:]}"
        return _FORMS.get(kind, f"not of the form of its type ({kind})")
    if choice := _CHOICE_FAULT.fullmatch(message):
        names = choice["names"].replace("'", "")
        return f"one of {names} may stand, but got multiple" if choice["many"] else f"one of {names} is needed"
    if message.startswith("Input should be a valid date"):
        return "not in the calendar"
    if message == "Field required":
        return "missing"
    return f"{message[:1].lower()}{message[1:]}"


def _resource_faults(resource: Any, path: str) -> Iterator[str]:
    type_name = resource.get("resourceType") if isinstance(resource, dict) else None
    model = model_of(type_name) if isinstance(type_name, str) else None
    if model is None:
        yield f"{path}: not a resource of STU3"
        return
    yield from _faults(resource, shape_of(model), path, own=("resourceType",))


def _faults(node: Any, shape: dict[str, Element], path: str, own: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(node, dict):
        yield f"{path}: not an object"
        return
    if not node:
        yield f"{path}: an object may not be empty"
    for key in node:
        name = key.removeprefix("_")
        element = shape.get(name)
        where = f"{path}.{key}" if path else key
        if key in own:
            continue
        if element is None or (key != name and not element.primitive):
            yield f"{where}: no such element"
        elif key != name and (element.attribute or element.primitive == "xhtml"):
            yield f"{where}: this element cannot be extended"
        elif node[key] is None:
            yield f"{where}: null, which only holds a place in an array"
        elif element.primitive:
            if key == name or name not in node:
                yield from _primitive_faults(
                    node.get(name), node.get(f"_{name}"), element, f"{path}.{name}" if path else name
                )
        else:
            yield from _complex_faults(node[key], element, where)


def _complex_faults(value: Any, element: Element, path: str) -> Iterator[str]:
    if element.repeats:
        if not isinstance(value, list) or not value:
            yield f"{path}: not an array with elements"
            return
    elif isinstance(value, list):
        yield f"{path}: an array where one element may stand"
        return
    for index, item in enumerate(value if element.repeats else (value,)):
        where = f"{path}[{index}]" if element.repeats else path
        if element.type_class.__name__ == "Resource":
            yield from _resource_faults(item, where)
        else:
            yield from _faults(item, element.shape, where)


def _primitive_faults(value: Any, beside: Any, element: Element, path: str) -> Iterator[str]:
    """Check a primitive and the `_` object beside it, pairwise where the element repeats."""
    if not element.repeats:
        pairs = [(value, beside)]
        if isinstance(value, list):
            yield f"{path}: an array where one value may stand"
            return
    else:
        for given in (value, beside):
            if given is not None and (not isinstance(given, list) or not given):
                yield f"{path}: not an array with elements"
                return
        pairs = list(zip_longest(value or (), beside or ()))
    for index, (item, its_beside) in enumerate(pairs):
        where = f"{path}[{index}]" if element.repeats else path
        if item is None and its_beside is None:
            yield f"{where}: null, without a value or an extension"
        if item is not None and (fault := _value_fault(item, element)):
            yield f"{where}: {fault}"
        if its_beside is not None:
            yield from _faults(its_beside, shape_beside_primitive(), f"{where} (_)")


def _value_fault(value: Any, element: Element) -> str:
    """Return what is wrong with a primitive's value beyond what the models check, or `""`."""
    kind = element.primitive
    if kind == "boolean":
        return "" if isinstance(value, bool) else "not true or false"
    if kind in _INTEGERS or kind == "decimal":
        return _number_fault(value, kind)
    if not isinstance(value, str) or not value:
        return "not a text with characters"
    if _NOT_IN_XML.search(value):
        return "holds a character that XML cannot hold"
    if kind == "code" and element.codes and value not in element.codes:
        return f"not one of {', '.join(sorted(element.codes))}"
    if kind == "id" and not valid_id(value):
        return "not an id: 1 to 64 letters, digits, hyphens and dots"
    if kind in _URIS and any(char.isspace() for char in value):
        return "not a URI: it holds white space"
    if kind == "base64Binary" and not _is_base64(value):
        return "not base64"
    if kind == "xhtml":
        return _xhtml_fault(value)
    return ""


def _number_fault(value: Any, kind: str) -> str:
    if isinstance(value, bool) or not isinstance(value, int | JsonNumber):
        return "not a number"
    if not isinstance(value, JsonNumber):
        return ""
    if kind != "decimal":
        return "not a whole number"
    # Beyond this no measurement is meant, and XML, which has no exponents in STU3, would need the zeros.
    return "a number out of all proportion" if abs(value.adjusted()) > _LARGEST_EXPONENT else ""


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _xhtml_fault(text: str) -> str:
    """Return what is wrong with a narrative (STU3 Narrative §2.5.1: well-formed, a `div`, no entities)."""
    # What begins with <div can hold no document type, and so define no entity.
    if not text.startswith("<div"):
        return "a narrative has to begin with <div"
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        root = etree.fromstring(text.encode(), parser)
    except etree.XMLSyntaxError:
        return "not well-formed XHTML"
    return "" if root.tag in ("div", f"{{{XHTML}}}div") else "a narrative's root has to be an XHTML div"
