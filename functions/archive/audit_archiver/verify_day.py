"""Verify that a day of the audit trail is as it was archived (`audit.md`, Verification; ADR 34).

A day's verdict is on the events that the day claims to be its own, and on whatever reached the stream on that day,
whichever day it is of: a change of an old event is named on the day when it was made, and on the event's own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from audit_archiver.days import DAY, LATE, end_of, is_ended, is_in_place, start_of
from audit_archiver.stream_record import Kind, StreamRecord, digest_of
from careconnect.audit.event import day_of, time_of

ARCHIVED_BY_NOW: Final = 600_000
"""Milliseconds after which an event that is not archived counts as added."""

_LOOKED_ON: Final = 2 * DAY
"""For how long after a day its events are looked for that were not archived on it."""

_SEQUENCE_BYTES: Final = 20


class Fault(StrEnum):
    """What is wrong with an event, or with an object of the archive."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    ADDED_LATER = "added later"
    ARCHIVE = "not what was archived"


class Finding(NamedTuple):
    """A fault, and the id of the event that has it; of a fault of the archive the object's key."""

    id: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a day's verification found.

    `archived` are the day's events in the archive, of which `ended` are gone because their retention is over;
    `not_archived` are too young to have to be there. `archived_until` is when the last of the day's records reached
    the stream, in epoch milliseconds, 0 if there is none.
    """

    day: str
    archived: int
    ended: int
    not_archived: int
    archived_until: int
    findings: tuple[Finding, ...]

    @property
    def stands(self) -> bool:
        """Whether all that is archived is as it was archived, and nothing was added."""
        return not self.findings


class Trail(Protocol):
    """The audit trail, read."""

    def items(self, day: str) -> Iterator[Mapping[str, Any]]:
        """Return the items of a day."""


class Archive(Protocol):
    """The archive, read."""

    def batches(self, since: int, before: int) -> Iterator[tuple[str, list[StreamRecord] | None]]:
        """Return the records of all objects that may hold some of a time, None for what cannot be read."""


def verify_day(trail: Trail, archive: Archive, day: str, now: int, retention_days: int) -> Verdict:
    """Verify a day (`2026-11-26`) as of `now`, in epoch milliseconds.

    The archive is read before the table: what is archived meanwhile is in both. It takes some 250 bytes of memory for
    each of the day's events.
    """
    verification = _Verification(archive, day, now, retention_days)
    verification.read_archive()
    verification.compare(trail.items(day))
    verification.judge_missing()
    verification.judge_unarchived()
    return verification.verdict()


@dataclass(slots=True)
class _Verification:
    archive: Archive
    day: str
    now: int
    retention_days: int
    first: dict[str, bytes] = field(default_factory=dict)
    """By sort key the sequence and the digest of an event's first image, until the table has shown the event."""
    newest: dict[str, int] = field(default_factory=dict)
    """By partition the latest time that an archived event claims."""
    unarchived: dict[str, str] = field(default_factory=dict)
    """By sort key the partition of an event that the table has and the archive has not."""
    archived: int = 0
    ended: int = 0
    not_archived: int = 0
    until: int = 0
    findings: dict[Finding, None] = field(default_factory=dict)

    def find(self, id_: str, fault: Fault) -> None:
        """Note a finding, once."""
        self.findings[Finding(id_, fault)] = None

    def read_archive(self) -> None:
        """Take up the first images of the day's events, and judge what reached the stream on the day."""
        since, before = start_of(self.day) - LATE, end_of(self.day) + LATE
        for key, records in self.archive.batches(since, before):
            if records is None:
                self.find(key, Fault.ARCHIVE)
            for record in records or ():
                if since <= record.time < before:
                    self._take(record)
        self.archived = len(self.first)

    def _take(self, record: StreamRecord) -> None:
        is_own = record.is_in_place and day_of(record.claimed) == self.day
        has_arrived_now = day_of(record.time) == self.day
        if is_own or has_arrived_now:
            self._judge(record)
        if has_arrived_now:
            self.until = max(self.until, record.time)
        if not is_own:
            return
        # An id can claim a time to come, which shows nothing of what came before.
        self.newest[record.partition] = max(self.newest.get(record.partition, 0), min(record.claimed, record.time))
        image = record.new if record.kind is Kind.INSERT else record.old
        first = record.sequence.to_bytes(_SEQUENCE_BYTES) + digest_of(image or {})
        self.first[record.sort_key] = min(first, self.first.get(record.sort_key, first))

    def _judge(self, record: StreamRecord) -> None:
        """Find what one record shows by itself."""
        if record.kind is Kind.INSERT:
            fault = _added(record)
            if fault is not None:
                self.find(record.sort_key, fault)
        elif record.breaks_trail(self.retention_days):
            self.find(record.sort_key, Fault.CHANGED if record.kind is Kind.MODIFY else Fault.REMOVED)

    def compare(self, items: Iterator[Mapping[str, Any]]) -> None:
        """Compare the table's items with the first images; what is left of these is not in the table."""
        for item in items:
            partition, sort_key = item["pk"]["S"], item["sk"]["S"]
            first = self.first.pop(sort_key, None)
            if not is_in_place(partition, sort_key):
                self.find(sort_key, Fault.ADDED)
            elif first is None:
                self.unarchived[sort_key] = partition
            elif first[_SEQUENCE_BYTES:] != digest_of(item):
                self.find(sort_key, Fault.CHANGED)

    def judge_missing(self) -> None:
        """Judge the events that are archived and not in the table."""
        for sort_key in self.first:
            if is_ended(time_of(sort_key), self.retention_days, self.now):
                self.ended += 1
            else:
                self.find(sort_key, Fault.REMOVED)

    def judge_unarchived(self) -> None:
        """Judge the events that are in the table and were not archived when they claim to be of."""
        due = []
        for sort_key, partition in self.unarchived.items():
            claimed = time_of(sort_key)
            is_passed = self.newest.get(partition, 0) - claimed >= LATE
            if is_passed or self.now - claimed > ARCHIVED_BY_NOW:
                due.append(sort_key)
        self.not_archived = len(self.unarchived) - len(due)
        late = self._archived_later(frozenset(due)) if due else frozenset()
        for sort_key in due:
            self.find(sort_key, Fault.ADDED_LATER if sort_key in late else Fault.ADDED)

    def _archived_later(self, sort_keys: frozenset[str]) -> frozenset[str]:
        """Return which of some events reached the stream within two days after this one."""
        since = end_of(self.day)
        batches = self.archive.batches(since, min(since + _LOOKED_ON, self.now + LATE))
        found = (record.sort_key for _, records in batches for record in records or ())
        return frozenset(sort_key for sort_key in found if sort_key in sort_keys)

    def verdict(self) -> Verdict:
        """Return what is to be said of the day."""
        return Verdict(self.day, self.archived, self.ended, self.not_archived, self.until, tuple(sorted(self.findings)))


def _added(record: StreamRecord) -> Fault | None:
    """Return the fault of an item that was put with a key that is no event's, or at another time than it claims."""
    if not record.is_in_place or record.claimed - record.time > LATE:
        return Fault.ADDED
    return Fault.ADDED_LATER if record.time - record.claimed > LATE else None
