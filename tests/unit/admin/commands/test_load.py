"""The command `careconnect load` and where it loads into."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, NoRegionError, ProfileNotFound
from typer.testing import CliRunner

from careconnect_admin.commands import load as load_command
from careconnect_admin.loading.change import Outcome
from careconnect_admin.loading.load import LoadReport
from careconnect_admin.loading.sources import Place, Problem
from careconnect_admin.loading.writer import RecordTables


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
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs}]}


_OUTPUTS = {"RecordTable": "records", "DirectoryTable": "directory", "BaseUrl": "https://ehr.example"}
_DEPLOYED = ["--stack", "careconnect"]


@pytest.fixture
def command() -> typer.Typer:
    app = typer.Typer()
    app.command()(load_command.load)
    return app


def report_of(**outcomes: Outcome) -> LoadReport:
    report = LoadReport()
    for name, outcome in outcomes.items():
        report.add(name, outcome)
    return report


def test_counts_go_to_standard_output_and_problems_to_standard_error(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = report_of(Patient=Outcome.LOADED, Condition=Outcome.UNCHANGED, Location=Outcome.FAILED)
    report.problems = [Problem(Place("in.ndjson", 7), "not JSON")] * 120
    asked: list[Any] = []

    def load_paths(paths: list[Path], tables: RecordTables, _progress: Any, *, base_url: str) -> LoadReport:
        asked.append((paths, tables.record, tables.directory, base_url))
        return report

    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", "folder", *_DEPLOYED])

    assert result.exit_code == 1
    assert asked == [([Path("a.ndjson"), Path("folder")], "records", "directory", "https://ehr.example")]
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows == [
        ["resources", "loaded", "unchanged", "deleted", "failed"],
        ["Patient", "1", "1", "0", "0", "0"],
        ["Condition", "1", "0", "1", "0", "0"],
        ["Location", "0", "0", "0", "0", "1"],
        ["total", "2", "1", "1", "0", "1"],
    ]
    assert result.stderr.splitlines() == ["in.ndjson:7: not JSON"] * 100 + ["… and 20 more problems"]


def test_a_load_without_problems_ends_with_zero(command: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    report = report_of(Patient=Outcome.LOADED)
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", lambda *_a, **_k: report)
    result = CliRunner().invoke(command, ["a.ndjson", *_DEPLOYED])
    assert result.exit_code == 0
    assert result.stderr == ""


def test_an_error_of_the_service_is_one_line_with_a_remedy(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_paths(*_arguments: Any, **_options: Any) -> LoadReport:
        raise denied("AccessDeniedException")

    monkeypatch.setattr("boto3.session.Session", FakeAws(_OUTPUTS))
    monkeypatch.setattr("careconnect_admin.loading.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", *_DEPLOYED])
    assert result.exit_code == 1
    assert (
        result.stderr == "careconnect: AWS denies DescribeStacks: ask for that permission, or give another --profile\n"
    )


def test_without_a_local_stack_the_command_says_what_to_do(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("careconnect_admin.stack.target.running_stack", lambda _port: None)
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
    assert result.stderr.count("\n") == 1


def test_console_markup_in_a_files_name_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:

    report = report_of(Patient=Outcome.LOADED)
    report.problems = [Problem(Place("[red]in.json", 1), json.dumps("[bold]"))]
    load_command.print_report(report)
    assert capsys.readouterr().err == '[red]in.json:1: "[bold]"\n'
