"""Archive one batch of the stream, and tell what in it breaks the trail."""

from collections.abc import Sequence
from typing import Protocol

from audit_archiver.archived_batch import BatchKey, pack
from audit_archiver.stream_record import StreamRecord


class Archive(Protocol):
    """Where batches are put, never to be changed."""

    def put(self, key: BatchKey, body: bytes) -> None:
        """Put an object; one that is there already is left as it is."""


def archive_records(archive: Archive, records: Sequence[StreamRecord]) -> BatchKey | None:
    """Put the records of a batch into the archive as one object, and return its key; None if none is an event's."""
    of_events = [record for record in records if record.is_of_event]
    if not of_events:
        return None
    key, body = pack(of_events)
    archive.put(key, body)
    return key
