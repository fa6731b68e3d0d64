"""An event is written while its resource is read, so that the trail adds no time to a read (`audit.md`)."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.endpoint.pipeline import Auditing
from careconnect_testing.http.answer import Answer
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import write_records

INSERT = "BatchExecuteStatement"


class Meeting:
    """A barrier that holds back a read and a put until both have begun; if either waits in vain, both fail."""

    def __init__(self, read: str) -> None:
        self._read = read
        self._both = threading.Barrier(2, timeout=60)
        self._lock = threading.Lock()
        self._awaited = {"read", "put"}

    def __call__(self, name: str) -> None:
        side = "put" if name == INSERT else "read" if name == self._read else ""
        with self._lock:
            if side not in self._awaited:
                return
            self._awaited.remove(side)
        self._both.wait()

    @property
    def took_place(self) -> bool:
        return not self._awaited and not self._both.broken


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Reader, Any]]:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("beside")))
        kept = audit_table(reader.client, "audit")
        auditing = Auditing(DynamoDbAuditStore(reader.client, "audit"), "tested")
        reader._apps = {table: replace(pipeline, auditing=auditing) for table, pipeline in reader._apps.items()}
        yield reader, kept


@pytest.fixture
def reader(loaded: tuple[Reader, Any]) -> Iterator[Reader]:
    reader, _ = loaded
    reader.calls.clear()
    yield reader
    reader.faults.clear()


@pytest.mark.parametrize(
    ("path", "query", "read"),
    [
        ("Patient/4", "", "GetItem"),
        ("Patient/4/$everything", "", "GetItem"),
        ("Patient/4/_history", "", "GetItem"),
        ("Observation", "patient=4", "Query"),
        ("Patient/4/Observation", "", "Query"),
        ("Patient", "_id=4", "BatchGetItem"),
        ("Patient", "birthdate=ge1990", "BatchGetItem"),
        ("Organization/P1", "", "GetItem"),
        ("Organization", "name=leeds", "Query"),
        ("Organization/P1/_history", "", "GetItem"),
        ("Condition", "asserted-date=ge1990&_include=Condition:patient", "BatchGetItem"),
    ],
)
def test_the_event_is_on_its_path_while_the_read_is(reader: Reader, path: str, query: str, read: str) -> None:
    meeting = Meeting(read)
    reader.faults.append(meeting)

    assert reader.get(path, query).status == 200
    assert meeting.took_place


def test_a_read_that_does_not_name_its_patient_takes_one_call_more(reader: Reader) -> None:
    assert reader.get("Observation/o1").status == 200

    assert reader.calls == ["GetItem", INSERT]


def test_a_page_of_patients_takes_one_call_for_all_of_their_events(reader: Reader, loaded: tuple[Reader, Any]) -> None:
    _, kept = loaded
    before = len(kept())
    assert len(reader.get("Patient", "birthdate=ge1990").json["entry"]) == 3

    assert [call for call in reader.calls if call == INSERT] == [INSERT]
    assert len(kept()) == before + 3


class Killed(BaseException):
    """The end of the function in the middle of a call."""


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("Patient/4", ""),
        ("Observation/o1", ""),
        ("Observation", "patient=4"),
        ("Patient", "birthdate=ge1990"),
        ("Patient/4/$everything", ""),
        ("Condition", "asserted-date=ge1990&_include=Condition:patient"),
    ],
)
def test_killed_at_any_of_its_calls_it_tells_nothing_and_whole_it_leaves_its_events(
    reader: Reader, loaded: tuple[Reader, Any], path: str, query: str
) -> None:
    _, kept = loaded
    before = len(kept())
    made: list[str] = []
    lock = threading.Lock()

    def killed_at(call: int) -> Callable[[str], None]:
        def kill(name: str) -> None:
            with lock:
                made.append(name)
                is_due = len(made) == call
            if is_due:
                raise Killed

        return kill

    def answer(call: int) -> Answer | None:
        """Return the answer of a function that is killed at a call; none if it came so far."""
        made.clear()
        reader.faults[:] = [killed_at(call)]
        try:
            return reader.get(path, query)
        except Killed:
            # The function is gone, and so is its answer, whether the call was the read or the concurrent put.
            return None

    read_all = next(each for each in map(answer, count(1)) if each)

    reader.faults.clear()
    assert read_all.status == 200
    assert INSERT in made
    assert len(kept()) > before
