"""Each load, deletion, rebuild or destruction is in the audit trail before it is done (`audit.md`; ADR 33)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from typer.testing import CliRunner, Result

from careconnect.audit.event import AuditEvent
from careconnect_admin.cli import app
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.http.writes import observation
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.stores import BASE, Reader, reader_in_memory
from careconnect_testing.records.few_records import write_records

Run = Callable[..., Result]
Events = Callable[[], list[AuditEvent]]

PEOPLE = [{"resourceType": "Patient", "id": id_} for id_ in ("a", "b", "c")]
ORGANISATION = {"resourceType": "Organization", "id": "o", "name": "Surgery"}
OBSERVED = {**observation("Patient/a"), "id": "1"}


@pytest.fixture
def reader() -> Iterator[Reader]:
    with reader_in_memory() as reader:
        yield reader


@pytest.fixture
def events(reader: Reader) -> Events:
    return audit_table(reader.client, "audit")


@pytest.fixture
def run(reader: Reader, events: Events, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect …` on a local stack of moto's."""
    tables = reader.tables
    outputs = {
        "RecordTable": tables.record,
        "DirectoryTable": tables.directory,
        "ReferenceTable": tables.reference,
        "TransactionTable": tables.transaction,
        "DirectoryTransactionTable": tables.directory_transaction,
        "AuditTable": "audit",
        "BaseUrl": BASE,
    }
    target = StackTarget("stack", outputs, lambda _: reader.client, is_local=True)
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr("time.sleep", lambda _: None)
    monkeypatch.setattr("careconnect_admin.loading.reindex.WAIT_SECONDS", 0)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def shown(event: AuditEvent) -> tuple[str, str, str, dict[str, str]]:
    assert (event.client_id, event.service, event.outcome.value) == ("operator", "cli", "0")
    return event.interaction, event.action.value, event.patient, dict(parse_qsl(event.query))


def shown_from(events: Events, known: int) -> list[tuple[str, str, str, dict[str, str]]]:
    """Return the events after those that are known, by patient: two of one millisecond have no order."""
    return sorted(map(shown, events()[known:]), key=lambda each: each[2])


def test_a_load_is_an_event_of_nobody_and_one_of_each_patient_whom_it_changes(
    run: Run, events: Events, tmp_path: Path
) -> None:
    path = write_records(tmp_path, [*PEOPLE, ORGANISATION, OBSERVED])
    assert run("load", str(path)).exit_code == 0

    assert shown_from(events, 0) == [
        ("load", "U", "", {"files": "1", "bytes": str(path.stat().st_size)}),
        *(("load", "U", patient, {}) for patient in "abc"),
    ]

    # An observation comes to another patient: of the others nothing is changed.
    known = len(events())
    path = write_records(tmp_path, [*PEOPLE, ORGANISATION, {**OBSERVED, "subject": {"reference": "Patient/b"}}])
    assert run("load", str(path)).exit_code == 0
    assert [patient for _, _, patient, _ in shown_from(events, known)] == ["", "a", "b"]


def test_a_load_of_many_threads_writes_one_event_of_each_patient(run: Run, events: Events, tmp_path: Path) -> None:
    people = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(40)]
    records = [{**observation(f"Patient/p{number % 40}"), "id": f"o{number}"} for number in range(400)]
    assert run("load", str(write_records(tmp_path, [*people, *records]))).exit_code == 0

    assert sorted(event.patient for event in events()) == sorted(["", *(each["id"] for each in people)])


def test_a_deletion_is_an_event_of_whom_it_was_of(run: Run, events: Events, tmp_path: Path) -> None:
    run("load", str(write_records(tmp_path, [*PEOPLE, ORGANISATION, OBSERVED])))
    known = len(events())
    assert run("load", "--yes", "--delete", "Observation/1", "--delete", "Organization/o").exit_code == 0

    assert shown_from(events, known) == [
        ("load-delete", "D", "", {"deletions": "2"}),
        ("load-delete", "D", "a", {}),
    ]


def test_a_dry_run_is_none(run: Run, events: Events, tmp_path: Path) -> None:
    assert run("load", "--dry-run", str(write_records(tmp_path, [*PEOPLE, OBSERVED]))).exit_code == 0
    assert events() == []


@pytest.mark.parametrize(
    ("allowed", "said"), [(0, "careconnect: load is"), (1, "careconnect: the rest of the load is")]
)
def test_without_its_event_nothing_is_loaded(run: Run, reader: Reader, tmp_path: Path, allowed: int, said: str) -> None:
    calls: list[str] = []

    def refuse(**_: Any) -> None:
        calls.append("event")
        if len(calls) > allowed:
            raise reader.client.exceptions.ResourceNotFoundException({"Error": {"Code": "AccessDenied"}}, "")

    reader.client.meta.events.register("before-call.dynamodb.BatchExecuteStatement", refuse)
    result = run("load", str(write_records(tmp_path, PEOPLE)))

    assert (result.exit_code, f"{said} not done" in result.stderr) == (1, True)
    assert reader.get("Patient/a").status == 404


def test_a_reindex_is_an_event(run: Run, events: Events) -> None:
    assert run("reindex", "--yes").exit_code == 0
    assert list(map(shown, events())) == [("reindex", "E", "", {})]
