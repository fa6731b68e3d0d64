"""Concurrent writes: each planned on the stored version, and verified by its transaction (`write.md`, Promises)."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.storage.keys import JSON_ITEM
from careconnect_records.writes.target import Target
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import LONG_TEXT, NHS_NUMBER, observation, patient
from careconnect_testing.parts.record_writers import WRITE, Writer
from record_writer.dynamodb_record_store import DynamoDbRecordStore

pytestmark = pytest.mark.slow

CONDITION = f"identifier={NHS_NUMBER}|1"
OWN = {**patient("1", gender="female"), "id": "own"}
PATIENT = next(each for each in RESOURCE_TYPES if each.is_patient)
REMOVE = {"op": "remove", "path": "/gender"}


@contextmanager
def first(writer: Writer, operation: str, meanwhile: Callable[[], Any]) -> Iterator[None]:
    """Call `meanwhile` right before the first call of an operation."""

    def interrupt(name: str) -> None:
        if name == operation:
            writer.faults.remove(interrupt)
            meanwhile()

    writer.faults.append(interrupt)
    yield
    assert interrupt not in writer.faults, f"no {operation} came"


def failing(code: str, operation: str) -> Callable[[str], None]:
    """Return a fault that makes each call of an operation fail."""

    def fail(name: str) -> None:
        if name == operation:
            raise ClientError({"Error": {"Code": code, "Message": "not for anyone"}}, name)

    return fail


def test_a_write_that_another_came_before_is_made_on_what_is_there_then(writer: Writer) -> None:
    writer.made(OWN)
    with first(writer, WRITE, lambda: writer.made({**OWN, "gender": "male"})):
        answer = writer.update({**OWN, "gender": "other"})

    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"3"')
    assert writer.observer.counts == ["WriteConflict"]
    assert len(writer.slept) == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_promise_2_of_writes_of_one_version_one_wins(writer: Writer, method: str) -> None:
    writer.made(OWN)

    def write() -> Answer:
        if method == "PATCH":
            return writer.patch("Patient/own", REMOVE, If_Match='W/"1"')
        body = {**OWN, "gender": "other"} if method == "PUT" else None
        return writer.send(method, "Patient/own", body, If_Match='W/"1"')

    with first(writer, WRITE, lambda: writer.made({**OWN, "gender": "male"})):
        answer = write()

    assert answer.status == 409
    assert writer.reader.get("Patient/own").json["gender"] == "male"


def test_promise_2_without_if_match_they_queue(writer: Writer) -> None:
    writer.made(OWN)
    barrier = Barrier(8)

    def write(number: int) -> str:
        barrier.wait()
        return writer.update({**OWN, "birthDate": f"200{number}-01-01"}).headers["ETag"]

    with ThreadPoolExecutor(8) as pool:
        versions = sorted(pool.map(write, range(8)))

    assert versions == sorted(f'W/"{number}"' for number in range(2, 10))


def test_promise_3_of_conditional_creates_one_creates(writer: Writer) -> None:
    barrier = Barrier(8)

    def write(_: int) -> tuple[int, str]:
        barrier.wait()
        answer = writer.create(patient("1"), If_None_Exist=CONDITION)
        return answer.status, answer.headers["Location"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(write, range(8)))

    assert Counter(status for status, _ in answers) == {201: 1, 200: 7}
    assert len({location for _, location in answers}) == 1


@pytest.mark.parametrize(
    ("meanwhile", "status"),
    [
        (lambda writer: writer.made(OWN), 200),
        (lambda writer: [writer.made(patient("1")) for _ in range(2)], 412),
        (lambda writer: writer.made(patient("2")), 201),
    ],
)
def test_promise_3_beside_a_plain_create_it_answers_as_if_after_it(
    writer: Writer, meanwhile: Callable[[Writer], Any], status: int
) -> None:
    with first(writer, WRITE, lambda: meanwhile(writer)):
        answer = writer.create(patient("1"), If_None_Exist=CONDITION)

    assert answer.status == status


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_what_is_no_more_the_one_that_matches_is_not_written(writer: Writer, method: str) -> None:
    writer.made(OWN)
    body = patient("1", gender="male") if method == "PUT" else None
    with first(writer, WRITE, lambda: writer.made(patient("1"))):
        answer = writer.send(method, "Patient", body, [("identifier", f"{NHS_NUMBER}|1")])

    assert answer.status == 412
    assert writer.reader.get("Patient/own").json["gender"] == "female"


def test_what_matched_and_is_deleted_before_it_is_shown_matches_no_more(writer: Writer) -> None:
    """Of several that have the identifier, the body of the one that the caller sees is read apart."""
    own = observation("Patient/own", identifier=[{"system": "urn:x", "value": "1"}])
    for whose in ("own", "other"):
        writer.made({**patient(), "id": whose})
        writer.made({**own, "subject": {"reference": f"Patient/{whose}"}, "id": f"of-{whose}"})
    bound = writer.as_caller(patient="own", identifier_systems=("urn:x",))
    seen: list[int] = []

    def second(name: str) -> None:
        if name == "BatchGetItem" and writer.calls[-2:] == ["BatchGetItem"] * 2 and not seen:
            writer.faults.clear()
            seen.append(writer.delete("Observation/of-own").status)

    writer.calls.clear()
    writer.faults.append(second)
    answer = bound.create(own, If_None_Exist="identifier=urn:x|1")

    assert (seen, answer.status) == ([204], 412)


def test_what_lost_the_identifier_after_its_lock_was_read_matches_no_more(writer: Writer) -> None:
    writer.made(OWN)
    with first(writer, "BatchGetItem", lambda: writer.made({**OWN, "identifier": patient("2")["identifier"]})):
        answer = writer.create(patient("1"), If_None_Exist=CONDITION)

    assert answer.status == 201


def test_promise_4_what_is_deleted_meanwhile_is_not_referred_to(writer: Writer) -> None:
    writer.made(OWN)
    with first(writer, WRITE, lambda: writer.delete("Patient/own")):
        answer = writer.create(observation("Patient/own"))

    assert answer.status == 422


def test_promise_4_what_is_referred_to_meanwhile_is_not_deleted(writer: Writer) -> None:
    writer.made(OWN)
    with first(writer, WRITE, lambda: writer.made(observation("Patient/own"))):
        answer = writer.delete("Patient/own")

    assert answer.status == 409
    assert writer.reader.get("Patient/own").status == 200


def test_what_lies_beyond_the_retries_is_503_and_nothing_is_written(writer: Writer) -> None:
    writer.faults.append(failing("TransactionCanceledException", WRITE))
    answer = writer.create(patient())

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    # A second is left for the last attempt, so that the answer comes within ten.
    assert 5 < sum(writer.slept) <= 9
    assert set(writer.observer.counts) == {"WriteConflict", "Unavailable"}
    assert writer.observer.lines[-1]["reason"] == "lost to other writes"


@pytest.mark.parametrize(
    ("reasons", "tries"),
    [
        (("None", "ThrottlingError", "ConditionalCheckFailed"), 2),
        (("None", "ConditionalCheckFailed", "ValidationError"), 1),
        (("ItemCollectionSizeLimitExceeded",), 1),
    ],
)
def test_what_no_attempt_would_pass_is_not_tried_again(writer: Writer, reasons: tuple[str, ...], tries: int) -> None:
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": "not for anyone"},
        "CancellationReasons": [{"Code": reason} for reason in reasons],
    }

    def cancel() -> None:
        raise ClientError(response, WRITE)

    with first(writer, WRITE, cancel):
        answer = writer.update(OWN)

    assert writer.calls.count(WRITE) == tries
    assert answer.status == (201 if tries > 1 else 503)
    if tries == 1:
        assert writer.observer.lines[-1]["reason"] == reasons[-1]
        assert not writer.slept


@pytest.mark.parametrize("operation", ["BatchGetItem", WRITE, "GetItem"])
@pytest.mark.parametrize("code", ["ThrottlingException", "TransactionInProgressException", "InternalServerError"])
def test_while_dynamodb_is_down_it_is_503(writer: Writer, operation: str, code: str) -> None:
    writer.faults.append(failing(code, operation))
    answer = writer.create(patient("1"), If_None_Exist=CONDITION) if operation == "GetItem" else writer.update(OWN)

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert writer.observer.lines[-1]["reason"] == code
    assert not writer.slept


def test_a_connection_that_cannot_be_had_is_503(writer: Writer) -> None:
    def refuse(name: str) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb")

    writer.faults.append(refuse)

    assert writer.update(OWN).status == 503


def test_what_a_batch_left_out_is_asked_for_again(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    writer.made(OWN)
    client = writer.reader.client
    ask = client.batch_get_item
    left_out: list[Any] = []

    def batch_get_item(**request: Any) -> Any:
        if len(left_out) < 2:
            left_out.append(request["RequestItems"])
            return {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
        return ask(**request)

    monkeypatch.setattr(client, "batch_get_item", batch_get_item)
    assert writer.update({**OWN, "gender": "male"}).status == 200
    assert writer.slept == [0.01, 0.02]

    monkeypatch.setattr(
        client, "batch_get_item", lambda **request: {"Responses": {}, "UnprocessedKeys": request["RequestItems"]}
    )
    assert writer.update(OWN).status == 503


def large(number: int) -> dict[str, Any]:
    """Return a patient whose entries take more than one transaction."""
    return {**patient(*(f"{number}-{place}" for place in range(50)), text=LONG_TEXT), "id": "large"}


class _KilledError(BaseException):
    pass


@pytest.mark.parametrize("after", [1, *(pytest.param(number, marks=pytest.mark.long) for number in (0, 2, 3))])
def test_promise_6_what_a_killed_writer_began_is_ended_by_the_next(writer: Writer, after: int) -> None:
    writer.made(large(0))
    steps = []

    def kill(name: str) -> None:
        if name == WRITE:
            steps.append(name)
            if len(steps) > after:
                raise _KilledError

    writer.faults.append(kill)
    with pytest.raises(_KilledError):
        writer.update(large(1))
    writer.faults.clear()
    began = writer.stopwatch.now
    answer = writer.update({**large(2), "gender": "male"})

    assert answer.status == 200
    # It waits until the other has made no step for three seconds.
    assert (writer.stopwatch.now - began >= 3) is (after > 0)
    assert writer.reader.get("Patient", f"identifier={NHS_NUMBER}%7C2-7").ids() == ["large"]
    for previous in ("0-7", "1-7"):
        assert writer.reader.get("Patient", f"identifier={NHS_NUMBER}%7C{previous}").total == 0


def test_what_was_begun_and_never_there_is_absent_once_it_is_ended(writer: Writer) -> None:
    def kill(name: str) -> None:
        if name == WRITE:
            raise _KilledError

    writer.faults.append(kill)
    with pytest.raises(_KilledError):
        writer.update(large(1))
    writer.faults.clear()

    assert writer.patch("Patient/large", REMOVE).status == 404
    assert writer.create(observation("Patient/large")).status == 422


def test_a_body_of_another_version_is_not_taken_for_the_records(writer: Writer) -> None:
    """A batch reads its items one by one, and another writer may finish between two of them."""
    writer.made({**patient("9434765919"), "id": "torn"})
    store = DynamoDbRecordStore(writer.reader.tables)
    target = store.read_with_body(Target(PATIENT, "torn"))
    assert target.body is not None
    assert target.body["version"]["N"] == str(target.version)

    writer.reader.client.update_item(
        TableName=writer.reader.tables.record,
        Key={"pk": {"S": "Patient/torn"}, "sk": {"S": JSON_ITEM}},
        UpdateExpression="SET version = :later",
        ExpressionAttributeValues={":later": {"N": "2"}},
    )

    target = store.read_with_body(Target(PATIENT, "torn"))
    assert (target.version, target.body) == (1, None)
