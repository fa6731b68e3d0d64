"""Put a heartbeat into the audit trail, and check that the previous one was archived (`archive.md`, The archive)."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from audit_archiver.days import LATE
from audit_archiver.retentions import HEARTBEAT, ArchiveReader, Retentions
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

    def last_heartbeat(self, since: int, before: int) -> str:
        """Return the id of the last heartbeat in a time range (epoch milliseconds), empty if there is none."""


class Record(Protocol):
    """The audit trail, write access."""

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Store events."""

    def keep_row(self, row: Mapping[str, Any]) -> None:
        """Store a row that is no event, if it is not there."""


def put_heartbeat(record: Record, now: int, retentions: Retentions) -> str:
    """Put an event of the retentions in force at `now`, in epoch milliseconds, and return its id.

    It has no client or patient. The trail's readers, who have no access to the archive, find the retention in a row.
    """
    event_id = new_event_id(now / 1000, lambda: HEARTBEAT_SHARD + secrets.token_hex(16)[1:])
    event = AuditEvent(
        id=event_id, action=Action.EXECUTE, interaction=HEARTBEAT, query=retentions.query, service=SERVICE
    )
    record.keep([event])
    record.keep_row(retention_row(day_of(now), retentions.audit))
    return event_id


def is_archived(trail: Trail, archive: ArchiveReader, now: int) -> bool:
    """Return True if the last heartbeat that is at least a minute old is archived, or if there is none yet."""
    heartbeat = trail.last_heartbeat(now - _LOOKED_BACK, now - _ARCHIVED_WITHIN)
    if not heartbeat:
        return True
    # `reach` may be short: a batch that spans more time shows that the archive is too far behind.
    batches = archive.batches(time_of(heartbeat) - LATE, now + LATE, reach=_LOOKED_BACK)
    return any(record.sort_key == heartbeat for _, records in batches for record in records or ())
