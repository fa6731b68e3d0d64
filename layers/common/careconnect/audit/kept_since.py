"""Find the first day of which the audit trail's table has lost nothing (`audit.md`, Events of former days).

The table forgets an event after a retention, which a deployment may change. What it forgets is in the archive.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

from careconnect.audit.event import day_of

_DAY: Final = 86_400_000


def kept_since(now: int, retention_days: int, told: Iterable[tuple[str, int]]) -> str:
    """Return the first UTC day of which the table has lost nothing yet, at `now` in epoch milliseconds.

    It is empty if the table keeps all. `retention_days` is the deployment's own retention, `told` are those that were
    in force on earlier days; 0 is for ever. An event has the retention of its time, and for ten minutes after a change
    also the former one, which may be on the next day.
    """
    ended = [_day_before(now, retention_days)] if retention_days else []
    ended += [min(_next(day), _day_before(now, days)) for day, days in told if days]
    return _next(max(ended)) if ended else ""


def first_told(now: int, retention_days: int) -> str:
    """Return the first day whose retentions `kept_since` has to know; empty for all days."""
    # What a former day told ended no later than the deployment's own retention.
    return _day_before(now, retention_days + 1) if retention_days else ""


def _day_before(now: int, days: int) -> str:
    return day_of(now - days * _DAY)


def _next(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat()
