"""`careconnect logs` and `careconnect alarms`."""

import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.stack.function_logs import FunctionLogs, LogFilter
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.aws.cloud_formation import FakeCloudFormation
from careconnect_testing.stacks.command_line import printed
from careconnect_testing.stacks.whole_template import whole_template

RESOURCES = {
    "TokenFunction": ("AWS::Lambda::Function", "token"),
    "TokenLogGroup": ("AWS::Logs::LogGroup", "/token"),
    "ReadAuthorizerFunction": ("AWS::Lambda::Function", "authorizer"),
    "ReadAuthorizerLogGroup": ("AWS::Logs::LogGroup", "/authorizer"),
    "KeyChangeLogGroup": ("AWS::Logs::LogGroup", "/events/key-changes"),
    "LatencyAlarm": ("AWS::CloudWatch::Alarm", "careconnect-Latency"),
    "SigningFailedAlarm": ("AWS::CloudWatch::Alarm", "careconnect-SigningFailed"),
    "KeyChangesAlarm": ("AWS::CloudWatch::Alarm", "careconnect-KeyChanges"),
}

Run = Callable[..., Result]


class Aws:
    """moto's logs and alarms, behind a stack."""

    def __init__(self) -> None:
        # Of this test, not of the whole run, which may take longer than the minutes that are printed.
        self.now = int(time.time() * 1000)
        self.cloudformation = FakeCloudFormation(RESOURCES)
        self.logs: Any = boto3.client("logs", "eu-west-2")
        self.cloudwatch: Any = boto3.client("cloudwatch", "eu-west-2")
        self.patterns: list[str] = []
        for kind, name in RESOURCES.values():
            if kind == "AWS::Logs::LogGroup":
                self.logs.create_log_group(logGroupName=name)
                self.logs.create_log_stream(logGroupName=name, logStreamName="1")
        # moto knows simple patterns only, so the test checks the sent pattern separately.
        events: Any = self.logs.meta.events
        events.register("provide-client-params.logs.FilterLogEvents", self._take_pattern)

    def _take_pattern(self, params: dict[str, Any], **_: Any) -> Any:
        self.patterns.append(params["filterPattern"])
        return params | {"filterPattern": ""}

    def write(self, function: str, milliseconds_ago: int, message: str | dict[str, Any]) -> None:
        """Log a line."""
        text = message if isinstance(message, str) else json.dumps(message)
        event = {"timestamp": self.now - milliseconds_ago, "message": text}
        self.logs.put_log_events(logGroupName=f"/{function}", logStreamName="1", logEvents=[event])


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws():
        yield Aws()


@pytest.fixture
def run(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect …` on the stack."""
    target = StackTarget("careconnect", {}, lambda service: getattr(aws, service))
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_logs_help_names_each_function_of_the_template(run: Run) -> None:
    resources = whole_template()["Resources"]
    functions = [name for name, each in resources.items() if each["Type"] == "AWS::Serverless::Function"]

    words = re.findall(r"\w+", run("logs", "--help").output)

    assert len(functions) > 10
    assert {name.removesuffix("Function") for name in functions} <= set(words)


def request(**members: Any) -> dict[str, Any]:
    return {"level": "INFO", "timestamp": "2026-12-01T10:00:00.000Z", **members}


@pytest.fixture
def lines(aws: Aws) -> None:
    """Log two requests of two clients, and other lines that functions log."""
    aws.write("token", 9000, "START RequestId: f1 Version: 1")
    aws.write("token", 8000, request(status=200, action="token", client_id="one", request_id="r1"))
    aws.write("token", 7000, {"_aws": {}, "TokenIssued": [1.0]})
    aws.write("authorizer", 8500, request(status=200, action="authorize", client_id="two", function_request_id="f2"))
    aws.write("token", 5000, {"level": "ERROR", "message": "failure", "error": "KeyError", "gateway_request_id": "g3"})
    aws.write("token", 4000, "[ERROR] Runtime.ImportModuleError: no module")
    aws.write("token", 20 * 60_000, request(status=401, action="token", claimed_client_id="one", request_id="old"))


@pytest.mark.usefixtures("lines")
def test_the_lines_of_all_functions_are_in_order_and_without_lambdas_own(run: Run) -> None:
    result = run("logs")

    assert [line.split(maxsplit=1)[1].split() for line in result.stdout.splitlines()] == [
        ["ReadAuthorizer", "status=200", "action=authorize", "client_id=two", "function_request_id=f2"],
        ["Token", "status=200", "action=token", "client_id=one", "request_id=r1"],
        ["Token", "ERROR", "failure", "error=KeyError"],
        ["Token", "[ERROR]", "Runtime.ImportModuleError:", "no", "module"],
    ]
    assert printed(result) == []


@pytest.mark.usefixtures("lines")
@pytest.mark.parametrize(
    ("arguments", "count", "pattern"),
    [
        (("--client", "one"), 1, '{ ($.client_id = "one" || $.claimed_client_id = "one") }'),
        (("--client", "one", "--since", "1h"), 2, None),
        (("--function", "readauthorizer"), 1, ""),
        (("--function", "TokenFunction"), 3, ""),
        (("--since", "1h"), 5, ""),
        (("--request-id", "r1"), 1, None),
        (("--request-id", "f2"), 1, None),
        (("--request-id", "g3"), 1, None),
        (
            ("--request-id", "r1", "--client", "two"),
            0,
            (
                '{ ($.client_id = "two" || $.claimed_client_id = "two") && '
                '($.request_id = "r1" || $.gateway_request_id = "r1" || $.function_request_id = "r1") }'
            ),
        ),
    ],
)
def test_lines_are_chosen(aws: Aws, run: Run, arguments: tuple[str, ...], count: int, pattern: str | None) -> None:
    result = run("logs", *arguments, "--json")

    assert len(result.stdout.splitlines()) == count
    assert bool(printed(result)) is (count == 0)
    assert pattern is None or set(aws.patterns) == {pattern}


@pytest.mark.usefixtures("lines")
def test_json_is_a_line_each_with_all_that_was_logged(run: Run) -> None:
    first, *_, last = map(json.loads, run("logs", "--json").stdout.splitlines())

    assert first["function"] == "ReadAuthorizer"
    assert first["timestamp"] == "2026-12-01T10:00:00.000Z"
    assert last["message"] == "[ERROR] Runtime.ImportModuleError: no module"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--function", "nothing"), "there are ReadAuthorizer, Token"),
        (("--since", "yesterday"), "--since is a number and s, m, h or d"),
    ],
)
def test_what_is_not_there_is_one_line(run: Run, arguments: tuple[str, ...], reason: str) -> None:
    result = run("logs", *arguments)

    assert result.exit_code == 1
    (line,) = printed(result)
    assert reason in line


def test_a_stack_without_functions_is_reported(aws: Aws, run: Run) -> None:
    aws.cloudformation.resources = {"Table": ("AWS::DynamoDB::Table", "t")}

    assert "has no functions" in run("logs").stderr


def test_each_line_is_read_once_also_when_it_comes_late(aws: Aws) -> None:
    logs = FunctionLogs(aws.logs, {"Token": "/token"}, LogFilter(), since=aws.now - 60_000)
    aws.write("token", 5000, "a")
    aws.write("token", 5000, "a")
    assert [line.text for line in logs.new_lines()] == ["a", "a"]
    assert logs.new_lines() == []
    aws.write("token", 5000, "a")
    aws.write("token", 9000, "late")
    aws.write("token", 1000, "b")
    assert [line.text for line in logs.new_lines()] == ["late", "a", "b"]
    assert logs.new_lines() == []


def test_following_goes_on_until_it_is_interrupted(aws: Aws, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt
        aws.write("token", 100 - len(pauses), f"line {len(pauses)}")

    monkeypatch.setattr("time.sleep", sleep)

    result = run("logs", "--follow")

    assert [line.split(maxsplit=2)[2] for line in result.stdout.splitlines()] == ["line 1", "line 2"]
    assert (result.exit_code, printed(result)) == (0, [])


@pytest.fixture
def rings(aws: Aws) -> None:
    """Have three alarms of the stack, one of which rings, and one of another stack."""
    for name, description in (
        ("careconnect-Latency", "Today: Answers take over 3 s. See docs/alarms.md, latency."),
        ("careconnect-KeyChanges", "Urgent: A key was changed. See docs/alarms.md, key changes."),
        ("careconnect-SigningFailed", "KMS does not sign."),
        ("careconnect-2-Latency", "Another stack's."),
    ):
        aws.cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmDescription=description,
            AlarmActions=["arn:aws:sns:eu-west-2:123456789012:alarms"] if name == "careconnect-Latency" else [],
            Namespace="x",
            MetricName="y",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    aws.cloudwatch.set_alarm_state(AlarmName="careconnect-SigningFailed", StateValue="ALARM", StateReason="x")


@pytest.mark.usefixtures("rings")
def test_alarms_of_this_stack_are_listed_with_their_runbooks_those_that_ring_first(run: Run) -> None:
    shown = json.loads(run("alarms", "--json").stdout)

    assert [(each["alarm"], each["state"], each["runbook"], each["raised_when"]) for each in shown] == [
        ("SigningFailed", "ALARM", "", "KMS does not sign."),
        ("KeyChanges", "OK", "docs/alarms.md#key-changes", "A key was changed."),
        ("Latency", "OK", "docs/alarms.md#latency", "Answers take over 3 s."),
    ]
    table = run("alarms").stdout.splitlines()
    assert table[0].split() == ["alarm", "state", "severity", "since", "runbook", "raised", "when"]
    assert table[2].split()[:3] == ["KeyChanges", "ok", "urgent"]
    assert [each["severity"] for each in shown] == ["", "urgent", "today"]


@pytest.mark.usefixtures("rings")
def test_a_test_raises_an_alarm_that_tells_someone_and_no_other(aws: Aws, run: Run) -> None:
    result = run("alarms", "test")

    states = {each["AlarmName"]: each["StateValue"] for each in aws.cloudwatch.describe_alarms()["MetricAlarms"]}
    assert result.exit_code == 0
    assert states["careconnect-Latency"] == "ALARM"
    assert (states["careconnect-KeyChanges"], states["careconnect-2-Latency"]) == ("OK", "OK")


def test_a_test_of_alarms_that_tell_nobody_says_so(aws: Aws, run: Run, rings: None) -> None:
    aws.cloudwatch.delete_alarms(AlarmNames=["careconnect-Latency"])
    result = run("alarms", "test")

    assert result.exit_code == 1
    assert "nobody is told of alarms: deploy with AlarmEmail or AlarmTopicArn" in result.stderr
    assert "give nothing, which lists the alarms, or test" in run("alarms", "tset").stderr


def test_a_stack_without_alarms_lists_none_of_others(aws: Aws, run: Run, rings: None) -> None:
    aws.cloudformation.resources = {"Table": ("AWS::DynamoDB::Table", "t")}

    assert json.loads(run("alarms", "--json").stdout) == []
