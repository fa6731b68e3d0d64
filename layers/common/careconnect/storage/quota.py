"""Limit the cost of a client's requests in each minute (`access.md`, Kill switch and budgets; ADR 18, 38 and 46).

Readers and writers charge the same usage counters. A read is charged in steps beyond a free share, a write as a whole.

A charge is accepted as long as the minute's counter is below the quota. What it costs beyond the rest of the minute is
owed: added to the counters of the next minutes, as far as each has room. A minute that is full refuses all charges, and
a refused one adds nothing.
"""

import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import OutcomeError

WINDOW: Final = 60
"""Seconds of a quota's window; each minute begins a new one."""

UNITS_PER_MINUTE: Final = 100_000
"""Default quota of a client: four or five of the most expensive searches, or 25,000 of DynamoDB's write units."""

MINUTES_OWED: Final = 10
"""Minutes to come, of which a client may owe the quota: one request costs no more than they have."""

UNITS_PER_WRITE_UNIT: Final = 4
"""Price of one of DynamoDB's write units."""

UNITS_PER_EVENT: Final = 10
"""Price of an audit event, inserted as one of 25."""

UNCOUNTED_UNITS: Final = 800
"""Units of a client's writes that an instance lets come together before it charges them: several small writes."""

_MAX_KNOWN: Final = 1_000
_NO_LIMIT: Final = 2**53
_Known = TypeVar("_Known")
_UNAVAILABLE: Final = 503


class UsageCounters(Protocol):
    """Counters of the units used by clients, one for each client and window."""

    def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
        """Add units to a client's counter of a window that is below `limit`, and return its new value.

        Returns None, and adds nothing, if it is not. Raises the 503 outcome.
        """


@dataclass(slots=True)
class Bill:
    """What one request is known to cost, and the units in the counters for it.

    A request that was charged once is charged further whatever it owes itself, so that it need not be begun anew.
    """

    cost: int = 0
    counted: int = 0


class BundleShare:
    """The units that the entries of one Bundle have together: what is paid for each, and one free share for all.

    They have one bill.
    """

    def __init__(self, free: int, bill: Bill | None = None) -> None:
        self.bill = bill or Bill()
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


class _Debt(NamedTuple):
    """The first window with room for charges of a client, and the units that are charged to it already."""

    window: int
    units: int


class Quota:
    """Charges clients for expensive requests, and refuses a client without any quota left in the minute.

    A function instance remembers who owes until when, so that refusing them costs DynamoDB nothing, and the units of
    small writes that are not charged yet. Nothing else about a client stays in memory. Times are in epoch seconds.
    """

    def __init__(self, counters: UsageCounters, units_per_minute: int) -> None:
        self.units_per_minute = units_per_minute
        self.units_at_most = MINUTES_OWED * units_per_minute
        """The most that one request may cost."""
        self._counters = counters
        self._debts: dict[str, _Debt] = {}
        self._uncounted: dict[str, int] = {}
        self._pool = ThreadPoolExecutor(max_workers=4)

    def owes(self, client_id: str, now: float) -> bool:
        """Return True for a client of which it is known that it has no quota left in the minute."""
        return client_id in self._debts and self._debts[client_id].window > now // WINDOW

    def consume(self, client_id: str, units: int, now: float, bill: Bill | None = None) -> None:
        """Charge a client; raises the 429 outcome if it has no quota left in the minute, whatever the request costs."""
        bill = bill or Bill()
        self.require_any(client_id, now, bill)
        limit = self.units_per_minute + bill.counted
        if bill.counted + units > self.units_at_most or not self._add(client_id, int(now // WINDOW), units, limit):
            # Others may have charged it more since it was known to owe.
            self._debts.pop(client_id, None)
            raise self._refusal(client_id, now, bill)
        bill.counted += units

    def require_any(self, client_id: str, now: float, bill: Bill) -> None:
        """Raise the 429 outcome for a client that is known to owe, unless for the same request, without a call."""
        if not bill.counted and self.owes(client_id, now):
            raise self._refusal(client_id, now, bill)

    def charge(self, client_id: str, units: int, now: float, bill: Bill) -> None:
        """Charge a client before a request's work; raises as `consume` does.

        Little is charged with the write that follows (`charged`), so that most requests make no call for it. Those that
        are refused before they write come together, up to twice `UNCOUNTED_UNITS`.
        """
        with self.charged(client_id, units, now, bill, uncounted=2 * UNCOUNTED_UNITS):
            pass

    def consume_events(self, client_id: str, events: int, now: float) -> None:
        """Charge a client for the audit events of a request that is refused; raises as `consume` does."""
        self.consume(client_id, events * UNITS_PER_EVENT, now)

    def owe(self, client_id: str, units: int, now: float) -> None:
        """Charge a client for work that was done, whatever it has left: the rest is owed.

        Few units come together, as those of small writes do. If the counters cannot be written, they are charged with
        the client's next write.
        """
        units += self._uncounted.pop(client_id, 0)
        if units <= UNCOUNTED_UNITS:
            _remember(self._uncounted, client_id, units)
            return
        try:
            self._add(client_id, int(now // WINDOW), units, _NO_LIMIT)
        except OutcomeError:
            _remember(self._uncounted, client_id, units)

    @contextmanager
    def charged(
        self, client_id: str, units: int, now: float, bill: Bill, uncounted: int | None = None
    ) -> Iterator[None]:
        """Charge a client for a write concurrently with the block; raises as `consume` does, at its end.

        Small writes are charged together, once they cost more than `uncounted`, by default `UNCOUNTED_UNITS`. They go
        on while the counters cannot be written, and are charged later. An error of the block comes before one of the
        charge.
        """
        self.require_any(client_id, now, bill)
        before = self._uncounted.pop(client_id, 0)
        if before + units <= (UNCOUNTED_UNITS if uncounted is None else uncounted):
            _remember(self._uncounted, client_id, before + units)
            yield
            return
        charge = self._pool.submit(self.consume, client_id, before + units, now, bill)
        try:
            yield
        finally:
            # No call may outlive the request: Lambda freezes the instance then.
            wait([charge])
            failure = _failure_of(charge)
            goes_on = failure is not None and failure.status == _UNAVAILABLE and units <= UNCOUNTED_UNITS
            if failure:
                # Also if the block has failed: the writes before it have to be charged all the same.
                _remember(self._uncounted, client_id, before + units if goes_on else before)
        if failure and not goes_on:
            raise failure

    def _add(self, client_id: str, window: int, units: int, limit: int) -> bool:
        """Add units to a window's counter, and those that it has no room for to the next ones, which are owed.

        Returns False if the window's counter has reached `limit`.
        """
        counted = self._counters.add(client_id, window, units, limit)
        if counted is None:
            return False
        beyond = min(units, counted - self.units_per_minute)
        last = window + MINUTES_OWED
        while beyond > 0 and window < last:
            window += 1
            counted = self._counters.add(client_id, window, beyond, self.units_per_minute)
            if counted is not None:
                beyond = counted - self.units_per_minute
                room = _Debt(window, counted) if beyond < 0 else _Debt(window + 1, 0)
                _remember(self._debts, client_id, room)
        return True

    def _refusal(self, client_id: str, now: float, bill: Bill) -> OutcomeError:
        """Return the 429 outcome of a client that owes; asks the counters for what is not known of it."""
        this = int(now // WINDOW)
        if not self.owes(client_id, now):
            debt = _Debt(this + 1, 0)
            with suppress(OutcomeError):
                debt = self._debt_of(client_id, this)
            _remember(self._debts, client_id, debt)
        debt = self._debts[client_id]
        owed = (debt.window - 1 - this) * self.units_per_minute + debt.units
        seconds = math.ceil(debt.window * WINDOW - now)
        return outcomes.too_many_requests(seconds, quota=self.units_per_minute, owed=owed, cost=bill.cost)

    def _debt_of(self, client_id: str, this: int) -> _Debt:
        """Return the first window with room after this one: only there can nothing be added."""
        windows = range(this + 1, this + 1 + MINUTES_OWED)
        for window in windows:
            if (units := self._counters.add(client_id, window, 0, self.units_per_minute)) is not None:
                return _Debt(window, units)
        return _Debt(windows.stop, 0)


def _failure_of(charge: Future[None]) -> OutcomeError | None:
    try:
        charge.result()
    except OutcomeError as error:
        return error
    return None


def _remember(known: dict[str, _Known], client_id: str, value: _Known) -> None:
    """Set what is known of a client; forget all others first if there are too many."""
    if len(known) >= _MAX_KNOWN and client_id not in known:
        known.clear()
    known[client_id] = value
