"""Parse the JSON body of a request, with fixed texts for its errors (`write.md`, What is refused)."""

import re
from typing import Any, Final

from careconnect_records.parsing.exact_json import JsonError, is_nested_too_deeply, json_text, parse_json
from careconnect_records.parsing.faults import UnreadableBodyError

_ESCAPED_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")


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
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableBodyError("the body is not UTF-8") from None
    # Checked before parsing, since the parser is recursive.
    if is_nested_too_deeply(text):
        raise UnreadableBodyError("the body is nested too deeply")
    try:
        value = parse_json(text)
    except JsonError:
        # The error's own text may quote a member of the body.
        raise UnreadableBodyError(
            "the body is not JSON, or it has a member twice, NaN, or a number of too many digits"
        ) from None
    if _ESCAPED_SURROGATE.search(text) and not _is_unicode(value):
        raise UnreadableBodyError("the body has half of a surrogate pair")
    return value


def _is_unicode(value: Any) -> bool:
    try:
        json_text(value).encode()
    except UnicodeEncodeError:
        return False
    return True
