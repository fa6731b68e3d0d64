"""The limit of failed authentications per client id and address (ADR 8).

Failures are counted in windows of five minutes. The previous window is weighted by its overlap with the last five
minutes, so that the limit also holds across a window boundary.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 300
"""Seconds."""

_KEPT_AFTER: Final = 2 * WINDOW


@dataclass(frozen=True, slots=True)
class Counters:
    """The token table's keys of the current and the previous window, and the expiry of the current one."""

    current: str
    previous: str
    expires_at: int


def counters(client_id: str, source_ip: str, now: float) -> Counters:
    """Return the counters of any client id and address; the keys are hashes and disclose neither."""
    window = int(now // WINDOW)
    return Counters(
        current=_key(client_id, source_ip, window),
        previous=_key(client_id, source_ip, window - 1),
        expires_at=(window + 1) * WINDOW + _KEPT_AFTER,
    )


def retry_after(current: int, previous: int, *, limit: int, now: float) -> int:
    """Return the seconds until the next attempt is allowed: 0 while there are fewer failures than `limit`."""
    elapsed = now % WINDOW
    if current + previous * (1 - elapsed / WINDOW) < limit:
        return 0
    if current >= limit:
        return math.ceil(WINDOW - elapsed)
    return max(1, math.ceil(WINDOW * (1 - (limit - current) / previous) - elapsed))


def _key(client_id: str, source_ip: str, window: int) -> str:
    text = f"{window}\0{source_ip}\0{client_id}"
    return "failures#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
