"""Ask Athena for the lines of the archive, with the operator's own permissions (`archive.md`, Asking the archive)."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from careconnect_admin.audit_trail.archive_lines import MAX_EVENTS, Progress, TooManyEventsError, Wanted, tell_nobody
from careconnect_admin.audit_trail.archive_statement import statement
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 2.0
"""Seconds between two questions whether a query has ended."""

_ENDED: Final = "SUCCEEDED"
_WITHOUT_ANSWER: Final = frozenset({"FAILED", "CANCELLED"})


class AthenaLines:
    """Reader of the lines that a query answers.

    `hours` are the first and the last hour in which objects begin that may hold the events (`2026-11-26/07`), both
    empty if there are none. A query that is not waited for until its end is stopped.

    Raises:
        OperatorError: the query failed, with Athena's reason.
        TooManyEventsError: it found more than `MAX_EVENTS`.
    """

    def __init__(
        self,
        client: "AthenaClient",
        database: str,
        work_group: str,
        hours: tuple[str, str],
        told: Callable[[Progress], None] = tell_nobody,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._database = database
        self._work_group = work_group
        self._hours = hours
        self._told = told
        self._sleep = sleep

    def lines(self, days: Sequence[str], wanted: Wanted) -> Iterator[bytes]:
        """Yield one line for each event, the first that was archived: the wanted ones and files of their exports."""
        if not all(self._hours):
            return
        query = self._asked(statement(days, wanted, self._hours, MAX_EVENTS + 1))
        for number, line in enumerate(self._answers(query), start=1):
            if number > MAX_EVENTS:
                raise TooManyEventsError
            yield line

    def _asked(self, text: str) -> str:
        """Start a query and wait until it has succeeded; return its id."""
        query = self._client.start_query_execution(
            QueryString=text, WorkGroup=self._work_group, QueryExecutionContext={"Database": self._database}
        )["QueryExecutionId"]
        begun, pause = time.monotonic(), _FIRST_PAUSE
        try:
            while not self._has_succeeded(query, begun):
                self._sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        except KeyboardInterrupt:
            self._client.stop_query_execution(QueryExecutionId=query)
            raise
        return query

    def _has_succeeded(self, query: str, begun: float) -> bool:
        found = self._client.get_query_execution(QueryExecutionId=query)["QueryExecution"]
        status: Any = found["Status"]
        if status["State"] in _WITHOUT_ANSWER:
            raise OperatorError(f"Athena: {status.get('StateChangeReason') or status['State'].lower()}")
        size = found.get("Statistics", {}).get("DataScannedInBytes", 0)
        self._told(Progress(time.monotonic() - begun, 0, size))
        return bool(status["State"] == _ENDED)

    def _answers(self, query: str) -> Iterator[bytes]:
        """Yield the second column of a query's rows, the first of which names the columns."""
        is_header = True
        for page in self._client.get_paginator("get_query_results").paginate(QueryExecutionId=query):
            for row in page["ResultSet"]["Rows"]:
                if not is_header:
                    yield row["Data"][1].get("VarCharValue", "").encode()
                is_header = False
