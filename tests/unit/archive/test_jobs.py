"""The scheduled verifier: heartbeats, days, the log lines and metrics of both, and the two handlers."""

import importlib
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from audit_archiver.check_heartbeat import previous_heartbeat, put_heartbeat
from audit_archiver.jobs import MAX_NAMED, JobError
from audit_archiver.retentions import HEARTBEAT
from careconnect.audit.event import event_of
from careconnect.audit.told_retentions import RETENTIONS, retention_row, told_by
from careconnect.runtime.settings import SettingError
from careconnect_testing.http.events import event
from careconnect_testing.parts.archived_trail import AUDIT_TABLE, BUCKET, DAY, MINUTE, NOON, ArchivedTrail

FIVE = 5 * MINUTE


def beat(trail: ArchivedTrail, *, is_delivered: bool = True) -> str:
    """Put a heartbeat, archive it if requested, and let five minutes pass."""
    before = {str(item["sk"]["S"]) for item in trail.trail.items(DAY)}
    trail.verifier(event("verifier-heartbeat"))
    (put,) = {str(item["sk"]["S"]) for item in trail.trail.items(DAY)} - before
    if is_delivered:
        trail.deliver(trail.streamed("INSERT", None, trail.item(put)))
    trail.now += FIVE
    return put


def test_a_heartbeat_is_an_ordinary_event_of_nobody_that_tells_the_retentions(trail: ArchivedTrail) -> None:
    trail.retention_days = 90
    item = trail.item(beat(trail))

    assert item["expires_at"]
    stored = event_of(item)
    assert (stored.interaction, stored.service, stored.patient, stored.client_id) == (
        HEARTBEAT,
        "audit_verifier",
        "",
        "",
    )
    assert stored.query == "AuditRetentionDays=90&ArchiveRetentionDays=365"
    assert trail.found() == {}


def test_a_day_has_a_row_of_each_retention_that_a_heartbeat_told(trail: ArchivedTrail) -> None:
    """Those of 30 days are of a former release, and the first heartbeat after its update makes their row."""
    for days in (30, 90, 0, 0):
        trail.retention_days = days
        beat(trail)

    rows = trail.dynamodb.query(
        TableName=AUDIT_TABLE,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": RETENTIONS}},
    )["Items"]
    assert rows == [retention_row(DAY, days) for days in (0, 30, 90)]
    assert told_by(rows) == [(DAY, 0), (DAY, 30), (DAY, 90)]

    before = trail.objects()
    trail.observer.clear()
    trail.deliver(*(trail.streamed("INSERT", None, row) for row in rows))
    assert (trail.objects(), trail.observer.counts) == (before, [])


@pytest.mark.parametrize(
    "sort_key", ["2026-03-26#x", "2026-03-26#100000", "2026-03-26", "2026-13-01#90", "20260326#90", "2026-03-26#90#1"]
)
def test_a_row_that_the_verifier_does_not_write_tells_nothing(sort_key: str) -> None:
    rows = [{"pk": {"S": RETENTIONS}, "sk": {"S": sort_key}}, retention_row("2026-03-26", 90)]

    assert told_by(rows) == [("2026-03-26", 90)]


def test_heartbeats_that_are_archived_raise_nothing(trail: ArchivedTrail) -> None:
    for _ in range(4):
        beat(trail)

    assert trail.observer.counts == []
    statuses = [line["status"] for line in trail.observer.lines if line["action"] == "audit-trail.heartbeat"]
    assert statuses == [200] * 4


def test_a_heartbeat_that_is_not_archived_is_reported_by_the_next_one(trail: ArchivedTrail) -> None:
    beat(trail)
    beat(trail, is_delivered=False)
    assert trail.observer.counts == []

    beat(trail)
    assert trail.observer.counts == ["AuditArchiveStopped"]
    line = trail.observer.lines[-2]
    assert (line["action"], line["status"], line["reason"]) == ("audit-trail.heartbeat", 500, "not archived")

    beat(trail)
    assert trail.observer.counts == ["AuditArchiveStopped"]


def test_a_run_that_is_tried_again_looks_for_no_heartbeat_of_a_moment_ago(trail: ArchivedTrail) -> None:
    beat(trail)
    trail.verifier(event("verifier-heartbeat"))
    trail.now += MINUTE - 1
    trail.verifier(event("verifier-heartbeat"))

    assert trail.observer.counts == []


def test_other_events_are_no_heartbeats(trail: ArchivedTrail) -> None:
    trail.put(FIVE, interaction="read")

    assert previous_heartbeat(trail.trail, trail.now) is None


def test_a_heartbeat_of_before_midnight_is_found_after_it(trail: ArchivedTrail) -> None:
    trail.now = NOON + 12 * 60 * MINUTE - 2 * MINUTE
    put = put_heartbeat(trail.record, trail.now, trail.retentions)
    trail.now += FIVE

    found = previous_heartbeat(trail.trail, trail.now)
    assert found is not None
    assert found["sk"] == {"S": put}


def test_the_day_before_is_verified(trail: ArchivedTrail) -> None:
    trail.stored(MINUTE)
    trail.now += 24 * 60 * MINUTE
    trail.observer.clear()

    trail.verifier(event("verifier-verify"))

    (line,) = trail.observer.lines
    assert (line["action"], line["status"], line["ids"]["day"]) == ("audit-trail.verify", 200, DAY)
    assert trail.observer.counts == []


def test_what_is_found_is_logged_by_its_id_and_counted_once(trail: ArchivedTrail) -> None:
    changed, removed = trail.stored(MINUTE, MINUTE)
    trail.change(changed, client="somebody-else")
    trail.remove(removed)
    trail.put_item({**trail.item(changed), "pk": {"S": f"{DAY}#0"}, "sk": {"S": "who-knows-what"}})
    trail.s3.put_object(Bucket=BUCKET, Key=f"{DAY}/11/junk", Body=b"", ChecksumAlgorithm="SHA256")
    trail.observer.clear()

    trail.verifier({"verify": DAY})

    told = {(line["ids"]["audit_event"], line["reason"], line["status"]) for line in trail.observer.lines}
    assert told == {
        (changed, "changed", 500),
        (removed, "removed", 500),
        ("none", "added", 500),
        (f"{DAY}/11/junk", "not what was archived", 500),
    }
    assert trail.observer.counts == ["AuditTrailBroken"]


def test_of_very_many_findings_the_log_names_some(trail: ArchivedTrail) -> None:
    trail.stored(*([MINUTE] * (MAX_NAMED + 1)))
    for item in list(trail.trail.items(DAY)):
        trail.remove(item["sk"]["S"])
    trail.observer.clear()

    trail.verifier({"verify": DAY})

    assert len(trail.observer.lines) == MAX_NAMED
    assert trail.observer.counts == ["AuditTrailBroken"]


@pytest.mark.parametrize("asked", [{"heartbeat": {}}, {"verify": "yesterday"}])
def test_a_job_that_fails_is_an_error_without_its_text(trail: ArchivedTrail, asked: dict[str, Any]) -> None:
    trail.dynamodb.delete_table(TableName=AUDIT_TABLE)

    with pytest.raises(JobError, match=r"^(ResourceNotFoundException|EventNotStoredError)$"):
        trail.verifier(asked)
    assert len(trail.observer.failures) == 1


def test_another_event_does_nothing(trail: ArchivedTrail) -> None:
    trail.verifier({"httpMethod": "GET"})

    assert (trail.observer.lines, list(trail.trail.items(DAY))) == ([], [])


# --- the handlers


@pytest.fixture
def handler(trail: ArchivedTrail, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Yield a function that imports the handler with an environment."""
    settings = {
        "POWERTOOLS_SERVICE_NAME": "audit_archiver",
        "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
        "AWS_REGION": "eu-west-2",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "ARCHIVE_BUCKET": BUCKET,
        "AUDIT_TABLE": AUDIT_TABLE,
        "AUDIT_RETENTION_DAYS": "0",
        "ARCHIVE_RETENTION_DAYS": "365",
    }

    def load(**given: str) -> Any:
        for name, text in {**settings, **given}.items():
            monkeypatch.setenv(name, text)
        sys.modules.pop("audit_archiver.handler", None)
        loaded = importlib.import_module("audit_archiver.handler").lambda_handler
        for each in logging.getLogger("audit_archiver").handlers:
            if isinstance(each, logging.StreamHandler):
                # The process has one logger of a name, and it keeps the output of the test that made it.
                each.stream = sys.stdout
        return loaded

    yield load
    sys.modules.pop("audit_archiver.handler", None)


def test_one_handler_is_the_archiver_and_the_verifier(
    trail: ArchivedTrail, handler: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = event("archiver-stream")
    del sent["Records"][1]["userIdentity"]  # somebody else's removal breaks the trail
    handler(ARCHIVE_JOB="archive")(sent, None)
    handler(ARCHIVE_JOB="verify")({"heartbeat": {}}, None)

    assert len(trail.objects()) == 1
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["action"] for line in logged if "action" in line] == [
        "audit-trail.archive",
        "audit-trail.archive",
        "audit-trail.heartbeat",
    ]
    (metric,) = [line for line in logged if "AuditTrailBroken" in line]
    assert metric["service"] == "audit_archiver"


def test_the_archiver_names_no_table(handler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert handler(ARCHIVE_JOB="archive", AUDIT_TABLE="")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"ARCHIVE_JOB": "both"}, "ARCHIVE_JOB"),
        ({"ARCHIVE_JOB": "verify", "AUDIT_TABLE": ""}, "AUDIT_TABLE"),
        ({"ARCHIVE_JOB": "archive", "ARCHIVE_BUCKET": ""}, "ARCHIVE_BUCKET"),
        ({"ARCHIVE_JOB": "archive", "ARCHIVE_RETENTION_DAYS": ""}, "ARCHIVE_RETENTION_DAYS"),
        ({"ARCHIVE_JOB": "archive", "ARCHIVE_RETENTION_DAYS": "30"}, "ARCHIVE_RETENTION_DAYS must be one of: 1, 365"),
        ({"ARCHIVE_JOB": "verify", "AUDIT_RETENTION_DAYS": "7"}, "AUDIT_RETENTION_DAYS must be one of: 0, 1, 90, 365"),
        (
            {"ARCHIVE_JOB": "archive", "ARCHIVE_RETENTION_DAYS": "1", "AUDIT_RETENTION_DAYS": "90"},
            "ArchiveRetentionDays=1 needs AuditRetentionDays=1 or 0",
        ),
    ],
)
def test_a_setting_that_is_wrong_ends_the_start_by_its_name(handler: Any, given: dict[str, str], named: str) -> None:
    with pytest.raises(SettingError, match=named):
        handler(**given)
