"""Whatever tells which version a resource has is recorded of all in whose record it was (`audit.md`, Whose)."""

from collections.abc import Callable
from typing import Final

import pytest

from careconnect.audit.event import AuditEvent
from careconnect.audit.query import MAX_PATIENTS
from careconnect_records.multi_step.release import Release
from careconnect_records.writes.plan_write import MAX_FORMER_PATIENTS
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.parts.recorded_writes import Record, with_record
from careconnect_testing.running.bundle_service import Bundles, batch, entry, transaction

FORMER, NOW, NEXT = "former", "now", "next"
IDENTIFIER: Final = {"system": "urn:x", "value": "visit"}
CONDITION: Final = "identifier=urn:x|visit"
AMEND: Final = {"op": "replace", "path": "/status", "value": "planned"}


def visit(whose: str, status: str = "finished", id_: str = "visit") -> Resource:
    """Return an encounter of a patient."""
    subject = {"reference": f"Patient/{whose}"}
    own = {"resourceType": "Encounter", "id": id_, "status": status, "subject": subject}
    return {**own, "identifier": [IDENTIFIER]} if id_ == "visit" else own


def without_id(resource: Resource) -> Resource:
    return {name: value for name, value in resource.items() if name != "id"}


@pytest.fixture
def moved(writer: Writer) -> tuple[Writer, Record]:
    """An encounter of which two versions were one patient's, and the third is another's, with an observation there."""
    for whose in (FORMER, NOW, NEXT):
        writer.made({**patient(), "id": whose})
    for version in (visit(FORMER), visit(FORMER, "arrived"), visit(NOW)):
        writer.made(version)
    writer.made({**observation(f"Patient/{NOW}", context={"reference": "Encounter/visit"}), "id": "seen"})
    return with_record(writer)


def whom(events: list[AuditEvent]) -> set[str]:
    """Return the patients of events."""
    return {event.patient for event in events}


def read(writer: Writer, path: str, query: str = "", method: str = "GET", **headers: str) -> Answer:
    """Return a reader's answer to the writer's caller."""
    reader = writer.reader.as_caller(writer.scope, writer.patient)
    reader.kept.events.clear()
    return reader.get(path, query, method, **headers)


READS: dict[str, tuple[str, str, str, dict[str, str], int]] = {
    "a read": ("GET", "Encounter/visit", "", {}, 200),
    "a HEAD": ("HEAD", "Encounter/visit", "", {}, 200),
    "a read of what has not changed": ("GET", "Encounter/visit", "", {"If_None_Match": 'W/"3"'}, 304),
    "a read of the version": ("GET", "Encounter/visit/_history/3", "", {}, 200),
    "a read of a version that is absent": ("GET", "Encounter/visit/_history/9", "", {}, 404),
    "a history": ("GET", "Encounter/visit/_history", "", {}, 200),
    "the number of a history": ("GET", "Encounter/visit/_history", "_count=0", {}, 200),
    "the summary of a history": ("GET", "Encounter/visit/_history", "_summary=count", {}, 200),
    "a page of a history": ("GET", "Encounter/visit/_history", "_count=1", {}, 200),
    "a history since then": ("GET", "Encounter/visit/_history", "_since=2100-01-01T00:00:00Z", {}, 200),
    "a search": ("GET", "Encounter", f"patient={NOW}", {}, 200),
    "an include": ("GET", "Observation", "_id=seen&_include=Observation:encounter", {}, 200),
    "a reverse include": ("GET", "Patient", f"_id={NOW}&_revinclude=Encounter:patient", {}, 200),
    "everything": ("GET", f"Patient/{NOW}/$everything", "", {}, 200),
}


@pytest.mark.parametrize("name", READS)
def test_promise_9_what_shows_the_version_of_a_moved_resource_is_recorded_of_both_patients(
    moved: tuple[Writer, Record], name: str
) -> None:
    writer, _ = moved
    method, path, query, headers, status = READS[name]
    answer = read(writer, path, query, method, **headers)

    assert answer.status == status, answer.text
    assert whom(writer.reader.kept.events) == {FORMER, NOW}


@pytest.mark.parametrize("path", ["Encounter/visit/_history/1", "Encounter/visit/_history/2"])
def test_a_version_before_a_move_tells_of_whose_it_was_alone(moved: tuple[Writer, Record], path: str) -> None:
    writer, _ = moved
    assert read(writer, path).status == 200
    assert whom(writer.reader.kept.events) == {FORMER}


WRITES: dict[str, tuple[Callable[[Writer], Answer], int]] = {
    "an update": (lambda one: one.update(visit(NOW, "planned")), 200),
    "an update that changes nothing": (lambda one: one.update(visit(NOW)), 200),
    "an update of another version": (lambda one: one.update(visit(NOW, "planned"), If_Match='W/"2"'), 409),
    "an update on condition": (lambda one: one.send("PUT", "Encounter", visit(NOW, "planned"), CONDITION), 200),
    "a patch": (lambda one: one.patch("Encounter/visit", AMEND), 200),
    "a patch of another version": (lambda one: one.patch("Encounter/visit", AMEND, If_Match='W/"2"'), 409),
    "a create that finds it": (lambda one: one.create(without_id(visit(NOW)), If_None_Exist=CONDITION), 200),
    "a deletion of another version": (lambda one: one.delete("Encounter/visit", If_Match='W/"2"'), 409),
    "an entry of a batch": (
        lambda one: Bundles(one).send(batch(entry("PUT", "Encounter/visit", visit(NOW, "planned")))),
        200,
    ),
    "an entry of a transaction": (
        lambda one: Bundles(one).send(transaction(entry("PUT", "Encounter/visit", visit(NOW, "planned")))),
        200,
    ),
    "an entry that reads it": (lambda one: Bundles(one).send(batch(entry("GET", "Encounter/visit"))), 200),
}


@pytest.mark.parametrize("name", WRITES)
def test_promise_9_a_write_of_a_moved_resource_is_recorded_of_both_patients(
    moved: tuple[Writer, Record], name: str
) -> None:
    writer, record = moved
    act, status = WRITES[name]
    answers: list[Answer] = []
    events = record.since(lambda: answers.append(act(writer)))

    assert answers[0].status == status, answers[0].text
    assert whom(events) == {FORMER, NOW}


def test_promise_9_a_moved_resource_tells_of_all_whose_it_was_when_it_is_deleted_and_comes_back(
    moved: tuple[Writer, Record],
) -> None:
    writer, record = moved
    writer.made({**observation(f"Patient/{NOW}"), "id": "seen"})
    deletion = record.since(lambda: writer.delete("Encounter/visit"))
    assert read(writer, "Encounter/visit").status == 410
    gone = whom(writer.reader.kept.events)
    again = record.since(lambda: writer.delete("Encounter/visit"))
    restored = record.since(lambda: writer.made(visit(NEXT)))
    assert read(writer, "Encounter/visit").status == 200

    assert whom(deletion) == whom(again) == gone == {FORMER, NOW}
    assert whom(restored) == whom(writer.reader.kept.events) == {FORMER, NOW, NEXT}


@pytest.mark.parametrize("is_released", [False, True])
def test_promise_9_a_move_within_a_transaction_is_as_one_alone(
    moved: tuple[Writer, Record], *, is_released: bool
) -> None:
    writer, record = moved
    moves = [entry("PUT", "Encounter/visit", visit(NEXT)), entry("PUT", "Encounter/new", visit(FORMER, id_="new"))]
    events = record.since(lambda: Bundles(writer).transaction(*moves))
    if is_released:
        Release(writer.reader.tables).release_all()
    assert read(writer, "Encounter/visit").headers["ETag"] == 'W/"4"'

    assert whom(events) == whom(writer.reader.kept.events) == {FORMER, NOW, NEXT}
    assert read(writer, "Encounter/new").status == 200
    assert whom(writer.reader.kept.events) == {FORMER}


def test_promise_9_a_resource_that_moves_back_tells_of_where_it_has_been(moved: tuple[Writer, Record]) -> None:
    writer, record = moved
    assert whom(record.since(lambda: writer.made(visit(FORMER)))) == {FORMER, NOW}
    assert read(writer, "Encounter/visit").status == 200
    assert whom(writer.reader.kept.events) == {FORMER, NOW}


def test_who_may_see_a_moved_resource_is_whose_it_is(moved: tuple[Writer, Record]) -> None:
    writer, record = moved
    owner, former = writer.as_caller(patient=NOW), writer.as_caller(patient=FORMER)
    assert read(owner, "Encounter/visit").headers["ETag"] == 'W/"3"'
    assert whom(writer.reader.kept.events) == {FORMER, NOW}
    assert [each["response"]["etag"] for each in read(owner, "Encounter/visit/_history").json["entry"]] == ['W/"3"']
    assert read(former, "Encounter/visit").status == 404
    assert whom(writer.reader.kept.events) == {NOW}
    assert read(former, "Encounter").json["total"] == 0
    answers: list[Answer] = []
    refused = record.since(lambda: answers.append(former.update(visit(FORMER))))
    assert (answers[0].status, whom(refused)) == (404, {NOW})


def test_a_reference_tells_of_whose_record_its_target_is(moved: tuple[Writer, Record]) -> None:
    writer, record = moved
    seen = {**observation(f"Patient/{NEXT}", context={"reference": "Encounter/visit"}), "id": "other"}
    assert whom(record.since(lambda: writer.made(seen))) == {NOW, NEXT}


@pytest.mark.parametrize(("decoys", "status"), [(MAX_PATIENTS - 3, 200), (MAX_PATIENTS - 2, 400)])
def test_promise_9_that_there_is_no_room_for_former_patients_is_recorded_of_them(
    moved: tuple[Writer, Record], decoys: int, status: int
) -> None:
    writer, _ = moved
    writer.made(visit(NEXT))
    writer.made(visit(NOW))
    named = [*(f"decoy-{number}" for number in range(decoys)), NOW]
    assert read(writer, "Encounter", f"patient={','.join(named)}").status == status
    assert whom(writer.reader.kept.events) == {*named, FORMER, NEXT}


def test_a_resource_leaves_the_records_of_twenty_patients_and_no_more(moved: tuple[Writer, Record]) -> None:
    writer, record = moved
    others = [f"other-{number}" for number in range(MAX_FORMER_PATIENTS)]
    for whose in others:
        writer.made({**patient(), "id": whose})
    for whose in others[:-1]:
        writer.made(visit(whose))
    answers: list[Answer] = []
    refused = record.since(lambda: answers.append(writer.update(visit(others[-1]))))

    assert (answers[0].status, issues_in(answers[0])) == (422, [("too-costly", ("Encounter",))])
    assert whom(refused) == {FORMER, NOW, *others}
    assert writer.update(visit(others[-2], "arrived")).status == 200
    assert writer.update(visit(NOW)).status == 200
    assert whom(record.since(lambda: writer.patch("Encounter/visit", AMEND))) == {FORMER, NOW, *others[:-1]}
