"""Limit the cost of a request (`access.md`, Kill switch and budgets; ADR 18).

A request has one `RequestBudget` for its search, its chains, its includes and its pages: index entries, calls to
DynamoDB and seconds are counted before the work is done. A page then ends early, or the request is refused by the name
of the parameter that cost it, and no function runs into its time-out. What is expensive is charged to the client's
quota (`read_charges`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from careconnect.fhir import outcomes
from careconnect.storage.quota import UNITS_PER_EVENT
from careconnect.storage.read_charges import UNITS_PER_CALL, Charge, ReadCharges

MAX_ENTRIES: Final = 20_000
"""Index entries that one request may examine: at 1 MB to a query, about a dozen queries."""

MAX_CALLS: Final = 120
"""Calls to DynamoDB that one request may make: a full page, with one `_revinclude` for each of its matches."""

MAX_SECONDS: Final = 8.0
"""Far enough from the function's 20 seconds for calls in progress, with their time-outs and second tries."""

COMPARISONS_PER_ENTRY: Final = 8
"""Comparisons that the price of an entry covers; as many more cost as much as another entry."""


class RequestBudget:
    """Counts the cost of one request. `free` units are not charged to the client; `clock` gives seconds.

    The request ends at `ends_at` of the clock, after `MAX_SECONDS` by default.

    `examined` counts the index entries that were taken from streams. Whoever takes them adds to it, and calls
    `check` after each part of a stream.
    """

    def __init__(self, free: int, charge: Charge, clock: Callable[[], float], ends_at: float | None = None) -> None:
        self.examined = 0
        self._charges = ReadCharges(free, charge)
        self._clock = clock
        self._ends_at = clock() + MAX_SECONDS if ends_at is None else ends_at
        self._calls = 0
        self._other_units = 0
        self._next_look_at_clock = 0
        self._name = ""

    @contextmanager
    def charged_to(self, name: str) -> Iterator[None]:
        """Name the parameter or operation that causes the costs within this context."""
        before, self._name = self._name, name
        try:
            yield
        finally:
            self._name = before

    @property
    def spent(self) -> int:
        """Units that the request has cost so far."""
        return self.examined + self._other_units

    @property
    def entries_left(self) -> int:
        """Index entries that may still be examined."""
        return MAX_ENTRIES - self.examined

    @property
    def entries_paid(self) -> int:
        """Index entries that may be examined before the client's quota is charged."""
        return self._charges.paid - self.examined - self._other_units

    @property
    def calls_left(self) -> int:
        """Calls that may still be made."""
        return MAX_CALLS - self._calls

    def begin_pass(self) -> None:
        """Count entries and calls from zero for another reading; units that were spent stay spent."""
        self._other_units += self.examined
        self.examined = self._calls = 0

    def is_tight(self, entries: int) -> bool:
        """Return True if fewer than `entries` are left, or less than half of the time: a page had better end."""
        return self.entries_left < entries or self._seconds_left() < MAX_SECONDS / 2

    def examine(self, entries: int = 1) -> None:
        """Count index entries that are about to be examined.

        Raises the 400 outcome `too-costly`, and the 429 outcome if the client's quota is used up.
        """
        self.examined += entries
        self.check()

    def check(self) -> None:
        """Compare the costs so far with the limits; raises as `examine` does."""
        if self.examined > MAX_ENTRIES:
            raise outcomes.too_costly(self._name, f"more than {MAX_ENTRIES:,} index entries would be examined")
        spent = self.spent
        if spent >= self._next_look_at_clock:
            self._next_look_at_clock = spent + UNITS_PER_CALL
            if self._clock() > self._ends_at:
                raise outcomes.too_costly(self._name, f"it takes more than {MAX_SECONDS:g} seconds")
        self._charges.cover(spent)

    def call(self, calls: int = 1) -> None:
        """Count calls that are about to be made; raises as `examine` does."""
        self._calls += calls
        if self._calls > MAX_CALLS:
            raise outcomes.too_costly(self._name, f"more than {MAX_CALLS} lookups would be made")
        self._spend(calls * UNITS_PER_CALL)

    def record(self, events: int) -> None:
        """Count audit events that are about to be written; raises the 429 outcome as `examine` does.

        They never make a request too costly: one writes at most a hundred.
        """
        self._spend(events * UNITS_PER_EVENT)

    def look_up(self, queries: int) -> None:
        """Count queries of the audit trail, one for each identifier in the request; raises as `record` does."""
        self._spend(queries * UNITS_PER_CALL)

    def _spend(self, units: int) -> None:
        self._other_units += units
        self.check()

    def _seconds_left(self) -> float:
        return self._ends_at - self._clock()
