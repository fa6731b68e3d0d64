"""Print on the terminal: here alone, so that no name, path or text of others moves its cursor or changes its lines."""

import json
import re
import sys
from typing import Any, Final

_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional marks
    "\u2028\u2029\ud800-\udfff]"  # separators of lines, and bytes of a file's name that are not UTF-8
)


def escaped(text: str) -> str:
    r"""Return a text with its control characters as JSON escapes them (`\u001b`), also in a JSON text."""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def say(*lines: str) -> None:
    """Print lines on standard output, escaped."""
    for line in lines:
        print(escaped(line), flush=True)


def remark(*lines: str) -> None:
    """Print lines on standard error, escaped."""
    for line in lines:
        print(escaped(line), file=sys.stderr, flush=True)


def say_json(value: Any) -> None:
    """Print a value as JSON."""
    say(*json.dumps(value, indent=2, ensure_ascii=False).split("\n"))


def say_xml(text: str) -> None:
    """Print an XML text, with its control characters as character references: an escape would change its meaning."""
    say(*(_CONTROL.sub(lambda found: f"&#{ord(found[0])};", line) for line in text.split("\n")))
