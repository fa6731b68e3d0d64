"""What one client may cost in a minute, so that none of them slows the others down (ADR 18).

Only dear requests are charged (`budget.py`): the account is written, and by the same call read, when a request has
cost more than most ever do. So a cheap request pays nothing for this, and a dear one is refused in the middle.
"""

import math
from typing import Final, Protocol

from careconnect.fhir import outcomes

WINDOW: Final = 60
"""Seconds for which an account holds; each minute begins a new one."""

UNITS_PER_MINUTE: Final = 100_000
"""What one client may cost if nothing else is set: four or five requests of the dearest kind."""

FREE_UNITS: Final = 3_000
"""What each request may cost without being charged: as much as all of a type with two thousand resources."""

FREE_UNITS_WHEN_SPENT: Final = 160
"""The same for a client that has nothing left: two calls, fifty entries and an event, so that reads and pages of one
record go on and a search through a whole type is refused before its first call."""

_MOST_KNOWN: Final = 1_000


class UsageCounters(Protocol):
    """The clients' accounts."""

    def charge(self, client_id: str, window: int, units: int) -> int:
        """Add units to a client's account of a window and return how much it holds; raises the 503 outcome."""


class Quota:
    """Charges clients for dear requests and refuses those that have spent what a minute allows.

    A function instance remembers whom it has refused until the minute is over, so that refusing them again costs
    DynamoDB nothing. Nothing else of a caller is kept. Times are in epoch seconds.
    """

    def __init__(self, counters: UsageCounters, units_per_minute: int) -> None:
        self._counters = counters
        self._most = units_per_minute
        self._spent: dict[str, int] = {}

    def free_units(self, client_id: str, now: float) -> int:
        """Return what a request of a client may cost before it has to `draw`."""
        return FREE_UNITS_WHEN_SPENT if self._is_spent(client_id, now) else FREE_UNITS

    def consume(self, client_id: str, units: int, now: float) -> None:
        """Charge a client; raises the 429 outcome if that is more than it has left."""
        if not self._is_spent(client_id, now):
            window = int(now // WINDOW)
            if self._counters.charge(client_id, window, units) <= self._most:
                return
            if len(self._spent) >= _MOST_KNOWN:
                self._spent.clear()
            self._spent[client_id] = window
        raise outcomes.too_many_requests(math.ceil(WINDOW - now % WINDOW))

    def _is_spent(self, client_id: str, now: float) -> bool:
        return self._spent.get(client_id) == now // WINDOW
