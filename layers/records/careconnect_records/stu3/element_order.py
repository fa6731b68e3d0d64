"""Sort the elements of a resource into the order of STU3's definitions, in which it is stored."""

from typing import Any

from careconnect_records.stu3.schema import Element, model_of, shape_beside_primitive, shape_of

_Node = dict[str, Any]


def in_order(resource: _Node) -> _Node:
    """Return a valid resource with its elements in the order of their definitions, `resourceType` first.

    The extensions of a primitive (`_birthDate`) follow its value. Raises `KeyError` for an unknown element.
    """
    return _ordered(resource, shape_of(model_of(resource["resourceType"])))


def _ordered(node: _Node, shape: dict[str, Element]) -> _Node:
    def place(name: str) -> tuple[int, bool]:
        # `resourceType` is an element of ClaimPayee, and of no resource.
        if name == "resourceType" and name not in shape:
            return -1, False
        bare = name.removeprefix("_")
        return shape[bare].position, bare != name

    return {name: _value(name, node[name], shape) for name in sorted(node, key=place)}


def _value(name: str, value: Any, shape: dict[str, Element]) -> Any:
    if isinstance(value, list):
        return [_value(name, item, shape) for item in value]
    if not isinstance(value, dict):
        return value
    if name.startswith("_"):
        return _ordered(value, shape_beside_primitive())
    element = shape[name]
    return in_order(value) if element.type_class.__name__ == "Resource" else _ordered(value, element.shape)
