"""The links between pages: absolute URLs that are of use to their caller alone.

A `next` link has a cursor: opaque, stateless, tamper-proof and bound to its query and its caller. It holds a place in
the result and the total, so that a later page costs only itself, and the parameters of a search whose link does not
show them. A place is a value of a record, so it is encrypted and not only signed: AES-SIV (RFC 5297), which needs no
nonce and so makes the same link of the same page (ADR 19).
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.result_parameter_names import SEARCH_PARAMETERS
from careconnect.oauth import base64url
from careconnect.oauth.caller import Caller

CURSOR: Final = "_cursor"
"""The parameter of a link that holds its cursor."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place where the page before ended, and the total if it is known.

    `parameters` are those of the search if its link does not show them, in the order in which they came. `access_path`
    is the number of the access path of the page before, and `examined` how many entries it examined.
    """

    place: list[Any]
    total: int | None
    parameters: Pairs = ()
    access_path: int = 0
    examined: int = 0


Parameters = Sequence[tuple[str, str]]
SealKey = Callable[[], bytes]
"""Returns the key that cursors are sealed under; an answer without a link does not ask for it."""

LONGEST_LINK: Final = 8_192
"""Characters of a `next` link: what proxies and API Gateway let through, with room for the request's headers."""

_ROOM_FOR_PLACE: Final = 1_024
"""Kept free in a first page's link: a place further on may be longer, and a walk that began has to go on."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one question: `path` is what was asked, below the base, and `caller` who asked it.

    `sealed` says that the parameters came in a form, or within a link: then no `next` link shows them.
    """

    fhir_base: str
    path: str
    caller: Caller
    seal_key: SealKey
    sealed: bool

    def url(self, parameters: Parameters) -> str:
        """Return the absolute URL of this search with some parameters."""
        query = urlencode(list(parameters), quote_via=quote, safe=":/,.-_~$")
        return f"{self.fhir_base}/{self.path}" + (f"?{query}" if query else "")

    def next_url(self, used: Parameters, cursor: Cursor) -> str:
        """Return the URL of the page that begins after a place.

        A query that came in the URL stays legible in it if there is room. Raises the 400 outcome if the URL would
        be longer than `LONGEST_LINK`, which the first page finds out for all that follow.
        """
        if not self.sealed and len(self.url(used)) <= LONGEST_LINK - _ROOM_FOR_PLACE:
            return self._link(used, cursor)
        inside = tuple(used)
        url = self._link((), replace(cursor, parameters=inside))
        shortest = len(self._link((), replace(cursor, parameters=inside, place=[])))
        if max(len(url), shortest + _ROOM_FOR_PLACE) > LONGEST_LINK:
            raise outcomes.next_link_too_long()
        return url

    def open_cursor(self, used: Parameters, text: str) -> Cursor:
        """Open the cursor of a `next` link; raises the 400 outcome if it was not given for this search."""
        legible, inside = ((), used) if self.sealed else (used, ())
        cursor = unseal(text, self.seal_key(), _binding(self.path, legible, self.caller))
        if _unordered(cursor.parameters) != _unordered(inside):
            raise foreign_cursor()
        return cursor

    def _link(self, legible: Parameters, cursor: Cursor) -> str:
        sealed = seal(cursor, self.seal_key(), _binding(self.path, legible, self.caller))
        return self.url([*legible, (CURSOR, sealed)])


def sealed_parameters(parameters: Parameters, seal_key: SealKey, caller: Caller, path: str) -> Parameters:
    """Return the search that a link holds within its cursor: none if it shows its parameters, or is none of ours.

    Such a link has no other parameter. Whether its cursor is one of ours is for `open_cursor` to refuse.
    """
    given = [(name, text) for name, text in parameters if text]
    if [name for name, _ in given] == [CURSOR]:
        with suppress(OutcomeError):
            return unseal(given[0][1], seal_key(), _binding(path, (), caller)).parameters
    return ()


def _binding(path: str, legible: Parameters, caller: Caller) -> str:
    # A total counts what one access may see: the link is of no use to another.
    return json.dumps([path, _unordered(legible), caller.client_id, caller.scope, caller.patient])


def _unordered(parameters: Parameters) -> list[tuple[str, str]]:
    """Return parameters in one order, whichever they came in, but for values of which the last or the first counts."""
    return sorted(parameters, key=lambda one: (one[0], "" if one[0] in SEARCH_PARAMETERS else one[1]))


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
    # Sealed here, so it is read without further checks. Links of an earlier release have the first three parts alone.
    place, total, parameters, *scanned = json.loads(zlib.decompress(content))
    return Cursor(place, total, tuple((name, value) for name, value in parameters), *scanned)


def foreign_cursor() -> outcomes.OutcomeError:
    """400 for a cursor that this server did not give for this search."""
    return outcomes.invalid_parameter(CURSOR, "the link is not one that this server gave for this search.")


def _cipher_key(key: bytes) -> bytes:
    # AES-256-SIV takes 64 bytes, the half of them for the tag; the stored key is 32 random ones.
    return hashlib.sha512(key).digest()
