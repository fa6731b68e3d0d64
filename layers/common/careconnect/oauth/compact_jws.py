"""Parse a compact JWS strictly, before its signature is verified: access tokens, client assertions, DPoP proofs.

It imports no cryptography, which most requests of most functions do not need.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.oauth import base64url

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class MalformedJwsError(ValueError):
    """A text is no compact JWS; `reason` is fixed text for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class CompactJws:
    """The decoded parts of a compact serialization, all still unverified; `signing_input` is what was signed."""

    header: Mapping[str, Any]
    payload: bytes
    signature: bytes
    signing_input: bytes


def parse_compact_jws(text: str, *, longest: int) -> CompactJws:
    """Return the parts of a compact serialization of at most `longest` characters.

    Raises `MalformedJwsError` for anything but three segments of canonical base64url (RFC 7515 §2), for a header that
    is not a JSON object, and for a `crit` member, since no extension is supported (§4.1.11).
    """
    if len(text) > longest or not _COMPACT.fullmatch(text):
        raise MalformedJwsError("not a compact serialization")
    header, payload, signature = (_decoded(segment) for segment in text.split("."))
    members = json_object(header)
    if "crit" in members:
        raise MalformedJwsError("critical extension")
    return CompactJws(members, payload, signature, text.rpartition(".")[0].encode())


def json_object(data: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a decoded segment, in UTF-8; raises `MalformedJwsError` for anything else."""
    try:
        # Of bytes, `json.loads` takes UTF-16 and UTF-32 too.
        members = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise MalformedJwsError("not JSON") from None
    if not isinstance(members, dict):
        raise MalformedJwsError("not an object")
    return members


def _decoded(segment: str) -> bytes:
    # One text per token: stray bits in a segment's last character would make a second text of the same bytes.
    try:
        return base64url.decode(segment)
    except ValueError:
        raise MalformedJwsError("not canonical base64url") from None
