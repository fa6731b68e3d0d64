"""Erasures since the restored time, which a switch does again."""

from typing import Any

import pytest

from careconnect_admin.erasing.erase_patient import Erasure
from careconnect_testing.aws.restorable_stack import NAMED, Restorable, versions
from careconnect_testing.http.writes import observation
from careconnect_testing.records.stored import stored
from careconnect_testing.running.killed import killed_after


def erase(stack: Restorable, patient: str) -> None:
    tables = stack.tables(stack.in_service)
    erasure = Erasure(tables, base_url=stack.target().output("BaseUrl"), announce=lambda _: None, sleep=lambda _: None)
    erasure.erase(patient, unlink=True)


def before_and_since(stack: Restorable) -> Any:
    """Write, restore, and erase a patient; return the restored tables."""
    write = stack.writer
    assert write.update({**observation("Patient/5"), "id": "moved"}).status == 201
    assert write.update({**observation("Patient/6"), "id": "moved"}).status == 200
    father = [{"reference": "Patient/5", "display": "his father"}]
    assert write.update({**observation("Patient/6"), "id": "linked", "performer": father}).status == 201
    restored = stack.restore()
    assert write.update({**NAMED["5"], "gender": "other"}).status == 200
    assert write.update({**observation("Patient/5"), "id": "since"}).status == 201
    erase(stack, "5")
    stack.steps.clear()
    return restored


def test_nothing_of_the_erased_is_served_and_others_are_as_restored(stack: Restorable) -> None:
    restored = before_and_since(stack)
    stack.patients.clear()

    stack.switch(restored, ["5"])

    reader = stack.serving(restored)
    assert [reader.get(path).status for path in ("Patient/5", "Observation/since", "Observation/moved")] == [
        410,
        410,
        200,
    ]
    assert reader.get("Patient/5/_history/1").status == 410
    assert reader.get("Observation/moved/_history/1").status == 410
    assert reader.get("Observation/linked").json["performer"] == [{"display": "his father"}]
    # Others' history is without a gap.
    assert versions(reader, "Observation/linked")
    assert "6" in stack.patients
    erased = Erasure(stack.tables(restored), base_url="", announce=lambda _: None).survey("5")
    assert (erased.current, erased.versions, erased.naming) == (frozenset(), {}, frozenset())


def test_versions_of_others_since_stay_as_they_were_served(stack: Restorable) -> None:
    write = stack.writer
    assert write.update({**observation("Patient/5"), "id": "moved"}).status == 201
    father = [{"reference": "Patient/5", "display": "his father"}]
    assert write.update({**observation("Patient/6"), "id": "linked", "performer": father}).status == 201
    restored = stack.restore()
    write.now.now += 60
    assert write.update({**observation("Patient/6"), "id": "moved"}).status == 200
    erase(stack, "5")
    write.now.now += 60
    assert write.update({**observation("Patient/6", comment="since"), "id": "linked"}).status == 200
    served = ["Observation/moved/_history/2", "Observation/linked/_history/2", "Observation/linked/_history/3"]
    before = {path: write.reader.get(path).json for path in served}

    stack.switch(restored, ["5"])

    reader = stack.serving(restored)
    assert {path: reader.get(path).json for path in served} == before
    assert reader.get("Observation/moved").status == 410
    assert reader.get("Observation/linked").json["performer"] == [{"display": "his father"}]
    for path in ("Observation/moved", "Observation/linked"):
        versions(reader, path)
        bodies = [
            item for (_, key, sk), item in stored(stack.tables(restored)).items() if key == path and "#json" in sk
        ]
        numbered = sorted((int(each["version"]["N"]), int(each["updated"]["N"])) for each in bodies)
        assert len({number for number, _ in numbered}) == len(numbered)
        assert [time for _, time in numbered] == sorted(time for _, time in numbered)


@pytest.mark.parametrize("left", [5, 25, 60])
def test_a_killed_switch_erases_again(stack: Restorable, left: int) -> None:
    restored = before_and_since(stack)
    with killed_after(stack.reader, left):
        stack.switch(restored, ["5"])

    stack.switch(restored, ["5"])

    assert stack.serving(restored).get("Patient/5").status == 410
    assert not [key for key, item in stored(stack.tables(restored)).items() if item.get("patient", {}).get("S") == "5"]
