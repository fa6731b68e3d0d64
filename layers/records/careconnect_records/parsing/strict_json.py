"""Parse the JSON body of a request, with fixed texts for its errors (`write.md`, What is refused)."""

import re
from typing import Any, Final

from careconnect_records.parsing.exact_json import JsonError, is_nested_too_deeply, parse_json, position
from careconnect_records.parsing.faults import UnreadableBodyError

# Of a JSON text each match is one escape or a pair of surrogates; `half` is a surrogate that is not in a pair.
_ESCAPE: Final = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]..)|.)")


def parse_json_body(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`, its decimals as `JsonNumber`; raises `UnreadableBodyError`."""
    value = parse_json_value(data)
    if not isinstance(value, dict):
        raise UnreadableBodyError("the body is not a JSON object")
    return value


def parse_json_value(data: bytes) -> Any:
    """Return the JSON value in `data`, its decimals as `JsonNumber`; raises `UnreadableBodyError`.

    Takes linear time for any body.
    """
    if not data.strip():
        raise UnreadableBodyError("the body is empty")
    text = utf8_text(data)
    # Checked before parsing, since the parser is recursive.
    if is_nested_too_deeply(text):
        raise UnreadableBodyError("the body is nested too deeply")
    try:
        value = parse_json(text)
    except JsonError as error:
        raise UnreadableBodyError(f"the body is {error.reason}", error.line, error.column) from None
    for escape in _ESCAPE.finditer(text):
        if escape["half"]:
            raise UnreadableBodyError("the body has half of a surrogate pair", *position(text, escape.start()))
    return value


def utf8_text(data: bytes) -> str:
    """Return the text in `data` without a byte order mark; raises `UnreadableBodyError` if it is not UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode()
        raise UnreadableBodyError("the body is not UTF-8", *position(before, len(before))) from None
