"""What the auditor does unasked, what it tells of it, and the handler that hands it the events of schedules."""

import importlib
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from access_auditor.jobs import JobError, Jobs
from careconnect_testing.events import rest_event
from careconnect_testing.observer import RecordingObserver
from careconnect_testing.sealed_record import (
    AUDIT_TABLE,
    DAY,
    MINUTE,
    REGION,
    SEAL_ALIAS,
    SEAL_TABLE,
    SealedRecord,
    record_on_moto,
)

BROKEN = "AccessRecordBroken"
RUN = "AccessRecordSealed"


@dataclass
class Context:
    aws_request_id: str = "one-run"
    left: int = 100_000

    def get_remaining_time_in_millis(self) -> int:
        return self.left


@pytest.fixture
def record() -> Iterator[SealedRecord]:
    with record_on_moto() as made:
        yield made


@pytest.fixture
def observer() -> RecordingObserver:
    return RecordingObserver()


def jobs(record: SealedRecord, observer: RecordingObserver) -> Jobs:
    return Jobs(record.chain, lambda: record.key, observer, lambda: record.now / 1000)


def test_a_seal_says_how_many_it_sealed(record: SealedRecord, observer: RecordingObserver) -> None:
    record.keep(0, 1)

    answer = jobs(record, observer)({"seal": {}}, Context())

    assert answer == {"sealed": 2, "findings": [], "is_outrun": False, "is_unfinished": False}
    assert observer.counts == [RUN]
    assert observer.lines == [
        {"action": "access-record.seal", "status": 200, "ids": {"function_request_id": "one-run"}}
    ]


def test_a_seal_ends_before_its_function_does(record: SealedRecord, observer: RecordingObserver) -> None:
    record.keep(0)

    assert jobs(record, observer)({"seal": {}}, Context(left=10_000))["is_unfinished"] is True
    assert jobs(record, observer)({"seal": {"seconds": 0}}, Context())["is_unfinished"] is True
    # Without Lambda's context there is time.
    assert jobs(record, observer)({"seal": {}})["sealed"] == 1


def test_what_a_seal_finds_is_counted_and_named(record: SealedRecord, observer: RecordingObserver) -> None:
    (event_id,) = record.sealed()
    record.remove(event_id)

    answer = jobs(record, observer)({"seal": {}}, Context())

    assert answer["findings"] == [{"id": event_id, "fault": "removed", "reason": ""}]
    assert observer.counts == [BROKEN, RUN]
    (line,) = observer.lines
    assert (line["status"], line["reason"], line["ids"]["audit_event"]) == (500, "removed", event_id)


@pytest.mark.parametrize("named", ["yesterday", DAY])
def test_a_day_is_verified(record: SealedRecord, observer: RecordingObserver, named: str) -> None:
    (event_id, _) = record.sealed(MINUTE, 0)
    record.now += 86_400_000

    answer = jobs(record, observer)({"verify": named})
    assert answer == {"day": DAY, "sealed": 2, "unsealed": 0, "findings": []}
    assert observer.counts == []

    record.change(event_id, client="x")
    answer = jobs(record, observer)({"verify": named})
    assert answer["findings"] == [{"id": event_id, "fault": "changed", "reason": ""}]
    assert observer.counts == [BROKEN]


def test_what_stands_in_an_ids_place_is_not_logged(record: SealedRecord, observer: RecordingObserver) -> None:
    record.put({"pk": {"S": f"{DAY}#a"}, "sk": {"S": "a name"}})

    jobs(record, observer)({"verify": DAY})

    (line,) = observer.lines
    assert "a name" not in json.dumps(line)


@pytest.mark.parametrize("event", [{"seal": {}}, {"verify": "yesterday"}, {"verify": "no day"}])
def test_a_job_that_fails_is_an_error_without_its_text(
    record: SealedRecord, observer: RecordingObserver, event: dict[str, Any]
) -> None:
    record.keep(0)
    record.dynamodb.delete_table(TableName=SEAL_TABLE)

    with pytest.raises(JobError) as raised:
        jobs(record, observer)(event, Context())

    assert str(raised.value) in ("ResourceNotFoundException", "ValueError")
    assert len(observer.failures) == 1


def test_of_another_event_nothing_is_done(record: SealedRecord, observer: RecordingObserver) -> None:
    record.keep(0)

    assert jobs(record, observer)({"detail": {}}, Context()) == {}
    assert observer == RecordingObserver()
    assert record.verify().unsealed == 1


# --- the handler

SETTINGS = {
    "AUDIT_TABLE": AUDIT_TABLE,
    "SEAL_TABLE": SEAL_TABLE,
    "ACCESS_SEAL_KEY_ALIAS": SEAL_ALIAS,
    "AUDIT_FAILURE": "closed",
    "ALLOWED_ORIGINS": "*",
    "POWERTOOLS_SERVICE_NAME": "access_auditor",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "AWS_REGION": REGION,
}


@pytest.fixture
def handler(record: SealedRecord, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name, value in {**SETTINGS, "AWS_DEFAULT_REGION": REGION, "AWS_ACCESS_KEY_ID": "testing"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"access_auditor_{uuid.uuid4().hex}")
    for name in ("BASE_URL", "AWS_ENDPOINT_URL", "AUDIT_RETENTION_DAYS", "ORIGIN_SECRET"):
        monkeypatch.delenv(name, raising=False)
    sys.modules.pop("access_auditor.handler", None)
    yield lambda: importlib.import_module("access_auditor.handler")
    sys.modules.pop("access_auditor.handler", None)


def test_the_handler_seals_and_answers_requests(
    handler: Any, record: SealedRecord, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded = handler()
    record.now = int(loaded.time.time() * 1000)
    (event_id,) = record.keep(0)

    assert loaded.lambda_handler({"seal": {}}, None)["sealed"] == 1
    assert loaded.lambda_handler(rest_event("GET", "/careconnect-ri/STU3/AuditEvent"), None)["statusCode"] >= 400
    record.remove(event_id)
    assert loaded.lambda_handler({"seal": {}}, None)["findings"]
    assert '"AccessRecordBroken":[1.0]' in capsys.readouterr().out
