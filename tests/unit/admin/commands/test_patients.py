"""The commands `careconnect patients`: their lists, refusals and events, and the clients that an erasure disables."""

import json
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import AuditEvent, event_of
from careconnect.export.job import Selection
from careconnect.oauth.access_token import client_cutoff_key, patient_cutoff_key
from careconnect_admin.cli import app
from careconnect_admin.commands.shared import on_stack
from careconnect_admin.exporting.exports import Exports
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.table_formats import begin_table
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.export_jobs import a_job, export_table
from careconnect_testing.parts.issuer import AUDIT_TABLE, CLIENT_TABLE, TOKEN_TABLE, Issuer, built_issuer
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.stores import BASE, Reader, made_tables
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.command_line import printed

Run = Callable[..., Result]

CROSSING = (
    "references would lead from one record to the other (Observation/weight → Encounter/visit): correct these "
    "references, name the resources too, or give --with"
)


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
def patients(issuer: Issuer, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Run:
    tables = writer.reader.tables
    names = (tables.record, tables.directory, tables.reference, *tables.states)
    outputs = {"ClientTable": CLIENT_TABLE, "TokenTable": TOKEN_TABLE, "AuditTable": AUDIT_TABLE, "BaseUrl": BASE}
    outputs |= dict(zip(OUTPUTS, names, strict=True))
    target = StackTarget("stack", outputs, lambda name: getattr(issuer, name), parameters={"RestoredTables": ""})
    monkeypatch.setattr("careconnect_admin.restoring.switch_tables.unfinished_switches", lambda _: [])
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr("careconnect_admin.erasing.erase_patient.WAIT_SECONDS", 0.0)
    monkeypatch.setattr(on_stack, "time", SimpleNamespace(time=time.time, sleep=lambda _: None))
    return lambda *arguments, **options: CliRunner().invoke(app, ["patients", *arguments], **options)


@pytest.fixture
def run(patients: Run) -> Run:
    return lambda *arguments, **options: patients("erase", *arguments, **options)


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
        "exports": [],
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


def test_it_erases_disables_the_clients_and_ends_their_tokens(
    issuer: Issuer, linked: Writer, run: Run, registrations: list[str]
) -> None:
    issuer.register("app-5", patient="5")
    issuer.register("app-6", patient="6")

    done = run("5", "--yes", "--unlink")

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Erased Patient/5: 2 resources.")
    assert registrations == ["erase", "end"]
    assert "Disabled: app-5" in done.stderr
    assert "References of others that were replaced: 1" in done.stderr
    assert [linked.reader.get(path).status for path in ("Patient/5", "Observation/o1", "Patient/6")] == [410, 410, 200]
    enabled = {
        item["client_id"]["S"]: item["enabled"]["BOOL"]
        for item in issuer.dynamodb.scan(TableName=CLIENT_TABLE)["Items"]
    }
    assert (enabled["app-5"], enabled["app-6"]) == (False, True)
    ended = {item["pk"]["S"] for item in issuer.dynamodb.scan(TableName=TOKEN_TABLE)["Items"]}
    assert ended == {patient_cutoff_key("5"), client_cutoff_key("app-5")}
    recorded = [(each.interaction, each.action.value, each.patient) for each in events(issuer)]
    assert recorded.count(("patients-erase", "D", "5")) == 2
    assert recorded.count(("patients-unlink", "U", "6")) == 1
    assert {"client-disable", "tokens-revoke"} < {interaction for interaction, _, _ in recorded}
    assert "nothing is stored of Patient/5" in run("5").stderr


def test_it_ends_the_bulk_exports_that_may_hold_the_record_before_it_and_waits_for_their_removal(
    writer: Writer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, _ = export_table(time.time)
    job, other = a_job(time.time()), a_job(time.time(), id="5" * 32, selection=Selection(("Organization",)))
    for each in (job, other):
        jobs.put(each, 2)
    removed: list[int] = []

    class Removals:
        def begin(self, job_id: str) -> str:
            removed.append(writer.reader.get("Patient/5").status)
            jobs.remove(job_id)
            return job_id

        def is_under_way(self, removal: str) -> bool:
            return False

    exports = Exports(jobs, Removals(), retention_hours=24, sleep=lambda _: None)
    monkeypatch.setattr("careconnect_admin.exporting.exports.exports_of", lambda _target: exports)

    listed = run("5")
    assert f"ends, with its files: export {job.id} of client-1" in listed.stdout
    assert other.id not in listed.stdout
    assert jobs.get(job.id) == job

    done = run("5", "--yes")

    assert f"Exports that were ended: {job.id}" in done.stderr
    assert (removed, jobs.get(job.id), jobs.get(other.id)) == ([410], None, other)
    assert writer.reader.get("Patient/5").status == 410


@pytest.fixture
def visited(writer: Writer) -> Writer:
    """A visit of Patient/6 in the record of Patient/5, which has been in that of Patient/7 before."""
    visit = {"resourceType": "Encounter", "id": "visit", "status": "finished"}
    assert writer.update({**patient(), "id": "7"}).status == 201
    for number in ("7", "5"):
        assert writer.update({**visit, "subject": {"reference": f"Patient/{number}"}}).status < 300
    weight = {**observation("Patient/5"), "id": "weight", "context": {"reference": "Encounter/visit"}}
    assert writer.update({**weight, "performer": [{"reference": "Patient/5"}]}).status == 201
    return writer


def test_a_move_lists_what_goes_along_and_what_stops_it_and_changes_nothing(
    issuer: Issuer, visited: Writer, patients: Run
) -> None:
    listed = patients("move", "Patient/5", "6", "Observation/weight", "Observation/moved", "Observation/absent")

    assert listed.exit_code == 0, listed.output
    assert listed.stdout.splitlines() == [
        "moves: Observation/weight (subject, performer[0])",
        "has moved already: Observation/moved",
        "stops it: Observation/absent is not stored",
        f"stops it: {CROSSING}",
    ]
    assert "nothing was changed" in listed.stderr
    assert (
        "moves with it: Encounter/visit (subject)" in patients("move", "5", "6", "Observation/weight", "--with").stdout
    )
    assert visited.reader.get("Observation/weight").json["meta"]["versionId"] == "1"
    assert {(each.interaction, each.action.value, each.patient) for each in events(issuer)} == {
        ("patients-move", "R", "5"),
        ("patients-move", "R", "6"),
    }


def test_a_move_tells_each_patient_what_left_and_what_came(
    issuer: Issuer, visited: Writer, patients: Run, registrations: list[str]
) -> None:
    done = patients("move", "5", "6", "Observation/weight", "--with", "--yes")
    assert registrations == ["move", "end"]

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[-1] == "Moved from Patient/5 to Patient/6: 2 resources"
    assert visited.reader.get("Encounter/visit").json["subject"] == {"reference": "Patient/6"}
    versions = ("Observation/weight/_history/2", "Encounter/visit/_history/3")
    recorded = {each.patient: each for each in events(issuer) if each.action.value == "U"}
    assert {name: (each.interaction, each.ids) for name, each in recorded.items()} == {
        "5": ("patients-move-out", versions),
        "6": ("patients-move-in", versions),
        "7": ("patients-move", versions[1:]),
    }
    assert not any("Patient/" in each.query for each in recorded.values())
    assert "nothing is left to move" in patients("move", "5", "6", "Observation/weight", "--yes").stderr


def test_a_move_that_something_stops_is_refused_and_leaves_no_event_of_a_change(
    issuer: Issuer, visited: Writer, patients: Run
) -> None:
    refused = patients("move", "5", "6", "Observation/weight", "--yes")

    assert refused.exit_code == 1
    assert printed(refused)[-1].startswith("careconnect: references would lead from one record to the other")
    assert visited.reader.get("Observation/weight").json["meta"]["versionId"] == "1"
    assert {each.action.value for each in events(issuer)} == {"R"}


def test_a_move_that_others_come_before_is_a_refusal_of_both_patients(
    issuer: Issuer, visited: Writer, patients: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_store: object, _events: object, keep: Callable[..., None] = DynamoDbAuditStore.keep) -> None:
        keep(_store, _events)
        if len(events(issuer)) == 4:
            changed = {**observation("Patient/5", comment="meanwhile"), "id": "o1"}
            assert visited.update(changed | {"status": "amended"}).status == 200

    monkeypatch.setattr(DynamoDbAuditStore, "keep", write)
    refused = patients("move", "5", "6", "Observation/o1", "--yes")

    assert refused.exit_code == 1
    assert "Observation/o1 was changed meanwhile, so nothing was moved: run it again" in refused.stderr
    assert visited.reader.get("Observation/o1").json["subject"] == {"reference": "Patient/5"}
    outcomes = [(each.interaction, each.outcome.value, each.why, each.patient) for each in events(issuer)]
    assert outcomes.count(("patients-move-out", "4", "conflict", "5")) == 1
    assert outcomes.count(("patients-move-in", "4", "conflict", "6")) == 1


def test_a_move_as_json_is_one_object(visited: Writer, patients: Run) -> None:
    assert json.loads(patients("move", "5", "6", "Observation/weight", "--json").stdout) == {
        "from": "5",
        "to": "6",
        "moves": {"Observation/weight": ["subject", "performer[0]"]},
        "with": [],
        "moved": [],
        "crossing": [["Observation/weight", "Encounter/visit"]],
        "texts": [],
        "stops": [CROSSING],
        "done": False,
    }
    assert json.loads(patients("move", "5", "6", "Observation/o1", "--yes", "--json").stdout)["done"] is True
    assert visited.reader.get("Observation/o1").json["subject"] == {"reference": "Patient/6"}


def test_a_move_to_the_same_patient_is_refused(patients: Run) -> None:
    refused = patients("move", "5", "Patient/5", "Observation/o1", "--yes")

    assert (refused.exit_code, printed(refused)[-1]) == (1, "careconnect: FROM and TO are the same patient")


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
