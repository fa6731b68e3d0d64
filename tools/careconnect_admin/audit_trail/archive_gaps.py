"""Say which days the archive has nothing of, and why: no day of a report is missing unsaid."""

from collections.abc import Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from audit_archiver.archived_batch import BatchKey
from audit_archiver.days import DAY
from careconnect.audit.event import day_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Gap(NamedTuple):
    """Consecutive days without any object, and why; it is a fault if the archive should have some.

    Each hour has objects, as the verifier's heartbeats are archived too.
    """

    first: str
    last: str
    why: str
    is_fault: bool

    def __str__(self) -> str:
        """Return the gap as a sentence."""
        return f"the archive has nothing of {period(self.first, self.last)}: {self.why}"


def period(first: str, last: str) -> str:
    """Return the days from the first to the last for people."""
    return first if first == last else f"{first} to {last}"


def gaps(days: Sequence[str], begins: str, retention_days: int, now: int) -> list[Gap]:
    """Return the gaps that days without any object are, in order.

    `begins` is the day of the archive's first object, empty if it has none; it keeps objects for `retention_days`.
    `now` is in epoch milliseconds.
    """
    first_kept = day_of(now - retention_days * DAY)

    def why(day: str) -> tuple[str, bool]:
        if day <= first_kept:
            return f"ArchiveRetentionDays ({retention_days}) is over", False
        if day < begins:
            return f"it begins on {begins}", False
        return "see docs/alarms.md, Audit trail", True

    def run(numbered: tuple[int, str]) -> tuple[int, tuple[str, bool]]:
        number, day = numbered
        return date.fromisoformat(day).toordinal() - number, why(day)

    found = []
    for (_, (reason, is_fault)), each in groupby(enumerate(sorted(days)), run):
        own = [day for _, day in each]
        found.append(Gap(own[0], own[-1], reason, is_fault))
    return found


def first_day(client: "S3Client", bucket: str) -> str:
    """Return the day of the archive's first object, empty if it has none; S3 errors propagate."""
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for each in page.get("Contents", ()):
            key = BatchKey.of(each["Key"])
            if key is not None:
                return day_of(key.first)
    return ""
