"""`careconnect audit`: the record for an operator, its seals and its verification, each on a stack."""

import io
import json
import time
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner, Result

from access_auditor.jobs import Jobs
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import AuditEvent, Outcome, day_of, event_key, event_of, new_event_id
from careconnect.audit.store import EventNotStoredError
from careconnect_admin.cli import app
from careconnect_admin.commands import audit as audit_command
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.command_line import told
from careconnect_testing.observer import RecordingObserver
from careconnect_testing.sealed_record import (
    AUDIT_TABLE,
    DAY,
    MINUTE,
    SEAL_ALIAS,
    SEAL_TABLE,
    SealedRecord,
    record_on_moto,
)

Run = Callable[..., Result]
OUTPUTS = {
    "AuditTable": AUDIT_TABLE,
    "SealTable": SEAL_TABLE,
    "AuditFunction": "audit",
    "AccessSealKeyAlias": SEAL_ALIAS,
}


class Lambda:
    """The function that seals, and what it is to answer instead."""

    def __init__(self, record: SealedRecord) -> None:
        self._record = record
        self.answers: list[Any] = []
        self.payloads: list[Any] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName == "audit"
        self.payloads.append(json.loads(Payload))
        if self.answers:
            answer, is_error = self.answers.pop(0)
            payload = {"Payload": io.BytesIO(answer.encode())}
            return {**payload, "FunctionError": "Unhandled"} if is_error else payload
        record = self._record
        jobs = Jobs(record.chain, lambda: record.key, RecordingObserver(), lambda: record.now / 1000)
        return {"Payload": io.BytesIO(json.dumps(jobs(json.loads(Payload))).encode())}


@pytest.fixture
def record() -> Iterator[SealedRecord]:
    with record_on_moto() as made:
        yield made


@pytest.fixture
def function(record: SealedRecord) -> Lambda:
    return Lambda(record)


@pytest.fixture
def run(record: SealedRecord, function: Lambda, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect audit …` on the stack, at the record's own time."""
    clients: dict[str, Any] = {"dynamodb": record.dynamodb, "kms": record.kms, "lambda": function}
    target = StackTarget("careconnect", OUTPUTS, lambda service: clients[service], is_local=True)
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    monkeypatch.setattr(audit_command, "time", SimpleNamespace(time=lambda: record.now / 1000))
    return lambda *arguments, **options: CliRunner().invoke(app, ["audit", *arguments], **options)


def rows(result: Result) -> Sequence[Sequence[str]]:
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines()]


# --- list


@pytest.mark.parametrize("command", [(), ("list",)])
def test_who_saw_a_patients_record_is_listed_newest_first(
    record: SealedRecord, run: Run, command: tuple[str, ...]
) -> None:
    record.keep(MINUTE, patient="4", ids=("Observation/7", "Observation/8"), type="Observation", status=200)
    record.keep(0, patient="4", query="family=abc", outcome=Outcome.REFUSED, why="scope", status=403)
    record.keep(0, patient="5")

    heading, newest, oldest = rows(run(*command, "--patient", "4"))

    assert heading == ["when", "who", "did", "what", "patient", "outcome"]
    assert newest == [
        "2026-03-26T12:00:00.000Z",
        "client-1",
        "read",
        "Patient?family=abc",
        "4",
        "refused",
        "403:",
        "scope",
    ]
    assert oldest[3:] == ["Observation/7", "Observation/8", "4", "done", "200"]


def test_a_search_of_a_compartment_is_listed_with_what_of_it_was_searched(record: SealedRecord, run: Run) -> None:
    asked: dict[str, Any] = {"interaction": "search-type", "type": "Observation", "ids": ("Patient/4",)}
    record.keep(MINUTE, **asked, query="code=1")
    record.keep(0, **asked)

    _, newest, oldest = rows(run("--patient", "4"))

    assert (newest[3], oldest[3]) == ("Patient/4/Observation", "Patient/4/Observation?code=1")


def test_days_and_clients_narrow_what_is_listed(record: SealedRecord, run: Run) -> None:
    day = 86_400_000
    record.keep(0, day, 2 * day)
    record.keep(0, day, client_id="client-2", patient="")
    record.keep(1)
    record.seal()

    def times(*options: str) -> list[str]:
        return [each["at"][:10] for each in json.loads(run("list", "--json", *options).stdout)]

    assert times("--date", DAY) == [DAY] * 3
    assert times("--from", "2026-03-25", "--client", "client-2") == [DAY, "2026-03-25"]
    assert times("--from", "2026-03-24", "--to", "2026-03-25") == ["2026-03-25", "2026-03-25", "2026-03-24"]
    assert times("--patient", "4", "--date", "2026-03-25") == ["2026-03-25"]
    assert times("--patient", "4", "--from", "2026-03-25", "--to", DAY) == [DAY, DAY, "2026-03-25"]
    nothing = run("list", "--patient", "9")
    assert (nothing.stdout, told(nothing)) == ("", ["careconnect: no event"])


def test_that_there_is_more_is_said(record: SealedRecord, run: Run) -> None:
    record.keep(0, 1, 2)

    result = run("--patient", "4", "--most", "2")

    assert len(rows(result)) == 3
    assert told(result) == ["careconnect: these are the newest 2: give --most or days for more"]


def test_what_is_no_event_of_this_service_is_told_to_be_none(record: SealedRecord, run: Run) -> None:
    (real,) = record.keep(0)
    item = record.event(real)
    (elsewhere,) = record.keep(1)
    record.remove(elsewhere)
    record.put({**item, "sk": {"S": elsewhere}, "pk": {"S": "elsewhere"}})
    (empty,) = record.keep(2)
    record.put({**event_key(empty), "patient": {"S": "4"}})

    listed = json.loads(run("--patient", "4", "--json").stdout)

    assert [each["outcome"][:8] for each in listed] == ["done", "no event", "no event"]
    assert "careconnect audit verify" in run("--patient", "4").stdout
    assert "no event of this service" in run("show", empty).stdout


def looks(record: SealedRecord, day: str) -> list[AuditEvent]:
    """Return what is recorded of looks at the record: the operator's clock is this machine's."""
    return [event for item in record.chain.items(day) if (event := event_of(item)).client_id == "operator"]


def test_a_look_at_the_record_is_recorded_with_whose_it_was(record: SealedRecord, run: Run) -> None:
    (event_id,) = record.keep(0, patient="4")
    # The command dates it by the machine's own clock, which may come to another day.
    days = {day_of(int(time.time() * 1000))}
    run("--patient", "4", "--client", "nobody")
    run("list", "--date", DAY)
    run("show", event_id)
    days.add(day_of(int(time.time() * 1000)))

    recorded = [event for day in sorted(days) for event in looks(record, day)]

    assert [(each.interaction, each.type, each.patient, each.query, each.service) for each in recorded] == [
        ("search-type", "AuditEvent", "4", "patient=4&user=nobody", "cli"),
        ("search-type", "AuditEvent", "", f"date={DAY}", "cli"),
        ("read", "AuditEvent", "4", f"_id={event_id}", "cli"),
    ]


@pytest.mark.parametrize("command", ["list", "show"])
def test_what_cannot_be_recorded_is_not_shown(
    record: SealedRecord, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (event_id,) = record.keep(0, patient="4")
    refuse = Mock(side_effect=EventNotStoredError("AccessDeniedException", is_down=True))
    monkeypatch.setattr(DynamoDbAuditStore, "keep", refuse)

    result = run(command, *(["--patient", "4"] if command == "list" else [event_id]))

    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = told(result)
    assert "AccessDeniedException" in line


# --- show


def test_all_that_is_recorded_of_an_event_is_shown(record: SealedRecord, run: Run) -> None:
    (event_id,) = record.keep(0, ids=("Patient/4", "Patient/5"), request_id="abc")

    shown = dict(line.split(maxsplit=1) for line in run("show", f"AuditEvent/{event_id}").stdout.splitlines())

    assert (shown["id"], shown["ids"], shown["patient"]) == (event_id, "Patient/4 Patient/5", "4")
    assert "abc" in shown["request"]


def test_an_event_that_is_not_there_is_said_to_be_none(run: Run) -> None:
    missing = new_event_id(0)

    result = run("show", missing)

    assert result.exit_code == 1
    assert told(result) == [f"careconnect: there is no AuditEvent/{missing}"]


# --- verify


def test_what_stands_ends_with_0(record: SealedRecord, run: Run) -> None:
    assert run("verify").stdout == f"{DAY}  no events\n"
    record.keep(0)
    assert run("verify").stdout == f"{DAY}  none sealed; 1 not sealed yet\n"
    record.seal()
    result = run("verify", "--from", "2026-03-25")
    assert result.stdout.splitlines() == ["2026-03-25  no events", f"{DAY}  1 sealed, all stand; 0 not sealed yet"]
    assert result.exit_code == 0


def test_a_day_that_retention_ended_is_told_in_words(record: SealedRecord, run: Run) -> None:
    record.retention_days = 1
    one, other = record.sealed(MINUTE, 0)
    record.now += 86_400_000
    record.remove(one)
    said = run("verify", "--date", DAY)
    assert said.stdout == f"{DAY}  2 sealed, retention ended 1 of them, the others stand; 0 not sealed yet\n"
    record.remove(other)

    said = run("verify", "--date", DAY)
    assert (said.exit_code, said.stdout) == (0, f"{DAY}  2 sealed, retention ended all of them; 0 not sealed yet\n")


def test_what_is_broken_is_named_and_ends_with_1(record: SealedRecord, run: Run) -> None:
    changed, removed = record.sealed(MINUTE, 0)
    record.remove(removed)
    assert (
        run("verify").stdout
        == f"{DAY}  broken: AuditEvent/{removed} was removed after it was sealed; 0 not sealed yet\n"
    )
    record.change(changed, client="x")

    result = run("verify", "--date", DAY)

    told_of = f"broken: AuditEvent/{changed} was changed after it was sealed (1 more); 0 not sealed yet"
    assert (result.exit_code, result.stdout) == (1, f"{DAY}  {told_of}\n")
    (verdict,) = json.loads(run("verify", "--json").stdout)
    assert verdict["first"] == {"id": changed, "fault": "changed", "reason": ""}
    assert (verdict["stands"], verdict["findings"]) == (False, 2)


def test_what_cannot_be_trusted_is_told(record: SealedRecord, run: Run) -> None:
    (event_id,) = record.sealed(0)
    record.remove_head()
    assert (
        f"AuditEvent/{event_id} and what follows cannot be trusted: the day's head is missing" in run("verify").stdout
    )

    record.wipe_chain()
    record.remove(event_id)
    assert "broken: the day and what follows" in run("verify").stdout
    assert run("verify").exit_code == 1


def test_the_verdict_is_json_too(record: SealedRecord, run: Run) -> None:
    record.sealed()

    assert json.loads(run("verify", "--json").stdout) == [
        {"day": DAY, "stands": True, "sealed": 1, "ended": 0, "unsealed": 0, "findings": 0, "first": None}
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--date", "yesterday"),
        ("verify", "--date", "2026-02-30"),
        ("verify", "--date", DAY, "--from", DAY),
        ("verify", "--to", DAY),
        ("verify", "--from", "2026-03-26", "--to", "2026-03-25"),
        ("verify", "--nothing"),
        ("verify", "more"),
        ("list",),
        ("list", "--client", "x"),
        ("list", "--patient", "4/5"),
        ("list", "--patient", "4", "--most", "0"),
        ("--patient", "4", "verify"),
        ("show", "4"),
    ],
)
def test_bad_usage_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2, result.output
    assert result.stdout == ""


# --- seal


def test_a_seal_is_asked_for(record: SealedRecord, run: Run, function: Lambda) -> None:
    record.keep(0)
    assert run("seal").stdout == "Sealed 1 event\n"
    assert run("seal").stdout == "Sealed 0 events\n"
    assert function.payloads == [{"seal": {"seconds": 10}}] * 2


def test_it_is_asked_for_until_all_is_sealed(record: SealedRecord, run: Run, function: Lambda) -> None:
    begun = {"sealed": 7, "findings": [], "is_outrun": False, "is_unfinished": True}
    function.answers = [(json.dumps(begun), False), (json.dumps({**begun, "is_outrun": True}), False)]
    record.keep(0)

    assert json.loads(run("seal", "--json").stdout) == {"sealed": 15, "findings": []}


def test_a_seal_that_finds_something_ends_with_1(record: SealedRecord, run: Run) -> None:
    (event_id,) = record.sealed()
    record.remove(event_id)

    result = run("seal")

    assert result.exit_code == 1
    assert told(result) == ["careconnect: the record is broken: see careconnect audit verify"]


@pytest.mark.parametrize("answer", [("", False), ("{}", False), ('{"errorMessage": "x"}', True), ("[]", False)])
def test_a_function_that_fails_is_one_line(run: Run, function: Lambda, answer: tuple[str, bool]) -> None:
    function.answers = [answer]

    result = run("seal")

    assert result.exit_code == 1
    assert told(result) == ["careconnect: the function that seals has failed: see careconnect logs --function Audit"]


def test_without_the_function_nothing_can_be_sealed(
    record: SealedRecord, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = StackTarget("careconnect", {}, lambda _: None, is_local=True)
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)

    (line,) = told(run("seal"))
    assert "make sam-local" in line
