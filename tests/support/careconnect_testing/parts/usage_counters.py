"""Clients' usage counters in memory."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from careconnect.storage.quota import Quota


@dataclass
class UsageCounters:
    """The units charged, by client and window; `charges` are the units of each call, in order."""

    held: Counter[tuple[str, int]] = field(default_factory=Counter)
    charges: list[int] = field(default_factory=list)

    def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
        """Add units to a usage counter that is below a limit, and return its value."""
        if self.held[client_id, window] >= limit:
            return None
        self.held[client_id, window] += units
        if units:
            self.charges.append(units)
        return self.held[client_id, window]

    def used(self, client_id: str, windows: Iterable[int], limit: int) -> list[int]:
        """Return what is used of some windows' limits."""
        return [min(limit, self.held[client_id, window]) for window in windows]


def no_limit() -> Quota:
    """Return a quota that is never exhausted."""
    return Quota(UsageCounters(), 10**12)
