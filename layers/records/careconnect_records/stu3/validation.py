"""Validate a parsed resource against STU3, and report all faults with their elements.

This module checks the definitions that fhir.resources has, of cardinalities, choices and the forms of values. The
models of fhir.resources do not check here: they convert values (`"true"` to a boolean, `1.0` to an integer, an empty
array to none), check no codes, and report no missing element beside another fault. The server stores the source's own
text, so no value may need a conversion, and a caller gets all faults at once. A test holds that the models take what is
valid here, but for a required choice with an extension in place of its value, which they refuse. `invariants.py` judges
the elements without such a fault by the rules of HL7's that go beyond one element.
"""

import re
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any, Final

from careconnect.fhir.nearest_name import nearest_name
from careconnect_records.parsing.exact_json import MAX_NESTED, nests_too_deeply
from careconnect_records.parsing.faults import MAX_FAULTS, Fault, InvalidResourceError
from careconnect_records.stu3.invariants import EMPTY, broken_invariants
from careconnect_records.stu3.r4_elements import FORMS, form_of_r4, stu3_instead_of
from careconnect_records.stu3.schema import Element, model_beside_primitive, model_of, shape_of
from careconnect_records.stu3.value_forms import value_fault

__all__ = ["Fault", "InvalidResourceError", "faults_of", "validate"]

OUT_OF_ORDER: Final = "#order"
"""The key that the XML parser adds to an object with an element out of order. JSON has no order.

Its value are the names of that element and of one that it has to follow.
"""

# A name of this form may be reported; any other text may hold a value.
_NAME: Final = re.compile(r"[A-Za-z_]{1,64}")
_NO_ELEMENT: Final = "holds something that is no element of it"


def validate(resource: dict[str, Any]) -> None:
    """Validate a resource with its `resourceType`; raises `InvalidResourceError` with up to 50 faults."""
    faults, broken = faults_of(resource)
    if found := [*faults, *broken][:MAX_FAULTS]:
        raise InvalidResourceError(found)


def faults_of(resource: dict[str, Any]) -> tuple[list[Fault], list[Fault]]:
    """Return the first 50 faults of a resource's elements and values, and all faults of broken invariants.

    A stored version may have the latter, for it was not always asked for them.
    """
    type_name = resource.get("resourceType")
    model = model_of(type_name) if isinstance(type_name, str) else None
    if model is None:
        return [Fault.at("resourceType", "invalid", "is not a resource type of STU3")], []
    if nests_too_deeply(resource):
        return [Fault.at(model.__name__, "structure", f"is nested too deeply: {MAX_NESTED} levels at most")], []
    faults = list(islice(_resource_faults(resource, model.__name__), MAX_FAULTS))
    # Beyond the last fault, more elements may have some.
    is_complete = len(faults) < MAX_FAULTS
    return faults, broken_invariants(resource, [each.expression for each in faults]) if is_complete else []


def _resource_faults(resource: Any, path: str) -> Iterator[Fault]:
    type_name = resource.get("resourceType") if isinstance(resource, dict) else None
    model = model_of(type_name) if isinstance(type_name, str) else None
    if model is None:
        yield Fault.at(path, "invalid", "is not a resource of STU3")
        return
    yield from _faults(resource, model, path, own=("resourceType",))


def _faults(node: Any, model: Any, path: str, own: tuple[str, ...] = ()) -> Iterator[Fault]:
    if not isinstance(node, dict):
        yield Fault.at(path, "invalid", "is not an object")
        return
    if not node:
        yield Fault.at(path, "invalid", EMPTY)
        return
    shape, forms = shape_of(model), FORMS.get(model.__name__, ())
    for key in node:
        name = key.removeprefix("_")
        element = shape.get(name)
        if key in own:
            continue
        if element is None or (key != name and not element.primitive):
            yield _misplaced(path, node[key], shape) if key == OUT_OF_ORDER else _unknown(path, key, model)
        elif name in forms and (predicate := form_of_r4(model.__name__, key, node[key])):
            yield Fault.at(f"{path}.{name}", "value" if element.primitive else "invalid", predicate)
        elif key != name and not element.extends:
            yield Fault.at(f"{path}.{name}", "invalid", "cannot be extended")
        elif node[key] is None:
            yield Fault.at(f"{path}.{name}", "invalid", "is null, which only holds a place in an array")
        elif not element.primitive:
            yield from _complex_faults(node[key], element, f"{path}.{name}")
        elif key == name or name not in node:
            yield from _primitive_faults(node.get(name), node.get(f"_{name}"), element, f"{path}.{name}")
    # An element may hold a `resourceType` too, which is a fault and may be any text.
    owner = node["resourceType"] if own else path.rpartition(".")[2].partition("[")[0]
    yield from _cardinality_faults(node, shape, path, owner)


def _misplaced(path: str, names: Any, shape: dict[str, Element]) -> Fault:
    """Return the fault of an element out of order. JSON may have the key, too, and any value."""
    known = [shape.get(name) for name in names if isinstance(name, str)] if isinstance(names, list) else []
    match known:
        case [Element() as element, Element() as former] if former.position < element.position:
            return Fault.at(f"{path}.{element.name}", "invalid", f"is out of order: it has to follow {former.name}")
        case _:
            return Fault.at(path, "invalid", _NO_ELEMENT)


def _unknown(path: str, key: str, model: Any) -> Fault:
    if not _NAME.fullmatch(key):
        return Fault.at(path, "invalid", _NO_ELEMENT)
    text = Fault.at(path, "invalid", f"has no element {key}").text
    advice = stu3_instead_of(model.__name__, key) or _suggestion(key, shape_of(model))
    return Fault("invalid", f"{path}.{key}", f"{text} {advice}".rstrip())


def _suggestion(key: str, shape: dict[str, Element]) -> str:
    """Return a sentence with the nearest name that an element has here, or with the forms of a choice."""
    forms = [name for name, element in shape.items() if element.choice == key]
    if forms:
        return f"Give one of {', '.join(forms)}."
    near = nearest_name(key, shape)
    return f"Did you mean {near}?" if near and near != key else ""


def _cardinality_faults(node: dict[str, Any], shape: dict[str, Element], path: str, owner: str) -> Iterator[Fault]:
    choices: dict[str, list[str]] = {}
    for name, element in shape.items():
        if element.choice:
            choices.setdefault(element.choice, []).append(name)
        elif element.required and not _is_there(node, element):
            yield Fault.at(f"{path}.{name}", "required", f"is missing: every {owner} needs one")
    for choice, names in choices.items():
        given = [name for name in names if name in node or f"_{name}" in node]
        if len(given) > 1:
            yield Fault.at(f"{path}.{choice}", "invalid", f"is given more than once, as {' and '.join(given)}")
        elif shape[names[0]].required and not any(_is_there(node, shape[name]) for name in names):
            yield Fault.at(f"{path}.{choice}", "required", f"is missing: give one of {', '.join(names)}")


def _is_there(node: dict[str, Any], element: Element) -> bool:
    """Return True if an element has a value or, for a primitive, an extension in its place (STU3 §2.5.0.1)."""
    beside = node.get(f"_{element.name}")
    return element.name in node or (isinstance(beside, dict) and "extension" in beside)


def _complex_faults(value: Any, element: Element, path: str) -> Iterator[Fault]:
    if element.repeats:
        if not isinstance(value, list) or not value:
            yield Fault.at(path, "invalid", "is not an array of at least one element")
            return
    elif isinstance(value, list):
        yield Fault.at(path, "invalid", "is an array, where one element may stand")
        return
    for index, item in enumerate(value if element.repeats else (value,)):
        where = f"{path}[{index}]" if element.repeats else path
        if element.type_class.__name__ == "Resource":
            yield from _resource_faults(item, where)
        else:
            yield from _faults(item, element.type_class, where)


def _primitive_faults(value: Any, beside: Any, element: Element, path: str) -> Iterator[Fault]:
    """Yield the faults of a primitive and of the `_` object beside it, pairwise if the element repeats."""
    if not element.repeats:
        pairs = [(value, beside)]
        if isinstance(value, list):
            yield Fault.at(path, "invalid", "is an array, where one value may stand")
            return
    else:
        for given in (value, beside):
            if given is not None and (not isinstance(given, list) or not given):
                yield Fault.at(path, "invalid", "is not an array of at least one element")
                return
        pairs = list(zip_longest(value or (), beside or ()))
    for index, (item, its_beside) in enumerate(pairs):
        where = f"{path}[{index}]" if element.repeats else path
        if item is None and its_beside is None:
            yield Fault.at(where, "invalid", "is null, without a value or an extension")
        if item is not None and (fault := value_fault(item, element)):
            code, predicate = fault
            yield Fault.at(where, code, predicate)
        if its_beside is not None:
            yield from _faults(its_beside, model_beside_primitive(), where)
