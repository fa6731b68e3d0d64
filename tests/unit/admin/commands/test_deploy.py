"""`careconnect deploy`: what it checks first, and what it gives to `sam deploy`."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.project import PROJECT, TEMPLATE

Run = Callable[..., Result]

STACKS = {
    "deployed": {"Console": "off", "Release": "1-0123abcd", "PatientIndex": "lean"},
    "former": {"Console": "off"},
    "half": {"Console": "off", "PatientIndex": "both"},
}
INDEXES = [{"IndexName": "by-patient", "IndexStatus": "ACTIVE"}, {"IndexName": "by-patient-2", "IndexStatus": "ACTIVE"}]


def described(StackName: str) -> Any:  # noqa: N803 - as boto3 names it
    """Answer DescribeStacks of an account with three stacks, of which one is of a former release."""
    if StackName in STACKS:
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in STACKS[StackName].items()]
        outputs = [{"OutputKey": "AuditTable", "OutputValue": f"{StackName}-events"}]
        return {"Stacks": [{"Parameters": parameters, "Outputs": outputs}]}
    code = "AccessDenied" if StackName == "denied" else "ValidationError"
    raise ClientError({"Error": {"Code": code, "Message": "no"}}, "DescribeStacks")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The command lines that were run, in place of running them."""
    lines: list[list[str]] = []

    def call(line: list[str]) -> int:
        lines.append(line)
        return 7

    monkeypatch.setattr(subprocess, "call", call)
    return lines


@pytest.fixture
def run(tmp_path: Path, called: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect deploy` with the project's own answers, in its folder."""
    monkeypatch.chdir(PROJECT)
    monkeypatch.setenv("SAM_TEMPLATE_FILE", str(TEMPLATE))
    raised = {"MetricAlarms": [{"StateValue": "ALARM"}]}
    table = {"Table": {"GlobalSecondaryIndexes": INDEXES}}
    aws = SimpleNamespace(
        describe_stacks=described, describe_alarms=lambda **_: raised, describe_table=lambda **_: table
    )
    session = SimpleNamespace(client=lambda _service: aws)
    monkeypatch.setattr(boto3.session, "Session", lambda **_: session)
    file = tmp_path / "answers.toml"
    file.write_bytes((PROJECT / "samconfig.toml").read_bytes())
    return lambda *arguments: CliRunner().invoke(app, ["deploy", "--config-file", str(file), *arguments])


def test_sam_gets_the_parameters_the_stacks_own_prefix_and_all_other_options(run: Run, called: list[list[str]]) -> None:
    result = run(
        "--stack-name", "ours", "--tags", "a=b", "--parameter-overrides", "Console=off", "AlarmEmail=a@b.example"
    )

    (line,) = called
    assert result.exit_code == 7
    assert Path(line[0]).name == "sam"
    assert line[line.index("--stack-name") + 1] == line[line.index("--s3-prefix") + 1] == "ours"
    parameters = line.index("--parameter-overrides")
    assert line[parameters + 1 :] == ['Console="off"', 'AlarmEmail="a@b.example"', "--tags", "a=b"]


def test_a_release_that_changes_with_the_secret_is_not_said_to_stay(run: Run, called: list[list[str]]) -> None:
    result = run("--stack-name", "deployed", "--parameter-overrides", "OriginSecret=")

    assert "kept as deployed: Console=off\n" in result.stderr
    (line,) = called
    assert line[line.index("--parameter-overrides") + 1 :] == ['Release="1"', 'OriginSecret=""']


def test_without_parameters_sam_gets_none(run: Run, called: list[list[str]]) -> None:
    result = run("--no-confirm-changeset")

    (line,) = called
    assert "--parameter-overrides" not in line
    assert line[-1] == "--no-confirm-changeset"
    assert "nobody is told of alarms: give AlarmEmail or AlarmTopicArn" in result.stderr


def test_what_cannot_work_is_not_deployed(run: Run, called: list[list[str]]) -> None:
    result = run("--parameter-overrides", "AlarmMail=a@b.example")

    assert (result.exit_code, called) == (1, [])
    assert "nothing was deployed: there is no parameter AlarmMail: did you mean AlarmEmail?" in result.stderr


def test_what_stays_as_it_was_deployed_is_told(run: Run, called: list[list[str]]) -> None:
    result = run("--stack-name", "deployed", "--check")

    assert (result.exit_code, called) == (0, [])
    assert "kept as deployed: Console=off" in result.stderr


def test_a_gradual_deployment_that_a_raised_alarm_would_undo_is_refused(run: Run, called: list[list[str]]) -> None:
    gradual = ("--stack-name", "deployed", "--parameter-overrides")
    refused = run(*gradual, "TrafficShift=true")

    assert (refused.exit_code, called) == (1, [])
    assert "ServerErrors is raised, and would undo a gradual deployment: give TrafficShift=false" in refused.stderr
    assert run(*gradual, "TrafficShift=false").exit_code == 7


def test_a_template_that_is_not_there_says_what_to_do(run: Run, called: list[list[str]]) -> None:
    result = run("--template-file", "nowhere.yaml")

    assert (result.exit_code, called) == (1, [])
    assert "nowhere.yaml is not there: run this in the project's folder, after `make build`" in result.stderr


def test_an_account_that_does_not_let_itself_be_asked_is_told(run: Run, called: list[list[str]]) -> None:
    result = run("--stack-name", "denied")

    assert (result.exit_code, called) == (1, [])
    assert "AWS denies DescribeStacks" in result.stderr


def test_a_stack_of_a_former_release_gets_both_indexes_by_patient_first(run: Run, called: list[list[str]]) -> None:
    refused = run("--stack-name", "former", "--parameter-overrides", "Console=off")

    assert (refused.exit_code, called) == (1, [])
    assert "nothing was deployed: PatientIndex has to be both in the first deployment of this release" in refused.stderr
    assert run("--stack-name", "former", "--parameter-overrides", "PatientIndex=both").exit_code == 7
    assert "kept as deployed: Console=off PatientIndex=both" in run("--stack-name", "half").stderr


def test_the_former_index_goes_once_the_other_is_filled(
    run: Run, called: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    lean = ("--stack-name", "half", "--parameter-overrides", "PatientIndex=lean")
    monkeypatch.setitem(INDEXES[1], "IndexStatus", "CREATING")
    refused = run(*lean)

    assert (refused.exit_code, called) == (1, [])
    assert "the index by-patient-2 is not filled yet: give PatientIndex=lean once it is" in refused.stderr
    monkeypatch.setitem(INDEXES[1], "IndexStatus", "ACTIVE")
    assert run(*lean).exit_code == 7
