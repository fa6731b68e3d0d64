"""Parse a resource's XML into the form of its JSON: the inverse of `xml_writer` (STU3 XML §2.6.1).

The definitions say which elements repeat and which values they have. Content that is not FHIR (an unknown element or
attribute, text between elements) gets a key that no element can have, and a repeated element that may not repeat
becomes an array. The validation then reports them with all other faults, at their paths.
"""

import re
from codecs import BOM_UTF8
from typing import Any, Final

from careconnect.fhir.rendering.xml_writer import FHIR
from careconnect_records.parsing.exact_json import MAX_NESTED, JsonNumber, nests_too_deeply, position
from careconnect_records.parsing.faults import UnreadableBodyError
from careconnect_records.parsing.narrative import MARKUP
from careconnect_records.parsing.narrative_source import NarrativeSource
from careconnect_records.parsing.strict_json import utf8_text
from careconnect_records.parsing.strict_xml import UnsafeXmlError, expat, strict_parser
from careconnect_records.stu3.schema import Element, model_of, shape_beside_primitive, shape_of
from careconnect_records.stu3.validation import OUT_OF_ORDER

_NOT_XML: Final = "the body is not well-formed XML"
_NO_RESOURCE: Final = f"the body is not a resource of STU3: its root is a type's name in the namespace {FHIR}"
_STRAY_TEXT: Final = "#text"

_SCHEMA_LOCATION: Final = "http://www.w3.org/2001/XMLSchema-instance schemaLocation"
_INTEGER: Final = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,98})")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?")
_MAX_CHARACTERS: Final = 100
_INTEGERS: Final = frozenset(("integer", "unsignedInt", "positiveInt"))
_BOOLEANS: Final = {"true": True, "false": False}

_Attributes = dict[str, str]
_Node = dict[str, Any]


def parse_xml_body(data: bytes) -> dict[str, Any]:
    """Return the resource in `data` as its JSON would be parsed; raises `UnreadableBodyError`.

    Takes linear time and memory. The resource is not validated.
    """
    if not data.strip():
        raise UnreadableBodyError("the body is empty")
    text = utf8_text(data)
    # The parser would also accept UTF-16, which it detects by zero bytes.
    if (zero := text.find("\0")) >= 0:
        raise UnreadableBodyError(f"{_NOT_XML}: invalid token", *position(text, zero))
    resource = _Reader(data.removeprefix(BOM_UTF8)).resource()
    if nests_too_deeply(resource):
        raise UnreadableBodyError("the body is nested too deeply")
    return resource


class _Place:
    """An open element: the object that it becomes, and the elements that it may hold."""

    def __init__(self, node: _Node, shape: dict[str, Element]) -> None:
        self.node = node
        self.shape = shape
        self._position = -1
        self._repeating: set[str] = set()

    def open(self, name: str, attributes: _Attributes) -> "_Place":
        """Return the place of a child element; `name` is joined with its namespace."""
        namespace, _, local = name.rpartition(" ")
        element = self.shape.get(local) if namespace == FHIR else None
        if element is None or element.attribute or element.primitive == "xhtml":
            self.stray(namespace, local)
            return _Nowhere()
        is_again = self.comes(element)
        if element.primitive:
            return self._open_primitive(element, attributes, is_again)
        if element.type_class.__name__ == "Resource":
            place = _ResourcePlace(_attributes_in(attributes, {}))
            self.put(element, place.node, is_again)
            return place
        node = _attributes_in(attributes, element.shape)
        self.put(element, node, is_again)
        return _Place(node, element.shape)

    def stray(self, namespace: str, local: str) -> None:
        """Add a key for an unknown child: its plain name, if that is in FHIR's namespace and names no element here."""
        is_name = namespace == FHIR and local not in self.shape and local != "resourceType" and local[0] != "_"
        self.node[local if is_name else f"{{{namespace}}}{local}"] = True

    def comes(self, element: Element) -> bool:
        """Note an element, and whether it is out of order (STU3 XML §2.6.1); return True if it is a repetition."""
        if element.position < self._position and OUT_OF_ORDER not in self.node:
            self.node[OUT_OF_ORDER] = self._out_of_order(element)
        self._position = element.position
        return element.name in self.node or f"_{element.name}" in self.node

    def _out_of_order(self, late: Element) -> list[str]:
        """Return the names of the element to move and of the one that it has to follow; `late` comes too late."""
        names = dict.fromkeys(name.removeprefix("_") for name in self.node)
        given = [self.shape[name] for name in names if name in self.shape and not self.shape[name].attribute]
        before = max((each for each in given if each.position < late.position), key=_position, default=None)
        if before is None or late in given:
            # Of a repetition, the element between the two is in the wrong place.
            return [min((each for each in given if each.position > late.position), key=_position).name, late.name]
        return [late.name, before.name]

    def put(self, element: Element, value: Any, is_again: bool) -> None:
        """Store the value of an element. A repetition that is not allowed becomes an array."""
        if element.repeats:
            self.node.setdefault(element.name, []).append(value)
        else:
            self.node[element.name] = [value] if is_again else value

    def characters(self, text: str) -> None:
        """Note text between the children that is more than white space."""
        if text.strip(" \t\r\n"):
            self.node[_STRAY_TEXT] = True

    def close(self) -> None:
        """Remove the empty one of a repeating primitive's two arrays."""
        for name in self._repeating:
            if all(each is None for each in self.node[f"_{name}"]):
                del self.node[f"_{name}"]
            elif all(each is None for each in self.node[name]):
                del self.node[name]

    def _open_primitive(self, element: Element, attributes: _Attributes, is_again: bool) -> "_Place":
        text = attributes.pop("value", None)
        beside = _attributes_in(attributes, shape_beside_primitive())
        self.put(element, None if text is None else _value(element.primitive, text), is_again)
        if element.repeats:
            self._repeating.add(element.name)
            self.node.setdefault(f"_{element.name}", []).append(None)
        return _Primitive(beside, self.node, element)


class _Primitive(_Place):
    """An open primitive: its extensions. Its value is stored in the parent already."""

    def __init__(self, beside: _Node, parent: _Node, element: Element) -> None:
        super().__init__(beside, shape_beside_primitive())
        self._parent = parent
        self._element = element

    def close(self) -> None:
        name = self._element.name
        if not self.node:
            return
        if self._element.repeats:
            self._parent[f"_{name}"][-1] = self.node
            return
        self._parent[f"_{name}"] = self.node
        if self._parent[name] is None:
            del self._parent[name]


class _ResourcePlace(_Place):
    """The place of a whole resource: the document, `contained`, an entry's `resource`."""

    def __init__(self, node: _Node) -> None:
        super().__init__(node, {})

    def open(self, name: str, attributes: _Attributes) -> _Place:
        namespace, _, local = name.rpartition(" ")
        if "resourceType" in self.node:
            self.node[f"{{{namespace}}}{local}"] = True
            return _Nowhere()
        model = model_of(local) if namespace == FHIR else None
        self.node["resourceType"] = local if model is not None else ""
        if model is None:
            return _Nowhere()
        shape = shape_of(model)
        self.node.update(_attributes_in(attributes, shape))
        return _Place(self.node, shape)


class _Nowhere(_Place):
    """The place of an element that is not FHIR, with all its content."""

    def __init__(self) -> None:
        super().__init__({}, {})

    def open(self, name: str, attributes: _Attributes) -> _Place:  # noqa: ARG002
        return self


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._root = _ResourcePlace({})
        self._positions: list[_Place] = [self._root]
        self._narrative: NarrativeSource | None = None
        self._parser = strict_parser()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._parser.CommentHandler = self._markup
        self._parser.ProcessingInstructionHandler = self._markup
        self._parser.StartCdataSectionHandler = self._markup

    def resource(self) -> dict[str, Any]:
        try:
            self._parser.Parse(self._data, True)
        except expat.ExpatError as error:
            # Expat's own texts are fixed, too.
            cause = expat.ErrorString(error.code).removeprefix("not well-formed ").strip("()")
            raise UnreadableBodyError(f"{_NOT_XML}: {cause}", error.lineno, error.offset + 1) from None
        except UnsafeXmlError as error:
            raise UnreadableBodyError(str(error), error.line, error.column) from None
        if not self._root.node["resourceType"]:
            raise UnreadableBodyError(_NO_RESOURCE)
        return self._root.node

    def _start(self, name: str, attributes: _Attributes) -> None:
        place = self._positions[-1]
        if self._narrative is None and name == NarrativeSource.ROOT and "div" in place.shape:
            self._narrative = NarrativeSource(self._data, self._parser.CurrentByteIndex)
        if self._narrative is not None:
            self._narrative.open(name, attributes)
            return
        if len(self._positions) > MAX_NESTED:
            raise UnsafeXmlError("the body is nested too deeply", self._parser)
        self._positions.append(place.open(name, attributes))

    def _end(self, name: str) -> None:
        if self._narrative is None:
            self._positions.pop().close()
        elif self._narrative.close(name):
            text = self._narrative.text(self._parser.CurrentByteIndex)
            self._narrative = None
            place = self._positions[-1]
            place.put(place.shape["div"], text, place.comes(place.shape["div"]))

    def _markup(self, *_parts: str) -> None:
        if self._narrative is not None:
            raise UnsafeXmlError(f"a narrative {MARKUP}", self._parser)

    def _text(self, text: str) -> None:
        (self._narrative or self._positions[-1]).characters(text)


def _position(element: Element) -> int:
    return element.position


def _attributes_in(attributes: _Attributes, shape: dict[str, Element]) -> _Node:
    """Return the attributes as members: elements by name, others under a key that no element can have."""
    return {
        name if name in shape and shape[name].attribute else f"@{name}": value
        for name, value in attributes.items()
        if name != _SCHEMA_LOCATION
    }


def _value(primitive: str, text: str) -> Any:
    """Return the JSON value of a primitive; a text of another form stays a text, which the validation reports."""
    if primitive == "boolean":
        return _BOOLEANS.get(text, text)
    if primitive in _INTEGERS and _INTEGER.fullmatch(text):
        return int(text)
    if primitive == "decimal" and len(text) <= _MAX_CHARACTERS and (number := _DECIMAL.fullmatch(text)):
        return JsonNumber(text) if number["fraction"] else int(text)
    return text
