"""The log lines of a stack's functions in CloudWatch Logs, oldest first."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from careconnect_admin.errors import OperatorError
from careconnect_admin.stack.resources import stack_resources
from careconnect_admin.stack.target import StackTarget

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

_GROUP: Final = "LogGroup"
_PLATFORM: Final = re.compile(r"(START|END|REPORT|INIT_START|INIT_REPORT|RESTORE_START|RESTORE_REPORT) ")
_CLIENT_IDS: Final = ("client_id", "claimed_client_id")
_REQUEST_IDS: Final = ("request_id", "gateway_request_id", "function_request_id")
_LATE_MILLISECONDS: Final = 10_000
"""Milliseconds by which a line may arrive after later lines of other instances."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log line: its function, time (epoch milliseconds), text and, if it is JSON, members."""

    function: str
    time: int
    text: str
    members: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogFilter:
    """A filter of lines by client (authenticated or claimed) and by request (any of its ids); empty matches all."""

    client_id: str = ""
    request_id: str = ""

    def pattern(self) -> str:
        """Return the filter as a CloudWatch Logs filter pattern, so that other lines are not read."""
        parts = [_either(names, wanted) for names, wanted in self._wanted() if wanted]
        return f"{{ {' && '.join(parts)} }}" if parts else ""

    def matches(self, members: Mapping[str, Any]) -> bool:
        """Return True if a line's members match the filter; an emulator ignores the pattern."""
        return all(wanted in {members.get(name) for name in names} for names, wanted in self._wanted() if wanted)

    def _wanted(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        return (_CLIENT_IDS, self.client_id), (_REQUEST_IDS, self.request_id)


def _either(names: tuple[str, ...], wanted: str) -> str:
    return f"({' || '.join(f'$.{name} = {json.dumps(wanted)}' for name in names)})"


def function_groups(target: StackTarget, function: str = "") -> Mapping[str, str]:
    """Return the log groups of a stack's functions by function name, or only that of the named function.

    Raises `OperatorError` if there is no function of that name.
    """
    groups = stack_resources(target, "AWS::Logs::LogGroup")
    functions = stack_resources(target, "AWS::Lambda::Function")
    named = {name.removesuffix(_GROUP): group for name, group in groups.items()}
    found = {name: group for name, group in named.items() if f"{name}Function" in functions}
    if not found:
        raise OperatorError(f"the stack {target.name} has no functions: `make sam-local` writes their lines itself")
    if not function:
        return found
    chosen = {name: group for name, group in found.items() if name.lower() == function.lower().removesuffix("function")}
    if not chosen:
        raise OperatorError(f"there is no function {function}: there are {', '.join(sorted(found))}")
    return chosen


class FunctionLogs:
    """A reader of log groups that returns each line once; AWS errors pass through.

    `since` is the epoch millisecond of the earliest line to return.
    """

    def __init__(
        self, logs: "CloudWatchLogsClient", groups: Mapping[str, str], wanted: LogFilter, *, since: int
    ) -> None:
        self._logs = logs
        self._groups = groups
        self._wanted = wanted
        self._since = since
        self._seen: dict[tuple[str, int, str, int], int] = {}

    def new_lines(self) -> list[LogLine]:
        """Return the lines that have arrived since the last call, oldest first, without Lambda's own and metrics."""
        found = [line for name, group in self._groups.items() for line in self._new_lines(name, group)]
        found.sort(key=lambda line: line.time)
        if found:
            self._since = max(self._since, found[-1].time - _LATE_MILLISECONDS)
            self._seen = {key: time for key, time in self._seen.items() if time >= self._since}
        return [line for line in found if self._is_wanted(line)]

    def _new_lines(self, name: str, group: str) -> Iterator[LogLine]:
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=self._since, filterPattern=self._wanted.pattern()
        )
        # Equal lines of one millisecond are distinguished by their number: not every response has event ids.
        counts: dict[tuple[str, int, str], int] = {}
        for page in pages:
            for event in page["events"]:
                place = (event["logStreamName"], event["timestamp"], event["message"])
                counts[place] = counts.get(place, 0) + 1
                key = (*place, counts[place])
                if key not in self._seen:
                    self._seen[key] = event["timestamp"]
                    text = event["message"].rstrip()
                    yield LogLine(name, event["timestamp"], text, _members(text))

    def _is_wanted(self, line: LogLine) -> bool:
        return "_aws" not in line.members and not _PLATFORM.match(line.text) and self._wanted.matches(line.members)


def _members(text: str) -> Mapping[str, Any]:
    try:
        members = json.loads(text)
    except ValueError:
        return {}
    return members if isinstance(members, dict) else {}
