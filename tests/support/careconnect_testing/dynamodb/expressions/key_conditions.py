"""KeyConditionExpression: the part of a partition that a Query reads."""

from collections.abc import Iterator
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.conditions import Compiled, Names, Values
from careconnect_testing.dynamodb.expressions.syntax import Call, Comparison, Condition, Given, Logical, Path
from careconnect_testing.dynamodb.rows import TOP, Place
from careconnect_testing.dynamodb.schema import KeyPart, KeySchema
from careconnect_testing.dynamodb.values import Value, sortable

KIND: Final = "KeyConditionExpression"
_LAST_CHARACTER: Final = chr(0x10FFFF)
_OPERATORS: Final = ("=", "<", "<=", ">", ">=", "BETWEEN")


def key_range(condition: Compiled, key: KeySchema, names: Names, values: Values) -> tuple[Any, Place, Place]:
    """Return the partition key, the first place and the place behind the last; raises `ValidationException`."""
    found: dict[str, tuple[str, list[Value]]] = {}
    for name, operator, operands in _conditions(condition.tree, names, values):
        if name in found:
            raise ValidationException(f"Invalid {KIND}: {KIND}s must only contain one condition per key")
        found[name] = (operator, operands)
    if key.hash.name not in found:
        raise ValidationException(f"Query condition missed key schema element: {key.hash.name}")
    operator, operands = found.pop(key.hash.name)
    if operator != "=":
        raise ValidationException("Query key condition not supported")
    (hash_key,) = _bounds(key.hash, operands)
    if not found:
        return hash_key, (), (TOP,)
    if key.range is None or set(found) != {key.range.name}:
        raise ValidationException(
            f"Query condition missed key schema element: {key.range.name}"
            if key.range
            else "Query key condition not supported"
        )
    operator, operands = found[key.range.name]
    return hash_key, *_places(operator, _bounds(key.range, operands))


def _conditions(tree: Condition, names: Names, values: Values) -> Iterator[tuple[str, str, list[Value]]]:
    if isinstance(tree, Logical) and tree.operator == "AND":
        for each in tree.conditions:
            yield from _conditions(each, names, values)
        return
    operands: Any = ()
    operator = ""
    if isinstance(tree, Comparison) and tree.operator in _OPERATORS:
        operator, operands = tree.operator, tree.operands
    elif isinstance(tree, Call) and tree.name == "begins_with":
        operator, operands = tree.name, tree.arguments
    if not operator:
        raise ValidationException(f"Invalid operator used in {KIND}: {getattr(tree, 'operator', '')}")
    path, *given = operands
    if not isinstance(path, Path) or len(path.parts) > 1 or not all(isinstance(each, Given) for each in given):
        raise ValidationException(f"Invalid {KIND}: operands must be an attribute and values")
    (name,) = path.parts
    assert isinstance(name, str)
    yield names.get(name, name), operator, [values[each.token] for each in given]


def _bounds(part: KeyPart, operands: list[Value]) -> list[Any]:
    for value in operands:
        if part.kind not in value:
            raise ValidationException(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        if not value[part.kind]:
            raise ValidationException(
                "One or more parameter values are not valid. The AttributeValue for a key attribute "
                f"cannot contain an empty {'string' if part.kind == 'S' else 'binary'} value. Key: {part.name}"
            )
    return [sortable(value) for value in operands]


def _places(operator: str, bounds: list[Any]) -> tuple[Place, Place]:
    first, last = bounds[0], bounds[-1]
    match operator:
        case "=":
            return (first,), (first, TOP)
        case "<":
            return (), (first,)
        case "<=":
            return (), (first, TOP)
        case ">":
            return (first, TOP), (TOP,)
        case ">=":
            return (first,), (TOP,)
        case "BETWEEN":
            if last < first:
                raise ValidationException(
                    f"Invalid {KIND}: The BETWEEN operator requires upper bound to be greater than or equal to lower "
                    "bound"
                )
            return (first,), (last, TOP)
    after = _after_prefix(first)
    return (first,), (TOP,) if after is None else (after,)


def _after_prefix(prefix: Any) -> Any:
    """Return the first text or bytes behind all that begin with a prefix, None if there is none."""
    if isinstance(prefix, bytes):
        cut: Any = prefix.rstrip(b"\xff")
        return cut[:-1] + bytes([cut[-1] + 1]) if cut else None
    if not isinstance(prefix, str):
        raise ValidationException(
            f"Invalid {KIND}: Incorrect operand type for operator or function; operator or function: begins_with"
        )
    cut = prefix.rstrip(_LAST_CHARACTER)
    return cut[:-1] + chr(ord(cut[-1]) + 1) if cut else None
