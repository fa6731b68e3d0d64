"""A query of Athena: started, waited for, read page by page, stopped if nobody waits for it."""

from collections.abc import Iterator
from typing import Any

import pytest

from careconnect_admin.audit_trail import athena_lines
from careconnect_admin.audit_trail.archive_lines import Progress, TooManyEventsError, Wanted
from careconnect_admin.audit_trail.athena_lines import AthenaLines
from careconnect_admin.errors import OperatorError

DAYS = ["2026-03-26"]
HOURS = ("2026-03-26/00", "2026-03-27/00")
WANTED = Wanted("patient", "4")


class FakeAthena:
    """It answers the lines given, in pages of two rows, after the states given."""

    def __init__(self, *states: str, lines: tuple[str, ...] = (), reason: str = "") -> None:
        self.states = list(states)
        self.started: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self._rows = [("id", "line"), *((str(number), line) for number, line in enumerate(lines))]
        self._reason = reason

    def start_query_execution(self, **asked: Any) -> dict[str, str]:
        self.started.append(asked)
        return {"QueryExecutionId": f"query-{len(self.started)}"}

    def get_query_execution(self, **_asked: str) -> dict[str, Any]:
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        status = {"State": state, **({"StateChangeReason": self._reason} if self._reason else {})}
        return {"QueryExecution": {"Status": status, "Statistics": {"DataScannedInBytes": 1_900}}}

    def stop_query_execution(self, **asked: str) -> None:
        self.stopped.append(asked["QueryExecutionId"])

    def get_paginator(self, _name: str) -> "FakeAthena":
        return self

    def paginate(self, **_asked: str) -> Iterator[dict[str, Any]]:
        for begin in range(0, len(self._rows), 2):
            rows = self._rows[begin : begin + 2]
            yield {"ResultSet": {"Rows": [{"Data": [{"VarCharValue": each} for each in row]} for row in rows]}}


def lines_of(client: FakeAthena, hours: tuple[str, str] = HOURS, **how: Any) -> AthenaLines:
    return AthenaLines(client, "database", "group", hours, **{"sleep": lambda _seconds: None, **how})  # type: ignore[arg-type]


def test_the_lines_of_all_pages_are_answered_without_the_columns_names() -> None:
    client, told = FakeAthena("QUEUED", "RUNNING", "SUCCEEDED", lines=("a", "b", "c")), list[Progress]()

    assert list(lines_of(client, told=told.append).lines(DAYS, WANTED)) == [b"a", b"b", b"c"]

    (asked,) = client.started
    assert (asked["WorkGroup"], asked["QueryExecutionContext"]) == ("group", {"Database": "database"})
    assert """'"patient":{"S":"4"}'""" in asked["QueryString"]
    # Where the answer is stored is the workgroup's to say.
    assert "ResultConfiguration" not in asked
    assert [each.size for each in told] == [1_900] * 3


def test_the_pauses_between_two_questions_grow() -> None:
    pauses: list[float] = []
    client = FakeAthena(*["RUNNING"] * 7, "SUCCEEDED")

    list(lines_of(client, sleep=pauses.append).lines(DAYS, WANTED))

    assert pauses == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("state", "reason", "said"),
    [("FAILED", "SYNTAX_ERROR: line 1", "Athena: SYNTAX_ERROR: line 1"), ("CANCELLED", "", "Athena: cancelled")],
)
def test_a_query_that_fails_says_why(state: str, reason: str, said: str) -> None:
    with pytest.raises(OperatorError, match=said):
        list(lines_of(FakeAthena("RUNNING", state, reason=reason)).lines(DAYS, WANTED))


def test_a_query_that_nobody_waits_for_is_stopped() -> None:
    def interrupted(_seconds: float) -> None:
        raise KeyboardInterrupt

    client = FakeAthena("RUNNING")
    with pytest.raises(KeyboardInterrupt):
        list(lines_of(client, sleep=interrupted).lines(DAYS, WANTED))

    assert client.stopped == ["query-1"]


def test_nothing_is_asked_if_no_object_can_hold_the_events() -> None:
    client = FakeAthena("SUCCEEDED")

    assert list(lines_of(client, ("", "")).lines(DAYS, WANTED)) == []
    assert client.started == []


def test_an_answer_that_was_cut_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(athena_lines, "MAX_EVENTS", 2)
    client = FakeAthena("SUCCEEDED", lines=("a", "b", "c"))

    with pytest.raises(TooManyEventsError):
        list(lines_of(client).lines(DAYS, WANTED))
    assert "LIMIT 3" in client.started[0]["QueryString"]
