"""The retentions in force: each heartbeat tells them, and its archived event is the record of them (ADR 34).

A heartbeat tells the table's retention by its own stamp, as those of all releases do, and the archive's in its query.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol, Self

from audit_archiver.days import DAY, end_of, start_of
from audit_archiver.judge_record import kept_days
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect.audit.event import day_of

HEARTBEAT: Final = "archive-heartbeat"
"""The interaction of a heartbeat's event."""

_OF_THE_ARCHIVE: Final = re.compile(r"AuditRetentionDays=[0-9]{1,5}&ArchiveRetentionDays=([0-9]{1,5})")
_TOLD_WITHIN: Final = 900_000
"""Milliseconds at the beginning of a day: three heartbeats."""


class Retentions(NamedTuple):
    """`AuditRetentionDays`, 0 for ever, and `ArchiveRetentionDays`."""

    audit: int
    archive: int

    @property
    def query(self) -> str:
        """The retentions as the query of a heartbeat's event."""
        return f"AuditRetentionDays={self.audit}&ArchiveRetentionDays={self.archive}"

    @classmethod
    def of(cls, heartbeat: Mapping[str, Any], at: int) -> Self:
        """Return what the item of a heartbeat tells, put at `at` (epoch milliseconds); of an archive untold, 0."""
        found = _OF_THE_ARCHIVE.fullmatch(heartbeat.get("query", {}).get("S", ""))
        return cls(kept_days(heartbeat, at), int(found[1]) if found else 0)


class ArchiveReader(Protocol):
    """The archive, read access."""

    def batches(self, since: int, before: int, reach: int = DAY) -> Iterator[tuple[str, list[StreamRecord] | None]]:
        """Return the records of all objects that may hold some in a time range, None for an unreadable object."""


class RetentionsInForce:
    """How long the events of a day have to be kept; `own` is the deployment's `AuditRetentionDays`."""

    def __init__(self, archive: ArchiveReader, own: int) -> None:
        self._archive = archive
        self._own = own
        self._told: dict[str, tuple[Retentions, ...]] = {}
        self._days: dict[str, int] = {}

    def days(self, day: str) -> int:
        """Return the least days for which an event of a UTC day has to be kept, 0 for ever.

        While a deployment changes the retention, instances with either value write, over midnight too: the shortest of
        three days counts.
        """
        if day not in self._days:
            around = (day_of(start_of(day) - 1), day, day_of(end_of(day)))
            self._days[day] = min(map(self._of_day, around), key=_length)
        return self._days[day]

    def archive_days(self, day: str) -> int:
        """Return the least `ArchiveRetentionDays` told on the day before or after a UTC day, 0 if none told one."""
        before, after = day_of(start_of(day) - 1), day_of(end_of(day))
        told = (*self._told_on(before), *self._told_on(after))
        return min(filter(None, (each.archive for each in told)), default=0)

    def _of_day(self, day: str) -> int:
        """Return the retention at the beginning of a day; the deployment's own if no heartbeat told one."""
        # The longest: a forged heartbeat cannot shorten the retention of a day that has its own.
        return max((told.audit for told in self._told_on(day)), key=_length, default=self._own)

    def _told_on(self, day: str) -> tuple[Retentions, ...]:
        """Return what the first heartbeats of a day told."""
        if day not in self._told:
            start = start_of(day)
            batches = self._archive.batches(start, start + _TOLD_WITHIN, reach=_TOLD_WITHIN)
            self._told[day] = tuple(told for _, records in batches for told in _all_told(records, start))
        return self._told[day]


def _all_told(records: list[StreamRecord] | None, start: int) -> Iterator[Retentions]:
    """Yield what the heartbeats told that reached the stream at the beginning of a day."""
    for record in records or ():
        if record.kind is Kind.INSERT and record.is_in_place and start <= record.time < start + _TOLD_WITHIN:
            item = record.new or {}
            if item.get("interaction") == {"S": HEARTBEAT}:
                yield Retentions.of(item, record.claimed)


def _length(days: int) -> float:
    return days or float("inf")
