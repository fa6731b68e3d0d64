"""Verify that a day of the audit trail is as it was archived (`archive.md`, Verification; ADR 34).

A day's verdict covers the events with ids of that day, and every record that reached the stream on that day. A change
of an old event is therefore reported for the day of the change, and for the day of the event.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from audit_archiver.days import DAY, LATE, end_of, is_in_place, start_of
from audit_archiver.judge_record import Fault, expires_early, fault_of, is_over, least_days
from audit_archiver.retentions import ArchiveReader, Retentions, RetentionsInForce
from audit_archiver.stream_record import STAMP, Kind, StreamRecord, digest_of
from careconnect.audit.event import day_of, time_of
from careconnect.audit.retention import LEAST_ARCHIVE, TEMPORARY

ARCHIVED_BY_NOW: Final = 600_000
"""Milliseconds after which an event that is not archived counts as added."""

_LOOKED_ON: Final = 2 * DAY
"""Milliseconds after a day in which its events may still be archived."""

_SEQUENCE_BYTES: Final = 20


class Finding(NamedTuple):
    """A fault with the id of its event, or with the key of the object for a fault of the archive."""

    id: str
    fault: Fault


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a day's verification.

    `archived` counts the day's events in the archive. `ended` counts those of them that are deleted because their
    retention has ended. `not_archived` are the ids of events that are too young to be archived. `archived_until` is the
    time when the last of the day's records reached the stream, in epoch milliseconds, 0 if there is none.
    `no_longer_archived` are the ids of the events of a day that the archive no longer holds.
    """

    day: str
    archived: int
    ended: int
    not_archived: frozenset[str]
    archived_until: int
    findings: tuple[Finding, ...]
    no_longer_archived: frozenset[str] = frozenset()

    @property
    def stands(self) -> bool:
        """Return True if every archived event is unchanged and no event was added."""
        return not self.findings


class Trail(Protocol):
    """The audit trail, read access."""

    def items(self, day: str) -> Iterator[Mapping[str, Any]]:
        """Return the items of a day."""


def verify_day(trail: Trail, archive: ArchiveReader, day: str, now: int, retentions: Retentions) -> Verdict:
    """Verify a day (`2026-11-26`) as of `now`, in epoch milliseconds; `retentions` are the deployment's own.

    The archive is read before the table: an event that is archived meanwhile is in the table too. Each of the day's
    events takes some 250 bytes of memory.
    """
    in_force = RetentionsInForce(archive, retentions.audit)
    verification = _Verification(archive, day, now, retentions, in_force)
    verification.read_archive()
    verification.compare(trail.items(day))
    verification.judge_missing()
    verification.judge_unarchived()
    return verification.verdict()


@dataclass(slots=True)
class _Verification:
    archive: ArchiveReader
    day: str
    now: int
    retentions: Retentions
    in_force: RetentionsInForce
    first: dict[str, bytes] = field(default_factory=dict)
    """The sequence and digest of each event's first image, by sort key; `compare` removes those in the table."""
    newest: dict[str, int] = field(default_factory=dict)
    """The latest time in the id of an archived event, by partition."""
    unarchived: dict[str, str] = field(default_factory=dict)
    """The partition of each event that is in the table but not in the archive, by sort key."""
    archived: int = 0
    ended: int = 0
    not_archived: frozenset[str] = frozenset()
    until: int = 0
    has_objects: bool = False
    """Whether any object of the archive begins on the day."""
    no_longer_archived: frozenset[str] = frozenset()
    findings: dict[Finding, None] = field(default_factory=dict)

    def find(self, id_: str, fault: Fault) -> None:
        """Add a finding, once."""
        self.findings[Finding(id_, fault)] = None

    def read_archive(self) -> None:
        """Read the first images of the day's events, and judge the records that reached the stream on the day."""
        since, before = start_of(self.day) - LATE, end_of(self.day) + LATE
        for key, records in self.archive.batches(since, before):
            self.has_objects |= key.startswith(self.day)
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
        # An id may have a future time, which does not show that earlier events were archived.
        self.newest[record.partition] = max(self.newest.get(record.partition, 0), min(record.claimed, record.time))
        image = record.first_image
        if image is not None:
            first = record.sequence.to_bytes(_SEQUENCE_BYTES) + digest_of(image)
            self.first[record.sort_key] = min(first, self.first.get(record.sort_key, first))

    def _judge(self, record: StreamRecord) -> None:
        """Add the faults that one record shows by itself, if any."""
        added = _added(record) if record.kind is Kind.INSERT else None
        if added is not None:
            self.find(record.sort_key, added)
        fault = self._fault_of(record)
        if fault is not None:
            self.find(record.sort_key, fault)

    def _fault_of(self, record: StreamRecord) -> Fault | None:
        """Return the fault of a record by the retention of its event's day, which counts only if there is a stamp."""
        if STAMP not in (record.new or record.old or {}) or not record.is_in_place:
            return fault_of(record, self._least)
        day = day_of(record.claimed)
        if record.kind is Kind.INSERT and not self.in_force.days(day):
            return Fault.EXPIRES_EARLY
        return fault_of(record, self._kept_for(day))

    @property
    def _least(self) -> int:
        return least_days(self.retentions.audit)

    def _kept_for(self, day: str) -> int:
        """Return the days after which an event of a day may be gone; only the command stamps those kept for ever."""
        return self.in_force.days(day) or self._least

    def compare(self, items: Iterator[Mapping[str, Any]]) -> None:
        """Compare the table's items with the first images; the images that are left are not in the table."""
        for item in items:
            partition, sort_key = item["pk"]["S"], item["sk"]["S"]
            first = self.first.pop(sort_key, None)
            if not is_in_place(partition, sort_key):
                self.find(sort_key, Fault.ADDED)
                continue
            if STAMP in item and expires_early(item, time_of(sort_key), self._kept_for(self.day)):
                self.find(sort_key, Fault.EXPIRES_EARLY)
            if first is None:
                self.unarchived[sort_key] = partition
            elif first[_SEQUENCE_BYTES:] != digest_of(item):
                self.find(sort_key, Fault.CHANGED)

    def judge_missing(self) -> None:
        """Judge the archived events that are not in the table."""
        if not self.first:
            return
        # Events that were to be kept for ever are stamped only by a deployment that has a retention now.
        may_end = bool(self.in_force.days(self.day) or self.retentions.audit)
        for sort_key in self.first:
            if may_end and is_over(time_of(sort_key), self._kept_for(self.day), self.now):
                self.ended += 1
            else:
                self.find(sort_key, Fault.REMOVED)

    def judge_unarchived(self) -> None:
        """Judge the events in the table that were not archived at the time in their ids."""
        if self._is_out_of_the_archive():
            self.no_longer_archived = frozenset(self.unarchived)
            return
        due = []
        for sort_key, partition in self.unarchived.items():
            claimed = time_of(sort_key)
            is_passed = self.newest.get(partition, 0) - claimed >= LATE
            if is_passed or self.now - claimed > ARCHIVED_BY_NOW:
                due.append(sort_key)
        self.not_archived = frozenset(self.unarchived) - frozenset(due)
        late = self._archived_later(frozenset(due)) if due else frozenset()
        for sort_key in due:
            self.find(sort_key, Fault.ADDED_LATER if sort_key in late else Fault.ADDED)

    def _is_out_of_the_archive(self) -> bool:
        """Return True if the locks of the day's objects have ended, and none is left."""
        least = TEMPORARY if self.retentions.archive == TEMPORARY else LEAST_ARCHIVE
        age = self.now - end_of(self.day)
        if self.has_objects or age < least * DAY:
            return False
        # What the days around it told is left as long as what they locked.
        return age >= (self.in_force.archive_days(self.day) or least) * DAY

    def _archived_later(self, sort_keys: frozenset[str]) -> frozenset[str]:
        """Return those of the events that reached the stream within two days after this day."""
        since = end_of(self.day)
        batches = self.archive.batches(since, min(since + _LOOKED_ON, self.now + LATE))
        found = (record.sort_key for _, records in batches for record in records or ())
        return frozenset(sort_key for sort_key in found if sort_key in sort_keys)

    def verdict(self) -> Verdict:
        """Return the day's verdict."""
        return Verdict(
            day=self.day,
            archived=self.archived,
            ended=self.ended,
            not_archived=self.not_archived,
            archived_until=self.until,
            findings=tuple(sorted(self.findings)),
            no_longer_archived=self.no_longer_archived,
        )


def _added(record: StreamRecord) -> Fault | None:
    """Return the fault of an item with a key that is no event's, or put at another time than its id has."""
    if not record.is_in_place or record.claimed - record.time > LATE:
        return Fault.ADDED
    return Fault.ADDED_LATER if record.time - record.claimed > LATE else None
