"""A writer that is killed between any two of its calls, or gets no response (`write.md`, Promise 6)."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from careconnect.storage.keys import JSON_ITEM
from careconnect_records.multi_step import write as multi_step
from careconnect_records.multi_step.release import Release
from careconnect_records.writes import plan
from careconnect_testing.aws.between_calls import killed_at_every_call
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import NHS_NUMBER, Resource, patient
from careconnect_testing.parts.record_writers import WRITE, Writer, with_other_tables, writer_in_memory
from careconnect_testing.parts.recorded_writes import Record, made_by, with_record
from careconnect_testing.records.stored import Stored, is_committed, saved, stored, visible_entries

pytestmark = pytest.mark.slow

OWN = "Patient/own"
CONDITION = f"identifier={NHS_NUMBER}|always"
LATER = 10
"""Seconds after which the caller tries again. By then a killed write counts as abandoned."""


@pytest.fixture(scope="module")
def module_writer() -> Iterator[Writer]:
    with writer_in_memory() as made:
        yield made


@pytest.fixture
def recorded(module_writer: Writer) -> tuple[Writer, Record]:
    """Both writers over empty tables, with an audit table and organisations to refer to."""
    made, record = with_record(with_other_tables(module_writer))
    for number in (1, 2):
        made.made({"resourceType": "Organization", "id": f"org{number}"})
    return made, record


@pytest.fixture
def writer(recorded: tuple[Writer, Record]) -> Writer:
    """The writers alone."""
    return recorded[0]


def version(number: int, many: int) -> Resource:
    """Return a version of the patient: its own name, reference and identifiers, and an identifier of all versions."""
    codes = ("always", *(f"v{number}-{each}" for each in range(many)))
    return {
        **patient(*codes, name=[{"family": f"Family{number}"}]),
        "id": "own",
        "managingOrganization": {"reference": f"Organization/org{number}"},
    }


def patch(many: int) -> list[dict[str, Any]]:
    """Return the patch that makes the first version the second."""
    after = version(2, many)
    names = ("identifier", "name", "managingOrganization")
    return [{"op": "replace", "path": f"/{name}", "value": after[name]} for name in names]


WRITES: dict[str, Callable[[Writer, int], Answer]] = {
    "create": lambda writer, many: writer.update(version(2, many)),
    "create on condition": lambda writer, many: writer.create(version(2, many), If_None_Exist=CONDITION),
    "update": lambda writer, many: writer.update(version(2, many)),
    "update on condition": lambda writer, many: writer.send(
        "PUT", "Patient", version(2, many), [("identifier", f"{NHS_NUMBER}|always")]
    ),
    "patch": lambda writer, many: writer.patch(OWN, *patch(many)),
    "delete": lambda writer, many: writer.delete(OWN),
    "again": lambda writer, many: writer.update(version(2, many)),
}
IN_STEPS = 9
MORE_THAN_A_TRANSACTION = 48


def begun(writer: Writer, kind: str, many: int) -> None:
    """Write the versions that a kind of write starts from."""
    if not kind.startswith("create"):
        writer.made(version(1, many))
    if kind == "again":
        assert writer.delete(OWN).status == 204


def released(writer: Writer) -> Stored:
    """Return everything stored, once all multi-step writes are released."""
    Release(writer.reader.tables).release_all()
    return stored(writer.reader.tables)


def current(items: Stored) -> list[str]:
    """Return the texts of the current JSON bodies of patients."""
    return [
        item["body"]["S"] if "body" in item else "gone"
        for (_, pk, sk), item in sorted(items.items())
        if sk == JSON_ITEM and pk.startswith("Patient/")
    ]


def _cases() -> Iterator[Any]:
    for kind in WRITES:
        yield pytest.param(kind, 1, id=f"{kind}, small")
        # Each attempt of it has a new id.
        if kind != "create on condition":
            yield pytest.param(
                kind, IN_STEPS, id=f"{kind}, in steps", marks=pytest.mark.long if kind != "create" else pytest.mark.slow
            )
    yield pytest.param("update", MORE_THAN_A_TRANSACTION, id="update, whole quotas", marks=pytest.mark.long)


@pytest.mark.parametrize(("kind", "many"), list(_cases()))
def test_promise_6_killed_before_any_call_a_write_is_done_or_not_and_a_retry_ends_right(
    recorded: tuple[Writer, Record], monkeypatch: pytest.MonkeyPatch, kind: str, many: int
) -> None:
    """Each stored version has its event, and no event names another version (`audit.md`, Before the answer leaves)."""
    writer, record = recorded
    if many < MORE_THAN_A_TRANSACTION:
        monkeypatch.setattr(plan, "MAX_ACTIONS", 25)
        monkeypatch.setattr(multi_step, "_AT_ONCE", 24)
    begun(writer, kind, many)
    previous = released(writer)
    put_back, began = saved(writer.reader.tables), writer.now.now

    def write() -> Answer:
        record.forget()
        answer = WRITES[kind](writer, many)
        assert answer.status in (200, 201, 204), answer.text
        return answer

    wanted = {}
    for later in (0, LATER):
        put_back()
        writer.now.now = began + later
        writer.ids = iter(range(9))
        write()
        wanted[later] = released(writer)
    events = made_by(record.all())
    assert len(events) == 1
    put_back()
    writer.now.now = began

    calls = 0
    for _ in killed_at_every_call(writer, write):
        # A reader sees nothing of it before it is done, and it is done together with its event.
        is_done = is_committed(writer.reader.tables)
        calls += not is_done
        now = wanted[0] if is_done else previous
        assert visible_entries(stored(writer.reader.tables)) == visible_entries(now)
        assert made_by(record.all()) == (events if is_done else [])
        cut_off = saved(writer.reader.tables)
        assert released(writer) == now
        cut_off()

        writer.now.now = began + LATER
        writer.ids = iter(range(9))
        write()
        assert released(writer) == (now if is_done else wanted[LATER])
        assert made_by(record.all()) == ([] if is_done else events)

    assert calls >= (6 if many > 1 else 2)


@contextmanager
def unanswered(writer: Writer) -> Iterator[None]:
    """Lose the response of the first transaction, which is done."""
    events, event = writer.reader.client.meta.events, f"after-call.dynamodb.{WRITE}"

    def lose(**_: Any) -> None:
        events.unregister(event, lose)
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    events.register(event, lose)
    yield


@pytest.mark.parametrize("kind", WRITES)
def test_promise_6_what_was_done_and_not_answered_is_found_done_by_a_retry(writer: Writer, kind: str) -> None:
    begun(writer, kind, 1)
    with unanswered(writer):
        lost = WRITES[kind](writer, 1)
    after = stored(writer.reader.tables)
    again = WRITES[kind](writer, 1)

    assert (lost.status, lost.headers["Retry-After"]) == (503, "2")
    assert again.status == (204 if kind == "delete" else 200)
    assert stored(writer.reader.tables) == after
    if kind != "delete":
        location = again.headers["Location"].partition("/_history/")[0].rpartition("STU3/")[2]
        assert json.loads(current(after)[0])["name"] == version(2, 1)["name"]
        assert writer.reader.get(location).json["name"] == version(2, 1)["name"]


def test_promise_6_if_match_tells_a_retry_that_the_version_is_another_by_now(writer: Writer) -> None:
    begun(writer, "update", 1)
    with unanswered(writer):
        assert writer.update(version(2, 1), If_Match='W/"1"').status == 503
    after = stored(writer.reader.tables)

    assert writer.update(version(2, 1), If_Match='W/"1"').status == 409
    assert stored(writer.reader.tables) == after
    assert writer.reader.get(OWN).headers["ETag"] == 'W/"2"'
