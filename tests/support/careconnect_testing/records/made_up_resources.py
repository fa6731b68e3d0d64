"""Generate valid resources of every served type from the definitions, for property tests."""

from typing import Any

from hypothesis import strategies as st

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_records.stu3.schema import Element, model_of, shape_beside_primitive, shape_of

_MAX_LEVELS = 3

_TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff") | st.sampled_from("\t\n\r<&>\"'"),
    min_size=1,
    max_size=6,
).filter(str.strip)
_INTEGERS = st.integers(min_value=1, max_value=2**31 - 1)
_DECIMALS = st.from_regex(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,12}", fullmatch=True).map(JsonNumber)
_NARRATIVES = st.sampled_from(
    [
        '<div xmlns="http://www.w3.org/1999/xhtml">a</div>',
        "<div  xmlns='http://www.w3.org/1999/xhtml'\r\n><p title='>'>&#233;<br />\r\n</p></div >",
        '<div xmlns="http://www.w3.org/1999/xhtml" xml:lang="en"><table><tr><td>é 😀</td></tr></table></div>',
    ]
)
_BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "base64Binary": st.binary(min_size=3, max_size=3).map(lambda data: data.hex()[:4]),
    "boolean": st.booleans(),
    "code": st.sampled_from(["en", "a b"]),
    "date": st.sampled_from(["1980", "1980-02", "1980-02-29"]),
    "dateTime": st.sampled_from(["1980", "1980-02", "1980-02-29", "1980-02-29T10:00:00.100+01:00"]),
    "decimal": _DECIMALS | _INTEGERS,
    "id": st.sampled_from(["4", "a-b.C"]),
    "instant": st.just("2016-12-31T23:59:60Z"),
    "integer": _INTEGERS | st.integers(min_value=-(2**31), max_value=0),
    "oid": st.just("urn:oid:1.2.3"),
    "positiveInt": _INTEGERS,
    "time": st.sampled_from(["10:00:00", "10:00:00.5"]),
    "unsignedInt": _INTEGERS | st.just(0),
    "uri": st.sampled_from(["urn:x", "http://example.org/a?b&c", "é"]),
    "uuid": st.just("urn:uuid:c757873d-ec9a-4326-a141-556f43239520"),
    "xhtml": _NARRATIVES,
}


@st.composite
def made_up_resources(draw: st.DrawFn) -> dict[str, Any]:
    """Return a valid resource as parsed JSON, with no more `null`s than its arrays need."""
    return _resource(draw, draw(st.sampled_from([served.name for served in RESOURCE_TYPES])), _MAX_LEVELS)


def _resource(draw: st.DrawFn, type_name: str, levels: int) -> dict[str, Any]:
    return {"resourceType": type_name, **_node(draw, shape_of(model_of(type_name)), levels)}


def _node(draw: st.DrawFn, shape: dict[str, Element], levels: int) -> dict[str, Any]:
    node: dict[str, Any] = {}
    for element in _chosen(draw, shape, levels):
        if not element.primitive:
            items = [_complex(draw, element, levels - 1) for _ in range(_times(draw, element))]
            node[element.name] = items if element.repeats else items[0]
            continue
        pairs = [_primitive(draw, element, levels - 1) for _ in range(_times(draw, element))]
        for name, column in ((element.name, 0), (f"_{element.name}", 1)):
            values = [pair[column] for pair in pairs]
            if any(value is not None for value in values):
                node[name] = values if element.repeats else values[0]
    return node


def _times(draw: st.DrawFn, element: Element) -> int:
    return draw(st.integers(min_value=1, max_value=2)) if element.repeats else 1


def _chosen(draw: st.DrawFn, shape: dict[str, Element], levels: int) -> list[Element]:
    """Return the required elements, a few others, and one form of each choice."""
    some = draw(st.sets(st.sampled_from(sorted(shape)), min_size=1, max_size=4)) if levels > 0 else set()
    chosen: list[Element] = []
    choices: set[str] = set()
    for element in sorted(shape.values(), key=lambda each: each.name not in some):
        wanted = element.required or element.name in some
        if not wanted or element.choice in choices or (element.type_class and levels <= 0 and not element.required):
            continue
        if element.choice:
            choices.add(element.choice)
        chosen.append(element)
    if not chosen:
        # No element may be empty: take the first primitive, which ends the recursion.
        chosen.append(next(element for element in shape.values() if element.primitive))
    return chosen


def _complex(draw: st.DrawFn, element: Element, levels: int) -> dict[str, Any]:
    if element.type_class.__name__ == "Resource":
        return _resource(draw, draw(st.sampled_from(["Basic", "Practitioner", "Medication"])), levels)
    return _node(draw, element.shape, levels)


def _primitive(draw: st.DrawFn, element: Element, levels: int) -> tuple[Any, Any]:
    """Return a value and the content of its `_` member, of which one may be None."""
    value = draw(st.sampled_from(sorted(element.codes)) if element.codes else _BY_TYPE.get(element.primitive, _TEXT))
    if not element.extends or levels <= 0 or not draw(st.booleans()):
        return value, None
    beside = _node(draw, shape_beside_primitive(), levels)
    # An extension may replace a value, but not that of a required choice, according to the models.
    is_replaced = "extension" in beside and not element.choice and draw(st.booleans())
    return (None if is_replaced else value), beside
