"""What the archive tells of a request's events: the archiver puts them into it, and what reports them finds them."""

from collections.abc import Sequence
from typing import Any, Final

from audit_archiver.archived_batch import BatchKey
from audit_archiver.days import days_from
from audit_archiver.jobs import ArchiveJob
from careconnect.audit.event import AuditEvent, day_of
from careconnect_admin.audit_trail.archive_lines import ObjectLines
from careconnect_admin.audit_trail.archived_events import ArchivedEvents
from careconnect_testing.parts.archived_objects import ArchivedObjects
from careconnect_testing.parts.observer import RecordingObserver

_DAYS: Final = 90
"""The retention of the table."""


class _Bucket:
    """An empty bucket."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: BatchKey, body: bytes) -> None:
        """Put an object."""
        self.objects[str(key)] = body


def archived(events: Sequence[AuditEvent], patient: str) -> list[AuditEvent | None]:
    """Return a patient's events, newest first, as an archive has them that holds only these events."""
    if not events:
        return []
    bucket = _Bucket()
    records = [_inserted(number, event) for number, event in enumerate(events)]
    ArchiveJob(bucket, RecordingObserver(), _DAYS)({"Records": records})
    client: Any = ArchivedObjects(bucket.objects)
    days = sorted(day_of(event.at) for event in events)
    found = ArchivedEvents(ObjectLines(client, "archive")).of_patient(patient, days_from(days[0], days[-1]))
    return [each.event for each in found]


def _inserted(number: int, event: AuditEvent) -> dict[str, Any]:
    """Return the stream's record of an event that was stored."""
    item = event.item(_DAYS)
    change = {
        "ApproximateCreationDateTime": event.at // 1000,
        "Keys": {name: item[name] for name in ("pk", "sk")},
        "SequenceNumber": str(10**22 + number),
        "NewImage": item,
    }
    return {"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": change}
