"""The events of an erasure, and what a restore makes of them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from careconnect.audit.event import Action, Outcome
from careconnect_admin.audit_trail.read_events import Recorded
from careconnect_admin.auditing.audited_erasure import ERASE, erased_since, recorded_erasure
from careconnect_admin.auditing.operator_events import NotAuditedError, Operator, OperatorEvents
from careconnect_testing.parts.audit_trails import StoredEvents

NOW = 1_764_000_000.0
AT = datetime.fromtimestamp(NOW, UTC)


def recording(trail: StoredEvents) -> OperatorEvents:
    return OperatorEvents(trail, Operator("operator"), clock=lambda: NOW)


def recorded(trail: StoredEvents) -> list[Recorded]:
    return [Recorded(each.id, each) for each in trail.events]


def test_an_event_of_the_patient_comes_before_and_after() -> None:
    trail, seen = StoredEvents(), list[int]()

    recorded_erasure(recording(trail), "5", lambda _: seen.append(len(trail.events)))

    assert seen == [2]
    assert [(each.interaction, each.action, each.patient) for each in trail.events] == [
        (ERASE, Action.DELETE, "5"),
        (ERASE, Action.DELETE, ""),
        (ERASE, Action.DELETE, "5"),
    ]


def test_nothing_is_erased_without_its_event() -> None:
    with pytest.raises(NotAuditedError):
        recorded_erasure(recording(StoredEvents(fault="Throttled")), "5", lambda _: pytest.fail("erased"))


def test_who_was_erased_at_a_time_or_later_is_found_also_if_the_run_failed() -> None:
    trail = StoredEvents()

    def fail(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recorded_erasure(recording(trail), "5", fail)

    assert erased_since(recorded(trail), AT) == ["5"]
    assert erased_since(recorded(trail), AT + timedelta(seconds=1)) == []


def test_what_only_looked_and_what_was_refused_is_no_erasure() -> None:
    trail = StoredEvents()
    recording(trail).concerning(ERASE, Action.READ, ["5"])
    recording(trail).concerning("load-delete", Action.DELETE, ["6"])
    recording(trail).concerning(ERASE, Action.DELETE, ["7"])
    trail.events[-1] = replace(trail.events[-1], outcome=Outcome.REFUSED)

    assert erased_since([*recorded(trail), Recorded("forged", None)], AT) == []
