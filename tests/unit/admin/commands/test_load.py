"""The command `careconnect load` and where it loads into."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound
from typer.testing import CliRunner

from careconnect_admin.commands import load as load_command
from careconnect_admin.loading.dangling import Dangling
from careconnect_admin.loading.load import LoadInterruptedError, LoadReport
from careconnect_admin.loading.load_request import LoadOutcome
from careconnect_admin.loading.reading.found import Place, Problem, Skipped
from careconnect_records.items.tables import RecordTables
from careconnect_records.parsing.faults import Fault
from careconnect_testing.stacks.command_line import printed

pytestmark = pytest.mark.usefixtures("trail_in_memory")


def denied(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as asked"}}, "DescribeStacks")


class FakeAws:
    """A boto3 session with one stack of given outputs, or an error on every call."""

    def __init__(self, outputs: dict[str, str] | ClientError) -> None:
        self._outputs = outputs

    def __call__(self, **_options: Any) -> "FakeAws":
        return self

    def client(self, _service: str, **_options: Any) -> "FakeAws":
        return self

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        if isinstance(self._outputs, ClientError):
            raise self._outputs
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self._outputs.items()]
        stack_id = f"arn:aws:cloudformation:eu-west-2:123456789012:stack/{StackName}/1"
        return {"Stacks": [{"StackName": StackName, "StackId": stack_id, "Outputs": outputs}]}


_OUTPUTS = {
    "RecordTable": "records",
    "DirectoryTable": "directory",
    "ReferenceTable": "references",
    "TransactionTable": "transactions",
    "DirectoryTransactionTable": "directory-transactions",
    "BaseUrl": "https://ehr.example",
}
_DEPLOYED = ["--stack", "careconnect"]


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(load_command.load)
    return app


def report_of(**outcomes: LoadOutcome) -> LoadReport:
    report = LoadReport()
    for name, outcome in outcomes.items():
        report.add(name, outcome)
    return report


def test_counts_go_to_standard_output_and_problems_to_standard_error(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = report_of(Patient=LoadOutcome.LOADED, Condition=LoadOutcome.UNCHANGED, Location=LoadOutcome.FAILED)
    report.problems = [Problem(Place("in.ndjson", 7), "not JSON")] * 120
    asked: list[Any] = []

    def load_paths(
        paths: list[Path], tables: RecordTables, _progress: Any, *, base_url: str, announce: Any, **options: Any
    ) -> LoadReport:
        asked.append((paths, tables.record, tables.directory, base_url, options))
        return report

    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", "folder", *_DEPLOYED])

    assert result.exit_code == 1
    options = {"deletions": [], "dry_run": False, "accept_invariants": False}
    assert asked == [([Path("a.ndjson"), Path("folder")], "records", "directory", "https://ehr.example", options)]
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows == [
        ["resources", "loaded", "unchanged", "deleted", "failed"],
        ["Patient", "1", "1", "0", "0", "0"],
        ["Condition", "1", "0", "1", "0", "0"],
        ["Location", "0", "0", "0", "0", "1"],
        ["total", "2", "1", "1", "0", "1"],
    ]
    assert printed(result) == ["in.ndjson:7: not JSON"] * 100 + ["… and 20 more problems"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ([], "what was loaded stays, and the same command again loads the rest"),
        (["--dry-run"], "nothing was written"),
    ],
)
def test_an_interrupted_load_says_how_far_it_came_and_how_to_go_on(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch, registrations: list[str], options: list[str], word: str
) -> None:
    def load_paths(*_: Any, **__: Any) -> LoadReport:
        raise LoadInterruptedError(report_of(Patient=LoadOutcome.LOADED), 0.414)

    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", *options, *_DEPLOYED])

    assert result.exit_code == 130
    assert result.stdout.splitlines()[-1].split() == ["total", "1", "1", "0", "0", "0"]
    assert printed(result) == [f"careconnect: interrupted after 41% of what is to be read: {word}"]
    # Exports wait for what writes alone.
    assert registrations == ([] if options else ["load", "end"])


def test_a_load_without_problems_ends_with_zero(command: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    report = report_of(Patient=LoadOutcome.LOADED)
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", lambda *_a, **_k: report)
    result = CliRunner().invoke(command, ["a.ndjson", *_DEPLOYED])
    assert result.exit_code == 0
    assert printed(result) == []


def printed_report() -> LoadReport:
    report = report_of(Patient=LoadOutcome.LOADED)
    report.problems = [Problem(Place("in.ndjson", 7), "not JSON", "Patient")]
    for line in range(1, 6):
        report.skip(Skipped(Place("in.ndjson", line), "empty line"))
    report.dangling = [Dangling(f"Location/{number}", 7 - number, "Patient/1") for number in range(7)]
    report.accept(Place("in.ndjson", 3), [Fault("invariant", "Condition", "con-3: HL7's text")])
    report.accept(Place("in.ndjson", 4), [Fault("invariant", "Condition", "con-3: HL7's text")])
    return report


def test_what_was_skipped_and_what_leads_nowhere_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    load_command.print_report(printed_report())
    shown = ", ".join(f"Location/{number} (from Patient/1)" for number in range(5))
    assert capsys.readouterr().err.splitlines() == [
        "in.ndjson:7: not JSON",
        "skipped: empty line, 5 in all: in.ndjson:1, in.ndjson:2, in.ndjson:3, …",
        "accepted: con-3 is broken, 2 in all: in.ndjson:3 (Condition)",
        f"warning: references to what is not here, 28 in all: {shown}, …",
    ]


def test_json_is_one_object_with_everything(command: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", lambda *_a, **_k: printed_report())
    result = CliRunner().invoke(command, ["a.ndjson", "--json", "--dry-run", *_DEPLOYED])
    assert result.exit_code == 1
    assert printed(result) == ["Nothing was written: this is what would be done."]
    shown = json.loads(result.stdout)
    numbers = {"resources": 1, "loaded": 1, "unchanged": 0, "deleted": 0, "failed": 0}
    dangling = shown.pop("dangling")
    assert len(dangling) == 7
    assert dangling[0] == {"target": "Location/0", "count": 7, "from": "Patient/1"}
    assert shown == {
        "dry_run": True,
        "types": {"Patient": numbers},
        "total": numbers,
        "problems": [{"file": "in.ndjson", "line": 7, "type": "Patient", "reason": "not JSON"}],
        "skipped": [{"kind": "empty line", "count": 5, "first": ["in.ndjson:1", "in.ndjson:2", "in.ndjson:3"]}],
        "accepted": [{"key": "con-3", "count": 2, "first": "in.ndjson:3", "expression": "Condition"}],
    }


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The options of each load that the command has begun."""
    begun: list[dict[str, Any]] = []

    def load_paths(*_arguments: Any, **options: Any) -> LoadReport:
        begun.append(options)
        return LoadReport()

    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", load_paths)
    return begun


def test_deleting_asks_first(command: typer.Typer, asked: list[dict[str, Any]]) -> None:
    call = ["--delete", "Patient/4", "--delete", "Patient/5", "--delete", "Patient/4", *_DEPLOYED]
    refused = CliRunner().invoke(command, call, input="n\n")
    assert (refused.exit_code, asked) == (1, [])
    assert "Delete 2 resources from the stack careconnect?" in refused.stderr
    # Nobody there to answer is no answer.
    assert CliRunner().invoke(command, call, input="").exit_code == 1
    assert asked == []

    done = CliRunner().invoke(command, call, input="y\n")
    assert (done.exit_code, "see `careconnect patients erase`" in done.stderr) == (0, True)
    assert CliRunner().invoke(command, [*call, "--yes"]).exit_code == 0
    assert CliRunner().invoke(command, [*call, "--dry-run"]).exit_code == 0
    for options in asked:
        assert [each.resource_id for each in options["deletions"]] == ["4", "5"]
    assert [options["dry_run"] for options in asked] == [False, False, True]


def test_a_file_names_what_to_delete(command: typer.Typer, asked: list[dict[str, Any]], tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("Patient/4\n\n Observation/4-1 \n", encoding="utf-8")
    CliRunner().invoke(command, ["--delete", f"@{names}", "--yes", *_DEPLOYED])
    assert [(str(each.place), each.type_name, each.resource_id) for each in asked[0]["deletions"]] == [
        (f"{names}:1", "Patient", "4"),
        (f"{names}:3", "Observation", "4-1"),
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ([], "nothing to do"),
        (["--delete", "Patient", "--yes"], "Patient is no TYPE/ID"),
        (["--delete", "Patient/4", "--delete", "Device/4", "--yes"], "Device/4 is no TYPE/ID of a type that is served"),
        (["--delete", "@nowhere", "--yes"], "--delete @nowhere: cannot be read"),
        (["-", "--delete", "Patient/4"], "say --yes"),
    ],
)
def test_what_cannot_be_done_is_one_line_before_anything_is(
    command: typer.Typer, asked: list[dict[str, Any]], options: list[str], reason: str
) -> None:
    result = CliRunner().invoke(command, [*options, *_DEPLOYED], input="y\n")
    assert result.exit_code == 1
    (line,) = printed(result)
    assert reason in line
    assert asked == []


def test_an_error_of_the_service_is_one_line_with_a_remedy(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_paths(*_arguments: Any, **_options: Any) -> LoadReport:
        raise denied("AccessDeniedException")

    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", *_DEPLOYED])
    assert result.exit_code == 1
    assert printed(result) == [
        "careconnect: AWS denies DescribeStacks: ask for that permission, or give another --profile"
    ]


def test_without_a_local_stack_the_command_says_what_to_do(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.stack.target.running_stacks", lambda _port: ())
    result = CliRunner().invoke(command, ["a.ndjson"])
    assert result.exit_code == 1
    assert "make run" in result.stderr
    assert "--stack" in result.stderr


@pytest.mark.parametrize(
    ("aws", "remedy"),
    [
        (NoRegionError(), "--region"),
        (NoCredentialsError(), "--profile"),
        (ProfileNotFound(profile="x"), "list-profiles"),
        (EndpointConnectionError(endpoint_url="https://dynamodb.nowhere"), "--region"),
        (denied("AccessDenied"), "denies DescribeStacks"),
        (denied("ExpiredToken"), "sign in again"),
        (denied("ResourceNotFoundException"), "region"),
        (denied("ValidationError"), "there is no stack careconnect"),
        ({"DirectoryTable": "d"}, "no output RecordTable"),
    ],
)
def test_what_an_operator_can_mend_is_one_line_with_the_remedy(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch, aws: Any, remedy: str
) -> None:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise aws

    aws_or_failure = FakeAws(aws) if isinstance(aws, ClientError | dict) else fail
    monkeypatch.setattr("boto3.session.Session", aws_or_failure)
    result = CliRunner().invoke(command, ["a.ndjson", *_DEPLOYED])
    assert result.exit_code == 1
    assert remedy in result.stderr
    assert len(printed(result)) == 1


def test_console_markup_in_a_files_name_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:

    report = report_of(Patient=LoadOutcome.LOADED)
    report.problems = [Problem(Place("[red]in.json", 1), json.dumps("[bold]"))]
    load_command.print_report(report)
    assert capsys.readouterr().err == '[red]in.json:1: "[bold]"\n'


def test_g_a_files_name_moves_no_cursor_and_begins_no_line(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("careconnect_admin.stack.running_stack.LOCAL_FOLDER", tmp_path)
    (tmp_path / "\x1b[31mevil\n.json").write_text("{}", encoding="utf-8")
    result = CliRunner().invoke(command, [str(tmp_path), "--dry-run"])

    assert result.exit_code == 1
    assert "\x1b" not in result.output
    assert [line for line in result.stderr.splitlines() if "/\\u001b[31mevil\\u000a.json" in line]


def test_a_dry_run_needs_no_stack_and_says_what_it_did_without(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("careconnect_admin.stack.running_stack.LOCAL_FOLDER", tmp_path)
    file = tmp_path / "a.ndjson"
    file.write_text('{"resourceType":"Patient","id":"1"}\n{"resourceType":"Patient"}\n', encoding="utf-8")
    result = CliRunner().invoke(command, [str(file), "--dry-run"])
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].split() == ["Patient", "1", "1", "0", "0", "1"]
    assert result.stderr.splitlines() == [
        (
            "careconnect: no stack is up: nothing is compared with what is stored, "
            "and references are looked up in these files alone"
        ),
        "Nothing was written: this is what would be done.",
        f"{file}:2: Patient: no id, or not one of 1 to 64 letters, digits, hyphens and dots",
    ]
    # What is named has to be there.
    for call in ([str(file)], [str(file), "--dry-run", "--port", "3"], [str(file), "--dry-run", "--region", "here"]):
        assert CliRunner().invoke(command, call).stdout == ""
