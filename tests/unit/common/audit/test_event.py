"""The item of an event: its id gives its key, and its content is read back unchanged."""

from dataclasses import replace

import pytest

from careconnect.audit.event import (
    Action,
    AuditEvent,
    Outcome,
    day_of,
    event_key,
    event_of,
    is_event_id,
    new_event_id,
    time_of,
)
from careconnect.audit.query import LONGEST_QUERY
from careconnect.oauth.client_record import MAX_NAME_BYTES, MAX_SCOPE_LENGTH

NOW = 1_795_676_953.256
ID = "01a216afdaa8-177497fdb02eaf745e030bc109da828c"
FULL = AuditEvent(
    id=ID,
    action=Action.READ,
    interaction="search-type",
    type="Observation",
    ids=("Patient/4", "Observation/1"),
    query="patient=4&code=1",
    patient="4",
    client_id="explorer",
    client_name="Explorer",
    subject="explorer",
    jti="a-jti",
    jkt="a-jkt",
    scope="user/Observation.s?category=a user/Observation.rs?code=b",
    job="a-job",
    file="Patient.0.1.ndjson",
    outcome=Outcome.REFUSED,
    why="scope",
    status=403,
    request_id="mine",
    gateway_request_id="the-gateways",
    trace="00-1-2-00",
    address="203.0.113.7",
    service="fhir_reader",
    unknown_parameters=1,
    parameters=2,
)


def test_an_id_tells_its_time_and_where_its_event_lies() -> None:
    made = new_event_id(NOW, lambda: "a" * 32)

    assert made == "01a216afdaa8-" + "a" * 32
    assert time_of(made) == 1_795_676_953_256
    assert event_key(made) == {"pk": {"S": "2026-11-26#a"}, "sk": {"S": made}}


@pytest.mark.parametrize(
    ("interaction", "ids", "searched"),
    [
        ("search-type", (), "Observation"),
        ("search-type", ("Patient/4",), "Patient/4/Observation"),
        ("read", ("Observation/1",), ""),
    ],
)
def test_what_was_searched_is_a_type_or_that_of_a_compartment(
    interaction: str, ids: tuple[str, ...], searched: str
) -> None:
    assert replace(FULL, interaction=interaction, ids=ids).searched == searched


def test_no_two_ids_are_the_same_and_all_have_the_form_of_one() -> None:
    made = {new_event_id(NOW) for _ in range(200)}

    assert len(made) == 200
    assert all(map(is_event_id, made))
    assert max([new_event_id(NOW + 0.001), *made]) not in made


@pytest.mark.parametrize("text", ["", "4", ID + "~", ID.upper(), ID[:-1], ID + "0", "ffffffffffff" + ID[12:]])
def test_what_is_no_id_of_an_event_is_reported_apart(text: str) -> None:
    assert not is_event_id(text)


def test_what_an_event_says_comes_back_from_its_item() -> None:
    assert event_of(FULL.item()) == FULL
    bare = AuditEvent(id=ID, action=Action.EXECUTE, interaction="token")
    assert event_of(bare.item()) == bare
    assert set(bare.item()) == {"pk", "sk", "action", "interaction", "outcome"}


def test_an_item_of_a_former_release_which_repeats_its_time_is_the_same_event() -> None:
    assert event_of({**FULL.item(), "at": {"N": str(FULL.at)}}) == FULL


def test_a_stored_event_is_four_kilobytes_at_most() -> None:
    longest = AuditEvent(
        id=ID,
        action=Action.READ,
        interaction="history-instance",
        type="MedicationStatement",
        ids=(f"MedicationStatement/{'i' * 64}/_history/123456789",),
        query="q" * (LONGEST_QUERY - MAX_SCOPE_LENGTH - 43 - 32 - 64),
        scope="s" * MAX_SCOPE_LENGTH,
        patient="p" * 64,
        client_id="c" * 128,
        client_name="n" * MAX_NAME_BYTES,
        subject="c" * 128,
        jti="j" * 36,
        jkt="j" * 43,
        job="e" * 32,
        file="f" * 64,
        outcome=Outcome.REFUSED,
        why="client authentication",
        status=403,
        request_id="r" * 128,
        gateway_request_id="g" * 36,
        trace="t" * 55,
        address="a" * 45,
        service="service_discovery",
        unknown_parameters=200,
        parameters=200,
    )

    item = longest.item(retention_days=36_500)
    assert sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) <= 4_096


def test_an_event_of_a_search_takes_one_write_unit_whatever_its_client_is_called() -> None:
    named = replace(FULL, client_id="c" * 36, subject="c" * 36, client_name="n" * MAX_NAME_BYTES)
    named = replace(named, scope="", jkt="", job="", file="")
    item = replace(named, jti="j" * 36, request_id="r" * 36, gateway_request_id="g" * 36, trace="t" * 55).item()

    assert sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) <= 1_024


def test_an_event_ends_when_its_retention_does_and_else_never() -> None:
    assert "expires_at" not in FULL.item()
    assert FULL.item(retention_days=2)["expires_at"] == {"N": str(1_795_676_953 + 2 * 86_400)}


def test_a_day_begins_at_midnight_in_utc() -> None:
    assert [day_of(1_795_651_199_999), day_of(1_795_651_200_000)] == ["2026-11-25", "2026-11-26"]
