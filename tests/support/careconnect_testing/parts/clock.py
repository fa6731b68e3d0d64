"""The clock of tests."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass
class Clock:
    """A clock that stands still until it is moved; `now` is in seconds since 1970."""

    now: float = 1_800_000_000.0

    @classmethod
    def at(cls, instant: datetime) -> "Clock":
        """Return a clock that shows an instant with a time zone."""
        return cls(instant.timestamp())

    def __call__(self) -> float:
        """Return the time in seconds since 1970."""
        return self.now

    def utc(self) -> datetime:
        """Return the time as a date and time in UTC."""
        return datetime.fromtimestamp(self.now, UTC)
