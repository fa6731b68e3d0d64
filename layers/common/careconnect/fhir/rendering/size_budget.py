"""The response size budget, and the size of an entry."""

import json
from typing import Final

from careconnect.http.messages import MAX_ANSWER_BYTES

ROOM: Final = MAX_ANSWER_BYTES - 100_000
"""The bytes for a Bundle's entries. The rest is for its own text, its links and the gateway's envelope."""

_BETWEEN: Final = 8
"""The bytes between two entries: a comma, and a new line if they are indented."""


def bytes_of(entry: str) -> int:
    """Return the size of an entry's rendered text inside the function's JSON response."""
    return len(json.dumps(entry)) + _BETWEEN
