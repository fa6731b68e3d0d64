"""How much text an answer holds, and how much of that an entry takes."""

import json
from typing import Final

from careconnect.http import MAX_ANSWER_BYTES
from careconnect.indentation import indent
from careconnect.rendering.views import View

ROOM: Final = MAX_ANSWER_BYTES - 100_000
"""Bytes for a Bundle's entries: the rest is for its own text, its links and the gateway's envelope."""

_ENVELOPE: Final = 500
"""An entry's own text around its resource: `fullUrl`, `search` or the like and, indented, their lines."""

_DEPTH_IN_BUNDLE: Final = 6
"""Spaces by which a Bundle indents each line of a resource further."""


def bytes_of(body: str, view: View) -> int:
    """Return an entry's size as JSON text inside the function's JSON answer, indented if it is to be."""
    if not view.pretty or not body:
        return len(json.dumps(body)) + _ENVELOPE
    indented = indent(body, view.format)
    return len(json.dumps(indented)) + indented.count("\n") * _DEPTH_IN_BUNDLE + _ENVELOPE
