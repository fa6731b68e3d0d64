"""The object of the archive that holds one batch of the stream, and its key."""

import gzip
import hashlib
import re
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self

from audit_archiver.stream_record import StreamRecord, record_of_line

_KEY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{2}/([0-9]{13})-([0-9]{13})-([0-9a-f]{64})\.ndjson\.gz")


def folder_of(at: int) -> str:
    """Return the folder of objects that begin in the UTC hour of `at`, in epoch milliseconds (`2026-11-26/07/`)."""
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d/%H}/"


class BatchKey(NamedTuple):
    """The key of an object: the first and last time of its records (epoch milliseconds), and SHA-256 of their lines."""

    first: int
    last: int
    digest: str

    def __str__(self) -> str:
        """Return the S3 object key, below the folder of the first record's hour."""
        return f"{folder_of(self.first)}{self.first:013}-{self.last:013}-{self.digest}.ndjson.gz"

    @classmethod
    def of(cls, text: str) -> Self | None:
        """Parse an S3 object key; return None if the archiver creates no such key."""
        found = _KEY.fullmatch(text)
        key = cls(int(found[1]), int(found[2]), found[3]) if found else None
        return key if key is not None and str(key) == text else None


def pack(records: Sequence[StreamRecord]) -> tuple[BatchKey, bytes]:
    """Return the key and the bytes of an object that holds one or more records; equal records give equal objects."""
    lines = b"".join(record.line() for record in records)
    times = [record.time for record in records]
    key = BatchKey(min(times), max(times), hashlib.sha256(lines).hexdigest())
    return key, gzip.compress(lines, mtime=0)


def content_of(key: BatchKey, body: bytes) -> bytes | None:
    """Return the lines of an object, or None if they are not what its key says."""
    try:
        lines = gzip.decompress(body)
    except (OSError, EOFError, zlib.error, ValueError):
        return None
    return lines if hashlib.sha256(lines).hexdigest() == key.digest else None


def unpack(key: BatchKey, body: bytes) -> list[StreamRecord] | None:
    """Return the records of an object, or None if its content does not match its key or is none of records."""
    lines = content_of(key, body)
    try:
        return None if lines is None else [record_of_line(line) for line in lines.splitlines()]
    except (ValueError, KeyError, TypeError):
        return None
