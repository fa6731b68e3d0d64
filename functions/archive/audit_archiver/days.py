"""The UTC days of the audit trail, and checks of an event's key and age."""

from datetime import UTC, date, datetime, timedelta
from typing import Final

from careconnect.audit.event import event_key, is_event_id

HOUR: Final = 3_600_000
DAY: Final = 24 * HOUR
"""Milliseconds."""

LATE: Final = 60_000
"""Milliseconds by which an event may reach the stream before or after the time that its id claims."""


def start_of(day: str) -> int:
    """Return the first millisecond of a day, since 1970; raises `ValueError` if there is no such day."""
    moment = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC)
    return int(moment.timestamp()) * 1000


def end_of(day: str) -> int:
    """Return the first millisecond after a day, since 1970."""
    return start_of(day) + DAY


def days_from(first: str, last: str) -> list[str]:
    """Return the days from `first` to `last`, both included."""
    begin, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(begin + timedelta(days=number)).isoformat() for number in range((end - begin).days + 1)]


def is_in_place(partition: str, sort_key: str) -> bool:
    """Return True if a sort key is an event's id and the partition is the one of this id."""
    return is_event_id(sort_key) and bool(event_key(sort_key)["pk"]["S"] == partition)
