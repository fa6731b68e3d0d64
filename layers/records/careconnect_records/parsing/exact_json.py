"""Read and write FHIR JSON without losing a digit, a key's place or a character."""

import json
import re
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final, Self

MOST_NESTED: Final = 64
"""So many objects and arrays within each other; nothing that STU3 defines comes near."""

_MOST_CHARACTERS: Final = 100
# Beyond this Python knows no exponent; what is a sensible one is for the validation to say.
_MOST_OF_EXPONENT: Final = 9
_TOKEN: Final = re.compile(r'"(?>[^"\\]*(?:\\.[^"\\]*)*)"?|[\[{]|[\]}]', re.DOTALL)


class JsonError(ValueError):
    """A text is not JSON; `line` is the first wrong one, counted from 1."""

    def __init__(self, reason: str, line: int = 1) -> None:
        super().__init__(reason)
        self.line = line


class JsonNumber(Decimal):
    """A number with a fraction or an exponent, and the digits that it was written with (`1.10`)."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        """Keep `literal` beside its value; raises `decimal.InvalidOperation` if it is no number."""
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
    if len(literal) > _MOST_CHARACTERS or len(exponent) > _MOST_OF_EXPONENT:
        raise JsonError("not readable: a number has too many digits")
    return JsonNumber(literal)


def _integer(literal: str) -> int:
    if len(literal) > _MOST_CHARACTERS:
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
    """Say whether a JSON text opens more than `MOST_NESTED` objects and arrays within each other, in linear time."""
    depth = 0
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > MOST_NESTED:
                return True
        elif mark in "]}":
            depth -= 1
    return False


def nests_too_deeply(value: Any) -> bool:
    """Say of a parsed value what `is_nested_too_deeply` says of its text."""
    level = [value]
    for _ in range(MOST_NESTED):
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
    """Write a parsed JSON value compactly, with decimals' digits and non-ASCII as they were."""
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
