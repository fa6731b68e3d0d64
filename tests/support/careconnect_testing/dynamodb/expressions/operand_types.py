"""The types that a request's values must have in its expressions, whatever the items."""

from collections.abc import Mapping
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.syntax import Call, Comparison, Condition, Given, Logical, Operand
from careconnect_testing.dynamodb.values import Value, kind_of, sortable

COMPARABLE: Final = ("S", "N", "B")
KINDS: Final = ("S", "N", "B", "SS", "NS", "BS", "L", "M", "BOOL", "NULL")
SETS: Final = ("SS", "NS", "BS")

_OF_FUNCTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "begins_with": ("S", "B"),
    "attribute_type": ("S",),
    "list_append": ("L",),
    "+": ("N",),
    "-": ("N",),
}
_COMPARISONS: Final = ("<", "<=", ">", ">=", "BETWEEN")


def check_condition(kind: str, tree: Condition | Operand, values: Mapping[str, Value]) -> None:
    """Raise `ValidationException` if a value has a type that its comparison or function does not take."""
    if isinstance(tree, Logical):
        for each in tree.conditions:
            check_condition(kind, each, values)
    elif isinstance(tree, Comparison):
        for operand in tree.operands:
            check_condition(kind, operand, values)
        if tree.operator in _COMPARISONS:
            _check(kind, tree.operator, tree.operands, COMPARABLE, values)
        if tree.operator == "BETWEEN":
            _check_bounds(kind, tree.operands[1:], values)
    elif isinstance(tree, Call):
        check_operand(kind, tree, values)
        given = tree.arguments[-1]
        if tree.name == "attribute_type" and (not isinstance(given, Given) or values[given.token]["S"] not in KINDS):
            raise ValidationException(f"Invalid {kind}: Invalid attribute type name found")


def check_operand(kind: str, operand: Operand, values: Mapping[str, Value]) -> None:
    """Raise `ValidationException` if a function has an argument of a type that it does not take."""
    if isinstance(operand, Call):
        _check(kind, operand.name, operand.arguments, _OF_FUNCTIONS.get(operand.name, KINDS), values)
        for each in operand.arguments:
            check_operand(kind, each, values)


def check_clause(kind: str, clause: str, operand: Operand | None, values: Mapping[str, Value]) -> None:
    """Raise `ValidationException` if ADD, DELETE or SET of an update has a value of a type that it does not take."""
    if clause in ("ADD", "DELETE") and operand:
        _check(kind, clause, (operand,), ("N", *SETS) if clause == "ADD" else SETS, values)
    elif operand:
        check_operand(kind, operand, values)


def _check(
    kind: str, name: str, operands: tuple[Any, ...], types: tuple[str, ...], values: Mapping[str, Value]
) -> None:
    for operand in operands:
        if isinstance(operand, Given) and (actual := kind_of(values[operand.token])) not in types:
            raise ValidationException(
                f"Invalid {kind}: Incorrect operand type for operator or function; "
                f"operator or function: {name}, operand type: {actual}"
            )


def _check_bounds(kind: str, bounds: tuple[Operand, ...], values: Mapping[str, Value]) -> None:
    low, high = (values[each.token] if isinstance(each, Given) else None for each in bounds)
    if low is None or high is None:
        return
    if low.keys() != high.keys():
        raise ValidationException(
            f"Invalid {kind}: The BETWEEN operator requires same data type for lower and upper bounds"
        )
    if sortable(high) < sortable(low):
        raise ValidationException(
            f"Invalid {kind}: The BETWEEN operator requires upper bound to be greater than or equal to lower bound"
        )
