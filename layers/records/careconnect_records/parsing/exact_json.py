"""Parse and write FHIR JSON without losing a digit, the order of keys, or a character."""

import json
import re
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final, Self

MAX_NESTED: Final = 64
"""The maximum depth of objects and arrays. STU3 defines nothing that comes near."""

_MAX_CHARACTERS: Final = 100
# Python's decimals take no longer exponent. The validation has the narrower limit.
_MAX_EXPONENT_DIGITS: Final = 9
_TOKEN: Final = re.compile(r'"(?>[^"\\]*(?:\\.[^"\\]*)*)"?|[\[{]|[\]}]', re.DOTALL)


class JsonError(ValueError):
    """A text is not JSON; `line` is the first faulty line, counted from 1."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


class JsonNumber(Decimal):
    """A number with a fraction or an exponent that keeps its original digits (`1.10`)."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        """Create a number that keeps its `literal`; raises `decimal.InvalidOperation` if it is no number."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise JsonError(f"the key {twice!r} stands twice in one object")
    return members


def _constant(name: str) -> Any:
    raise JsonError(f"{name} is not JSON")


def _decimal(literal: str) -> JsonNumber:
    exponent = literal.lower().partition("e")[2]
    if len(literal) > _MAX_CHARACTERS or len(exponent) > _MAX_EXPONENT_DIGITS:
        raise JsonError("not readable: a number has too many digits")
    return JsonNumber(literal)


def _integer(literal: str) -> int:
    if len(literal) > _MAX_CHARACTERS:
        raise JsonError("not readable: a number has too many digits")
    return int(literal)


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
)
"""Keeps decimals as `JsonNumber`; refuses repeated keys, NaN and endless numbers with `JsonError`."""


def parse_json(text: str) -> Any:
    """Parse one JSON text; raises `JsonError`."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg} (column {error.colno})", error.lineno) from None
    except RecursionError:
        raise JsonError("not readable: nested too deeply") from None


def is_nested_too_deeply(text: str) -> bool:
    """Return True if a JSON text nests more than `MAX_NESTED` objects and arrays; takes linear time."""
    depth = 0
    for token in _TOKEN.finditer(text):
        bracket = token[0]
        if bracket in "[{":
            depth += 1
            if depth > MAX_NESTED:
                return True
        elif bracket in "]}":
            depth -= 1
    return False


def nests_too_deeply(value: Any) -> bool:
    """Return True if a parsed value nests more than `MAX_NESTED` objects and arrays."""
    level = [value]
    for _ in range(MAX_NESTED):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def json_text(value: Any, *, sort_keys: bool = False) -> str:
    """Return a parsed value as compact JSON, with the original digits of decimals and without escaping non-ASCII."""
    parts: list[str] = []
    _write(value, parts.append, sort_keys)
    return "".join(parts)


def _write(value: Any, put: Any, sort_keys: bool) -> None:
    if isinstance(value, str):
        put(encode_basestring(value))
    elif isinstance(value, dict):
        separator = "{"
        for key in sorted(value) if sort_keys else value:
            put(separator + encode_basestring(key) + ":")
            _write(value[key], put, sort_keys)
            separator = ","
        put("}" if value else "{}")
    elif isinstance(value, list):
        separator = "["
        for item in value:
            put(separator)
            _write(item, put, sort_keys)
            separator = ","
        put("]" if value else "[]")
    elif value is None:
        put("null")
    elif isinstance(value, bool):
        put("true" if value else "false")
    elif isinstance(value, JsonNumber):
        put(value.literal)
    elif isinstance(value, int):
        put(str(value))
    else:
        raise TypeError(f"not a JSON value: {type(value).__name__}")
