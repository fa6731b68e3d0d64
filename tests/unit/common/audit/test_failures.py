"""Failures of a kind share one event within a minute."""

from dataclasses import replace
from typing import Any

from careconnect.audit.event import Action, AuditEvent, Outcome, is_event_id, new_event_id, time_of
from careconnect.audit.failures import one_a_minute

MINUTE = 1_795_676_940
EVENT = AuditEvent(
    id=new_event_id(MINUTE + 13.25),
    action=Action.READ,
    interaction="read",
    outcome=Outcome.REFUSED,
    why="token",
    address="2001:db8::1",
    client_id="client-1",
)


def at(seconds: float, **changes: Any) -> str:
    return one_a_minute(replace(EVENT, id=new_event_id(MINUTE + seconds), **changes)).id


def test_the_shared_id_is_an_event_id_in_the_middle_of_the_minute() -> None:
    shared = at(13.25)

    assert is_event_id(shared)
    assert time_of(shared) == (MINUTE + 30) * 1000


def test_a_kind_is_a_minute_a_network_a_reason_and_a_client() -> None:
    shared = at(0)

    assert {at(59.9), at(30, address="2001:db8::ffff"), at(1, interaction="search-type")} == {shared}
    others = [
        at(60),
        at(0, address="2001:db8:0:1::1"),
        at(0, address="203.0.113.9"),
        at(0, why="scope"),
        at(0, client_id="b"),
    ]
    assert len({shared, *others}) == 6
