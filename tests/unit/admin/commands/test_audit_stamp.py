"""`careconnect audit stamp`: events without a stamp get one, if the archive holds them."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audit_archiver.check_heartbeat import put_heartbeat
from audit_archiver.days import DAY as DAY_MS
from audit_archiver.days import end_of, start_of
from audit_archiver.retentions import Retentions
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import day_of, event_of, time_of
from careconnect.audit.store import EventNotStoredError
from careconnect_admin.audit_trail.stamp_events import stamp_of
from careconnect_admin.cli import app
from careconnect_admin.commands import audit as audit_command
from careconnect_admin.commands import audit_stamp
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.archived_trail import AUDIT_TABLE, BUCKET, DAY, MINUTE, ArchivedTrail, trail_on_moto

Run = Callable[..., Result]
NEXT_DAY = "2026-03-27"


@pytest.fixture
def record() -> Iterator[ArchivedTrail]:
    with trail_on_moto() as made:
        yield made


@pytest.fixture
def run(record: ArchivedTrail, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect audit …` on the stack, at the record's own time."""
    clients: dict[str, Any] = {"dynamodb": record.dynamodb, "s3": record.s3}

    def target(*_: Any) -> StackTarget:
        parameters = {"AuditRetentionDays": str(record.retention_days), "ArchiveRetentionDays": "2922"}
        outputs = {"AuditTable": AUDIT_TABLE, "ArchiveBucket": BUCKET}
        return StackTarget("careconnect", outputs, lambda name: clients[name], is_local=True, parameters=parameters)

    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", target)
    for module in (audit_command, audit_stamp):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: record.now / 1000))
    return lambda *arguments, **options: CliRunner().invoke(app, ["audit", *arguments], **options)


def ended(record: ArchivedTrail, *ages: int) -> list[str]:
    """Store and archive events of a day without stamps, then let the day end and give the stack a retention."""
    made = record.stored(*ages or (MINUTE,))
    record.now = end_of(DAY) + 11 * MINUTE
    record.retention_days = 90
    return made


def stamps(record: ArchivedTrail, *events: str) -> list[int | None]:
    items = [record.item(each) for each in events]
    return [int(item["expires_at"]["N"]) if "expires_at" in item else None for item in items]


def test_events_of_days_that_ended_get_a_stamp_after_their_retention(record: ArchivedTrail, run: Run) -> None:
    first, second = ended(record, MINUTE, 2 * MINUTE)
    today, _ = record.put(MINUTE)
    record.dynamodb.update_item(TableName=AUDIT_TABLE, Key=_key(record, today), UpdateExpression="REMOVE expires_at")

    result = run("stamp", "--yes")

    assert (result.exit_code, result.stdout) == (0, "Stamped 2 events\n")
    assert "To stamp: 2 events of 1 days" in result.stderr
    assert stamps(record, first, second) == [time_of(each) // 1000 + 90 * 86_400 for each in (first, second)]
    assert stamps(record, today) == [None]
    assert record.verify().stands


def _key(record: ArchivedTrail, event_id: str) -> Any:
    return {name: record.item(event_id)[name] for name in ("pk", "sk")}


def test_the_stamps_are_harmless_to_the_archiver_and_can_be_repeated(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = ended(record)
    before = record.item(event_id)
    run("stamp", "--yes")
    after = record.item(event_id)
    record.observer.clear()

    record.deliver(record.streamed("MODIFY", before, after))
    again = run("stamp", "--yes")

    assert record.observer.counts == []
    assert (again.exit_code, again.stdout) == (0, "Every event of these days has a stamp\n")
    assert record.item(event_id) == after
    assert record.verify(NEXT_DAY).findings == ()


def test_old_events_expire_over_thirty_days_and_not_at_once(record: ArchivedTrail) -> None:
    now = end_of(DAY) + 400 * DAY_MS
    made = [f"{record.now:012x}-{digits:02x}{'0' * 30}" for digits in range(256)]

    days = {(stamp_of(each, now, 90) * 1000 - now) // DAY_MS for each in made}

    assert days == set(range(1, 31))
    assert stamp_of(made[0], record.now, 90) == record.now // 1000 + 90 * 86_400


def test_the_day_on_which_a_longer_retention_began_is_stamped_by_that(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = ended(record)
    for days_later, retention_days in ((-1, 0), (0, 0), (1, 365)):
        record.retention_days, at = retention_days, start_of(DAY) + days_later * DAY_MS + MINUTE
        told = put_heartbeat(record.record, at, Retentions(retention_days, 2922))
        record.deliver(record.streamed("INSERT", None, record.item(told), at))
    record.retention_days = 90
    before = record.item(event_id)

    assert run("stamp", "--from", DAY, "--to", DAY, "--yes").exit_code == 0
    record.deliver(record.streamed("MODIFY", before, record.item(event_id)))

    assert stamps(record, event_id) == [time_of(event_id) // 1000 + 365 * 86_400]
    assert [record.found(day) for day in (DAY, NEXT_DAY)] == [{}, {}]


def test_a_day_that_is_not_as_archived_is_left_and_named(record: ArchivedTrail, run: Run) -> None:
    first, second = ended(record, MINUTE, 2 * MINUTE)
    record.change(first, client="somebody-else")

    result = run("stamp", "--yes")

    assert result.exit_code == 1
    assert f"{DAY}  left: 1 are not as archived (careconnect audit verify --date {DAY}); 2 events" in result.stdout
    assert stamps(record, first, second) == [None, None]


def test_a_day_that_is_no_longer_archived_is_left_and_named(record: ArchivedTrail, run: Run) -> None:
    event_id, _ = record.put(MINUTE)
    record.now += 400 * DAY_MS
    record.retention_days = 90

    result = run("stamp", "--from", DAY, "--to", DAY, "--yes")

    assert result.exit_code == 1
    assert f"{DAY}  left: no longer archived, so the table alone has them; 1 events" in result.stdout
    assert stamps(record, event_id) == [None]


def test_the_operators_event_comes_before_the_first_stamp(record: ArchivedTrail, run: Run) -> None:
    ended(record)
    run("stamp", "--yes")

    events = [event_of(item) for item in record.trail.items(day_of(int(time.time() * 1000)))]
    (said,) = [each for each in events if each.interaction == "audit-stamp"]
    assert (said.action, said.outcome) == ("U", "0")
    assert said.query == f"from={DAY}&to={DAY}&AuditRetentionDays=90"


def test_nothing_is_stamped_that_cannot_be_recorded(
    record: ArchivedTrail, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (event_id,) = ended(record)

    def refuse(*_: Any) -> None:
        raise EventNotStoredError("AccessDeniedException", is_down=True)

    monkeypatch.setattr(DynamoDbAuditStore, "keep", refuse)

    result = run("stamp", "--yes")

    assert (result.exit_code, "audit-stamp is not done" in result.stderr) == (1, True)
    assert stamps(record, event_id) == [None]


def test_without_a_yes_nothing_is_stamped_or_recorded(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = ended(record)

    result = run("stamp", input="n\n")

    assert result.exit_code == 1
    assert stamps(record, event_id) == [None]
    assert list(record.trail.items(day_of(int(time.time() * 1000)))) == []


def test_a_stack_that_keeps_events_for_ever_stamps_none(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = ended(record)
    record.retention_days = 0

    result = run("stamp", "--yes")

    assert (result.exit_code, "keeps events for ever" in result.stderr) == (1, True)
    assert stamps(record, event_id) == [None]
