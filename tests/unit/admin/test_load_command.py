"""The command `careconnect load` and where it loads into."""

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError, ProfileNotFound
from typer.testing import CliRunner

from careconnect_admin import load_command, load_target
from careconnect_admin.load import LoadReport
from careconnect_admin.load_sources import Place, Problem
from careconnect_admin.load_target import LoadTarget, TargetError, deployed_target, local_target, target_of
from careconnect_admin.load_writer import Outcome, RecordTables

_TABLES = RecordTables(object(), "records", "directory")  # type: ignore[arg-type]


def denied(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as asked"}}, "DescribeStacks")


class FakeCloudFormation:
    """One stack with given outputs, or an error."""

    def __init__(self, outputs: dict[str, str] | ClientError) -> None:
        self._outputs = outputs

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803
        if isinstance(self._outputs, ClientError):
            raise self._outputs
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self._outputs.items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": outputs}]}


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
        asked.append((paths, tables, base_url))
        return report

    monkeypatch.setattr(load_command, "local_target", lambda _port: LoadTarget(_TABLES, "http://127.0.0.1:3000"))
    monkeypatch.setattr("careconnect_admin.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", "folder"])

    assert result.exit_code == 1
    assert asked == [([Path("a.ndjson"), Path("folder")], _TABLES, "http://127.0.0.1:3000")]
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
    monkeypatch.setattr(load_command, "local_target", lambda _port: LoadTarget(_TABLES, ""))
    monkeypatch.setattr("careconnect_admin.load.load_paths", lambda *_a, **_k: report_of(Patient=Outcome.LOADED))
    result = CliRunner().invoke(command, ["a.ndjson"])
    assert result.exit_code == 0
    assert result.stderr == ""


def test_an_error_of_the_service_is_one_line_with_a_remedy(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_paths(*_arguments: Any, **_options: Any) -> LoadReport:
        raise denied("AccessDeniedException")

    monkeypatch.setattr(load_command, "deployed_target", lambda *_a, **_k: LoadTarget(_TABLES, ""))
    monkeypatch.setattr("careconnect_admin.load.load_paths", load_paths)
    result = CliRunner().invoke(command, ["a.ndjson", "--stack", "careconnect"])
    assert result.exit_code == 1
    assert result.stderr.startswith("careconnect: AWS denies it (AccessDeniedException)")
    assert len(result.stderr.splitlines()) == 1


def test_without_a_local_stack_the_command_says_what_to_do(
    command: typer.Typer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load_target, "running_stack", lambda _port: None)
    result = CliRunner().invoke(command, ["a.ndjson"])
    assert result.exit_code == 1
    assert "make run" in result.stderr
    assert "--stack" in result.stderr
    with pytest.raises(TargetError):
        local_target()


def test_tables_and_url_come_from_the_stacks_outputs() -> None:
    outputs = {"RecordTable": "r-1", "DirectoryTable": "d-1", "BaseUrl": "https://ehr.example"}
    dynamodb = object()
    target = target_of("careconnect", FakeCloudFormation(outputs), dynamodb)
    assert target == LoadTarget(RecordTables(dynamodb, "r-1", "d-1"), "https://ehr.example")  # type: ignore[arg-type]


def test_a_stack_that_is_not_there_or_of_another_kind_is_named() -> None:
    with pytest.raises(TargetError, match="no stack nowhere"):
        target_of("nowhere", FakeCloudFormation(denied("ValidationError")), object())
    with pytest.raises(TargetError, match="no output RecordTable"):
        target_of("other", FakeCloudFormation({"DirectoryTable": "d"}), object())
    with pytest.raises(ClientError):
        target_of("careconnect", FakeCloudFormation(denied("AccessDenied")), object())


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (NoRegionError(), "--region"),
        (NoCredentialsError(), "--profile"),
        (ProfileNotFound(profile="x"), "ProfileNotFound"),
        (denied("AccessDenied"), "cloudformation:DescribeStacks"),
        (denied("ResourceNotFoundException"), "region"),
    ],
)
def test_what_an_operator_can_mend_is_said(monkeypatch: pytest.MonkeyPatch, error: Exception, remedy: str) -> None:
    def fail(*_arguments: Any, **_options: Any) -> Any:
        raise error

    monkeypatch.setattr("boto3.session.Session", fail)
    with pytest.raises(TargetError, match=remedy):
        deployed_target("careconnect")


def test_console_markup_in_a_files_name_is_only_text(capsys: pytest.CaptureFixture[str]) -> None:

    report = report_of(Patient=Outcome.LOADED)
    report.problems = [Problem(Place("[red]in.json", 1), json.dumps("[bold]"))]
    load_command.print_report(report)
    assert capsys.readouterr().err == '[red]in.json:1: "[bold]"\n'
