"""Judge one change of the stream by itself: which of them break the trail (`archive.md`, Retentions in force)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from audit_archiver.stream_record import STAMP, Kind, StreamRecord, digest_of
from careconnect.audit.retention import LEAST, TEMPORARY

_TTL: Final = "dynamodb.amazonaws.com"
"""The principal of a removal by DynamoDB's time to live."""
_SECONDS: Final = 86_400


class Fault(StrEnum):
    """A fault of an event, or of an object in the archive."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    ADDED_LATER = "added later"
    EXPIRES_EARLY = "expires too early"
    ARCHIVE = "not what was archived"


def least_days(retention_days: int) -> int:
    """Return the days for which a deployment with this `AuditRetentionDays` keeps any new event."""
    return TEMPORARY if retention_days == TEMPORARY else LEAST


def kept_days(item: Mapping[str, Any], claimed: int) -> int:
    """Return the days for which an item of the time `claimed` (epoch milliseconds) is kept, 0 for ever."""
    stamp = _stamp(item)
    # A forged stamp of less than a day does not mean for ever.
    return 0 if stamp is None else max(1, (stamp - claimed // 1000) // _SECONDS)


def is_over(claimed: int, days: int, now: int) -> bool:
    """Return True if an event of the time `claimed` (epoch milliseconds) has been kept for `days`."""
    return _end(claimed, days) <= now // 1000


def expires_early(item: Mapping[str, Any], claimed: int, days: int) -> bool:
    """Return True if an item has a stamp that removes it before it has been kept for `days`."""
    stamp = _stamp(item)
    return stamp is not None and stamp < _end(claimed, days)


def fault_at_once(record: StreamRecord, least: int) -> Fault | None:
    """Return the fault that a change shows without the archive, if new events are kept for `least` days, or None.

    How long a removed event had to be kept is not known: verification judges that.
    """
    return fault_of(record, 0 if record.kind is Kind.REMOVE else least)


def fault_of(record: StreamRecord, days: int) -> Fault | None:
    """Return the fault of a change of an event that has to be kept for `days`, or None.

    An event takes its stamp once, with nothing else. Only DynamoDB's time to live removes it, and not before its stamp.
    """
    match record.kind:
        case Kind.INSERT:
            new = record.new or {}
            is_early = STAMP in new and record.is_in_place and expires_early(new, record.claimed, days)
            return Fault.EXPIRES_EARLY if is_early else None
        case Kind.MODIFY:
            return None if record.is_in_place and _only_stamps(record, days) else Fault.CHANGED
        case Kind.REMOVE:
            return None if record.is_in_place and _is_end(record, days) else Fault.REMOVED


def _only_stamps(record: StreamRecord, days: int) -> bool:
    """Return True if a record adds a late enough stamp to an event that had none, and changes nothing else."""
    old, new = record.old or {}, record.new or {}
    is_first = STAMP not in old and _stamp(new) is not None
    return is_first and not expires_early(new, record.claimed, days) and digest_of(old) == digest_of(new)


def _is_end(record: StreamRecord, days: int) -> bool:
    """Return True if the time to live removed an event that was kept for `days`, at its stamp or later."""
    stamp = _stamp(record.old or {})
    return record.principal == _TTL and stamp is not None and _end(record.claimed, days) <= stamp <= record.time // 1000


def _end(claimed: int, days: int) -> int:
    """Return the epoch second at which an event of the time `claimed` has been kept for `days`."""
    return claimed // 1000 + days * _SECONDS


def _stamp(item: Mapping[str, Any]) -> int | None:
    """Return the epoch second at which an item expires, or None: only a number makes it expire."""
    number = item.get(STAMP, {}).get("N")
    return None if number is None else int(Decimal(number))
