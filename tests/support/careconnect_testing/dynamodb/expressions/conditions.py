"""ConditionExpression, FilterExpression and KeyConditionExpression."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.operand_types import COMPARABLE
from careconnect_testing.dynamodb.expressions.paths import resolved, value_at
from careconnect_testing.dynamodb.expressions.syntax import (
    Call,
    Comparison,
    Condition,
    Given,
    Logical,
    Operand,
    Parser,
    Path,
)
from careconnect_testing.dynamodb.values import Item, Value, kind_of, sortable

Names = Mapping[str, str]
Values = Mapping[str, Value]
Test = Callable[[Item, Names, Values], bool]
_Read = Callable[[Item, Names, Values], Value | None]

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARGUMENTS: Final = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}


@dataclass(frozen=True, slots=True)
class Compiled:
    """A condition: its tree, the tokens that it uses, and a function that evaluates it."""

    tree: Condition
    used: frozenset[str]
    holds: Test


@lru_cache(maxsize=4096)
def compiled(kind: str, text: str) -> Compiled:
    """Parse a condition; `kind` is the parameter's name. Raises `ValidationException`."""
    parser = Parser(kind, text)
    tree = _alternatives(parser)
    parser.end()
    return Compiled(tree, frozenset(parser.used), _test(kind, tree))


def _alternatives(parser: Parser) -> Condition:
    parts = [_conjunction(parser)]
    while parser.takes("OR"):
        parts.append(_conjunction(parser))
    return Logical("OR", tuple(parts)) if len(parts) > 1 else parts[0]


def _conjunction(parser: Parser) -> Condition:
    parts = [_negation(parser)]
    while parser.takes("AND"):
        parts.append(_negation(parser))
    return Logical("AND", tuple(parts)) if len(parts) > 1 else parts[0]


def _negation(parser: Parser) -> Condition:
    if parser.takes("NOT"):
        return Logical("NOT", (_negation(parser),))
    if parser.takes("("):
        begins = parser.next == "("
        inner = _alternatives(parser)
        # The inner parentheses are redundant if they end where the outer ones do.
        if begins and inner is parser.parenthesised:
            raise ValidationException(f"Invalid {parser.kind}: The expression has redundant parentheses;")
        parser.expect(")")
        parser.parenthesised = inner
        return inner
    return _simple(parser)


def _simple(parser: Parser) -> Condition:
    left = parser.operand()
    if isinstance(left, Call) and left.name in _ARGUMENTS:
        return left
    if parser.takes("BETWEEN"):
        low = parser.operand()
        if not parser.takes("AND"):
            raise parser.error(parser.next)
        return Comparison("BETWEEN", (left, low, parser.operand()))
    if parser.takes("IN"):
        parser.expect("(")
        choices = parser.several(parser.operand)
        parser.expect(")")
        return Comparison("IN", (left, *choices))
    sign = parser.take()
    if sign not in ("=", "<>", *_ORDER):
        raise parser.error(sign)
    return Comparison(sign, (left, parser.operand()))


def _test(kind: str, tree: Condition) -> Test:
    if isinstance(tree, Logical):
        return _logical(tree.operator, [_test(kind, each) for each in tree.conditions])
    if isinstance(tree, Call):
        return _function(kind, tree)
    reads = [_read(kind, each) for each in tree.operands]
    match tree.operator:
        case "=":
            left, right = reads
            return lambda item, names, values: _equal(left(item, names, values), right(item, names, values))
        case "<>":
            left, right = reads
            return lambda item, names, values: not _equal(left(item, names, values), right(item, names, values))
        case "IN":
            left, *choices = reads
            return lambda item, names, values: any(
                _equal(left(item, names, values), choice(item, names, values)) for choice in choices
            )
        case "BETWEEN":
            value, low, high = reads
            at_least, at_most = _ordered(">=", value, low), _ordered("<=", value, high)
            return lambda item, names, values: at_least(item, names, values) and at_most(item, names, values)
    left, right = reads
    return _ordered(tree.operator, left, right)


def _equal(left: Value | None, right: Value | None) -> bool:
    return left is not None and left == right


def _logical(sign: str, tests: list[Test]) -> Test:
    if sign == "NOT":
        (test,) = tests
        return lambda item, names, values: not test(item, names, values)
    if sign == "AND":
        return lambda item, names, values: all(test(item, names, values) for test in tests)
    return lambda item, names, values: any(test(item, names, values) for test in tests)


def _ordered(sign: str, left: _Read, right: _Read) -> Test:
    compare = _ORDER[sign]

    def holds(item: Item, names: Names, values: Values) -> bool:
        first, second = left(item, names, values), right(item, names, values)
        if first is None or second is None or first.keys() != second.keys() or kind_of(first) not in COMPARABLE:
            return False
        return compare(sortable(first), sortable(second))

    return holds


def _read(kind: str, operand: Operand) -> _Read:
    if isinstance(operand, Given):
        token = operand.token
        return lambda item, names, values: values[token]
    if isinstance(operand, Path):
        return _read_path(operand)
    if operand.name != "size" or len(operand.arguments) != 1 or not isinstance(operand.arguments[0], Path):
        raise ValidationException(f"Invalid {kind}: Invalid function name; function: {operand.name}")
    inner = _read_path(operand.arguments[0])

    def size(item: Item, names: Names, values: Values) -> Value | None:
        value = inner(item, names, values)
        if value is None or kind_of(value) in ("N", "BOOL", "NULL"):
            return None
        return {"N": str(len(value[kind_of(value)]))}

    return size


def _read_path(path: Path) -> _Read:
    if len(path.parts) == 1:
        name: Any = path.parts[0]
        if name.startswith("#"):
            return lambda item, names, values: item.get(names[name])
        return lambda item, names, values: item.get(name)
    return lambda item, names, values: value_at(item, resolved(path, names))


def _function(kind: str, call: Call) -> Test:
    if len(call.arguments) != _ARGUMENTS[call.name]:
        raise ValidationException(
            f"Invalid {kind}: Incorrect number of operands for operator or function; "
            f"operator or function: {call.name}, number of operands: {len(call.arguments)}"
        )
    first = call.arguments[0]
    if not isinstance(first, Path):
        raise ValidationException(
            f"Invalid {kind}: Operator or function requires a document path; operator or function: {call.name}"
        )
    reads = [_read(kind, each) for each in call.arguments]
    match call.name:
        case "attribute_exists":
            return lambda item, names, values: reads[0](item, names, values) is not None
        case "attribute_not_exists":
            return lambda item, names, values: reads[0](item, names, values) is None
    second = reads[1]
    decide = {"attribute_type": _has_type, "begins_with": _begins_with, "contains": _contains}[call.name]

    def holds(item: Item, names: Names, values: Values) -> bool:
        argument = second(item, names, values)
        value = reads[0](item, names, values)
        return value is not None and argument is not None and decide(value, argument)

    return holds


def _has_type(value: Value, kind: Value) -> bool:
    return bool(kind_of(value) == kind["S"])


def _begins_with(value: Value, start: Value) -> bool:
    kind = kind_of(value)
    return kind in ("S", "B") and kind in start and bool(value[kind].startswith(start[kind]))


def _contains(value: Value, part: Value) -> bool:
    kind, wanted = kind_of(value), kind_of(part)
    if kind in ("S", "B"):
        return kind == wanted and bool(part[wanted] in value[kind])
    if kind == "L":
        return part in value["L"]
    return kind == wanted + "S" and bool(part[wanted] in value[kind])


def attributes(tree: Condition | Operand, names: Names) -> Iterator[str]:
    """Yield the attributes that a condition reads, by the first names of their paths."""
    parts: tuple[Any, ...] = ()
    if isinstance(tree, Logical):
        parts = tree.conditions
    elif isinstance(tree, Comparison):
        parts = tree.operands
    elif isinstance(tree, Call):
        parts = tree.arguments
    elif isinstance(tree, Path):
        yield str(resolved(tree, names)[0])
    for each in parts:
        yield from attributes(each, names)
