"""An operator's event is stored before its change, and states its outcome, the signed-in operator and AWS's time."""

from email.utils import formatdate
from types import SimpleNamespace
from typing import Any, cast

import pytest

from careconnect.audit.event import Action, time_of
from careconnect.audit.store import EventNotStoredError
from careconnect_admin.auditing.open_trail import signed_in
from careconnect_admin.auditing.operator_events import NotAuditedError, Operator, OperatorEvents
from careconnect_testing.parts.audit_trails import StoredEvents

NOW = 1_795_676_953.0
ABOUT = {"client_id": "client-1"}


def record(kept: StoredEvents, seconds_off: float = 0) -> OperatorEvents:
    return OperatorEvents(kept, Operator("arn:aws:iam::1:user/x", seconds_off), clock=lambda: NOW)


def test_the_event_is_stored_before_the_change() -> None:
    kept = StoredEvents()

    def change() -> str:
        assert len(kept.events) == 1
        return "done"

    assert record(kept).done("client-add", Action.CREATE, ABOUT, change) == "done"
    (event,) = kept.events
    assert (event.client_id, event.query, event.at) == ("arn:aws:iam::1:user/x", "client_id=client-1", NOW * 1000)


def test_without_its_event_nothing_is_changed() -> None:
    changes: list[str] = []
    kept = StoredEvents(fault="AccessDeniedException")

    with pytest.raises(NotAuditedError, match=r"client-add is not done.*AccessDenied.*dynamodb:PartiQLInsert"):
        record(kept).done("client-add", Action.CREATE, ABOUT, lambda: changes.append("made"))

    assert changes == []


@pytest.mark.parametrize(
    ("error", "outcome", "why"),
    [(ValueError(), "4", "not found"), (OSError(), "8", "error"), (KeyboardInterrupt(), "8", "error")],
)
def test_a_change_that_raises_is_followed_by_an_event_of_its_own(error: BaseException, outcome: str, why: str) -> None:
    kept = StoredEvents()

    def change() -> None:
        raise error

    with pytest.raises(type(error)):
        record(kept).done("x", Action.UPDATE, ABOUT, change, unless="not found", refusals=(ValueError,))

    assert [(event.outcome.value, event.why) for event in kept.events] == [("0", ""), (outcome, why)]
    assert len({event.id for event in kept.events}) == 2


def test_a_second_event_that_is_not_stored_hides_no_error() -> None:
    kept = StoredEvents()

    def change() -> None:
        kept.fault = "AccessDeniedException"
        raise OSError("what happened")

    with pytest.raises(OSError, match="what happened"):
        record(kept).done("x", Action.UPDATE, ABOUT, change)


def test_what_is_changed_is_reported_in_a_query_that_people_can_read() -> None:
    kept = StoredEvents()
    record(kept).done("x", Action.UPDATE, {"scope": "system/*.read a&b", "jwks_uri": "https://x/"}, lambda: None)

    assert kept.events[0].query == "scope=system/*.read%20a%26b&jwks_uri=https://x/"


@pytest.mark.parametrize("result", [None, True, "", 0.5])
def test_what_does_not_return_false_is_done(result: object) -> None:
    kept = StoredEvents()

    assert record(kept).done("x", Action.UPDATE, ABOUT, lambda: result) == result
    assert [event.outcome.value for event in kept.events] == ["0"]


def test_the_event_is_dated_by_awss_clock() -> None:
    kept = StoredEvents()
    record(kept, seconds_off=90.0).done("x", Action.UPDATE, ABOUT, lambda: None)

    assert time_of(kept.events[0].id) == (NOW + 90) * 1000


@pytest.mark.parametrize(
    ("date", "seconds_off"),
    [
        (formatdate(NOW + 90, usegmt=True), 90),
        (formatdate(NOW - 90, usegmt=True), -90),
        (formatdate(NOW - 1, usegmt=True), 0),
        ("no date", 0),
        (None, 0),
    ],
)
def test_a_clock_that_is_off_is_found_when_signing_in(date: str | None, seconds_off: float) -> None:
    headers = {} if date is None else {"date": date}
    answer = {"Arn": "arn:aws:iam::1:user/x", "ResponseMetadata": {"HTTPHeaders": headers}}
    sts = SimpleNamespace(get_caller_identity=lambda: answer)

    assert signed_in(cast("Any", sts), lambda: NOW) == Operator("arn:aws:iam::1:user/x", seconds_off)


def test_the_record_says_why_it_was_not_stored() -> None:
    with pytest.raises(NotAuditedError) as refused:
        record(StoredEvents(fault="ThrottlingException")).done("x", Action.UPDATE, ABOUT, lambda: None)

    assert refused.value.code == "ThrottlingException"
    assert isinstance(refused.value.__cause__, EventNotStoredError)
