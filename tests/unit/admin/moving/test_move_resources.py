"""Moving what was filed under the wrong patient: what goes along, what stops it, and that it is all or nothing."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from careconnect.fhir.request import MAX_BUNDLE_ENTRIES
from careconnect_admin.erasing.erase_patient import Erasure
from careconnect_admin.errors import OperatorError
from careconnect_admin.moving.move_resources import ChangedError, Move, StoppedError
from careconnect_admin.moving.move_survey import MoveSurvey
from careconnect_records.multi_step.release import Release
from careconnect_records.writes.plan_write import MAX_FORMER_PATIENTS
from careconnect_testing.http.writes import LONG_TEXT, observation
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.record_writers import WRITE, Writer, writer_in_memory
from careconnect_testing.parts.stores import BASE, NOW
from careconnect_testing.records.held_writes import hold
from careconnect_testing.records.stored import saved, stored
from careconnect_testing.running.cases import each_of
from careconnect_testing.running.killed import killed_after

FORMER = {"reference": "Patient/wrong"}
VISIT = {"reference": "Encounter/visit"}
NAMES = ("Observation/weight", "Observation/pulse")
ALL = (*NAMES, "Condition/flu", "Encounter/visit")


def encounter(resource_id: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Encounter", "id": resource_id, "status": "finished", "subject": FORMER, **elements}


def filed(resource_id: str, **elements: Any) -> dict[str, Any]:
    return {**observation("Patient/wrong"), "id": resource_id, **elements}


def lived(writer: Writer) -> None:
    """Write a record in which a visit of another patient was filed."""
    himself = {**FORMER, "display": "Wrong, William", "identifier": {"value": "of William"}}
    for resource in (
        {"resourceType": "Patient", "id": "wrong", "name": [{"family": "Wrong"}]},
        {"resourceType": "Patient", "id": "right", "name": [{"family": "Right"}]},
        encounter("visit"),
        filed("weight", context=VISIT, subject=himself, performer=[{"display": "a nurse"}, himself]),
        filed("pulse", context={"reference": f"{BASE}/careconnect-ri/STU3/Encounter/visit"}),
        {
            "resourceType": "Condition",
            "id": "flu",
            "clinicalStatus": "resolved",
            "subject": FORMER,
            "context": VISIT,
            "asserter": FORMER,
        },
        filed("own", text=LONG_TEXT),
        {**observation("Patient/right"), "id": "other"},
    ):
        assert writer.update(resource).status < 300, resource


@pytest.fixture(scope="module")
def module_writer() -> Iterator[Writer]:
    with writer_in_memory() as made:
        lived(made)
        yield made


@pytest.fixture
def writer(module_writer: Writer) -> Iterator[Writer]:
    put_back = saved(module_writer.reader.tables)
    yield module_writer
    module_writer.faults.clear()
    put_back()


def mover(writer: Writer, former: str = "wrong", patient: str = "right") -> Move:
    stopwatch = Clock()

    def pause(seconds: float) -> None:
        stopwatch.now += seconds

    return Move(
        writer.reader.tables,
        former,
        patient,
        base_url=BASE,
        clock=lambda: datetime.fromtimestamp(NOW + 1_000, UTC),
        sleep=pause,
        elapsed=stopwatch,
    )


def survey(writer: Writer, *names: str, along: bool = False) -> MoveSurvey:
    return mover(writer).survey(names, along=along)


def moved(writer: Writer, *names: str, along: bool = False) -> MoveSurvey:
    move = mover(writer)
    found = move.survey(names, along=along)
    move.move(found)
    return found


def ids(writer: Writer, search: str) -> set[str]:
    return {each["resource"]["id"] for each in writer.reader.get(*search.split("?")).json.get("entry", ())}


def test_all_of_it_is_in_the_other_record_and_its_history_tells_of_both(writer: Writer) -> None:
    found = moved(writer, *NAMES, along=True)

    assert set(found.moving) == set(ALL)
    assert found.added == ["Condition/flu", "Encounter/visit"]
    assert ids(writer, "Observation?patient=right") == {"weight", "pulse", "other"}
    assert ids(writer, "Observation?patient=wrong") == {"own"}
    assert ids(writer, "Encounter?patient=right") == {"visit"}
    assert ids(writer, "Condition?patient=wrong") == set()
    entries = writer.reader.get("Observation/weight/_history").json["entry"]
    assert [each["resource"]["subject"]["reference"] for each in entries] == ["Patient/right", "Patient/wrong"]
    assert writer.reader.get("Observation/weight").json["context"] == VISIT
    items = {key[1:]: item for key, item in stored(writer.reader.tables).items()}
    for kind in ("#index", "#json"):
        item = items["Observation/weight", kind]
        assert (item["patient"], item["former_patients"]) == ({"S": "right"}, {"S": "wrong"})
    assert items["Observation/weight", "#json#000000001"]["patient"] == {"S": "wrong"}


def test_each_reference_to_the_patient_changes_and_no_name_of_the_former_stays(writer: Writer) -> None:
    found = moved(writer, *NAMES, along=True)

    now = writer.reader.get("Observation/weight").json
    assert (now["subject"], now["performer"]) == (
        {"reference": "Patient/right"},
        [{"display": "a nurse"}, {"reference": "Patient/right"}],
    )
    assert writer.reader.get("Condition/flu").json["asserter"] == {"reference": "Patient/right"}
    assert found.moving["Observation/weight"].elements == ("subject", "performer[1]")
    assert found.moving["Condition/flu"].elements == ("subject", "asserter")


def test_what_each_may_tell_afterwards_is_recorded_of_both_patients(writer: Writer) -> None:
    moved(writer, *NAMES, along=True)
    writer.reader.kept.events.clear()

    assert writer.reader.get("Observation/weight").status == 200

    assert {each.patient for each in writer.reader.kept.events} == {"right", "wrong"}


def test_references_between_the_two_records_stop_it_and_nothing_is_changed(writer: Writer) -> None:
    before = stored(writer.reader.tables)

    found = survey(writer, "Encounter/visit", "Observation/weight")

    assert found.crossing == {("Observation/pulse", "Encounter/visit"), ("Condition/flu", "Encounter/visit")}
    with pytest.raises(
        StoppedError, match=r"Condition/flu → Encounter/visit, .*name the resources too, or give --with"
    ):
        mover(writer).move(found)
    assert survey(writer, "Observation/pulse").crossing == {("Observation/pulse", "Encounter/visit")}
    assert survey(writer, *ALL).stops == []
    assert stored(writer.reader.tables) == before


@each_of(
    ("name", "fault"),
    [
        ("Observation/other", "is not in the record of Patient/wrong"),
        ("Observation/absent", "is not stored"),
        ("Observation/deleted", "is deleted"),
        ("Patient/wrong", "is no resource of a record"),
        ("Medication/1", "is no resource of a record"),
        ("Observatio/1", "is no resource of a record"),
        ("Observation/a b", "is no resource of a record"),
        ("Observation", "is no resource of a record"),
    ],
)
def test_what_is_not_the_patients_is_refused_with_all_else(writer: Writer, name: str, fault: str) -> None:
    assert writer.update(filed("deleted")).status == 201
    assert writer.delete("Observation/deleted").status == 204
    before = stored(writer.reader.tables)

    found = survey(writer, name, *ALL)

    assert [each for each in found.stops if not each.startswith(f"{name} {fault}")] == []
    with pytest.raises(StoppedError, match=fault):
        mover(writer).move(found)
    assert stored(writer.reader.tables) == before


def test_of_many_faults_the_first_are_told(writer: Writer) -> None:
    found = survey(writer, *(f"Observation/absent-{number}" for number in range(25)))

    with pytest.raises(StoppedError, match=r"^Observation/absent-0 is not stored; .* not stored; and 5 more$"):
        mover(writer).move(found)


@each_of("patient", ["absent", "gone"])
def test_a_patient_who_is_not_stored_is_refused(writer: Writer, patient: str) -> None:
    assert writer.update({"resourceType": "Patient", "id": "gone"}).status == 201
    assert writer.delete("Patient/gone").status == 204

    assert mover(writer, patient=patient).survey(ALL, along=False).stops == [f"Patient/{patient} is not stored"]


def test_a_second_run_says_what_has_moved_and_changes_nothing(writer: Writer) -> None:
    moved(writer, *ALL)
    once = stored(writer.reader.tables)

    found = moved(writer, *NAMES, along=True)

    assert (set(found.moving), found.moved, found.stops) == (set(), sorted(NAMES), [])
    assert stored(writer.reader.tables) == once


def test_what_refers_later_to_what_has_moved_is_told_and_can_follow(writer: Writer) -> None:
    moved(writer, *ALL)
    assert writer.update(filed("late", context=VISIT)).status == 201

    assert survey(writer, *ALL).crossing == {("Observation/late", "Encounter/visit")}
    moved(writer, *ALL, along=True)

    assert writer.reader.get("Observation/late").json["subject"] == {"reference": "Patient/right"}


def test_a_text_for_people_is_pointed_out(writer: Writer) -> None:
    assert survey(writer, "Observation/own", *ALL).with_narrative == ["Observation/own"]


def test_of_a_resource_that_has_left_too_many_records_it_is_said_what_to_do(writer: Writer) -> None:
    for number in range(MAX_FORMER_PATIENTS + 1):
        assert writer.update({"resourceType": "Patient", "id": f"p{number}"}).status == 201
        subject = f"Patient/p{number}" if number < MAX_FORMER_PATIENTS else "Patient/wrong"
        assert writer.update({**observation(subject), "id": "restless"}).status < 300

    [fault] = survey(writer, "Observation/restless").stops

    assert "create another one" in fault


def test_more_than_a_transaction_takes_is_refused_before_it_is_read(writer: Writer) -> None:
    for number in range(MAX_BUNDLE_ENTRIES - 1):
        writer.loaded(filed(f"n{number}", context=VISIT))

    [fault] = survey(writer, "Encounter/visit", along=True).stops

    assert fault.startswith(f"{MAX_BUNDLE_ENTRIES + 3} resources would move in one transaction, which takes 500 ")


def test_more_bytes_than_a_transaction_takes_are_refused(writer: Writer) -> None:
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 340_000}</div>'
    large = [f"large{number}" for number in range(60)]
    for each in large:
        writer.loaded(filed(each, text={"status": "generated", "div": div}))

    [fault] = survey(writer, *(f"Observation/{each}" for each in large)).stops

    assert "name fewer" in fault


def test_a_change_that_comes_between_stops_all_of_it(writer: Writer) -> None:
    found = survey(writer, *ALL)
    assert writer.update(filed("pulse", context=VISIT, comment="meanwhile")).status == 200
    before = stored(writer.reader.tables)

    with pytest.raises(ChangedError, match="Observation/pulse was changed meanwhile, so nothing was moved"):
        mover(writer).move(found)

    assert stored(writer.reader.tables) == before
    moved(writer, *ALL)
    assert writer.reader.get("Observation/pulse").json["comment"] == "meanwhile"


def test_a_change_at_the_last_moment_is_not_lost(writer: Writer) -> None:
    found = survey(writer, *ALL)
    once: list[int] = []

    def write(name: str) -> None:
        if name == WRITE and not once:
            once.append(1)
            assert writer.update(filed("pulse", context=VISIT, comment="meanwhile")).status == 200

    writer.faults.append(write)
    with pytest.raises(ChangedError):
        mover(writer).move(found)

    assert ids(writer, "Observation?patient=wrong") == {"weight", "pulse", "own"}
    assert writer.reader.get("Observation/pulse").json["comment"] == "meanwhile"


def test_two_operators_at_once_move_it_once(writer: Writer) -> None:
    once: list[int] = []

    def write(name: str) -> None:
        if name == WRITE and not once:
            once.append(1)
            moved(writer, *ALL)

    writer.faults.append(write)
    moved(writer, *ALL)

    assert writer.reader.get("Observation/weight").json["meta"]["versionId"] == "2"


def test_nothing_comes_into_the_record_of_a_patient_who_is_deleted_at_the_last_moment(writer: Writer) -> None:
    assert writer.update({"resourceType": "Patient", "id": "leaving"}).status == 201
    move = mover(writer, patient="leaving")
    for names in (ALL, ("Observation/own",)):
        found = move.survey(names, along=False)
        assert found.stops == []
        assert writer.delete("Patient/leaving").status == 204

        with pytest.raises(OperatorError, match="run it again"):
            move.move(found)

        assert ids(writer, "Observation?patient=wrong") == {"weight", "pulse", "own"}
        assert writer.update({"resourceType": "Patient", "id": "leaving"}).status == 201
        Release(writer.reader.tables).release_all()


@pytest.mark.parametrize("done", [True, False])
def test_what_another_write_holds_counts_as_that_write_ends(writer: Writer, done: bool) -> None:
    hold(writer.reader.tables, filed("weight", context=VISIT), {**observation("Patient/right"), "id": "own"}, done=done)

    found = moved(writer, *ALL)

    assert found.moving["Observation/weight"].plan.version == (3 if done else 2)
    assert ids(writer, "Observation?patient=right") == {"weight", "pulse", "other"} | ({"own"} if done else set())


def test_a_writer_who_does_not_end_is_said_to_be_at_work(writer: Writer) -> None:
    hold(writer.reader.tables, filed("weight"), done=False)
    move = Move(writer.reader.tables, "wrong", "right", base_url=BASE, sleep=lambda _: None, elapsed=lambda: 0.0)

    with pytest.raises(OperatorError, match="another writer is at work"):
        move.survey(NAMES, along=True)


@pytest.mark.parametrize("names", [ALL, ("Observation/own",)])
def test_killed_at_each_call_it_has_moved_all_or_nothing_and_a_second_run_ends_the_same(
    writer: Writer, names: tuple[str, ...]
) -> None:
    def where() -> list[str]:
        return [writer.reader.get(name).json["subject"]["reference"] for name in names]

    begun = saved(writer.reader.tables)
    writer.calls.clear()
    moved(writer, *names)
    calls = len(writer.calls)
    Release(writer.reader.tables).release_all()
    once = stored(writer.reader.tables)

    for allowed in range(calls):
        begun()
        with killed_after(writer.reader, allowed):
            moved(writer, *names)
        assert set(where()) in ({"Patient/wrong"}, {"Patient/right"}), allowed

        moved(writer, *names)

        assert where() == ["Patient/right"] * len(names), allowed
        Release(writer.reader.tables).release_all()
        assert stored(writer.reader.tables) == once, allowed


def test_after_it_an_erasure_of_the_former_patient_leaves_what_is_the_others(writer: Writer) -> None:
    moved(writer, *ALL)
    erasure = Erasure(writer.reader.tables, base_url=BASE, announce=lambda _: None, sleep=lambda _: None)

    erasure.erase("wrong", unlink=False)

    assert [writer.reader.get(path).status for path in ("Patient/wrong", "Observation/own")] == [410, 410]
    for name in ALL:
        assert writer.reader.get(name).json["subject"] == {"reference": "Patient/right"}
        assert writer.reader.get(f"{name}/_history/1").status == 410
    items = stored(writer.reader.tables)
    named = [
        key for key, item in items.items() if "wrong" in (item | {"pk": ""}).get("former_patients", {}).get("S", "")
    ]
    assert named == []


def test_what_was_the_others_first_stays_when_the_former_patient_is_erased(writer: Writer) -> None:
    # The wrong merge itself, and its correction.
    assert writer.update({**observation("Patient/wrong", comment="merged"), "id": "other"}).status == 200
    moved(writer, "Observation/other")

    Erasure(writer.reader.tables, base_url=BASE, announce=lambda _: None, sleep=lambda _: None).erase(
        "wrong", unlink=False
    )

    assert [writer.reader.get(f"Observation/other/_history/{number}").status for number in (1, 2, 3)] == [200, 410, 200]
