"""Parse and write FHIR JSON without losing a digit, the order of keys, or a character."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, Final, Self

MAX_NESTED: Final = 64
"""The maximum depth of objects and arrays. STU3 defines nothing that comes near."""

_MAX_CHARACTERS: Final = 100
# Python's decimals take no longer exponent. The validation has the narrower limit.
_MAX_EXPONENT_DIGITS: Final = 9
_TOKEN: Final = re.compile(r'"(?>[^"\\]*(?:\\.[^"\\]*)*)"?|[\[{]|[\]}]', re.DOTALL)
# A name with its colon, another text, a bracket, or a number or constant.
_PART: Final = re.compile(
    r'(?P<text>"(?>[^"\\]*(?:\\.[^"\\]*)*)")(?P<colon>[ \t\r\n]*:)?|[\[{]|[\]}]|(?P<word>[^][{}:,"\s]+)', re.DOTALL
)
_COMMA_AT_THE_END: Final = re.compile(r",[ \t\r\n]*[\]}]")

_REPEATED: Final = "not JSON: a member is repeated"
_CONSTANT: Final = "not JSON: NaN or Infinity"
_DIGITS: Final = "not JSON: a number of too many digits"


class JsonError(ValueError):
    """A text is not JSON: a fixed `reason`, and the `line` and `column` of the fault, in characters from 1.

    The column is 0 for a fault of the whole text.
    """

    def __init__(self, reason: str, line: int = 1, column: int = 0) -> None:
        super().__init__(f"{reason} (column {column})" if column else reason)
        self.reason = reason
        self.line = line
        self.column = column


class JsonNumber(Decimal):
    """A number with a fraction or an exponent that keeps its original digits (`1.10`)."""

    literal: str

    def __new__(cls, literal: str) -> Self:
        """Create a number that keeps its `literal`; raises `decimal.InvalidOperation` if it is no number."""
        number = super().__new__(cls, literal)
        number.literal = literal
        return number


def position(text: str, offset: int) -> tuple[int, int]:
    """Return the line and the column of an offset, both counted in characters from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise JsonError(_REPEATED)
    return members


def _constant(_name: str) -> Any:
    raise JsonError(_CONSTANT)


def _decimal(literal: str) -> JsonNumber:
    if _has_too_many_digits(literal):
        raise JsonError(_DIGITS)
    return JsonNumber(literal)


def _integer(literal: str) -> int:
    if len(literal) > _MAX_CHARACTERS:
        raise JsonError(_DIGITS)
    return int(literal)


def _has_too_many_digits(literal: str) -> bool:
    return len(literal) > _MAX_CHARACTERS or len(literal.lower().partition("e")[2]) > _MAX_EXPONENT_DIGITS


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer, parse_constant=_constant
)
"""Keeps decimals as `JsonNumber`; refuses repeated keys, NaN and endless numbers with `JsonError`."""


def parse_json(text: str) -> Any:
    """Parse one JSON text; raises `JsonError`."""
    try:
        return DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _syntax_error(text, error.msg, error.pos) from None
    except JsonError as error:
        # The decoder does not say where. This is rare, so the text is searched again.
        reason, offset = next(_faults(text), (error.reason, 0))
        raise JsonError(reason, *position(text, offset)) from None
    except RecursionError:
        raise JsonError("not readable: nested too deeply") from None


def _syntax_error(text: str, message: str, offset: int) -> JsonError:
    # Python 3.13 reports the comma, earlier versions the bracket after it.
    before = text[:offset].rstrip(" \t\r\n")
    comma = offset if text[offset : offset + 1] == "," else len(before) - 1
    if before and _COMMA_AT_THE_END.match(text, comma):
        return JsonError("not JSON: a comma before the end of an object or array", *position(text, comma))
    return JsonError(f"not JSON: {message}", *position(text, offset))


def _faults(text: str) -> Iterator[tuple[str, int]]:
    """Yield the faults of a text that are no faults of syntax, with their offsets, as far as the text is JSON."""
    names: list[set[str]] = []
    for part in _PART.finditer(text):
        if part["colon"] and names:
            name = json.loads(part["text"], strict=False)
            if name in names[-1]:
                yield _REPEATED, part.start()
            names[-1].add(name)
        elif word := part["word"]:
            if word in ("NaN", "Infinity", "-Infinity"):
                yield _CONSTANT, part.start()
            elif _has_too_many_digits(word):
                yield _DIGITS, part.start()
        elif part[0] in "[{":
            names.append(set())
        elif part[0] in "]}" and names:
            names.pop()


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
