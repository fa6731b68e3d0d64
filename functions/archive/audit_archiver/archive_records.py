"""Archive one batch of the stream."""

from collections.abc import Sequence
from typing import Protocol

from audit_archiver.archived_batch import BatchKey, pack
from audit_archiver.stream_record import StreamRecord


class ArchiveWriter(Protocol):
    """The archive, write access: a store of batches, which never change."""

    def put(self, key: BatchKey, body: bytes) -> None:
        """Put an object; an existing one stays unchanged."""


def archive_records(archive: ArchiveWriter, records: Sequence[StreamRecord]) -> BatchKey | None:
    """Put the event records of a batch into the archive as one object; return its key, or None without such records."""
    of_events = [record for record in records if record.is_of_event]
    if not of_events:
        return None
    key, body = pack(of_events)
    archive.put(key, body)
    return key
