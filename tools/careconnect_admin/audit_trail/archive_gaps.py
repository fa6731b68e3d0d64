"""Say which hours the archive has nothing of, and why: no hour of a report is missing unsaid."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from audit_archiver.archived_batch import BatchKey
from audit_archiver.days import DAY, HOUR
from careconnect.audit.event import day_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Gap(NamedTuple):
    """Consecutive hours of which no object holds anything, and why; it is a fault if the archive should have some.

    Every hour has objects, as the verifier's heartbeats are archived too. `since` is its first millisecond since 1970,
    `before` the first after it.
    """

    since: int
    before: int
    why: str
    is_fault: bool

    def __str__(self) -> str:
        """Return the gap as a sentence."""
        return f"the archive has nothing from {_written(self.since)} to {_written(self.before)} (UTC): {self.why}"


def gaps(hours: Sequence[int], begins: int, retention_days: int, now: int) -> list[Gap]:
    """Return the gaps that hours without any object are.

    Hours are given in order, by their first milliseconds. `begins` is the time of the archive's first record, 0 if it
    has none; it keeps objects for `retention_days`. Times are epoch milliseconds.
    """
    first_kept = day_of(now - retention_days * DAY)

    def why(hour: int) -> tuple[str, bool]:
        if day_of(hour) <= first_kept:
            return f"ArchiveRetentionDays ({retention_days}) is over", False
        if hour < begins:
            return f"it begins at {_written(begins)}", False
        return "see docs/alarms.md, Audit trail", True

    def run(numbered: tuple[int, int]) -> tuple[int, tuple[str, bool]]:
        number, hour = numbered
        return hour - number * HOUR, why(hour)

    found = []
    for (_, (reason, is_fault)), each in groupby(enumerate(hours), run):
        own = [hour for _, hour in each]
        found.append(Gap(own[0], own[-1] + HOUR, reason, is_fault))
    return found


def first_time(client: "S3Client", bucket: str) -> int:
    """Return the time of the archive's first record in epoch milliseconds, 0 if it has none; S3 errors propagate."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", ()):
            key = BatchKey.of(each["Key"])
            if key is not None:
                return key.first
    return 0


def _written(at: int) -> str:
    return f"{datetime.fromtimestamp(at / 1000, UTC):%Y-%m-%d %H:%M}"
