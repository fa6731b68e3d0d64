"""The cursor of a `next` link: opaque, stateless, tamper-proof and bound to its query.

It holds a place in the result and the total, so that a later page costs only itself, and the parameters of a search
whose link does not show them. A place is a value of a record, so it is encrypted and not only signed: AES-SIV
(RFC 5297), which needs no nonce and so makes the same link of the same page (ADR 19).
"""

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.oauth import base64url

CURSOR: Final = "_cursor"
"""The parameter of a link that holds its cursor."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the page before ended, and how many matches there are in all, if that is known.

    `parameters` are those of the search where its link does not show them, in the order in which they came. `way` is
    the number of the way that the page before went, and `examined` how many entries it took.
    """

    place: list[Any]
    total: int | None
    parameters: Pairs = ()
    access_path: int = 0
    examined: int = 0


def seal(cursor: Cursor, key: bytes, bound_to: str) -> str:
    """Return the cursor as URL-safe text, sealed under `key` for the query that `bound_to` describes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # not in a cold start: most answers have no link

    parts = [cursor.place, cursor.total, cursor.parameters, cursor.access_path, cursor.examined]
    content = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    sealed = AESSIV(_cipher_key(key)).encrypt(zlib.compress(content.encode(), 9), [bound_to.encode()])
    return base64url.encode(sealed)


def unseal(text: str, key: bytes, bound_to: str) -> Cursor:
    """Open a sealed cursor; raises the 400 outcome for a forged or foreign one."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    try:
        content = AESSIV(_cipher_key(key)).decrypt(base64url.decode(text), [bound_to.encode()])
    except (ValueError, InvalidTag):
        raise foreign_cursor() from None
    # Only what was sealed here gets so far: it is read without further checks.
    # Links that were given before a release have no more than the first three.
    place, total, parameters, *walked = json.loads(zlib.decompress(content))
    return Cursor(place, total, tuple((name, value) for name, value in parameters), *walked)


def foreign_cursor() -> outcomes.OutcomeError:
    """400 for a cursor that this server did not give for this search."""
    return outcomes.invalid_parameter(CURSOR, "the link is not one that this server gave for this search.")


def _cipher_key(key: bytes) -> bytes:
    # AES-256-SIV takes 64 bytes, the half of them for the tag; the stored key is 32 random ones.
    return hashlib.sha512(key).digest()
