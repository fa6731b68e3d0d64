"""How much text an answer holds, and how much of that an entry takes."""

import json
from typing import Final

from careconnect.http.messages import MAX_ANSWER_BYTES

ROOM: Final = MAX_ANSWER_BYTES - 100_000
"""Bytes for a Bundle's entries: the rest is for its own text, its links and the gateway's envelope."""

_BETWEEN: Final = 8
"""Bytes between two entries: a comma, and where they are indented a new line."""


def bytes_of(entry: str) -> int:
    """Return the size of an entry's text, as it is to be sent, inside the function's JSON answer."""
    return len(json.dumps(entry)) + _BETWEEN
