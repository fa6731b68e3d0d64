"""Document paths: read, write, remove and project the values that they name, without changing an item."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.syntax import Parser, Path
from careconnect_testing.dynamodb.values import Item, Value, copied

Parts = tuple[str | int, ...]
"""A path with its names resolved."""


def resolved(path: Path, names: Mapping[str, str]) -> Parts:
    """Return a path with the request's names in place of their tokens."""
    return tuple(names[part] if isinstance(part, str) and part[0] == "#" else part for part in path.parts)


def value_at(item: Item, parts: Parts) -> Value | None:
    """Return the value at a path, None if there is none."""
    value: Any = {"M": item}
    for part in parts:
        if value is None:
            return None
        if isinstance(part, int):
            members = value.get("L")
            value = members[part] if members is not None and part < len(members) else None
        else:
            value = value.get("M", {}).get(part)
    found: Value | None = value
    return found


def with_value(item: Item, parts: Parts, new: Value) -> dict[str, Any]:
    """Return an item with another value at a path; raises `ValidationException` if the path has no parent."""
    return _changed(item, parts, new)


def without_value(item: Item, parts: Parts) -> dict[str, Any]:
    """Return an item without the value at a path, if there is one; raises `ValidationException` as `with_value`."""
    return _changed(item, parts, None)


def _changed(members: Mapping[Any, Any], parts: Parts, new: Value | None) -> dict[str, Any]:
    first, *rest = parts
    changed = dict(members)
    if rest:
        changed[first] = _changed_inside(members.get(first), tuple(rest), new)
    elif new is None:
        changed.pop(first, None)
    else:
        changed[first] = new
    return changed


def _changed_inside(value: Value | None, parts: Parts, new: Value | None) -> Value:
    first, *rest = parts
    if isinstance(first, str) and value and "M" in value:
        return {"M": _changed(value["M"], parts, new)}
    if isinstance(first, int) and value and "L" in value:
        members = list(value["L"])
        if rest:
            members[first : first + 1] = [
                _changed_inside(members[first] if first < len(members) else None, tuple(rest), new)
            ]
        elif new is None:
            # Left empty until all of an expression is done: its indexes are those of the item before.
            members[first : first + 1] = [None] if first < len(members) else []
        else:
            members[first : first + 1] = [new]
        return {"L": members}
    raise ValidationException("The document path provided in the update expression is invalid for update")


def compact(value: Any) -> Any:
    """Return a value without the places that `without_value` has left empty in lists."""
    if "L" in value:
        return {"L": [compact(each) for each in value["L"] if each is not None]}
    if "M" in value:
        return {"M": {name: compact(each) for name, each in value["M"].items()}}
    return value


def projected(item: Item, paths: Iterable[Parts]) -> dict[str, Any]:
    """Return a copy of the parts of an item that paths name; the members of a list close up."""
    tree: dict[Any, Any] = {}
    for parts in paths:
        node = tree
        for part in parts:
            node = node.setdefault(part, {})
    return {
        name: value for name, inner in tree.items() if name in item and (value := _part(item[name], inner)) is not None
    }


def _part(value: Any, tree: Mapping[Any, Any]) -> Any:
    if not tree:
        return copied(value)
    if "M" in value:
        found = {
            name: part
            for name, inner in tree.items()
            if name in value["M"] and (part := _part(value["M"][name], inner)) is not None
        }
        return {"M": found} if found else None
    if "L" in value:
        indexes = sorted(index for index in tree if isinstance(index, int) and index < len(value["L"]))
        members = [part for index in indexes if (part := _part(value["L"][index], tree[index])) is not None]
        return {"L": members} if members else None
    return None


def overlap(paths: Sequence[Parts]) -> bool:
    """Return True if one path is another, or leads to it."""
    ordered = sorted(paths, key=lambda parts: [(isinstance(part, int), part) for part in parts])
    return any(after[: len(before)] == before for before, after in pairwise(ordered))


@lru_cache(maxsize=4096)
def parsed_projection(text: str) -> tuple[tuple[Path, ...], frozenset[str]]:
    """Parse a ProjectionExpression; return its paths and the tokens that it uses."""
    parser = Parser("ProjectionExpression", text)
    paths = parser.several(parser.path)
    parser.end()
    return paths, frozenset(parser.used)
