"""The command `careconnect restore`: its options, its questions, its output and its audit events."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from careconnect.audit.event import day_of
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.auditing.audited_erasure import recorded_erasure
from careconnect_admin.auditing.audited_move import recorded_move
from careconnect_admin.auditing.operator_events import Operator, OperatorEvents
from careconnect_admin.cli import app
from careconnect_admin.erasing.erase_patient import Erasure
from careconnect_admin.loading.writer import Announce
from careconnect_testing.aws.restorable_stack import NAMED, OTHERS, WRITERS, Restorable, restorable_stack
from careconnect_testing.aws.tables import create_table
from careconnect_testing.http.writes import observation
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.stores import BASE
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.command_line import printed

TIME = "2025-11-28T03:00:00Z"
SUFFIX = "20251128T030000Z"
Run = Callable[..., Result]


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Restorable]:
    with restorable_stack(tmp_path) as stack:
        for name in ("AuditTable", "ExportTable"):
            create_table(stack.reader.client, name, OTHERS[name])
        stack.reader.calls.clear()
        yield stack


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> StoredEvents:
    """The events of the commands, which are an operator's."""
    events = StoredEvents()
    opened = OperatorEvents(events, Operator("arn:aws:iam::123456789012:user/operator"))
    monkeypatch.setattr("careconnect_admin.auditing.open_trail.operator_record", lambda _target: opened)
    return events


@pytest.fixture
def run(stack: Restorable, trail: StoredEvents, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect restore …` that never waits."""
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: stack.target())
    monkeypatch.setattr(
        "careconnect_admin.audit_trail.read_events.AccessRecordReader.of_days",
        lambda _reader, days: [Recorded(each.id, each) for each in trail.events if day_of(each.at) in days],
    )
    monkeypatch.setattr("careconnect_admin.restoring.switch_tables.WAIT_SECONDS", 0.0)
    monkeypatch.setattr("careconnect_admin.loading.reindex.WAIT_SECONDS", 0.0)
    monkeypatch.setattr("careconnect_admin.restoring.switch_tables._PAUSE", 0.0)
    return lambda *arguments, **options: CliRunner().invoke(app, ["restore", *arguments], **options)


def erasure(stack: Restorable, announce: Announce) -> Erasure:
    return Erasure(stack.tables(stack.in_service), base_url=BASE, announce=announce, sleep=lambda _: None)


def changed(stack: Restorable) -> None:
    assert stack.writer.update({**NAMED["5"], "gender": "other"}).status == 200
    assert stack.writer.update({**observation("Patient/6"), "id": "new"}).status == 201
    assert stack.writer.delete("Observation/o1").status == 204


def test_an_emulator_is_not_trusted_with_the_time(stack: Restorable, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    warning = "is not AWS: an emulator may ignore the time, and restore what is there now"
    told = run("--to", TIME)
    monkeypatch.setattr(stack.reader.client.meta, "_endpoint_url", "http://127.0.0.1:4566")
    warned = run("--to", TIME)

    assert (told.exit_code, warned.exit_code) == (0, 0)
    assert warning not in told.stderr
    assert f"http://127.0.0.1:4566 {warning}" in warned.stderr


@pytest.mark.parametrize("endpoint", ["https://dynamodb.eu-west-2.amazonaws.com", "http://127.0.0.1:4566"])
def test_a_comparison_without_a_difference_is_said_to_show_nothing(
    stack: Restorable, run: Run, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    run("--to", TIME)
    monkeypatch.setattr(stack.reader.client.meta, "_endpoint_url", endpoint)
    compared = run("--compare")

    assert compared.stdout.splitlines()[-1].split() == ["total", "0", "0", "0"]
    nothing = (
        f"careconnect: no resource differs: nothing was written since {SUFFIX}, so this shows nothing of the restore"
    )
    emulated = "careconnect: or this emulator has ignored the time, and restored what was there at the restore"
    assert printed(compared) == [nothing, *([emulated] if "127.0.0.1" in endpoint else [])]
    changed(stack)
    assert "no resource differs" not in run("--compare").stderr


def test_lost_tables_are_listed_and_asked_about_and_the_trail_has_it(
    stack: Restorable, run: Run, trail: StoredEvents
) -> None:
    client = stack.reader.client
    for output, name in OTHERS.items():
        create_table(client, output, name)
        if output not in ("UsageTable", "ProofTable", "ExportTable"):
            client.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
    for name in ("audit", "usage", "proofs", "exports"):
        client.update_time_to_live(
            TableName=name, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires_at"}
        )
    assert run("--lost").stdout == "No table is lost\n"
    for name in ("audit", stack.own.record):
        client.create_backup(TableName=name, BackupName="last")
        client.delete_table(TableName=name)
    client.delete_table(TableName="exports")

    declined = run("--lost", input="n\n")
    assert declined.exit_code == 1
    assert f"To restore: {stack.own.record}, as of 20" in declined.stderr
    assert (trail.events, "audit" in client.list_tables()["TableNames"]) == ([], False)

    done = run("--lost", "--yes")
    assert (done.exit_code, done.stdout) == (0, "Restored 3 tables, and indexed 11 resources\n"), done.stderr
    assert [(each.action.value, each.query) for each in trail.events] == [
        ("C", "step=lost&tables=AuditTable%20RecordTable%20ExportTable")
    ]


def test_the_four_steps_and_their_events(
    stack: Restorable, run: Run, trail: StoredEvents, registrations: list[str]
) -> None:
    restored = run("--to", TIME)
    assert (restored.exit_code, restored.stdout) == (
        0,
        f"Restored 11 resources to {SUFFIX}, beside the tables in service\n",
    )
    changed(stack)
    compared = run("--compare")
    assert [line.split() for line in compared.stdout.splitlines()] == [
        ["removed", "changed", "returned"],
        ["Observation", "1", "0", "1"],
        ["Patient", "0", "1", "0"],
        ["total", "1", "1", "1"],
    ]
    named = run("--compare", "--ids", "Observation")
    assert [line.split() for line in named.stdout.splitlines()] == [
        ["effect"],
        ["Observation/new", "removed"],
        ["Observation/o1", "returned"],
    ]
    assert json.loads(run("--compare", "--ids", "Patient", "--json").stdout) == {
        "to": SUFFIX,
        "types": {
            "Observation": {"removed": 1, "changed": 0, "returned": 1},
            "Patient": {"removed": 0, "changed": 1, "returned": 0},
            "total": {"removed": 1, "changed": 1, "returned": 1},
        },
        "ids": {"Patient/5": "changed"},
    }
    switched = run("--switch", "--yes")
    assert switched.stdout == f"In service: the tables of {SUFFIX}. 3 resources were carried over\n"
    assert registrations == ["restore", "end"]
    dropped = run("--drop", "--yes")
    assert dropped.stdout == "Removed\n"
    assert [line for line in printed(dropped) if line.startswith("To empty")] == [
        f"To empty: {table}, which is a resource of the stack" for table in stack.own.names[:3]
    ]
    assert run("--drop").stdout == "No table is out of service\n"

    steps = [(each.action.value, each.query) for each in trail.events if not each.patient]
    assert steps == [
        ("C", f"step=to&to={SUFFIX}"),
        ("R", f"step=compare&to={SUFFIX}"),
        ("R", f"step=compare&to={SUFFIX}&ids=Observation"),
        ("R", f"step=compare&to={SUFFIX}&ids=Patient"),
        ("U", f"step=switch&to={SUFFIX}"),
        ("D", "step=drop"),
    ]
    assert sorted(each.patient for each in trail.events if each.patient) == ["4", "5", "6"]
    assert {each.interaction for each in trail.events} == {"restore"}
    assert {each.client_id for each in trail.events} == {"arn:aws:iam::123456789012:user/operator"}


@each_of(
    "arguments",
    [
        (),
        ("--compare", "--switch"),
        ("--switch", "--drop"),
        ("--drop", "--to", TIME),
        ("--lost", "--to", TIME),
        ("--lost", "--compare"),
        ("--ids", "Patient"),
        ("--switch", "--ids", "Patient"),
    ],
)
def test_steps_are_taken_one_by_one(stack: Restorable, run: Run, trail: StoredEvents, arguments: list[str]) -> None:
    result = run(*arguments)

    assert result.exit_code == 1
    assert "give one of --to TIME, --compare, --switch, --drop and --lost" in result.stderr
    assert (stack.steps, trail.events) == ([], [])


def test_switch_and_drop_ask_first(stack: Restorable, run: Run, trail: StoredEvents) -> None:
    run("--to", TIME)
    trail.events.clear()
    tables = set(stack.reader.client.list_tables()["TableNames"])

    for step in ("--switch", "--drop"):
        assert run(step, input="n\n").exit_code == 1
        assert run(step, input="").exit_code == 1
    assert "No load may run. Begin?" in run("--switch", input="n\n").stderr

    assert (stack.steps, trail.events) == ([], [])
    assert set(stack.reader.client.list_tables()["TableNames"]) == tables
    assert run("--switch", input="y\n").exit_code == 0


def test_nothing_is_done_that_cannot_be_recorded(stack: Restorable, run: Run, trail: StoredEvents) -> None:
    trail.fault = "AccessDeniedException"

    result = run("--to", TIME)

    assert result.exit_code == 1
    assert "restore is not done" in result.stderr
    assert set(stack.reader.client.list_tables()["TableNames"]) == {*stack.own.names, "audit", "exports"}


def test_a_patient_whose_event_is_not_stored_keeps_the_record(
    stack: Restorable, run: Run, trail: StoredEvents, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("--to", TIME)
    changed(stack)
    keep = trail.keep

    def refuse_patients(events: list[object]) -> None:
        trail.fault = "Throttled" if any(getattr(each, "patient", "") for each in events) else ""
        keep(events)  # type: ignore[arg-type]

    monkeypatch.setattr(trail, "keep", refuse_patients)

    result = run("--switch", "--yes")

    assert result.exit_code == 1
    assert "the rest of the restore is not done" in result.stderr
    assert stack.in_service == stack.own


def test_an_older_deployment_is_updated_first(stack: Restorable, run: Run) -> None:
    del stack.parameters["RestoredTables"]
    result = run("--to", TIME)

    assert (result.exit_code, printed(result)) == (
        1,
        ["careconnect: the stack careconnect has no parameter RestoredTables: deploy this release first"],
    )


def test_a_local_stack_has_no_past(stack: Restorable, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "careconnect_admin.stack.target.stack_target", lambda *_: replace(stack.target(), is_local=True)
    )

    assert "name a deployment with --stack" in run("--to", TIME).stderr
    assert stack.reader.calls == []


def test_of_several_times_one_is_named(stack: Restorable, run: Run) -> None:
    run("--to", TIME)
    run("--to", "2025-11-28T04:00:00Z")

    assert "name one with --to" in run("--switch", "--yes").stderr
    assert run("--switch", "--yes", "--to", TIME).exit_code == 0
    assert stack.in_service.suffix == SUFFIX


def test_an_unfinished_switch_goes_on(stack: Restorable, run: Run) -> None:
    class Killed(BaseException):
        pass

    def kill(name: str) -> None:
        if name == "DeleteFunctionConcurrency":
            raise Killed

    run("--to", TIME)
    stack.reader.faults.append(kill)
    with pytest.raises(Killed):
        run("--switch", "--yes")
    stack.reader.faults.clear()
    assert (stack.in_service.suffix, stack.concurrency) == (SUFFIX, dict.fromkeys(WRITERS.values(), 0))

    assert run("--switch", "--yes").exit_code == 0
    assert stack.concurrency == {}


def test_a_type_that_is_not_served_has_no_ids(run: Run) -> None:
    run("--to", f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    assert "Device is not a type that is served" in run("--compare", "--ids", "Device").stderr


def test_who_was_erased_since_is_erased_again_before_the_switch(
    stack: Restorable, run: Run, trail: StoredEvents
) -> None:
    record = OperatorEvents(trail, Operator("operator"))
    # Before the restored time: it is not done again.
    early = OperatorEvents(trail, Operator("operator"), clock=lambda: 1_700_000_000.0)
    recorded_erasure(early, "4", lambda _: None)
    run("--to", TIME)
    recorded_erasure(record, "5", lambda announce: erasure(stack, announce).erase("5", unlink=True))

    assert "with --switch erased again, whatever is listed: Patient/5\n" in run("--compare").stderr
    switched = run("--switch", "--yes")

    assert switched.exit_code == 0, switched.stderr
    assert "Erasing Patient/5 again" in switched.stderr
    assert "Patient/4" not in switched.stderr
    reader = stack.serving(stack.in_service)
    assert [reader.get(f"Patient/{each}").status for each in "456"] == [200, 410, 200]
    assert reader.get("Patient/5/_history/1").status == 410


@each_of(("retention_days", "is_told"), [("90", True), ("0", False)])
def test_that_erasures_may_be_unknown_is_told_before_it_is_asked(
    stack: Restorable, run: Run, retention_days: str, is_told: bool
) -> None:
    stack.parameters["AuditRetentionDays"] = retention_days
    run("--to", TIME)

    asked = run("--switch", input="n")

    told = "the audit table may have lost events before "
    assert (told in asked.stderr.partition("Begin?")[0], told in run("--compare").stderr) == (is_told, is_told)


def test_what_was_moved_out_of_an_erased_record_since_is_told_before_it_is_asked(
    stack: Restorable, run: Run, trail: StoredEvents
) -> None:
    record = OperatorEvents(trail, Operator("operator"))
    run("--to", TIME)
    for former, key in (("5", "Observation/moved"), ("4", "Observation/other")):
        versions = {each: [f"{key}/_history/2"] for each in (former, "6")}
        recorded_move(record, former, "6", versions, lambda: None, refusals=())
    recorded_erasure(record, "5", lambda announce: erasure(stack, announce).erase("5", unlink=True))

    asked = run("--switch", input="n")

    assert asked.exit_code == 1
    told = "Observation/moved was moved out of the record of Patient/5 since, and --switch erases it with that record"
    assert told in asked.stderr
    assert asked.stderr.index(told) < asked.stderr.index("Begin?")
    assert "Observation/other" not in asked.stderr
