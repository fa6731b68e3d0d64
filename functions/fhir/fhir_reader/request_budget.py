"""What one request may cost, in one account for everything that it asks for (`access.md`, Kill switch and budgets).

Chains, includes and `$everything` spend from the same account, so that asking sixty times in one request is one
request. What is counted is known before the work is done: index entries, calls to DynamoDB and time; a page then
ends early, or the request is refused by the name of what cost it, and no function runs into its time-out (ADR 18).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from careconnect.fhir import outcomes

MOST_ENTRIES: Final = 20_000
"""Index entries that one request may examine: at 1 MB to a query, about a dozen queries."""

MOST_CALLS: Final = 120
"""Calls to DynamoDB that one request may make: a full page, with one `_revinclude` for each of its matches."""

MOST_SECONDS: Final = 8.0
"""Far enough from the function's 20 seconds for calls that are under way, with their time-outs and second tries."""

COMPARISONS_PER_ENTRY: Final = 8
"""Comparisons that an entry's own price covers; as many more cost as much as another entry."""

UNITS_PER_CALL: Final = 50
"""A call in the units of a client's account, in which an entry is one: what the two cost in a function's time."""

UNITS_PER_EVENT: Final = 10
"""An event of the audit trail in the same units: what it costs to insert it, as one of 25."""

UNITS_PER_CHARGE: Final = 2_000
"""What is drawn from the account at once: a small write for what takes a tenth of a second."""

Draw = Callable[[int], None]
"""Takes units from the client's account; raises the 429 outcome when nothing is left in it."""


class RequestBudget:
    """The account of one request, of which `free` units are spent before its client's is asked; `clock` gives seconds.

    What is dear is drawn from the client's own account before it is spent, a part at a time: nothing for a cheap
    request, and of several that run at once none goes on when the account is empty.
    """

    def __init__(self, free: int, consume: Draw, clock: Callable[[], float]) -> None:
        self._consume = consume
        self._clock = clock
        self._ends_at = clock() + MOST_SECONDS
        self._entries = 0
        self._calls = 0
        self._spent = 0
        self._paid = free
        self._next_look = 0
        self._name = ""

    @contextmanager
    def charged_to(self, name: str) -> Iterator[None]:
        """Let what is spent within be asked for by the parameter or operation of this name."""
        before, self._name = self._name, name
        try:
            yield
        finally:
            self._name = before

    @property
    def entries_left(self) -> int:
        """How many more entries may be examined."""
        return MOST_ENTRIES - self._entries

    @property
    def entries_paid(self) -> int:
        """How many entries may be examined before the client's account is asked."""
        return self._paid - self._spent

    @property
    def calls_left(self) -> int:
        """How many more calls may be made."""
        return MOST_CALLS - self._calls

    def is_tight(self, entries: int) -> bool:
        """Say whether a page had better end: fewer than so many entries are left, or less than half of the time."""
        return self.entries_left < entries or self._seconds_left() < MOST_SECONDS / 2

    def examine(self, entries: int = 1) -> None:
        """Account for entries; raises the 400 outcome `too-costly`, or 429 if the client has spent its allowance."""
        self._entries += entries
        if self._entries > MOST_ENTRIES:
            raise outcomes.too_costly(self._name, f"more than {MOST_ENTRIES:,} index entries would be examined")
        self._spend(entries)

    def call(self, calls: int = 1) -> None:
        """Account for calls that are about to be made; raises as `examine` does."""
        self._calls += calls
        if self._calls > MOST_CALLS:
            raise outcomes.too_costly(self._name, f"more than {MOST_CALLS} lookups would be made")
        self._spend(calls * UNITS_PER_CALL)

    def record(self, events: int) -> None:
        """Account for events of the audit trail that are about to be written; raises the 429 outcome as `examine`.

        They are no reason to refuse a request as too costly: one tells of a hundred patients at most.
        """
        self._spend(events * UNITS_PER_EVENT)

    def look_up(self, queries: int) -> None:
        """Account for queries of the audit trail beside the work, as many as identifiers are named; raises likewise."""
        self._spend(queries * UNITS_PER_CALL)

    def _spend(self, units: int) -> None:
        self._spent += units
        if self._spent >= self._next_look:
            self._next_look = self._spent + UNITS_PER_CALL
            if self._seconds_left() < 0:
                raise outcomes.too_costly(self._name, f"it takes more than {MOST_SECONDS:g} seconds")
        while self._spent > self._paid:
            self._consume(UNITS_PER_CHARGE)
            self._paid += UNITS_PER_CHARGE

    def _seconds_left(self) -> float:
        return self._ends_at - self._clock()
