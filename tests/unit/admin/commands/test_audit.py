"""`careconnect audit`: the trail for an operator, and its verification, each on a stack."""

import csv
import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner, Result

from audit_archiver.days import end_of, start_of
from audit_archiver.verify_day import Verdict
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import AuditEvent, Outcome, day_of, event_key, event_of, new_event_id
from careconnect.audit.patient_index import FORMER_PATIENT_INDEX, PATIENT_INDEX, definition
from careconnect.audit.store import EventNotStoredError
from careconnect.audit.told_retentions import retention_row
from careconnect.oauth.client_record import ClientRecord, client_item
from careconnect.search.values import normalise
from careconnect.storage.keys import entry_sort_key, string_partition, string_prefix, token_partition, token_prefix
from careconnect_admin.audit_trail.archive_listing import Listing, Volume
from careconnect_admin.cli import app
from careconnect_admin.commands import audit as audit_command
from careconnect_admin.commands import audit_sources
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.aws.tables import create_table
from careconnect_testing.parts.archived_trail import AUDIT_TABLE, BUCKET, DAY, MINUTE, ArchivedTrail, trail_on_moto
from careconnect_testing.parts.issuer import CLIENT_TABLE
from careconnect_testing.stacks.command_line import printed
from careconnect_testing.stacks.whole_template import new_table

Run = Callable[..., Result]
RECORD_TABLE = "records"
OUTPUTS = {
    "AuditTable": AUDIT_TABLE, "ArchiveBucket": BUCKET, "ClientTable": CLIENT_TABLE, "RecordTable": RECORD_TABLE
}  # fmt: skip


@pytest.fixture
def record() -> Iterator[ArchivedTrail]:
    with trail_on_moto() as made:
        create_table(made.dynamodb, "ClientTable", CLIENT_TABLE)
        yield made


@pytest.fixture
def outputs() -> dict[str, str]:
    """The stack's outputs, which a test may add to."""
    return dict(OUTPUTS)


@pytest.fixture
def athena(record: ArchivedTrail) -> "Athena":
    """Athena, which answers by what it is told to."""
    return Athena(record)


@pytest.fixture
def run(record: ArchivedTrail, outputs: dict[str, str], athena: "Athena", monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect audit …` on the stack, at the record's own time."""
    clients: dict[str, Any] = {"dynamodb": record.dynamodb, "s3": record.s3, "athena": athena}

    class Parameters(dict[str, str]):
        def get(self, name: str, default: str = "") -> str:  # type: ignore[override]
            own = {"AuditRetentionDays": str(record.retention_days), "ArchiveRetentionDays": "365"}
            return own.get(name, default)

    target = StackTarget(
        "careconnect", outputs, lambda service: clients[service], is_local=True, parameters=Parameters()
    )
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    monkeypatch.setattr(audit_command, "time", SimpleNamespace(time=lambda: record.now / 1000))
    return lambda *arguments, **options: CliRunner().invoke(app, ["audit", *arguments], **options)


def rows(result: Result) -> Sequence[Sequence[str]]:
    assert result.exit_code == 0, result.output
    return [line.split() for line in result.stdout.splitlines()]


# --- list


@pytest.mark.parametrize("command", [(), ("list",)])
def test_who_saw_a_patients_record_is_listed_newest_first(
    record: ArchivedTrail, run: Run, command: tuple[str, ...]
) -> None:
    record.stored(MINUTE, patient="4", ids=("Observation/7", "Observation/8"), type="Observation", status=200)
    record.stored(0, patient="4", query="family=abc", outcome=Outcome.REFUSED, why="scope", status=403)
    record.stored(0, patient="5")

    heading, newest, oldest = rows(run(*command, "--patient", "4"))

    assert heading == ["when", "who", "did", "what", "patient", "outcome"]
    assert newest == [
        "2026-03-26T12:00:00Z",
        "client-1",
        "read",
        "Patient?family=abc",
        "4",
        "refused",
        "403:",
        "scope",
    ]
    assert oldest[3:] == ["Observation/7", "Observation/8", "4", "done", "200"]


def test_a_search_of_a_compartment_is_listed_with_what_of_it_was_searched(record: ArchivedTrail, run: Run) -> None:
    asked: dict[str, Any] = {"interaction": "search-type", "type": "Observation", "ids": ("Patient/4",)}
    record.stored(MINUTE, **asked, query="code=1")
    record.stored(0, **asked)

    _, newest, oldest = rows(run("--patient", "4"))

    assert (newest[3], oldest[3]) == ("Patient/4/Observation", "Patient/4/Observation?code=1")


def test_an_event_of_an_export_is_listed_with_its_job_and_its_file(record: ArchivedTrail, run: Run) -> None:
    asked: dict[str, Any] = {"interaction": "operation", "type": "", "job": "a-job"}
    record.stored(MINUTE, **asked, file="Patient.0.1.ndjson")
    record.stored(0, **asked)

    _, newest, oldest = rows(run("--patient", "4", "--wide"))

    assert (newest[3], oldest[3]) == ("$export/a-job", "$export/a-job/Patient.0.1.ndjson")


def named(record: ArchivedTrail, client_id: str, name: str) -> None:
    nothing: frozenset[Any] = frozenset()
    registered = ClientRecord(client_id, name, enabled=True, auth_methods=nothing, grant_types=nothing, scopes=())
    record.dynamodb.put_item(TableName=CLIENT_TABLE, Item=client_item(registered))


LONG = "Observation?" + "&".join(f"code:text=a-long-text-of-a-code-{number}" for number in range(9))
UUID = "a24a4d9f-c264-4af7-a8e5-248c24a6b707"


def test_a_line_has_the_clients_name_and_no_cursor_and_ends_before_120_characters(
    record: ArchivedTrail, run: Run
) -> None:
    named(record, UUID, "Patient access")
    cursor = "_cursor=" + "c" * 70
    type_, _, query = LONG.partition("?")
    search: dict[str, Any] = {"interaction": "search-type", "type": type_, "query": f"{cursor}&{query}&{cursor}"}
    record.stored(3, client_id=UUID, **search, patient="")
    record.stored(2, client_id="gone", outcome=Outcome.REFUSED, why="client authentication", status=403)
    record.stored(1, client_id="arn:aws:sts::123456789012:assumed-role/Admin/jane", service="cli", patient="")

    heading, operator, gone, client = run("--date", DAY).stdout.splitlines()

    assert heading.split() == ["when", "who", "did", "what", "patient", "outcome"]
    assert max(map(len, (operator, gone, client))) < 120
    assert "Patient access (a24a4d9f…)  search-type  Observation?" in client
    assert "assumed-role/Admin/jane" in operator
    assert "gone" in gone.split()
    assert "refused 403: client aut…" in gone
    record.stored(1, patient="p" * 64)
    assert max(map(len, run("--date", DAY).stdout.splitlines())) < 120
    wide = run("--date", DAY, "--wide").stdout
    assert f"2026-03-26T11:59:59.997Z  Patient access ({UUID})" in wide
    assert f"{LONG}  " in wide
    assert "_cursor" not in wide
    (asked,) = [each for each in json.loads(run("--date", DAY, "--json").stdout) if each["client_id"] == UUID]
    assert asked["query"].count(cursor) == 2


def test_an_event_has_the_name_of_its_time_before_the_registered_one(record: ArchivedTrail, run: Run) -> None:
    named(record, "client-1", "New name")
    (event_id,) = record.stored(0)
    record.change(event_id, client_name="Old name")
    record.stored(1)

    assert [line.split()[1:3] for line in run("--patient", "4").stdout.splitlines()[1:]] == [
        ["Old", "name"],
        ["New", "name"],
    ]


def test_without_the_right_to_read_clients_events_are_listed_without_names(record: ArchivedTrail, run: Run) -> None:
    record.stored(0, 1)
    record.dynamodb.delete_table(TableName=CLIENT_TABLE)

    result = run("--patient", "4")

    assert [row[1] for row in rows(result)[1:]] == ["client-1", "client-1"]
    assert printed(result) == ["careconnect: without the clients' names (ResourceNotFoundException)"]


def test_days_and_clients_limit_what_is_listed(record: ArchivedTrail, run: Run) -> None:
    day = 86_400_000
    record.stored(0, day, 2 * day)
    record.stored(0, day, client_id="client-2", patient="")
    record.stored(1)

    def times(*options: str) -> list[str]:
        return [each["at"][:10] for each in json.loads(run("list", "--json", *options).stdout)]

    assert times("--date", DAY) == [DAY] * 3
    assert times("--from", "2026-03-25", "--client", "client-2") == [DAY, "2026-03-25"]
    assert times("--from", "2026-03-24", "--to", "2026-03-25") == ["2026-03-25", "2026-03-25", "2026-03-24"]
    assert times("--patient", "4", "--date", "2026-03-25") == ["2026-03-25"]
    assert times("--patient", "4", "--from", "2026-03-25", "--to", DAY) == [DAY, DAY, "2026-03-25"]
    nothing = run("list", "--patient", "9")
    assert (nothing.stdout, printed(nothing)) == ("", ["careconnect: no event"])


def test_that_there_is_more_is_said(record: ArchivedTrail, run: Run) -> None:
    record.stored(0, 1, 2)

    result = run("--patient", "4", "--max", "2")

    assert len(rows(result)) == 3
    assert printed(result) == ["careconnect: these are the newest 2: give --max or days for more"]


def test_what_is_no_event_of_this_service_is_said_to_be_none(record: ArchivedTrail, run: Run) -> None:
    (real,) = record.stored(0)
    item = record.item(real)
    (elsewhere,) = record.stored(1)
    record.remove(elsewhere)
    record.put_item({**item, "sk": {"S": elsewhere}, "pk": {"S": "elsewhere"}})
    (empty,) = record.stored(2)
    record.put_item({**event_key(empty), "patient": {"S": "4"}})

    listed = json.loads(run("--patient", "4", "--json").stdout)

    assert [each["outcome"][:8] for each in listed] == ["done", "no event", "no event"]
    assert "careconnect audit verify" in run("--patient", "4").stdout
    assert "no event of this service" in run("show", empty).stdout


def test_more_events_of_a_patient_than_a_batch_are_listed_in_their_order(record: ArchivedTrail, run: Run) -> None:
    stored = record.stored(*range(0, 120 * MINUTE, MINUTE))

    listed = json.loads(run("--patient", "4", "--json").stdout)

    assert [each["id"] for each in listed] == sorted(stored, reverse=True)
    assert {each["interaction"] for each in listed} == {"read"}


@pytest.mark.parametrize(("lean", "former"), [(True, False), (False, True), (True, True)])
def test_either_index_by_patient_serves_the_list(record: ArchivedTrail, run: Run, *, lean: bool, former: bool) -> None:
    stored = record.stored(0, 1)
    table = {"TableName": AUDIT_TABLE, "AttributeDefinitions": new_table("AuditTable")["AttributeDefinitions"]}
    if former:
        index = {**definition(), "IndexName": FORMER_PATIENT_INDEX, "Projection": {"ProjectionType": "ALL"}}
        record.dynamodb.update_table(**table, GlobalSecondaryIndexUpdates=[{"Create": index}])
    if not lean:
        index = {"IndexName": PATIENT_INDEX}
        record.dynamodb.update_table(**table, GlobalSecondaryIndexUpdates=[{"Delete": index}])

    listed = json.loads(run("--patient", "4", "--json").stdout)

    assert [each["id"] for each in listed] == sorted(stored, reverse=True)


def test_what_expires_while_it_is_read_is_left_out(
    record: ArchivedTrail, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, stays = record.stored(0, 1)
    real = record.dynamodb.batch_get_item

    def removed_before(**asked: Any) -> Any:
        record.remove(gone)
        return real(**asked)

    monkeypatch.setattr(record.dynamodb, "batch_get_item", removed_before)

    assert [each["id"] for each in json.loads(run("--patient", "4", "--json").stdout)] == [stays]


def looks(record: ArchivedTrail, day: str) -> list[AuditEvent]:
    """Return the audit events of the operator's own reads of the trail: the operator's clock is this machine's."""
    events = sorted(map(event_of, record.trail.items(day)), key=lambda event: event.id)
    return [event for event in events if event.client_id == "operator"]


def test_a_look_at_the_record_is_recorded_with_whose_it_was(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = record.stored(0, patient="4")
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


@pytest.mark.parametrize("command", ["list", "show", "report"])
def test_what_cannot_be_recorded_is_not_shown(
    record: ArchivedTrail, run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (event_id,) = record.stored(0, patient="4")
    refuse = Mock(side_effect=EventNotStoredError("AccessDeniedException", is_down=True))
    monkeypatch.setattr(DynamoDbAuditStore, "keep", refuse)

    options = {"list": ["--patient", "4"], "show": [event_id], "report": ["--patient", "4", "--date", DAY]}
    result = run(command, *options[command])

    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = printed(result)
    assert "AccessDeniedException" in line


# --- show


def test_all_that_is_recorded_of_an_event_is_shown(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = record.stored(0, ids=("Patient/4", "Patient/5"), request_id="abc")

    shown = dict(line.split(maxsplit=1) for line in run("show", f"AuditEvent/{event_id}").stdout.splitlines())

    assert (shown["id"], shown["ids"], shown["patient"]) == (event_id, "Patient/4 Patient/5", "4")
    assert "abc" in shown["request"]


def test_an_event_that_is_not_there_is_said_to_be_none(run: Run) -> None:
    missing = new_event_id(0)

    result = run("show", missing)

    assert result.exit_code == 1
    assert printed(result) == [f"careconnect: there is no AuditEvent/{missing}"]


# --- report


def has_number(record: ArchivedTrail, *patients: str) -> None:
    """Store the index entries of patients with the NHS number 999 000 0018, and of one with it in another system."""
    create_table(record.dynamodb, "RecordTable", RECORD_TABLE)
    partition = token_partition("Patient", "identifier", "9990000018")
    for patient in (*patients, "elsewhere"):
        system = "https://elsewhere.example" if patient == "elsewhere" else "https://fhir.nhs.uk/Id/nhs-number"
        key = {"pk": {"S": partition}, "sk": {"S": entry_sort_key(token_prefix(system), "0" * 15, patient)}}
        record.dynamodb.put_item(TableName=RECORD_TABLE, Item=key)


def test_a_report_has_a_line_for_each_visit_and_refusals_apart(record: ArchivedTrail, run: Run) -> None:
    named(record, "client-1", "Ward 7")
    record.stored(3 * MINUTE, 2 * MINUTE, MINUTE)
    record.stored(MINUTE, interaction="search-type", type="Observation")
    record.stored(MINUTE, client_id="", outcome=Outcome.REFUSED, why="compartment", status=404)
    record.stored(MINUTE, patient="5")
    record.put(0, client_id="client-2")

    result = run("report", "--patient", "4", "--date", DAY)

    assert (result.exit_code, printed(result)) == (0, [])
    title, _, _, heading, newest, visit, _, _, _, refused = (
        re.split(r"\s{2,}", line) for line in result.stdout.splitlines()
    )
    assert title == [f"Patient/4, {DAY} to {DAY} (UTC)"]
    assert heading == ["from", "to", "client", "requests", "archive", "what"]
    start, now = "2026-03-26T11:57:00Z", "2026-03-26T12:00:00Z"
    assert newest == [now, now, "client-2", "1", "not archived yet", "read Patient"]
    told = ["4", "as archived", "read Observation, Patient ×3"]
    assert visit == [start, "2026-03-26T11:59:00Z", "Ward 7 (client-1)", *told]
    assert refused[2:] == ["not known", "1", "as archived", "read Patient", "compartment 404"]
    nothing = run("report", "--patient", "6", "--from", DAY).stdout.splitlines()
    assert nothing[1:] == ["", "No visit", "", "Nothing was refused"]


def test_a_report_is_csv_that_no_spreadsheet_calculates(record: ArchivedTrail, run: Run) -> None:
    (event_id,) = record.stored(MINUTE, client_id="=1+1", client_name="A, B")
    record.stored(MINUTE, outcome=Outcome.REFUSED, why="scope", status=403)
    options = ("--patient", "4", "--date", DAY)

    heading, visit, refused = csv.reader(run("report", *options, "--csv").stdout.splitlines())

    assert heading == ["outcome", "from", "to", "client id", "client", "requests", "archive", "what", "why"]
    at = "2026-03-26T11:59:00.000Z"
    assert visit == ["allowed", at, at, "'=1+1", "A, B", "1", "as archived", "read Patient", ""]
    assert (refused[0], refused[-1]) == ("refused", "scope 403")
    first, _ = json.loads(run("report", *options, "--json").stdout)
    assert first == {
        "outcome": "allowed", "from": at, "to": at, "client_id": "=1+1", "client": "A, B", "requests": 1,
        "archive": "as archived", "what": "read Patient", "events": [event_id],
    }  # fmt: skip


def test_a_report_of_a_client_alone_names_the_patients_whom_it_saw(record: ArchivedTrail, run: Run) -> None:
    record.stored(MINUTE, 2 * MINUTE)
    record.stored(MINUTE, patient="5", type="Observation")
    record.stored(MINUTE, patient="")
    record.stored(MINUTE, patient="6", client_id="client-2")
    options = ("--client", "client-1", "--date", DAY)

    title, _, _, heading, *visits = run("report", *options).stdout.splitlines()
    columns, *rows = csv.reader(run("report", *options, "--csv").stdout.splitlines())

    assert title == f"Client client-1, {DAY} to {DAY} (UTC)"
    assert (heading.split()[0], sorted(line.split()[0] for line in visits[:2])) == ("patient", ["4", "5"])
    assert columns[:2] == ["patient", "outcome"]
    assert sorted((row[0], row[6], row[8]) for row in rows) == [
        ("4", "2", "read Patient ×2"),
        ("5", "1", "read Observation"),
    ]
    assert sorted(each["patient"] for each in json.loads(run("report", *options, "--json").stdout)) == ["4", "5"]
    look = looks(record, day_of(int(time.time() * 1000)))[-1]
    assert (look.patient, look.query) == ("", f"user=client-1&date={DAY}")


def test_a_report_is_not_on_itself_but_on_the_next_one(record: ArchivedTrail, run: Run) -> None:
    record.now = int(time.time() * 1000)
    # The days of both, should the midnight come between.
    options = ("--patient", "4", "--from", day_of(record.now), "--to", day_of(record.now + 86_400_000), "--json")

    first, second = run("report", *options), run("report", *options)

    assert json.loads(first.stdout) == []
    (earlier,) = json.loads(second.stdout)
    assert (earlier["client_id"], earlier["what"], earlier["requests"]) == ("operator", "read AuditEvent", 1)


def test_a_report_of_days_that_are_not_as_archived_says_so_and_ends_with_1(record: ArchivedTrail, run: Run) -> None:
    changed, removed = record.stored(MINUTE, 2 * MINUTE)
    record.deliver(record.change(changed, client="x"), record.remove(removed))
    (forged,) = record.stored(MINUTE)
    record.put_item({**event_key(forged), "patient": {"S": "4"}})

    result = run("report", "--patient", "4", "--date", DAY, "--json")

    assert result.exit_code == 1
    (only,) = json.loads(result.stdout)
    assert (only["archive"], only["events"]) == ("changed", [changed])
    left_out, broken, where = printed(result)
    assert forged in left_out
    assert "3 broken" in broken
    assert "careconnect audit verify" in where


# --- report of days that the table has forgotten


@dataclass
class Athena:
    """Athena over a trail's archive: it answers each statement by all lines, as the command judges them itself."""

    record: ArchivedTrail
    statements: list[str] = field(default_factory=list)
    looked_before: int = 0

    def start_query_execution(self, **request: Any) -> Any:
        self.statements.append(request["QueryString"])
        assert (request["WorkGroup"], request["QueryExecutionContext"]) == ("group", {"Database": "the_database"})
        self.looked_before = len(looks(self.record, day_of(int(time.time() * 1000))))
        return {"QueryExecutionId": "1"}

    def get_query_execution(self, **_: Any) -> Any:
        return {"QueryExecution": {"Status": {"State": "SUCCEEDED"}, "Statistics": {"DataScannedInBytes": 5}}}

    def get_paginator(self, _: str) -> Any:
        lines = [line for body in self.record.objects().values() for line in gzip.decompress(body).splitlines()]
        rows = [{"Data": [{"VarCharValue": text} for text in ("", line.decode())]} for line in (b"line", *lines)]
        return Mock(paginate=lambda **_: [{"ResultSet": {"Rows": rows}}])


DAY_LONG = 86_400_000
HOUR = 3_600_000
THREE_DAYS = ("report", "--patient", "4", "--from", "2026-03-24")


def beating(record: ArchivedTrail, first: int, last: int) -> None:
    """Archive two heartbeats in one object, which so holds something of each hour from the first to the last."""
    beats = (record.put(at=at, interaction="archive-heartbeat", patient="", client_id="") for at in (first, last))
    record.deliver(*(streamed for _, streamed in beats))


@pytest.fixture
def forgotten(record: ArchivedTrail) -> list[str]:
    """Three events of a patient, two of which are in the archive alone; the stack keeps events for a day."""
    record.retention_days = 1
    for day in ("2026-03-24", "2026-03-25"):
        beating(record, start_of(day), end_of(day) - 1)
    (old,), (former,), (new,) = (record.stored(age) for age in (2 * DAY_LONG, DAY_LONG, MINUTE))
    record.remove(old)
    record.remove(former)
    return [new, former, old]


def test_of_what_the_table_has_forgotten_list_and_show_name_the_report(
    record: ArchivedTrail, run: Run, forgotten: list[str]
) -> None:
    _, former, old = forgotten
    hint = "events before 2026-03-26 may be in the archive alone: careconnect audit report reads it"

    for reaching in (("--patient", "4"), ("--from", "2026-03-25"), ("--patient", "5", "--date", "2026-03-24")):
        assert printed(run("list", *reaching))[-1] == f"careconnect: {hint}"
    assert printed(run("list", "--date", DAY)) == printed(run("list", "--patient", "4", "--from", DAY)) == []
    for event_id in (former, old):
        assert printed(run("show", event_id)) == [f"careconnect: there is no AuditEvent/{event_id}: {hint}"]
    record.retention_days = 0
    assert printed(run("list", "--patient", "4")) == []


def events_of(result: Result) -> list[str]:
    return [event_id for each in json.loads(result.stdout) for event_id in each.get("events", ())]


def test_what_the_table_has_forgotten_is_reported_from_the_archive(run: Run, forgotten: list[str]) -> None:
    result = run(*THREE_DAYS, "--json")

    assert (result.exit_code, events_of(result)) == (0, forgotten)
    said = ["as archived", "from the archive", "from the archive"]
    assert [each["archive"] for each in json.loads(result.stdout)] == said
    size, former = printed(result)
    assert size.startswith("careconnect: 2026-03-24 to 2026-03-26 is in the archive: 5 objects, ")
    assert size.endswith(" kB. They are downloaded, for less than 0.01 dollars.")
    assert former.startswith("careconnect: days before 2026-03-26 are what was archived")
    recent = run("report", "--patient", "4", "--date", DAY, "--json")
    assert (events_of(recent), printed(recent)) == (forgotten[:1], [])


def test_with_queries_athena_is_asked_after_the_report_is_recorded(
    run: Run, outputs: dict[str, str], athena: Athena, forgotten: list[str]
) -> None:
    outputs |= {"ArchiveDatabase": "The_Database", "ArchiveWorkGroup": "group"}

    result = run(*THREE_DAYS, "--client", "client-1", "--json")

    assert (result.exit_code, events_of(result), athena.looked_before) == (0, forgotten, 1)
    (statement,) = athena.statements
    assert '"patient":{"S":"4"}' in statement
    assert "Athena reads them for less than 0.01 dollars." in result.stderr


def test_a_days_events_are_looked_for_where_its_own_retention_left_them(
    record: ArchivedTrail, run: Run, forgotten: list[str]
) -> None:
    record.retention_days = 90
    assert events_of(run(*THREE_DAYS, "--json")) == forgotten[:1]

    record.put_item(retention_row("2026-03-24", 1))

    assert events_of(run(*THREE_DAYS, "--json")) == forgotten


def test_the_days_of_the_archive_are_verified_if_asked(record: ArchivedTrail, run: Run, forgotten: list[str]) -> None:
    result = run(*THREE_DAYS, "--verify", "--json")

    assert (result.exit_code, events_of(result)) == (0, forgotten)
    assert [each["archive"] for each in json.loads(result.stdout)] == ["as archived"] * 3
    assert "They are downloaded, for less than 0.01 dollars; --verify downloads them all, for less" in result.stderr
    assert "--verify reads them again" not in result.stderr


def test_a_tampered_object_is_named_by_who_reads_it_and_by_verification(
    record: ArchivedTrail, run: Run, outputs: dict[str, str], forgotten: list[str]
) -> None:
    key, body = min(each for each in record.objects().items() if b"client-1" in gzip.decompress(each[1]))
    forged = gzip.compress(gzip.decompress(body).replace(b"client-1", b"client-2"))
    record.s3.put_object(Bucket=BUCKET, Key=key, Body=forged, ChecksumAlgorithm="SHA256")

    by_objects = run(*THREE_DAYS, "--json")
    outputs |= {"ArchiveDatabase": "the_database", "ArchiveWorkGroup": "group"}
    by_athena = run(*THREE_DAYS, "--json", "--client", "client-2")
    verified = run(*THREE_DAYS, "--json", "--client", "client-2", "--verify")

    assert (by_objects.exit_code, events_of(by_objects)) == (1, forgotten[:2])
    assert f"{key} is an object of the archive that does not hold what its key says" in by_objects.stderr
    assert (by_athena.exit_code, events_of(by_athena)) == (0, forgotten[2:])
    assert verified.exit_code == 1
    assert "careconnect audit verify names" in verified.stderr


def test_hours_that_the_archive_lacks_are_named_and_looked_for_in_the_table(
    record: ArchivedTrail, run: Run, forgotten: list[str]
) -> None:
    record.retention_days = 0
    never_archived, _ = record.put(4 * DAY_LONG)
    record.retention_days = 1
    record.stored(5 * DAY_LONG, patient="5")
    beating(record, start_of("2026-03-21") + 13 * HOUR, end_of("2026-03-21") - 1)
    record.s3.put_object(Bucket=BUCKET, Key="2026-03-25/junk", Body=b"", ChecksumAlgorithm="SHA256")

    result = run("report", "--patient", "4", "--from", "2026-03-20", "--json")

    assert (result.exit_code, events_of(result)) == (1, [*forgotten, never_archived])
    nothing = "careconnect: the archive has nothing from"
    assert printed(result)[:2] == [
        f"{nothing} 2026-03-20 00:00 to 2026-03-21 12:00 (UTC): it begins at 2026-03-21 12:00",
        f"{nothing} 2026-03-22 00:00 to 2026-03-24 00:00 (UTC): see docs/alarms.md, Audit trail",
    ]
    assert printed(result)[-2:] == [
        "careconnect: 2026-03-25/junk is an object of the archive that does not hold what its key says",
        "careconnect: careconnect audit verify names the events that are not as archived",
    ]
    # Read with the days around it, an event that the archive has not is not said to be from there.
    added, _ = record.put(DAY_LONG + 60 * MINUTE)
    around = json.loads(run("report", "--patient", "4", "--from", "2026-03-23", "--json").stdout)
    assert {each["archive"] for each in around if added in each.get("events", ())} == {"added"}
    alone = run("report", "--patient", "4", "--date", "2026-03-22", "--json")
    assert (alone.exit_code, events_of(alone)) == (1, [never_archived])
    assert "the archive has nothing from 2026-03-22 00:00 to 2026-03-23 00:00" in alone.stderr
    before = run("report", "--patient", "5", "--from", "2026-03-19", "--to", "2026-03-21", "--json")
    assert (before.exit_code, len(events_of(before))) == (0, 1)


def test_hours_without_objects_are_in_a_report_that_is_saved(
    record: ArchivedTrail, run: Run, outputs: dict[str, str], forgotten: list[str]
) -> None:
    # Of the hour from 2 to 3 is the only object.
    for key in (each for each in record.objects() if each.startswith("2026-03-25/00/")):
        record.s3.delete_object(Bucket=BUCKET, Key=key)
    beating(record, start_of("2026-03-25") + 2 * HOUR, start_of("2026-03-25") + 2 * HOUR)
    beating(record, start_of("2026-03-25") + 3 * HOUR, end_of("2026-03-25") - 1)
    lacking = {"from": "2026-03-25T00:00:00.000Z", "to": "2026-03-25T02:00:00.000Z"}

    by_objects = run(*THREE_DAYS, "--json")
    outputs |= {"ArchiveDatabase": "the_database", "ArchiveWorkGroup": "group"}
    by_athena = run(*THREE_DAYS, "--json")
    lines = run(*THREE_DAYS, "--csv").stdout.splitlines()
    text = run(*THREE_DAYS).stdout

    assert (by_objects.exit_code, by_athena.exit_code) == (1, 1)
    assert by_objects.stdout == by_athena.stdout
    *_, last = json.loads(by_objects.stdout)
    why = "see docs/alarms.md, Audit trail"
    assert last == {"outcome": "not archived", **lacking, "why": why}
    assert list(csv.reader(lines[-1:])) == [["not archived", *lacking.values(), "", "", "", "", "", why]]
    assert re.split(r"\s{2,}", text.splitlines()[-1]) == ["2026-03-25T00:00:00Z", "2026-03-25T02:00:00Z", why]


@pytest.mark.parametrize(
    ("names", "size", "options", "said"),
    [
        (["ArchiveDatabase", "ArchiveWorkGroup"], 960, (), "costs about 4.80"),
        (["ArchiveDatabase", "ArchiveWorkGroup"], 60, ("--verify",), "costs about 5.70"),
        ([], 12, (), "downloads 12.0 GB"),
    ],
)
def test_what_is_dear_is_not_read_unless_it_is_agreed_to(
    record: ArchivedTrail,
    run: Run,
    outputs: dict[str, str],
    athena: Athena,
    forgotten: list[str],
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    size: int,
    options: tuple[str, ...],
    said: str,
) -> None:
    outputs |= dict(zip(names, ["the_database", "group"], strict=False))
    volume = Volume(9, size * 10**9)
    listing = Listing(volume, volume, 3, ("2026-03-24/12", "2026-03-24/12"), (), ())
    monkeypatch.setattr(audit_sources, "listed", lambda *_: listing)

    refused = run(*THREE_DAYS, *options)
    assert (refused.exit_code, refused.stdout, athena.statements) == (1, "", [])
    assert f"this {said}" in refused.stderr
    assert looks(record, day_of(int(time.time() * 1000))) == []
    assert events_of(run(*THREE_DAYS, *options, "--yes", "--json")) == forgotten


def test_the_files_of_an_export_are_found_where_its_days_are_by_one_query(
    record: ArchivedTrail, run: Run, outputs: dict[str, str], athena: Athena, forgotten: list[str]
) -> None:
    job: dict[str, Any] = {"interaction": "operation", "type": "", "job": "job-1", "client_id": "lake"}
    file = {**job, "patient": "", "service": "export_sender", "file": "Patient.0.1.ndjson"}
    (exported,) = record.stored(2 * DAY_LONG, **job, service="export_worker")
    (then,), (now,) = (record.stored(age, **file) for age in (2 * DAY_LONG - MINUTE, MINUTE))
    for each in (exported, then):
        record.remove(each)

    result = run("report", "--client", "lake", "--from", "2026-03-24", "--json")
    outputs |= {"ArchiveDatabase": "the_database", "ArchiveWorkGroup": "group"}
    queried = run("report", "--client", "lake", "--from", "2026-03-24", "--json")

    assert (json.loads(queried.stdout), len(athena.statements)) == (json.loads(result.stdout), 1)
    assert [(each["outcome"], each["archive"]) for each in json.loads(result.stdout)] == [
        ("allowed", "from the archive"),
        ("fetched", "as archived"),
        ("fetched", "from the archive"),
    ]
    assert events_of(result) == [exported, now, then]


def test_a_report_begins_from_an_nhs_number_that_is_typed_and_in_no_option(record: ArchivedTrail, run: Run) -> None:
    has_number(record, "4")
    record.stored(MINUTE)

    result = run("report", "--nhs-number", "--date", DAY, "--client", "client-1", input="999 000 0018\n")

    assert (result.exit_code, result.stdout.splitlines()[0][:9]) == (0, "Patient/4")
    (look,) = looks(record, day_of(int(time.time() * 1000)))
    assert (look.patient, look.query) == ("4", f"patient=4&user=client-1&date={DAY}")


def test_an_nhs_number_that_does_not_name_one_patient_is_told_and_recorded(record: ArchivedTrail, run: Run) -> None:
    has_number(record)
    options = ("report", "--nhs-number", "--date", DAY)

    nobody = run(*options, input="9990000018\n")
    has = entry_sort_key(token_prefix("https://fhir.nhs.uk/Id/nhs-number"), "0" * 15, "")
    for patient in ("4", "5"):
        key = {"pk": {"S": token_partition("Patient", "identifier", "9990000018")}, "sk": {"S": has + patient}}
        record.dynamodb.put_item(TableName=RECORD_TABLE, Item=key)
    several = run(*options, input="9990000018\n")
    wrong = run(*options, input="9990000019\n")

    assert [each.exit_code for each in (nobody, several, wrong)] == [1, 1, 1]
    assert "no patient has this NHS number now" in nobody.stderr
    assert "--patient with 4 or 5" in several.stderr
    assert "no NHS number" in wrong.stderr
    recorded = looks(record, day_of(int(time.time() * 1000)))
    # Two of one millisecond are in no order.
    said = sorted((each.patient, each.query) for each in recorded)
    assert said == [(each, "identifier=***") for each in ("", "4", "5")]


def has_name(record: ArchivedTrail, patient: str, born: str, **name: Any) -> None:
    """Store a Patient with the index entries of its names."""
    resource = {"resourceType": "Patient", "id": patient, "name": [name], **({"birthDate": born} if born else {})}
    body = {"pk": {"S": f"Patient/{patient}"}, "sk": {"S": "#json"}, "body": {"S": json.dumps(resource)}}
    record.dynamodb.put_item(TableName=RECORD_TABLE, Item=body)
    for text in (name["family"], *name["given"]):
        normalised = normalise(text)
        key = {
            "pk": {"S": string_partition("Patient", "name", normalised)},
            "sk": {"S": entry_sort_key(f"{string_prefix(normalised)}#", "0" * 15, patient)},
        }
        record.dynamodb.put_item(TableName=RECORD_TABLE, Item=key)


@pytest.fixture
def namesakes(record: ArchivedTrail) -> None:
    create_table(record.dynamodb, "RecordTable", RECORD_TABLE)
    has_name(record, "4", "1971-08-23", family="Muñoz", given=["Sofía", "Elena"])
    has_name(record, "5", "1958-02-11", family="Muñoz", given=["Diego"])
    has_name(record, "6", "", family="Munro", given=["Sofie"])


@pytest.mark.usefixtures("namesakes")
@pytest.mark.parametrize(
    "typed", ["MUNOZ\n1971-08-23\n", "munoz\n1971\n", "sofia mun\n1971-08\n", "Elena\n\n", "elena"]
)
def test_a_report_begins_from_a_name_and_a_date_of_birth(record: ArchivedTrail, run: Run, typed: str) -> None:
    result = run("report", "--name", "--date", DAY, input=typed)

    assert (result.exit_code, result.stdout.splitlines()[0][:9]) == (0, "Patient/4")
    (look,) = looks(record, day_of(int(time.time() * 1000)))
    assert (look.patient, look.query) == ("4", f"patient=4&date={DAY}")


@pytest.mark.usefixtures("namesakes")
def test_a_name_that_is_not_one_patients_is_told_with_dates_of_birth_and_recorded(
    record: ArchivedTrail, run: Run
) -> None:
    options = ("report", "--name", "--date", DAY)

    several = run(*options, input="sof\n\n")
    nobody = run(*options, input="Muñoz\n1999\n")
    faulty = [run(*options, input=typed) for typed in ("\n\n", "--\n\n", "Muñoz\n23/08/1971\n")]

    assert "--patient with 4 (born 1971-08-23) or 6 (born on no date that is recorded)" in " ".join(printed(several))
    assert "no patient has this name and date of birth now" in nobody.stderr
    assert ["give a name" in each.stderr for each in faulty] == [True, True, False]
    assert "is written as 1971-08-23" in faulty[2].stderr
    assert [each.exit_code for each in (several, nobody, *faulty)] == [1] * 5
    recorded = looks(record, day_of(int(time.time() * 1000)))
    expected = [("4", "name=***"), ("6", "name=***"), ("", "name=***&birthdate=***")]
    assert sorted((each.patient, each.query) for each in recorded) == sorted(expected)


def test_more_patients_of_a_name_than_anybody_reads_are_not_listed(record: ArchivedTrail, run: Run) -> None:
    create_table(record.dynamodb, "RecordTable", RECORD_TABLE)
    for number in range(21):
        has_name(record, str(number), "1971", family="Smith", given=["Jo"])

    result = run("report", "--name", "--date", DAY, input="smith\n\n")

    assert result.exit_code == 1
    assert "more than 20 patients have such a name" in result.stderr
    (look,) = looks(record, day_of(int(time.time() * 1000)))
    assert (look.patient, look.query) == ("", "name=***")


# --- verify


def test_days_are_verified_side_by_side_and_told_in_their_order(
    record: ArchivedTrail, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = "2026-03-25", DAY
    second_is_done = threading.Event()

    def verdict_of(_trail: object, _archive: object, day: str, *_: int) -> Verdict:
        # The first waits for the second, which therefore has to be under way.
        assert day == second or second_is_done.wait(timeout=30)
        second_is_done.set()
        return Verdict(day, 0, 0, frozenset(), 0, ())

    monkeypatch.setattr("audit_archiver.verify_day.verify_day", verdict_of)

    result = run("verify", "--from", first, "--to", second)

    assert result.stdout.splitlines() == [f"{day}  no events" for day in (first, second)]


def test_what_stands_ends_with_0(record: ArchivedTrail, run: Run) -> None:
    assert run("verify").stdout == f"{DAY}  no events\n"
    record.put(MINUTE)
    assert run("verify").stdout == f"{DAY}  0 archived; all stand; 1 not archived yet\n"
    record.stored(MINUTE)
    result = run("verify", "--from", "2026-03-25")
    said = "1 archived, the last at 2026-03-26T11:59:00.000Z; all stand; 1 not archived yet"
    assert result.stdout.splitlines() == ["2026-03-25  no events", f"{DAY}  {said}"]
    assert result.exit_code == 0


def test_what_retention_ended_is_reported(record: ArchivedTrail, run: Run) -> None:
    record.retention_days = 1
    one, _ = record.stored(MINUTE, MINUTE)
    record.now += 86_400_000
    record.remove(one)

    said = run("verify", "--date", DAY)

    assert (said.exit_code, said.stdout.partition("; ")[2]) == (0, "all stand, retention ended 1; 0 not archived yet\n")


def test_all_that_is_broken_is_named_and_ends_with_1(record: ArchivedTrail, run: Run) -> None:
    changed, removed = record.stored(2 * MINUTE, MINUTE)
    record.change(changed, client="x")
    record.remove(removed)
    added, _ = record.put(11 * MINUTE)
    later, _ = record.put(20 * MINUTE)
    record.deliver(record.streamed("INSERT", None, record.item(later)))
    record.s3.put_object(Bucket=BUCKET, Key=f"{DAY}/11/junk", Body=b"", ChecksumAlgorithm="SHA256")

    result = run("verify", "--date", DAY)

    assert result.exit_code == 1
    heading, *named = result.stdout.splitlines()
    assert heading.startswith(f"{DAY}  3 archived, the last at 2026-03-26T12:00:00.000Z; 5 broken; 0 not archived yet")
    assert named == [
        f"  AuditEvent/{later} was added later than it claims",
        f"  AuditEvent/{added} was added: it is not in the archive of its time",
        f"  AuditEvent/{changed} was changed",
        f"  AuditEvent/{removed} was removed",
        f"  {DAY}/11/junk is an object of the archive that does not hold what its key says",
    ]
    (verdict,) = json.loads(run("verify", "--json").stdout)
    assert {"id": changed, "fault": "changed"} in verdict["findings"]
    assert (verdict["stands"], len(verdict["findings"])) == (False, 5)


def test_the_verdict_is_json_too(record: ArchivedTrail, run: Run) -> None:
    record.stored(MINUTE)

    (verdict,) = json.loads(run("verify", "--json").stdout)
    until = "2026-03-26T11:59:00.000Z"
    counts = {"archived": 1, "ended": 0, "not_archived": 0, "no_longer_archived": 0, "archived_until": until}
    assert verdict == {"day": DAY, "stands": True, **counts, "findings": []}


def test_without_a_bucket_nothing_can_be_verified(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    target = StackTarget("careconnect", {}, lambda _: None, is_local=True)
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)

    result = run("verify")
    (line,) = printed(result)
    assert (result.exit_code, "make sam-local" in line) == (1, True)


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
        ("list", "--patient", "4", "--max", "0"),
        ("--patient", "4", "verify"),
        ("show", "4"),
        ("report", "--date", DAY),
        ("report", "--patient", "4", "--nhs-number", "--date", DAY),
        ("report", "--name", "--nhs-number", "--date", DAY),
        ("report", "--patient", "4"),
        ("report", "--patient", "4/5", "--date", DAY),
        ("report", "--patient", "4", "--date", DAY, "--csv", "--json"),
    ],
)
def test_bad_usage_ends_with_2(run: Run, arguments: tuple[str, ...]) -> None:
    result = run(*arguments)

    assert result.exit_code == 2, result.output
    assert result.stdout == ""
