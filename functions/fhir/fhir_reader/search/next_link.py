"""The cursor of a `next` link: opaque, stateless, tamper-proof and bound to its query.

It holds a place in the result and the total, so that a later page costs only itself; it is sealed together
with the query's parameters and with the caller's scope and patient, so that it answers no other question
and no other access (HMAC-SHA256, RFC 2104).
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Final

from careconnect import base64url, outcomes

_SEAL_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the page before ended, and how many matches there are in all, if that is known."""

    place: list[Any]
    total: int | None


def seal(cursor: Cursor, key: bytes, bound_to: str) -> str:
    """Return the cursor as URL-safe text, sealed under `key` for the query that `bound_to` describes."""
    content = json.dumps([cursor.place, cursor.total], separators=(",", ":"), ensure_ascii=False).encode()
    return base64url.encode(_seal(content, key, bound_to) + content)


def unseal(text: str, key: bytes, bound_to: str) -> Cursor:
    """Open a sealed cursor; raises the 400 outcome for a forged or foreign one."""
    try:
        sealed = base64url.decode(text)
    except ValueError:
        raise _invalid() from None
    content = sealed[_SEAL_BYTES:]
    if not hmac.compare_digest(sealed[:_SEAL_BYTES], _seal(content, key, bound_to)):
        raise _invalid()
    place, total = json.loads(content)
    return Cursor(place, total)


def _seal(content: bytes, key: bytes, bound_to: str) -> bytes:
    # The digest has a fixed length, so that no byte of the one part can be taken for the other's.
    return hmac.new(key, hashlib.sha256(bound_to.encode()).digest() + content, hashlib.sha256).digest()


def _invalid() -> outcomes.OutcomeError:
    return outcomes.invalid_parameter("_cursor", "the link is not one that this server gave for this search.")
