"""The nonces of DPoP proofs (RFC 9449 §8; `bound-tokens.md`, Nonces): opaque, stored nowhere, good for five minutes.

A nonce is the time at which it was given and a MAC of it, so that any function judges what any other gave.
"""

import hmac
import math
from collections.abc import Callable
from typing import Final

from careconnect.oauth import base64url

LIFETIME: Final = 300
"""Seconds for which a nonce is good, for any number of proofs."""

_TIME_BYTES: Final = 6
_MAC_BYTES: Final = 16
_LENGTH: Final = 30
"""Characters of a nonce: 22 bytes in base64url, whose characters are all NQCHAR (RFC 6749, Appendix A)."""


class Nonces:
    """Gives nonces and judges them; `key` returns the key that all functions share. Most requests do not ask for it."""

    def __init__(self, key: Callable[[], bytes]) -> None:
        self._key = key

    def give(self, now: float) -> str:
        """Return a nonce that is good for `LIFETIME` seconds from now."""
        given = math.floor(now * 1000).to_bytes(_TIME_BYTES, "big")
        return base64url.encode(given + self._mac(given))

    def end_of(self, nonce: object, now: float) -> float | None:
        """Return the epoch second at which a nonce ends; None for one that has ended, or that is not ours."""
        if not isinstance(nonce, str) or len(nonce) != _LENGTH:
            return None
        try:
            decoded = base64url.decode(nonce)
        except ValueError:
            return None
        given, mac = decoded[:_TIME_BYTES], decoded[_TIME_BYTES:]
        if not hmac.compare_digest(mac, self._mac(given)):
            return None
        end = int.from_bytes(given, "big") / 1000 + LIFETIME
        return end if now < end else None

    def _mac(self, given: bytes) -> bytes:
        return hmac.digest(self._key(), given, "sha256")[:_MAC_BYTES]
