"""The command `careconnect patients erase`: its list, its refusals, its events, and the clients that it disables."""

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from careconnect.audit.event import AuditEvent, event_of
from careconnect_admin.cli import app
from careconnect_admin.commands.shared import on_stack
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.table_formats import begin_table
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.issuer import AUDIT_TABLE, CLIENT_TABLE, TOKEN_TABLE, Issuer, built_issuer
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE, Reader, made_tables
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.command_line import printed

Run = Callable[..., Result]


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with built_issuer(tables_of_moto=True) as issuer:
        yield issuer


@pytest.fixture
def writer(issuer: Issuer) -> Writer:
    """A record of Patient/5, and another's to which it may matter."""
    tables = made_tables(issuer.dynamodb)
    for table in tables.of_resources:
        begin_table(issuer.dynamodb, table)
    writer = Writer(Reader(issuer.dynamodb, tables))
    for resource in (
        {**patient("9434765919"), "id": "5"},
        {**patient(), "id": "6"},
        {**observation("Patient/5"), "id": "o1"},
        {**observation("Patient/5", comment="changed"), "id": "o1"},
        {**observation("Patient/5"), "id": "moved"},
        {**observation("Patient/6"), "id": "moved"},
    ):
        assert writer.update(resource).status < 300
    return writer


@pytest.fixture
def linked(writer: Writer) -> Writer:
    father = [{"reference": "Patient/5", "display": "his father"}]
    assert writer.update({**observation("Patient/6"), "id": "linked", "performer": father}).status == 201
    return writer


@pytest.fixture
def run(issuer: Issuer, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Run:
    tables = writer.reader.tables
    names = (tables.record, tables.directory, tables.reference, *tables.states)
    outputs = {"ClientTable": CLIENT_TABLE, "TokenTable": TOKEN_TABLE, "AuditTable": AUDIT_TABLE, "BaseUrl": BASE}
    outputs |= dict(zip(OUTPUTS, names, strict=True))
    target = StackTarget("stack", outputs, lambda name: getattr(issuer, name), parameters={"RestoredTables": ""})
    monkeypatch.setattr("careconnect_admin.restoring.switch_tables.unfinished_switches", lambda _: [])
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr("careconnect_admin.erasing.erase_patient.WAIT_SECONDS", 0.0)
    monkeypatch.setattr(on_stack, "time", SimpleNamespace(time=time.time, sleep=lambda _: None))
    return lambda *arguments, **options: CliRunner().invoke(app, ["patients", "erase", *arguments], **options)


def events(issuer: Issuer) -> list[AuditEvent]:
    found = issuer.dynamodb.scan(TableName=AUDIT_TABLE)["Items"]
    return sorted((event_of(item) for item in found), key=lambda each: each.at)


def test_without_yes_it_lists_what_goes_and_changes_nothing(issuer: Issuer, linked: Writer, run: Run) -> None:
    issuer.register("app-5", patient="5")

    listed = run("Patient/5")

    assert listed.exit_code == 0, listed.output
    rows = [line.split() for line in listed.stdout.splitlines()]
    assert rows == [
        ["goes", "resources", "former", "versions"],
        ["Observation", "1", "2"],
        ["Patient", "1", "0"],
        ["total", "2", "2"],
        *[["stays,", "but", "for", "former", "versions", "that", "are", "the", "patient's:", "Observation/moved"]],
        ["is", "disabled:", "app-5"],
        ["stops", "it:", "Observation/linked", "→", "Patient/5"],
    ]
    assert "nothing was changed" in listed.stderr
    assert "is unlinked: Observation/linked" in run("5", "--unlink").stdout
    assert linked.reader.get("Patient/5").status == 200
    assert {(each.action.value, each.patient) for each in events(issuer)} == {("R", "5")}


def test_as_json_it_is_one_object(issuer: Issuer, linked: Writer, run: Run) -> None:
    issuer.register("app-5", patient="5")

    assert json.loads(run("5", "--json").stdout) == {
        "patient": "5",
        "types": {"Observation": {"resources": 1, "versions": 2}, "Patient": {"resources": 1, "versions": 0}},
        "others": ["Observation/moved"],
        "references": {"Observation/linked": ["Patient/5"]},
        "clients": ["app-5"],
        "erased": False,
    }
    assert json.loads(run("5", "--yes", "--unlink", "--json").stdout)["erased"] is True
    assert linked.reader.get("Patient/5").status == 410


def test_a_reference_of_others_stops_it_before_a_client_is_disabled(issuer: Issuer, linked: Writer, run: Run) -> None:
    issuer.register("app-5", patient="5")

    refused = run("5", "--yes")

    assert refused.exit_code == 1
    assert printed(refused)[-1].startswith("careconnect: resources of others refer to the record: Observation/linked")
    assert linked.reader.get("Patient/5").status == 200
    assert {each.action.value for each in events(issuer)} == {"R"}


def test_it_erases_disables_the_clients_and_ends_their_tokens(issuer: Issuer, linked: Writer, run: Run) -> None:
    issuer.register("app-5", patient="5")
    issuer.register("app-6", patient="6")

    done = run("5", "--yes", "--unlink")

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Erased Patient/5: 2 resources.")
    assert [linked.reader.get(path).status for path in ("Patient/5", "Observation/o1", "Patient/6")] == [410, 410, 200]
    enabled = {
        item["client_id"]["S"]: item["enabled"]["BOOL"]
        for item in issuer.dynamodb.scan(TableName=CLIENT_TABLE)["Items"]
    }
    assert (enabled["app-5"], enabled["app-6"]) == (False, True)
    recorded = [(each.interaction, each.action.value, each.patient) for each in events(issuer)]
    assert recorded.count(("patients-erase", "D", "5")) == 2
    assert recorded.count(("patients-unlink", "U", "6")) == 1
    assert {"client-disable", "tokens-revoke"} < {interaction for interaction, _, _ in recorded}
    assert "nothing is stored of Patient/5" in run("5").stderr


@each_of("given", ["Patient/", "a b", "9" * 65])
def test_what_is_no_id_is_refused(run: Run, given: str) -> None:
    refused = run(given, "--yes")

    assert refused.exit_code == 1
    assert "a patient's id has 1 to 64" in refused.stderr


def test_an_unfinished_switch_stops_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("careconnect_admin.restoring.switch_tables.unfinished_switches", lambda _: [object()])

    refused = run("5", "--yes")

    assert refused.exit_code == 1
    assert "has not ended" in refused.stderr
