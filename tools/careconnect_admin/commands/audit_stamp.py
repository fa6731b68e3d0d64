"""`careconnect audit stamp`: give a stamp to the events that have none."""

import time
from typing import TYPE_CHECKING

import typer

from careconnect_admin.commands.shared.progress import following, working
from careconnect_admin.commands.shared.terminal import remark, say
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_archiver.retentions import Retentions
    from audit_archiver.verify_day import Verdict
    from careconnect_admin.stack.target import StackTarget


def days_to_stamp(target: "StackTarget", first: str, last: str) -> list[str]:
    """Return the days that have ended, from `first` or the archive's first day to `last` or yesterday."""
    from audit_archiver.archived_batch import BatchKey
    from audit_archiver.days import DAY, days_from
    from careconnect.audit.event import day_of
    from careconnect_admin.commands.audit_sources import archive_bucket

    bucket = archive_bucket(target)
    yesterday = day_of(_now() - DAY)
    if not first:
        pages = target.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket)
        keys = (BatchKey.of(version["Key"]) for page in pages for version in page.get("Versions", ()))
        first = next((day_of(key.first) for key in keys if key is not None), "")
    last = min(last or yesterday, yesterday)
    return days_from(first, last) if first else []


def stamp_days(target: "StackTarget", days: "Sequence[str]", retentions: "Retentions", *, yes: bool) -> bool:
    """Stamp the events of days that have none, after a confirmation; return False if a day had to be left."""
    from audit_archiver.dynamodb_trail import DynamoDbTrail
    from audit_archiver.s3_archive import S3Archive
    from careconnect.audit.event import Action
    from careconnect_admin.audit_trail.stamp_events import EventStamper, count_unstamped
    from careconnect_admin.auditing.open_trail import operator_record

    if not retentions.audit:
        raise OperatorError("this stack keeps events for ever (AuditRetentionDays=0): nothing to stamp")
    dynamodb, table = target.client("dynamodb"), target.output("AuditTable")
    with working("Counting events without a stamp") as tell:
        counts = {}
        for day in days:
            tell(f"Counting events without a stamp: {day}")
            counts[day] = count_unstamped(dynamodb, table, day)
    counts = {day: number for day, number in counts.items() if number}
    if not counts:
        say("Every event of these days has a stamp")
        return True
    first, last, number = min(counts), max(counts), sum(counts.values())
    remark(
        f"To stamp: {number} events of {len(counts)} days, {first} to {last}; that is as many write units.",
        f"DynamoDB removes each {retentions.audit} days after its time, and in 1 to 30 days at the earliest. "
        "The archive keeps them.",
    )
    if not yes:
        typer.confirm("Nothing takes a stamp back. Stamp them?", abort=True, err=True)
    archive = S3Archive(target.client("s3"), target.output("ArchiveBucket"))
    stamper = EventStamper(dynamodb, table, DynamoDbTrail(dynamodb, table), archive, retentions)

    def stamp_all() -> bool:
        done, left = 0, 0
        with following("Verifying") as tell:
            for day, unstamped in counts.items():
                tell(f"Verifying {day}, {done} of {number} events stamped")

                def tell_of(stamped: int, day: str = day, before: int = done) -> None:
                    tell(f"Stamping {day}, {before + stamped} of {number} events stamped")

                verdict, stamped = stamper.stamp(day, _now(), tell_of)
                done += stamped
                if reason := _left(verdict):
                    left += 1
                    say(f"{day}  left: {reason}; {unstamped} events without a stamp")
        say(f"Stamped {done} events")
        return not left

    about = {"from": first, "to": last, "AuditRetentionDays": str(retentions.audit)}
    return operator_record(target).done("audit-stamp", Action.UPDATE, about, lambda: (stamp_all(),))[0]


def _left(verdict: "Verdict") -> str:
    """Return why a day's events get no stamp, empty if they do."""
    if verdict.findings:
        return f"{len(verdict.findings)} are not as archived (careconnect audit verify --date {verdict.day})"
    if verdict.no_longer_archived:
        return "no longer archived, so the table alone has them"
    return ""


def _now() -> int:
    return int(time.time() * 1000)
