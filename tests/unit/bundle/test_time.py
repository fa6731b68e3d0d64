"""When a Bundle ends that takes long, and what its answer says of what was written (`bundles.md`, Time)."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from careconnect.http.base_url import FHIR_PATH
from careconnect.runtime.aws import NoTimeLeftError
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.states import WriteStates
from careconnect_records.parsing.exact_json import json_text
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import rest_event
from careconnect_testing.http.writes import JSON, observation, patient
from careconnect_testing.parts.record_writers import WRITE, Writer
from careconnect_testing.parts.recorded_writes import with_record
from careconnect_testing.records.stored import stored, without_traces
from careconnect_testing.running.bundle_service import Bundles, batch, entry, statuses, transaction

NOTHING = "It took too long, and nothing was written: try again, or send less at once."
IN_DOUBT = "It may have been written, which is not known: read it before you send it again."
LOST = "Other writes of the same resources kept coming first, and nothing was written: try again shortly."

CREATES = [entry("POST", "Observation", observation("Patient/4")) for _ in range(10)]
UPDATES = [entry("PUT", f"Patient/p{number}", {**patient(), "id": f"p{number}"}) for number in range(10)]


@pytest.fixture
def bundles(writer: Writer) -> Bundles:
    writer.made({**patient(), "id": "4"})
    Release(writer.reader.tables).release_all()
    writer.calls.clear()
    return Bundles(writer)


def slow(writer: Writer, operation: str, seconds: float) -> None:
    """Have each call of an operation take so long."""

    def wait(name: str) -> None:
        if name == operation:
            writer.stopwatch.now += seconds

    writer.faults.append(wait)


def refusal(answer: Answer) -> str:
    assert (answer.status, answer.issue["code"], answer.headers["Retry-After"]) == (503, "transient", "2")
    return str(answer.issue["diagnostics"])


def test_look_ups_that_take_too_long_end_a_transaction_before_anything_is_written(
    bundles: Bundles, writer: Writer
) -> None:
    slow(writer, "BatchGetItem", 3)

    assert refusal(bundles.send(transaction(*UPDATES))) == NOTHING

    assert WRITE not in writer.calls
    # Nothing more is looked up once it is too late.
    assert writer.calls.count("BatchGetItem") == 7
    assert bundles.observer.lines[-1]["reason"] == "out of time"


def test_a_step_that_takes_too_long_is_the_last_and_the_state_says_aborted(bundles: Bundles, writer: Writer) -> None:
    before = stored(writer.reader.tables)
    slow(writer, WRITE, 21)

    assert refusal(bundles.send(transaction(*CREATES))) == NOTHING

    assert writer.calls.count(WRITE) == 1
    assert [state.done for _, state in WriteStates(writer.reader.tables).all()] == [False]
    writer.faults.clear()
    Release(writer.reader.tables).release_all()
    assert without_traces(stored(writer.reader.tables)) == before


def test_steps_that_are_slow_are_done_within_twenty_seconds(bundles: Bundles, writer: Writer) -> None:
    """Slowness is no conflict: what has been done is not begun anew."""
    slow(writer, WRITE, 9)

    assert set(statuses(bundles.transaction(*CREATES))) == {201}

    assert writer.calls.count(WRITE) == 2
    assert "WriteConflict" not in bundles.observer.counts


@pytest.mark.parametrize(
    ("received", "commits"),
    [(-12, False), (-28, False), (0, True), (-6, True), (-30, True), (5, True), (None, True)],
    ids=["12 s ago", "28 s ago", "now", "6 s ago", "an event sent again", "a clock ahead", "not said"],
)
def test_the_time_is_counted_from_the_receipt_by_the_gateway(
    bundles: Bundles, writer: Writer, received: float | None, commits: bool
) -> None:
    slow(writer, WRITE, 9)
    body = json_text(transaction(*CREATES))
    event = rest_event("POST", FHIR_PATH, headers={"Content-Type": JSON}, body=body, authorizer=writer.context)
    del event["requestContext"]["requestTimeEpoch"]
    if received is not None:
        event["requestContext"]["requestTimeEpoch"] = int((writer.now() + received) * 1000)

    answer = Answer.of(bundles.app(event))

    assert answer.status == (200 if commits else 503)
    if not commits:
        assert refusal(answer) == NOTHING


def test_no_entry_of_a_batch_is_begun_fifteen_seconds_after_the_receipt(bundles: Bundles, writer: Writer) -> None:
    slow(writer, WRITE, 2)
    event = rest_event(
        "POST", FHIR_PATH, headers={"Content-Type": JSON}, body=json_text(batch(*CREATES)), authorizer=writer.context
    )
    event["requestContext"]["requestTimeEpoch"] = int((writer.now() - 10) * 1000)

    answer = Answer.of(bundles.app(event))

    assert statuses(answer.json["entry"]) == [201] * 3 + [503] * 7


def without_answer(writer: Writer, number: int, *, done: bool) -> Callable[[], None]:
    """Have the nth transaction time out, done or not; return what ends that."""
    met = 0
    events = writer.reader.client.meta.events
    event = f"{'after-call' if done else 'provide-client-params'}.dynamodb.{WRITE}"

    def lose(**_: Any) -> None:
        nonlocal met
        met += 1
        if met == number:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    events.register(event, lose)
    return lambda: events.unregister(event, lose)


@pytest.mark.parametrize(
    ("done", "is_down", "said"),
    [
        (True, False, ""),
        (False, False, "Temporarily unavailable, and nothing was written: try again shortly."),
        (True, True, IN_DOUBT),
        (False, True, IN_DOUBT),
    ],
)
def test_an_answer_says_nothing_was_written_only_if_the_state_says_aborted(
    bundles: Bundles, writer: Writer, done: bool, is_down: bool, said: str
) -> None:
    """The commit, which is the last transaction, has no answer; then its state can be asked for, or not."""
    bundles.transaction(*CREATES)
    commit = writer.calls.count(WRITE)
    Release(writer.reader.tables).release_all()
    before = stored(writer.reader.tables)

    def down(name: str) -> None:
        if is_down and name in ("UpdateItem", "GetItem"):
            raise ReadTimeoutError(endpoint_url="https://dynamodb")

    end = without_answer(writer, commit, done=done)
    writer.faults.append(down)
    answer = bundles.send(transaction(*CREATES))
    writer.faults.clear()
    end()

    if said:
        assert refusal(answer) == said
    else:
        assert answer.status == 200
    for name, state in WriteStates(writer.reader.tables).all():
        if state.done is None:
            # Nobody knew: it was cut off.
            WriteStates(writer.reader.tables).abort(name)
    Release(writer.reader.tables).release_all()
    assert (without_traces(stored(writer.reader.tables)) != before) is done


def test_what_is_in_doubt_is_said_to_be_although_no_event_can_be_stored(writer: Writer) -> None:
    """The commit had no answer, and there is no time for a further call."""
    recorded, record = with_record(writer)
    bundles = Bundles(recorded)
    recorded.made({**patient(), "id": "4"})
    bundles.transaction(*CREATES)
    commit = writer.calls.count(WRITE) - 1
    Release(writer.reader.tables).release_all()
    met: list[str] = []

    def no_time_left(name: str) -> None:
        if name == WRITE:
            met.append(name)
        if len(met) >= commit:
            raise NoTimeLeftError

    writer.faults.append(no_time_left)
    record.forget()

    assert refusal(bundles.send(transaction(*CREATES))) == IN_DOUBT
    assert "AuditEventNotWritten" in bundles.observer.counts


def test_only_what_was_lost_to_other_writes_is_said_to_be(bundles: Bundles, writer: Writer) -> None:
    def conflict(name: str) -> None:
        if name == WRITE:
            writer.reader.client.put_item(
                TableName=writer.reader.tables.record,
                Item={**index_of(writer), "version": {"N": str(int(index_of(writer)["version"]["N"]) + 1)}},
            )

    def index_of(writer: Writer) -> Any:
        key = {"pk": {"S": "Patient/4"}, "sk": {"S": "#index"}}
        return writer.reader.client.get_item(TableName=writer.reader.tables.record, Key=key)["Item"]

    writer.faults.append(conflict)
    answer = bundles.send(transaction(entry("PUT", "Patient/4", {**patient(), "id": "4", "gender": "male"}), *CREATES))

    assert refusal(answer) == LOST
    assert bundles.observer.lines[-1]["reason"] == "lost to other writes"
