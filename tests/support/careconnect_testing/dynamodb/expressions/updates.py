"""UpdateExpression."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context
from functools import lru_cache
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException
from careconnect_testing.dynamodb.expressions.conditions import Names, Values
from careconnect_testing.dynamodb.expressions.operand_types import check_clause
from careconnect_testing.dynamodb.expressions.paths import (
    Parts,
    compact,
    overlap,
    resolved,
    value_at,
    with_value,
    without_value,
)
from careconnect_testing.dynamodb.expressions.syntax import Call, Given, Operand, Parser, Path
from careconnect_testing.dynamodb.values import Item, Value, added, kind_of, sorted_set

_KIND: Final = "UpdateExpression"
_ARITHMETIC: Final[Mapping[str, Any]] = {"+": Context.add, "-": Context.subtract}


@dataclass(frozen=True, slots=True)
class _Action:
    clause: str
    path: Path
    operand: Operand | None


@dataclass(frozen=True, slots=True)
class Update:
    """A parsed update: its actions, and the tokens that it uses."""

    actions: tuple[_Action, ...]
    used: frozenset[str]

    @property
    def only_removes(self) -> bool:
        """True if it removes attributes or members of sets and does nothing else: it creates no item."""
        return all(action.clause in ("REMOVE", "DELETE") for action in self.actions)

    def paths(self, names: Names) -> list[Parts]:
        """Return the paths that it writes."""
        return [resolved(action.path, names) for action in self.actions]

    def check(self, names: Names, values: Values) -> None:
        """Raise `ValidationException` if two actions write one place, or a value is of a wrong type."""
        if overlap(self.paths(names)):
            raise ValidationException(
                f"Invalid {_KIND}: Two document paths overlap with each other; "
                "must remove or rewrite one of these paths"
            )
        for action in self.actions:
            check_clause(_KIND, action.clause, action.operand, values)

    def applied(self, item: Item, names: Names, values: Values) -> dict[str, Any]:
        """Return an item as it is after the update; raises `ValidationException`.

        Every operand is read from the item before the update.
        """
        paths = self.paths(names)
        changed: Any = item
        has_gaps = False
        for action, parts in zip(self.actions, paths, strict=True):
            match action.clause:
                case "SET":
                    assert action.operand is not None
                    changed = with_value(changed, parts, _value(action.operand, item, names, values))
                case "REMOVE":
                    changed = without_value(changed, parts)
                    has_gaps = has_gaps or len(parts) > 1
                case clause:
                    assert isinstance(action.operand, Given)
                    old, given = value_at(item, parts), values[action.operand.token]
                    new = _after_add(old, given) if clause == "ADD" else _after_delete(old, given)
                    if new is not None:
                        changed = with_value(changed, parts, new)
                    elif old is not None or len(parts) > 1:
                        changed, has_gaps = without_value(changed, parts), has_gaps or len(parts) > 1
        return {name: compact(value) for name, value in changed.items()} if has_gaps else dict(changed)


@lru_cache(maxsize=4096)
def parsed_update(text: str) -> Update:
    """Parse an UpdateExpression; raises `ValidationException`."""
    parser = Parser(_KIND, text)
    actions: list[_Action] = []
    seen: set[str] = set()
    while parser.next:
        clause = parser.take().upper()
        if clause not in _CLAUSES:
            raise parser.error(clause)
        if clause in seen:
            raise ValidationException(
                f'Invalid {_KIND}: The "{clause}" section can only be used once in an update expression;'
            )
        seen.add(clause)
        actions += parser.several(lambda action=_CLAUSES[clause]: action(parser))  # type: ignore[misc]
    return Update(tuple(actions), frozenset(parser.used))


def _set(parser: Parser) -> _Action:
    path = parser.path()
    parser.expect("=")
    left = _operand(parser)
    if parser.next in _ARITHMETIC:
        sign = parser.take()
        left = Call(sign, (left, _operand(parser)))
    return _Action("SET", path, left)


def _operand(parser: Parser) -> Operand:
    if parser.takes("("):
        inner = _operand(parser)
        parser.expect(")")
        return inner
    operand = parser.operand()
    _check(operand)
    return operand


def _check(operand: Operand) -> None:
    if not isinstance(operand, Call):
        return
    if operand.name not in ("if_not_exists", "list_append"):
        raise ValidationException(f"Invalid {_KIND}: Invalid function name; function: {operand.name}")
    if len(operand.arguments) != 2:
        raise ValidationException(
            f"Invalid {_KIND}: Incorrect number of operands for operator or function; "
            f"operator or function: {operand.name}, number of operands: {len(operand.arguments)}"
        )
    if operand.name == "if_not_exists" and not isinstance(operand.arguments[0], Path):
        raise ValidationException(
            f"Invalid {_KIND}: Operator or function requires a document path; operator or function: if_not_exists"
        )
    for each in operand.arguments:
        _check(each)


def _remove(parser: Parser) -> _Action:
    return _Action("REMOVE", parser.path(), None)


def _add(parser: Parser) -> _Action:
    return _Action("ADD", parser.path(), parser.given())


def _delete(parser: Parser) -> _Action:
    return _Action("DELETE", parser.path(), parser.given())


_CLAUSES: Final[Mapping[str, Callable[[Parser], _Action]]] = {
    "SET": _set,
    "REMOVE": _remove,
    "ADD": _add,
    "DELETE": _delete,
}


def _value(operand: Operand, item: Item, names: Names, values: Values) -> Value:
    if isinstance(operand, Given):
        return values[operand.token]
    if isinstance(operand, Path):
        found = value_at(item, resolved(operand, names))
        if found is None:
            raise ValidationException("The provided expression refers to an attribute that does not exist in the item")
        return found
    if operand.name == "if_not_exists":
        path, otherwise = operand.arguments
        assert isinstance(path, Path)
        found = value_at(item, resolved(path, names))
        return _value(otherwise, item, names, values) if found is None else found
    left, right = (_value(each, item, names, values) for each in operand.arguments)
    if operand.name == "list_append":
        if "L" not in left or "L" not in right:
            raise _wrong_type(operand.name, left if "L" not in left else right)
        return {"L": [*left["L"], *right["L"]]}
    if "N" not in left or "N" not in right:
        raise _wrong_type(operand.name, left if "N" not in left else right)
    return {"N": added(left["N"], right["N"], _ARITHMETIC[operand.name])}


def _wrong_type(name: str, value: Value) -> ValidationException:
    return ValidationException(
        f"An operand in the update expression has an incorrect data type; operator: {name}, type: {kind_of(value)}"
    )


def _after_add(old: Value | None, given: Value) -> Value:
    kind = kind_of(given)
    if old is None:
        return given
    if kind not in old:
        raise _wrong_type("ADD", old)
    if kind == "N":
        return {"N": added(old["N"], given["N"])}
    return {kind: sorted_set(kind, {*old[kind], *given[kind]})}


def _after_delete(old: Value | None, given: Value) -> Value | None:
    """Return a set without some members, None if none is left."""
    kind = kind_of(given)
    if old is None:
        return None
    if kind not in old:
        raise _wrong_type("DELETE", old)
    left = [each for each in old[kind] if each not in given[kind]]
    return {kind: left} if left else None
