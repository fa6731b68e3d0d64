"""Put a heartbeat into the audit trail, and check that the previous one was archived (`archive.md`, The archive)."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from audit_archiver.days import LATE
from audit_archiver.judge_record import kept_days
from audit_archiver.retentions import HEARTBEAT, ArchiveReader, Retentions
from audit_archiver.stream_record import Image
from careconnect.audit.event import Action, AuditEvent, day_of, new_event_id, time_of
from careconnect.audit.told_retentions import retention_row

HEARTBEAT_SHARD: Final = "0"
"""The shard of all heartbeats, so that one query finds the last one."""

SERVICE: Final = "audit_verifier"

_LOOKED_BACK: Final = 900_000
"""Milliseconds: three heartbeats."""
_ARCHIVED_WITHIN: Final = 60_000
"""Milliseconds in which a heartbeat should be archived."""


class Trail(Protocol):
    """The audit trail, read access."""

    def last_heartbeat(self, since: int, before: int) -> Image | None:
        """Return the item of the last heartbeat in a time range (epoch milliseconds), or None."""


class Record(Protocol):
    """The audit trail, write access."""

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Store events."""

    def keep_row(self, row: Mapping[str, Any]) -> None:
        """Store a row that is no event, if it is not there."""


def put_heartbeat(record: Record, now: int, retentions: Retentions) -> str:
    """Put an event of the retentions in force at `now`, in epoch milliseconds, and return its id.

    It has no client or patient.
    """
    event_id = new_event_id(now / 1000, lambda: HEARTBEAT_SHARD + secrets.token_hex(16)[1:])
    event = AuditEvent(
        id=event_id, action=Action.EXECUTE, interaction=HEARTBEAT, query=retentions.query, service=SERVICE
    )
    record.keep([event])
    return event_id


def previous_heartbeat(trail: Trail, now: int) -> Image | None:
    """Return the item of the last heartbeat that is at least a minute old, or None."""
    return trail.last_heartbeat(now - _LOOKED_BACK, now - _ARCHIVED_WITHIN)


def keep_told(record: Record, heartbeat: Image) -> None:
    """Store the retention that a heartbeat tells in a row, for readers of the trail without access to the archive.

    The heartbeat may be the last one before an update, with the former retention.
    """
    at = time_of(heartbeat["sk"]["S"])
    record.keep_row(retention_row(day_of(at), kept_days(heartbeat, at)))


def is_archived(archive: ArchiveReader, heartbeat: Image, now: int) -> bool:
    """Return True if a heartbeat is archived."""
    event_id = heartbeat["sk"]["S"]
    # `reach` may be short: a batch that spans more time shows that the archive is too far behind.
    batches = archive.batches(time_of(event_id) - LATE, now + LATE, reach=_LOOKED_BACK)
    return any(record.sort_key == event_id for _, records in batches for record in records or ())
