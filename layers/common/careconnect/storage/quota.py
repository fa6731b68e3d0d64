"""Limit the cost of a client's requests in each minute (`access.md`, Kill switch and budgets; ADR 18 and 38).

Readers and writers charge the same usage counter. A read is charged in steps beyond a free share, a write as a whole.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Final, Protocol

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError

WINDOW: Final = 60
"""Seconds of a quota's window; each minute begins a new one."""

UNITS_PER_MINUTE: Final = 100_000
"""Default quota of a client: four or five of the most expensive searches, or 25,000 of DynamoDB's write units."""

UNITS_PER_WRITE_UNIT: Final = 4
"""Price of one of DynamoDB's write units."""

UNITS_PER_EVENT: Final = 10
"""Price of an audit event, inserted as one of 25."""

UNCOUNTED_UNITS: Final = 800
"""Units of a client's writes that an instance lets come together before it charges them: several small writes."""

_MAX_KNOWN: Final = 1_000
_UNAVAILABLE: Final = 503


class UsageCounters(Protocol):
    """Counters of the units used by clients, one for each client and window."""

    def add(self, client_id: str, window: int, units: int) -> int:
        """Add units to a client's counter of a window and return its new value; raises the 503 outcome."""


class BundleShare:
    """The units that the entries of one Bundle have together: what is paid for each, and one free share for all."""

    def __init__(self, free: int) -> None:
        self._free = free
        self._paid = 0
        self._spent: list[Callable[[], int]] = []

    def begin(self, paid: int) -> None:
        """Begin another entry, for which so many units are paid. What one leaves of them no other has."""
        self._free, self._paid, self._spent = min(self._free, self.left), paid, []

    @property
    def paid(self) -> int:
        """The units that are paid for the entry."""
        return self._paid

    @property
    def left(self) -> int:
        """The units that the entry may still spend before it is charged."""
        return max(0, self._paid + self._free - sum(spent() for spent in self._spent))

    def counts(self, spent: Callable[[], int]) -> None:
        """Have the entry spend what `spent` returns, by the time that somebody asks."""
        self._spent.append(spent)


class Quota:
    """Charges clients for expensive requests, and refuses a client without any quota left in the minute.

    A function instance remembers whom it has refused until the minute is over, so that refusing them again costs
    DynamoDB nothing, and the units of small writes that are not charged yet. Nothing else about a client stays in
    memory. Times are in epoch seconds.
    """

    def __init__(self, counters: UsageCounters, units_per_minute: int) -> None:
        self.units_per_minute = units_per_minute
        self._counters = counters
        self.used_up: dict[str, int] = {}
        """The last window in which each refused client has used up its quota."""
        self._uncounted: dict[str, int] = {}
        self._pool = ThreadPoolExecutor(max_workers=4)

    def consume(self, client_id: str, units: int, now: float) -> None:
        """Charge a client; raises the 429 outcome if its quota is used up."""
        if not self._is_used_up(client_id, now):
            window = int(now // WINDOW)
            if self._counters.add(client_id, window, units) <= self.units_per_minute:
                return
            _remember(self.used_up, client_id, window)
        raise outcomes.too_many_requests(math.ceil(WINDOW - now % WINDOW))

    def require_any(self, client_id: str, now: float) -> None:
        """Raise the 429 outcome for a client whose quota is known to be used up, without a call."""
        if self._is_used_up(client_id, now):
            self.consume(client_id, 0, now)

    def charge(self, client_id: str, units: int, now: float) -> None:
        """Charge a client before a request's work; raises as `consume` does.

        Little is charged with the write that follows (`charged`), so that most requests make no call for it. Those that
        are refused before they write come together, up to twice `UNCOUNTED_UNITS`.
        """
        with self.charged(client_id, units, now, uncounted=2 * UNCOUNTED_UNITS):
            pass

    def consume_events(self, client_id: str, events: int, now: float) -> None:
        """Charge a client for the audit events of a request that is refused; raises as `consume` does."""
        self.consume(client_id, events * UNITS_PER_EVENT, now)

    @contextmanager
    def charged(self, client_id: str, units: int, now: float, uncounted: int | None = None) -> Iterator[None]:
        """Charge a client for a write concurrently with the block; raises as `consume` does, at its end.

        Small writes are charged together, once they cost more than `uncounted`, by default `UNCOUNTED_UNITS`. They go
        on while the counters cannot be written, and are charged later. An error of the block comes before one of the
        charge.
        """
        self.require_any(client_id, now)
        owed = self._uncounted.pop(client_id, 0) + units
        if owed <= (UNCOUNTED_UNITS if uncounted is None else uncounted):
            _remember(self._uncounted, client_id, owed)
            yield
            return
        charge = self._pool.submit(self.consume, client_id, owed, now)
        is_small = units <= UNCOUNTED_UNITS
        try:
            yield
        finally:
            # No call may outlive the request: Lambda freezes the instance then.
            wait([charge])
            failure = _failure_of(charge)
            if failure and failure.status == _UNAVAILABLE:
                # Also if the block has failed: the writes before it are owed all the same.
                _remember(self._uncounted, client_id, owed if is_small else owed - units)
        if failure and not (failure.status == _UNAVAILABLE and is_small):
            raise failure

    def _is_used_up(self, client_id: str, now: float) -> bool:
        return self.used_up.get(client_id) == now // WINDOW


def _failure_of(charge: Future[None]) -> OutcomeError | None:
    try:
        charge.result()
    except OutcomeError as error:
        return error
    return None


def _remember(known: dict[str, int], client_id: str, number: int) -> None:
    """Set a client's number; forget all others first if there are too many."""
    if len(known) >= _MAX_KNOWN and client_id not in known:
        known.clear()
    known[client_id] = number
