"""Attribute values in DynamoDB's typed form: checked, in one normal form, compared, measured.

Values that are equal in DynamoDB are equal dictionaries once `checked`: numbers have no spare zeros, sets are sorted.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Final

from careconnect_testing.dynamodb.errors import ValidationException

Value = Mapping[str, Any]
"""One member: a type and a value of it, such as {"S": "text"}."""
Item = Mapping[str, Value]

MAX_ITEM_BYTES: Final = 400 * 1024

_MAX_DIGITS: Final = 38
_MAX_DEPTH: Final = 32
_EXACT: Final = Context(prec=200, Emax=10_000, Emin=-10_000)
_SETS: Final = {"SS": "string", "NS": "number", "BS": "binary"}
_INVALID: Final = "One or more parameter values were invalid: "


def checked_item(item: Item) -> dict[str, dict[str, Any]]:
    """Return a copy of an item in normal form; raises `ValidationException`."""
    return {name: checked(value) for name, value in item.items()}


def checked(value: Value, depth: int = 0) -> dict[str, Any]:
    """Return a copy of a value in normal form; raises `ValidationException`."""
    if len(value) != 1:
        amount = "has more than one datatypes set" if value else "is empty"
        raise ValidationException(
            f"Supplied AttributeValue {amount}, must contain exactly one of the supported datatypes"
        )
    ((kind, inner),) = value.items()
    if kind == "S" or kind == "BOOL":
        return {kind: inner}
    if kind == "N":
        return {"N": normal_number(inner)}
    if kind == "B":
        return {"B": bytes(inner)}
    if kind == "NULL":
        if inner is not True:
            raise ValidationException(_INVALID + "Null attribute value types must have the value of true")
        return {"NULL": True}
    if depth >= _MAX_DEPTH:
        raise ValidationException("Nesting Levels have exceeded supported limits")
    if kind == "L":
        return {"L": [checked(each, depth + 1) for each in inner]}
    if kind == "M":
        return {"M": {name: checked(each, depth + 1) for name, each in inner.items()}}
    if kind in _SETS:
        return {kind: _checked_set(kind, inner)}
    raise ValidationException("Supplied AttributeValue is empty, must contain exactly one of the supported datatypes")


def _checked_set(kind: str, members: Iterable[Any]) -> list[Any]:
    given = list(members)
    if not given:
        raise ValidationException(f"{_INVALID}An {_SETS[kind]} set  may not be empty")
    normal = [normal_number(each) if kind == "NS" else bytes(each) if kind == "BS" else each for each in given]
    if len(set(normal)) < len(normal):
        raise ValidationException(f"{_INVALID}Input collection {given} contains duplicates.")
    return sorted_set(kind, normal)


def sorted_set(kind: str, members: Iterable[Any]) -> list[Any]:
    """Return the members of a set in the order of the normal form."""
    return sorted(members, key=Decimal) if kind == "NS" else sorted(members)


def normal_number(text: str) -> str:
    """Return a number as DynamoDB returns it; raises `ValidationException`."""
    if text.isdecimal() and text.isascii() and len(text) <= _MAX_DIGITS and (text[0] != "0" or text == "0"):
        return text
    try:
        return number_text(Decimal(text))
    except InvalidOperation:
        raise ValidationException(f"The parameter cannot be converted to a numeric value: {text}") from None


def number_text(number: Decimal) -> str:
    """Return a number in normal form; raises `ValidationException` if it has too many digits or is too large."""
    if not number.is_finite():
        raise ValidationException(f"The parameter cannot be converted to a numeric value: {number}")
    if not number:
        return "0"
    normal = number.normalize(_EXACT)
    if len(normal.as_tuple().digits) > _MAX_DIGITS:
        raise ValidationException("Attempting to store more than 38 significant digits in a Number")
    if normal.adjusted() > 125:
        raise ValidationException(
            "Number overflow. Attempting to store a number with magnitude larger than supported range"
        )
    if normal.adjusted() < -130:
        raise ValidationException(
            "Number underflow. Attempting to store a number with magnitude smaller than supported range"
        )
    return format(normal, "f")


def added(left: str, right: str, operate: Callable[[Context, Decimal, Decimal], Decimal] = Context.add) -> str:
    """Return the sum of two numbers, or the result of another operation on them."""
    return number_text(operate(_EXACT, Decimal(left), Decimal(right)))


def copied_item(item: Item) -> dict[str, dict[str, Any]]:
    """Return a copy of a stored item that its receiver may change."""
    return {name: {**value} if "S" in value else copied(value) for name, value in item.items()}


def copied(value: Value) -> dict[str, Any]:
    """Return a copy of a stored value that its receiver may change."""
    if "S" in value or "N" in value:
        return {**value}
    for kind, inner in value.items():
        if kind == "L":
            return {"L": [copied(each) for each in inner]}
        if kind == "M":
            return {"M": copied_item(inner)}
        if kind in _SETS:
            return {kind: list(inner)}
    return {**value}


def kind_of(value: Value) -> str:
    """Return a value's type, such as "S"."""
    return next(iter(value))


def sortable(value: Value) -> Any:
    """Return a text, number or binary value in a form that Python sorts as DynamoDB does.

    Python compares texts by code points, whose order is that of their UTF-8 bytes.
    """
    for kind, inner in value.items():
        return Decimal(inner) if kind == "N" else inner
    return None


def item_size(item: Item) -> int:
    """Return the bytes of an item: its names and values (DynamoDB Developer Guide, Item sizes and formats)."""
    size = 0
    for name, value in item.items():
        # Nearly all values are texts.
        size += _text_size(name) + (_text_size(value["S"]) if "S" in value else value_size(value))
    return size


def value_size(typed: Value) -> int:
    """Return the bytes of a value (DynamoDB Developer Guide, Item sizes and formats)."""
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return _text_size(value)
        case "N":
            return _number_size(value)
        case "B":
            return len(value)
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + value_size(each) for each in value)
        case "M":
            return 3 + sum(1 + _text_size(name) + value_size(each) for name, each in value.items())
        case "SS":
            return sum(map(_text_size, value))
        case "NS":
            return sum(map(_number_size, value))
    return sum(map(len, value))


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _number_size(text: str) -> int:
    # Two digits take a byte, and a number one more.
    return math.ceil(len(text.strip("-").strip("0")) / 2) + 1
