"""Charge reads to their client's quota: beyond a free share, in steps, and before they go on (ADR 18).

A cheap read costs no call, and several expensive ones at once stop when the quota is used up.
"""

from collections.abc import Callable
from typing import Final

from careconnect.storage.quota import UNITS_PER_EVENT, Quota

UNITS_PER_CALL: Final = 50
"""Price of a call where an item examined costs one unit: the ratio of their times in a function."""

UNITS_PER_CHARGE: Final = 2_000
"""Units charged to the client's quota at once: one small write for a tenth of a second of work."""

FREE_UNITS: Final = 3_000
"""Units of each read that are not charged: as much as all of a type with two thousand resources."""

FREE_UNITS_WHEN_SPENT: Final = 160
"""Free units of a read by a client without any quota left: two calls, fifty items and an event.

Reads and pages of one patient's record go on, and a search through a whole type is refused before its first call.
"""

Charge = Callable[[int], None]
"""Charges units to the client's quota; raises the 429 outcome if the quota is used up."""


def free_units(quota: Quota, client_id: str, now: float) -> int:
    """Return the units that a read of a client may cost before it is charged; `now` is in epoch seconds."""
    return FREE_UNITS_WHEN_SPENT if quota.owes(client_id, now) else FREE_UNITS


class ReadCharges:
    """Charges a read for what it spends beyond its `free` units; `paid` are those that it may spend before the next."""

    __slots__ = ("_charge", "_spent", "paid")

    def __init__(self, free: int, charge: Charge) -> None:
        self.paid = free
        self._charge = charge
        self._spent = 0

    def cover(self, spent: int) -> None:
        """Charge until what is paid covers all that the read has spent; raises the 429 outcome."""
        while spent > self.paid:
            self._charge(UNITS_PER_CHARGE)
            self.paid += UNITS_PER_CHARGE

    def call(self, calls: int) -> None:
        """Spend what calls cost that are about to be made; raises as `cover` does."""
        self._spend(calls * UNITS_PER_CALL)

    def examine(self) -> None:
        """Spend what an item costs that is about to be examined; raises as `cover` does."""
        self._spend(1)

    def record(self, events: int) -> None:
        """Spend what audit events cost that are about to be written; raises as `cover` does."""
        self._spend(events * UNITS_PER_EVENT)

    def _spend(self, units: int) -> None:
        self._spent += units
        self.cover(self._spent)
