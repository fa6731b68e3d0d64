"""What differs between two answers, after what always does."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

from careconnect.search import links
from careconnect.search.links import Cursor
from careconnect_testing.http.answer import Answer

_CURSOR: Final = re.compile(r"_cursor=([A-Za-z0-9_-]+)")
_NEW: Final = re.compile(r"\bnew-\d+\b")
"""The id of what a request has made."""
_POSITIONS: dict[str, str] = {}


@contextmanager
def legible_cursors() -> Iterator[None]:
    """Keep the position that each cursor holds, as it is sealed."""
    seal = links.seal

    def kept(cursor: Cursor, key: bytes, bound_to: str) -> str:
        text = seal(cursor, key, bound_to)
        _POSITIONS[text] = json.dumps(cursor.position, default=str)
        return text

    with patch.object(links, "seal", kept):
        yield
    _POSITIONS.clear()


Seen = tuple[int, Mapping[str, str], Any]
"""The status, the headers and the body of an answer: parsed JSON, or the text of XML.

The clocks and the sources of ids of a pair are the same.
"""


def seen(answer: Answer) -> Seen:
    """Return what an answer says; a cursor counts by its position.

    `Content-Length` follows from the body, which HEAD's answer has not: GET's stands for it.
    """
    headers = {name: text for name, text in answer.headers.items() if name != "Content-Length"}
    body = json.loads(answer.text) if answer.text.startswith("{") else answer.text
    return answer.status, headers, _legible(body)


def _legible(body: Any) -> Any:
    if isinstance(body, dict):
        return {name: _legible(value) for name, value in body.items()}
    if isinstance(body, list):
        return [_legible(each) for each in body]
    if isinstance(body, str):
        body = _NEW.sub("new", body)
        return _CURSOR.sub(lambda found: f"_cursor={_POSITIONS.get(found[1], found[1])}", body)
    return body
