"""The links between pages: absolute URLs that only their own caller can use.

A `next` link has a cursor: opaque, stateless, tamper-proof and bound to its query and its caller. It holds a position
in the result and the total, so that a later page costs only itself. If the link does not show the parameters of the
search, the cursor holds them too. A position contains values of a resource, so the cursor is encrypted and not only
signed. The cipher is AES-SIV (RFC 5297), which needs no nonce and so creates the same link for the same page (ADR 19).
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
    """The position at which the previous page ended, and the total if it is known.

    `parameters` are those of the search if its link does not show them, in the order of the request. `access_path` is
    the number of the previous page's access path, and `examined` the number of entries that it examined.
    """

    position: list[Any]
    total: int | None
    parameters: Pairs = ()
    access_path: int = 0
    examined: int = 0


Parameters = Sequence[tuple[str, str]]
SealKey = Callable[[], bytes]
"""Returns the key that seals cursors; it is not called for an answer without a link."""

LONGEST_LINK: Final = 8_192
"""Characters of a `next` link: the limit of proxies and API Gateway, less the size of the request's headers."""

_ROOM_FOR_PLACE: Final = 1_024
"""Characters reserved in a first page's link: a later position may be longer, and a begun scan must be able to end."""


@dataclass(frozen=True, slots=True)
class Links:
    """The links of one query: `path` is the requested path, below the base, and `caller` the client that sent it.

    `sealed` means that the parameters came in a form or within a link; no `next` link shows them then.
    """

    fhir_base: str
    path: str
    caller: Caller
    seal_key: SealKey
    sealed: bool

    def url(self, parameters: Parameters) -> str:
        """Return the absolute URL of this search with the given parameters."""
        query = urlencode(list(parameters), quote_via=quote, safe=":/,.-_~$")
        return f"{self.fhir_base}/{self.path}" + (f"?{query}" if query else "")

    def next_url(self, used: Parameters, cursor: Cursor) -> str:
        """Return the URL of the page that begins after a cursor position.

        A query that came in the URL stays legible in it if there is room. Raises the 400 outcome if the URL would
        be longer than `LONGEST_LINK`; the first page detects this for all that follow.
        """
        if not self.sealed and len(self.url(used)) <= LONGEST_LINK - _ROOM_FOR_PLACE:
            return self._link(used, cursor)
        inside = tuple(used)
        url = self._link((), replace(cursor, parameters=inside))
        shortest = len(self._link((), replace(cursor, parameters=inside, position=[])))
        if max(len(url), shortest + _ROOM_FOR_PLACE) > LONGEST_LINK:
            raise outcomes.next_link_too_long()
        return url

    def open_cursor(self, used: Parameters, text: str) -> Cursor:
        """Open the cursor of a `next` link; raises the 400 outcome if it was not issued for this search."""
        legible, inside = ((), used) if self.sealed else (used, ())
        cursor = unseal(text, self.seal_key(), _binding(self.path, legible, self.caller))
        if _unordered(cursor.parameters) != _unordered(inside):
            raise foreign_cursor()
        return cursor

    def _link(self, legible: Parameters, cursor: Cursor) -> str:
        sealed = seal(cursor, self.seal_key(), _binding(self.path, legible, self.caller))
        return self.url([*legible, (CURSOR, sealed)])


def sealed_parameters(parameters: Parameters, seal_key: SealKey, caller: Caller, path: str) -> Parameters:
    """Return the search parameters in a link's cursor; none if the link shows its parameters or is not ours.

    A link with parameters in its cursor has no other parameter. `open_cursor` rejects a cursor that is not ours.
    """
    given = [(name, text) for name, text in parameters if text]
    if [name for name, _ in given] == [CURSOR]:
        with suppress(OutcomeError):
            return unseal(given[0][1], seal_key(), _binding(path, (), caller)).parameters
    return ()


def _binding(path: str, legible: Parameters, caller: Caller) -> str:
    # A total counts only the resources that one caller may see, so no other caller can use the link.
    return json.dumps([path, _unordered(legible), caller.client_id, caller.scope, caller.patient])


def _unordered(parameters: Parameters) -> list[tuple[str, str]]:
    """Sort parameters by name and value; values of a result parameter keep their order, as the first or last counts."""
    return sorted(parameters, key=lambda one: (one[0], "" if one[0] in SEARCH_PARAMETERS else one[1]))


def seal(cursor: Cursor, key: bytes, bound_to: str) -> str:
    """Return the cursor as URL-safe text, sealed under `key` for the query that `bound_to` describes."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV  # not in a cold start: most answers have no link

    parts = [cursor.position, cursor.total, cursor.parameters, cursor.access_path, cursor.examined]
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
    # Sealed by us, so it is read without further checks. Links of an earlier release have only the first three parts.
    position, total, parameters, *scanned = json.loads(zlib.decompress(content))
    return Cursor(position, total, tuple((name, value) for name, value in parameters), *scanned)


def foreign_cursor() -> outcomes.OutcomeError:
    """Return the 400 outcome for a cursor that this server did not issue for this search."""
    return outcomes.invalid_parameter(
        CURSOR, "the link is not one that this server gave for this search: begin with its first page."
    )


def _cipher_key(key: bytes) -> bytes:
    # AES-256-SIV takes 64 bytes, half of them for the tag; the stored key is 32 random bytes.
    return hashlib.sha512(key).digest()
