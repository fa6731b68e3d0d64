"""The schemas of STU3's types in the OpenAPI document, generated from the definitions that writes are validated by.

They are those of the served types, of all that these consist of, and of the types of answers.
"""

from collections.abc import Iterator
from typing import Any, Final

from fhir.resources.STU3 import get_fhir_model_class

from careconnect.fhir.resource_types import ID_PATTERN, SERVED_TYPES
from careconnect_records.stu3.schema import Element, shape_of

Json = dict[str, Any]

# Types that only the server writes: no extension stands in the place of a required value.
_OF_ANSWERS: Final = ("Bundle", "OperationOutcome", "CapabilityStatement")
_ANY: Final = "Resource"

_TEXT: Final = {"type": "string"}
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME: Final = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
_INSTANT: Final = rf"{_DAY}T{_TIME}(Z|[+-][0-9]{{2}}:[0-9]{{2}})"

# `format: date` and `date-time` would be wrong: they allow no `1971-08`, and a generated client would rewrite the text.
_PRIMITIVES: Final[dict[str, Json]] = {
    "boolean": {"type": "boolean"},
    "string": _TEXT,
    "code": _TEXT | {"pattern": r"^\S+( \S+)*$"},
    "date": _TEXT | {"pattern": "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"},
    "dateTime": _TEXT | {"pattern": f"^([0-9]{{4}}(-[0-9]{{2}})?|{_DAY}|{_INSTANT})$"},
    "instant": _TEXT | {"pattern": f"^{_INSTANT}$"},
    "time": _TEXT | {"pattern": f"^{_TIME}$"},
    "id": _TEXT | {"pattern": f"^{ID_PATTERN}$"},
    "decimal": {"type": "number"},
    "integer": {"type": "integer"},
    "positiveInt": {"type": "integer", "minimum": 1},
    "unsignedInt": {"type": "integer", "minimum": 0},
}
"""Primitives by type; all others are texts."""


def stu3_schemas() -> dict[str, Json]:
    """Return the schemas by name, sorted."""
    schemas = {_ANY: _any_resource()}
    pending = [get_fhir_model_class(name) for name in (*(each.name for each in SERVED_TYPES), *_OF_ANSWERS)]
    while pending:
        model = pending.pop()
        if model.__name__ not in schemas:
            schemas[model.__name__] = _schema(model)
            pending += [each.type_class for each in shape_of(model).values() if each.type_class]
    return dict(sorted(schemas.items()))


def _any_resource() -> Json:
    """Return the schema of a resource of any type, as `contained` holds them."""
    text = {"resourceType": dict(_TEXT), "id": _PRIMITIVES["id"]}
    return {"type": "object", "required": ["resourceType"], "properties": text}


def _schema(model: Any) -> Json:
    shape = shape_of(model)
    is_resource = model.has_resource_base()
    of_answers = model.__name__.startswith(_OF_ANSWERS)
    required = [each.name for each in shape.values() if _is_required(each, of_answers=of_answers)]
    properties = {name: _property(model, each) for name, each in shape.items()}
    if is_resource:
        required.insert(0, "resourceType")
        properties = {"resourceType": _TEXT | {"enum": [model.__name__]}} | properties
    return {"type": "object"} | ({"required": required} if required else {}) | {"properties": properties}


def _is_required(element: Element, *, of_answers: bool) -> bool:
    """Return True if the element's own member must be there: no choice, and no extension in the value's place."""
    return element.required and not element.choice and (of_answers or not element.extends)


def _property(model: Any, element: Element) -> Json:
    description = " ".join(_description(model, element))
    if element.repeats:
        return {"type": "array", "description": description, "items": _value(element)}
    if element.primitive:
        return _value(element) | {"description": description}
    if (model.__name__, element.name) == ("BundleEntry", "resource"):
        return _of_served_type() | {"description": description}
    # A reference takes no description beside it.
    return {"allOf": [_value(element)], "description": description}


def _value(element: Element) -> Json:
    """Return the schema of one value of an element."""
    if not element.primitive:
        return _reference(element.type_class.__name__)
    schema = dict(_PRIMITIVES.get(element.primitive, _TEXT))
    codes: list[str | None] = [*sorted(element.codes)]
    # In an array, null holds the place of a value that has an extension alone.
    is_nullable = element.repeats and element.extends
    if codes:
        schema = _TEXT | {"enum": [*codes, None] if is_nullable else codes}
    return schema | ({"nullable": True} if is_nullable else {})


def _of_served_type() -> Json:
    names = [*(served.name for served in SERVED_TYPES), "OperationOutcome"]
    references = {name: _reference(name) for name in names}
    mapping = {name: each["$ref"] for name, each in references.items()}
    return {
        "oneOf": list(references.values()),
        "discriminator": {"propertyName": "resourceType", "mapping": mapping},
    }


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _description(model: Any, element: Element) -> Iterator[str]:
    """Yield HL7's short text and, as a type cannot say them, the primitive's type, targets and cardinality.

    A short text that only lists the codes is left out: the schema has them.
    """
    (field,) = (each for each in model.model_fields.values() if each.alias == element.name)
    title = " ".join(field.title.rstrip(".").split())
    if not element.codes.issuperset(title.rstrip(" +").split(" | ")):
        yield title + "."
    if element.primitive and element.primitive not in ("boolean", "string"):
        yield f"FHIR's {element.primitive}."
    if element.targets:
        yield f"Refers to {', '.join(sorted(element.targets))}."
    if element.choice:
        yield f"One of {element.choice}[x]{', which is required' if element.required else ''}."
    elif element.required:
        yield "Required."
