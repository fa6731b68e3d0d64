"""Clients' usage counters in memory."""

from collections import Counter
from dataclasses import dataclass, field

from careconnect.storage.quota import Quota


@dataclass
class UsageCounters:
    """The units charged, by client and window; `charges` are the units of each call, in order."""

    held: Counter[tuple[str, int]] = field(default_factory=Counter)
    charges: list[int] = field(default_factory=list)

    def add(self, client_id: str, window: int, units: int) -> int:
        """Add units to a usage counter and return its value."""
        self.held[client_id, window] += units
        self.charges.append(units)
        return self.held[client_id, window]


def no_limit() -> Quota:
    """Return a quota that is never exhausted."""
    return Quota(UsageCounters(), 10**12)
