"""`careconnect logs` and `careconnect alarms`: a stack's log lines and alarms."""

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import JsonOption, on_stack
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say, say_json
from careconnect_admin.errors import OperatorError
from careconnect_admin.project import function_names

if TYPE_CHECKING:
    from careconnect_admin.stack.function_logs import LogLine
    from careconnect_admin.stack.target import StackTarget

_AGE: Final = re.compile(r"(\d{1,6})([smhd])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PAUSE: Final = 2.0
_FIRST: Final = ("status", "action", "client_id", "claimed_client_id", "milliseconds", "reason", "request_id")
# Members that every line has, or that add nothing to the others.
_LEFT_OUT: Final = frozenset({"level", "message", "timestamp", "gateway_request_id"})

_RUNBOOK: Final = re.compile(r"See docs/alarms\.md, ([\w ]+)\.")
_SEVERITY: Final = re.compile(r"(Urgent|Today|Notice): ")
_STATES: Final = {"ALARM": "ALARM", "INSUFFICIENT_DATA": "no data", "OK": "ok"}
# Not ServerErrors, which undoes a gradual deployment.
_TESTED: Final = "LatencyAlarm"


@on_stack
def logs(
    target: "StackTarget",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Keep printing new lines until Ctrl-C.")] = False,
    client: Annotated[
        str, typer.Option("--client", help="Only lines of this client, including failed authentication.")
    ] = "",
    request_id: Annotated[str, typer.Option("--request-id", help="Only lines of this request: its X-Request-Id.")] = "",
    function: Annotated[
        str, typer.Option("--function", help=f"Only lines of one function: {', '.join(function_names())}.")
    ] = "",
    since: Annotated[str, typer.Option("--since", help="How far back: 30s, 15m, 2h, 1d.")] = "15m",
    as_json: Annotated[bool, typer.Option("--json", help="Print each line as JSON.")] = False,
) -> None:
    """Print the functions' log lines, oldest first. No line holds a token, a secret or a patient's identifier."""
    from careconnect_admin.stack.function_logs import FunctionLogs, LogFilter, function_groups

    age = _AGE.fullmatch(since)
    if age is None:
        raise OperatorError("--since is a number and s, m, h or d: 15m")
    begin = int((time.time() - int(age[1]) * _SECONDS[age[2]]) * 1000)
    groups = function_groups(target, function)
    reader = FunctionLogs(target.client("logs"), groups, LogFilter(client, request_id), since=begin)
    with working("Reading the logs"):
        lines = reader.new_lines()
    if not lines and not follow:
        remark(f"careconnect: no such line within {since}")
    try:
        while True:
            for line in lines:
                say(_as_json(line) if as_json else _text(line))
            if not follow:
                return
            time.sleep(_PAUSE)
            lines = reader.new_lines()
    except KeyboardInterrupt:
        return


def _text(line: "LogLine") -> str:
    """Return a line for people: time (UTC), function, level and message, then the members by name."""
    begin = f"{datetime.fromtimestamp(line.time / 1000, UTC):%H:%M:%S.%f}"[:-3] + f" {line.function:13}"
    if not line.members:
        return f"{begin} {line.text}"
    level, message = line.members.get("level", "INFO"), line.members.get("message", "")
    words = [level] if level != "INFO" else []
    words += [message] if message else []
    rest = [name for name in line.members if name not in _LEFT_OUT and name not in _FIRST]
    words += [f"{name}={_value(line.members[name])}" for name in (*_FIRST, *rest) if name in line.members]
    return f"{begin} {' '.join(words)}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) and " " not in value else json.dumps(value, ensure_ascii=False)


def _as_json(line: "LogLine") -> str:
    said = line.members or {"message": line.text}
    return json.dumps({"function": line.function, "time": line.time, **said}, ensure_ascii=False)


@on_stack
def alarms(
    target: "StackTarget",
    action: Annotated[
        str, typer.Argument(metavar="[test]", help="Raise one alarm, to see that it reaches someone.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """List the alarms with their runbooks, active alarms first; or test that they reach someone."""
    from careconnect_admin.stack.resources import stack_resources

    if action not in ("", "test"):
        raise OperatorError("give nothing, which lists the alarms, or test")
    resources = stack_resources(target, "AWS::CloudWatch::Alarm")
    if action == "test":
        _raise_one(target, resources.get(_TESTED, ""))
        return
    names = sorted(resources.values())
    # A stack has fewer alarms than the 100 of one response. Without names all alarms of the account would be returned.
    found = (
        target.client("cloudwatch").describe_alarms(AlarmNames=names, MaxRecords=100)["MetricAlarms"] if names else []
    )
    states = list(_STATES)
    found.sort(key=lambda alarm: (states.index(alarm["StateValue"]), alarm["AlarmName"]))
    shown = [_alarm(alarm, target.name) for alarm in found]
    if as_json:
        say_json(shown)
        return
    rows = [
        (each["alarm"], _STATES[each["state"]], each["severity"], each["since"], each["runbook"], each["raised_when"])
        for each in shown
    ]
    print_table(("alarm", "state", "severity", "since", "runbook", "raised when"), rows)


def _raise_one(target: "StackTarget", name: str) -> None:
    """Set an alarm's state, which CloudWatch corrects at its next evaluation; raises `OperatorError`."""
    cloudwatch = target.client("cloudwatch")
    found = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"] if name else []
    if not found or not found[0]["AlarmActions"]:
        raise OperatorError("nobody is told of alarms: deploy with AlarmEmail or AlarmTopicArn")
    cloudwatch.set_alarm_state(
        AlarmName=name, StateValue="ALARM", StateReason="A test: an operator ran `careconnect alarms test`."
    )
    say(f"Raised {name}: a message of it has to arrive within a minute, and one that it is over within five")
    remark("careconnect: nothing arrives? AWS sends nothing to an address whose owner has not confirmed its link")


def _alarm(alarm: dict[str, Any], stack: str) -> dict[str, str]:
    description = alarm.get("AlarmDescription", "")
    severity = _SEVERITY.match(description)
    description = description[severity.end() :] if severity else description
    runbook = _RUNBOOK.search(description)
    return {
        "alarm": alarm["AlarmName"].removeprefix(f"{stack}-"),
        "state": alarm["StateValue"],
        "severity": severity[1].lower() if severity else "",
        "since": alarm["StateUpdatedTimestamp"].astimezone(UTC).isoformat(timespec="seconds"),
        "runbook": f"docs/alarms.md#{runbook[1].replace(' ', '-')}" if runbook else "",
        "raised_when": description[: runbook.start()].strip() if runbook else description,
    }
