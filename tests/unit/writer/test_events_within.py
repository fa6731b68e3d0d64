"""A write's audit events are in its own transaction: there is no write without events, and no event without a write."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from careconnect_records.multi_step.release import Release
from careconnect_records.writes import plan
from careconnect_testing.http.writes import LONG_TEXT, Resource, observation, patient
from careconnect_testing.parts.record_writers import WRITE, Writer
from careconnect_testing.parts.recorded_writes import Record, cancelling, made_by, with_record
from careconnect_testing.records.stored import stored

pytestmark = pytest.mark.slow

OWN: Resource = {**patient("1", gender="female"), "id": "own"}
FIRST, SECOND = ("Patient/own/_history/1", "own"), ("Patient/own/_history/2", "own")
LARGE: Resource = {**patient(*(f"n{number}" for number in range(50)), text=LONG_TEXT), "id": "own"}
SIZES = {"one transaction": OWN, "steps": LARGE}


@pytest.fixture
def recorded(writer: Writer) -> tuple[Writer, Record]:
    return with_record(writer)


@pytest.fixture
def opened(writer: Writer) -> tuple[Writer, Record]:
    """Writers that write even if their events cannot be stored."""
    return with_record(writer, fails_open=True)


def asked_of(writer: Writer) -> list[list[dict[str, Any]]]:
    """Return a list that collects the actions of each transaction from now on."""
    kept: list[list[dict[str, Any]]] = []
    event = f"provide-client-params.dynamodb.{WRITE}"
    writer.reader.client.meta.events.register(event, lambda params, **_: kept.append(params["TransactItems"]))
    return kept


def test_a_write_makes_no_call_for_its_events(writer: Writer) -> None:
    calls = []
    for one in (writer, with_record(writer)[0]):
        one.made({**OWN, "gender": "unknown"})
        one.calls.clear()
        assert one.update(OWN).status == 200
        calls.append(list(one.calls))

    assert calls[0] == calls[1]


@pytest.mark.parametrize("size", SIZES)
def test_the_events_are_in_the_transaction_that_makes_the_version(recorded: tuple[Writer, Record], size: str) -> None:
    writer, record = recorded
    transactions = asked_of(writer)
    assert writer.update(SIZES[size]).status == 201

    with_event = [
        actions
        for actions in transactions
        if any(each.get("Put", {}).get("TableName") == record.table for each in actions)
    ]
    (actions,) = with_event
    bodies = [each["Put"]["Item"]["sk"]["S"] for each in actions if "Put" in each]
    if size == "steps":
        assert actions[0]["Update"]["TableName"] == writer.reader.tables.transaction
    else:
        assert {"#json", "#index"} <= set(bodies)
    assert actions[-1]["Put"]["ConditionExpression"] == "attribute_not_exists(pk)"
    assert made_by(record.all()) == [FIRST]


@pytest.mark.parametrize("condition", [{}, {"If_None_Exist": "identifier=urn:x|1"}])
def test_a_write_that_fills_its_transaction_leaves_room_for_its_events(
    recorded: tuple[Writer, Record], monkeypatch: pytest.MonkeyPatch, condition: dict[str, str]
) -> None:
    writer, record = recorded
    transactions = asked_of(writer)
    assert writer.create(patient("one"), **condition).status == 201
    monkeypatch.setattr(plan, "MAX_ACTIONS", len(transactions[-1]))
    assert writer.create(patient("two"), **condition).status == 201
    assert len(transactions) == 2
    monkeypatch.setattr(plan, "MAX_ACTIONS", len(transactions[-1]) - 1)
    assert writer.create(patient("three"), **condition).status == 201
    assert len(transactions) > 3

    assert len(made_by(record.all())) == 3


def test_a_write_that_others_came_before_has_the_events_of_the_attempt_that_was_done(
    recorded: tuple[Writer, Record],
) -> None:
    writer, record = recorded
    for each in ("own", "other"):
        writer.made({**patient(), "id": each})
    writer.made(observation("Patient/own") | {"id": "o"})
    meanwhile = []

    def move(name: str) -> None:
        if name == WRITE:
            writer.faults.remove(move)
            meanwhile.append(writer.update(observation("Patient/other") | {"id": "o"}).status)

    writer.faults.append(move)
    events = record.since(lambda: writer.delete("Observation/o"))

    assert meanwhile == [200]
    # Both versions concern both patients: the deletion's number tells how many were there before the move.
    assert made_by(events) == [
        ("Observation/o/_history/2", "other"),
        ("Observation/o/_history/2", "own"),
        ("Observation/o/_history/3", "other"),
        ("Observation/o/_history/3", "own"),
    ]
    assert len(events) == 4


def lost(writer: Writer, *, done: bool) -> None:
    """Lose the response of the next transaction, which is done or not."""
    events = writer.reader.client.meta.events
    event = f"{'after' if done else 'before'}-call.dynamodb.{WRITE}"

    def lose(**_: Any) -> None:
        events.unregister(event, lose)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    events.register(event, lose)


@pytest.mark.parametrize("subject", ["Patient/own", "Patient/other"])
def test_what_was_done_and_not_answered_has_its_events_and_no_other(
    recorded: tuple[Writer, Record], subject: str
) -> None:
    writer, record = recorded
    for each in ("own", "other"):
        writer.made({**patient(), "id": each})
    writer.made(observation("Patient/own") | {"id": "o"})
    lost(writer, done=True)
    statuses = []
    events = record.since(
        lambda: statuses.append(writer.update(observation(subject, status="amended") | {"id": "o"}).status)
    )

    assert statuses == [503]
    assert "AuditEventNotWritten" not in writer.observer.counts
    assert [event.outcome for event in events] == ["0"] * len({"Patient/own", subject})
    assert made_by(events) == sorted(("Observation/o/_history/2", each) for each in {"own", subject.partition("/")[2]})


def test_what_was_not_done_is_shown_as_that_and_is_not_done_later_either(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    transactions = asked_of(writer)
    lost(writer, done=False)
    (event,) = record.since(lambda: writer.update(OWN))
    before = stored(writer.reader.tables)

    assert (event.patient, event.outcome, event.why, event.status) == ("own", "8", "error", 503)
    assert event.ids == ("Patient/own",)
    # The transaction may only be late: the event of the failure has the id of its event, so it cannot be done any more.
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        writer.reader.client.transact_write_items(TransactItems=transactions[0])
    assert stored(writer.reader.tables) == before


def gone(writer: Writer, record: Record) -> None:
    writer.reader.client.delete_table(TableName=record.table)


def denied(writer: Writer, record: Record) -> None:
    def refuse(params: Any, **_: Any) -> None:
        if record.table in str(params):
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, WRITE)

    for operation in (WRITE, "BatchExecuteStatement"):
        writer.reader.client.meta.events.register(f"provide-client-params.dynamodb.{operation}", refuse)


FAULTS: dict[str, Callable[[Writer, Record], None]] = {
    "ResourceNotFoundException": gone,
    "AccessDeniedException": denied,
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", FAULTS)
def test_while_the_record_takes_nothing_nothing_is_written(
    recorded: tuple[Writer, Record], fault: str, size: str
) -> None:
    writer, record = recorded
    writer.made({**OWN, "gender": "unknown"})
    before = stored(writer.reader.tables)
    FAULTS[fault](writer, record)
    answers = [writer.update(SIZES[size]), writer.create(patient()), writer.delete("Patient/own")]

    assert [(answer.status, answer.headers["Retry-After"]) for answer in answers] == [(503, "2")] * 3
    # A statement of a batch has the code without "Exception".
    reasons = {line["reason"].removesuffix("Exception") for line in writer.observer.lines[-3:]}
    assert reasons == {f"no event: {fault.removesuffix('Exception')}"}
    assert writer.observer.counts.count("AuditEventNotWritten") == 3
    assert "WriteConflict" not in writer.observer.counts
    Release(writer.reader.tables).release_all()
    assert {key: item for key, item in stored(writer.reader.tables).items() if "#guard" not in key} == {
        key: item for key, item in before.items() if "#guard" not in key
    }
    assert writer.reader.get("Patient/own").json["gender"] == "unknown"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("fault", FAULTS)
def test_where_the_record_may_fail_a_write_is_done_without_it_and_counted(
    opened: tuple[Writer, Record], fault: str, size: str
) -> None:
    writer, record = opened
    FAULTS[fault](writer, record)

    assert writer.update(SIZES[size]).status == 201
    assert writer.reader.get("Patient/own").status == 200
    assert writer.observer.counts == ["AuditEventNotWritten"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reason", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_write_whose_events_are_throttled_is_503_and_no_conflict(
    recorded: tuple[Writer, Record], reason: str, size: str
) -> None:
    writer, record = recorded
    cancelling(writer, record.table, reason)
    (event,) = record.since(lambda: writer.update(SIZES[size]))

    assert (event.outcome, event.status, event.patient) == ("8", 503, "own")
    assert writer.observer.lines[-1]["reason"] == f"no event: {reason}"
    assert "WriteConflict" not in writer.observer.counts
    assert writer.reader.get("Patient/own").status == 404


@pytest.mark.parametrize(("reference", "said"), [("Encounter/of-other", "may have been written"), (None, "")])
def test_w9_a_write_whose_following_events_cannot_be_stored_is_done_and_said_to_be_perhaps(
    recorded: tuple[Writer, Record], reference: str | None, said: str
) -> None:
    writer, record = recorded
    for each in ("own", "other"):
        writer.made({**patient(), "id": each})
    encounter = {"resourceType": "Encounter", "status": "finished", "subject": {"reference": "Patient/other"}}
    writer.made({**encounter, "id": "of-other"})

    def no_statements(name: str) -> None:
        if name == "BatchExecuteStatement":
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, name)

    context = {"context": {"reference": reference}} if reference else {}
    record.forget()

    writer.faults.append(no_statements)
    answer = writer.update({**observation("Patient/own", **context), "id": "o"})
    writer.faults.clear()

    assert answer.status == (503 if reference else 201)
    assert said in answer.text
    assert writer.reader.get("Observation/o").status == 200
    assert [event.patient for event in record.all()] == ["own"]


@pytest.mark.parametrize("size", SIZES)
def test_where_the_record_may_fail_they_are_stored_after_the_write(opened: tuple[Writer, Record], size: str) -> None:
    writer, record = opened
    cancelling(writer, record.table, "ThrottlingError")
    events = record.since(lambda: writer.made(SIZES[size]))

    assert made_by(events) == [FIRST]
    assert len(events) == 1
    assert "AuditEventNotWritten" not in writer.observer.counts


def test_a_write_that_fails_for_another_table_is_not_done_without_its_events_for_ever(
    opened: tuple[Writer, Record],
) -> None:
    writer, _ = opened
    tries: list[str] = []

    def refuse(name: str) -> None:
        if name == WRITE:
            tries.append(name)
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, WRITE)

    writer.faults.append(refuse)

    assert writer.update(OWN).status == 503
    assert len(tries) == 2
    assert writer.observer.lines[-1]["reason"] == "AccessDeniedException"


def test_events_that_are_throttled_with_the_write_wait_as_that_does(recorded: tuple[Writer, Record]) -> None:
    writer, record = recorded
    cancelling(writer, record.table, "ThrottlingError", others="ThrottlingError", times=2)

    assert writer.update(OWN).status == 201
    assert writer.observer.counts == ["WriteConflict"] * 2
    assert made_by(record.all()) == [FIRST]
    assert len(record.all()) == 1


@pytest.mark.parametrize("size", SIZES)
def test_a_write_whose_events_are_at_fault_is_not_done_without_them(opened: tuple[Writer, Record], size: str) -> None:
    writer, record = opened
    cancelling(writer, record.table, "ValidationError")

    assert writer.update(SIZES[size]).status == 503
    assert writer.reader.get("Patient/own").status == 404
