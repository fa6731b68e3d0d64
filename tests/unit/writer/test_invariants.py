"""Invariants over HTTP: refused by their key, unless the stored version breaks the same (`write.md`, Invariants)."""

from collections.abc import Callable

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in

STATUS = ("invariant", ("Condition",))
BROKEN = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/4"}}
"""Breaks con-3."""
WITH_PERIOD = {**BROKEN, "onsetPeriod": {"start": "2020", "end": "2019"}}
"""Breaks per-1, too."""
PERIOD = ("invariant", ("Condition.onsetPeriod",))
RETURN_OUTCOME = {"Prefer": "return=OperationOutcome"}


@pytest.fixture(autouse=True)
def _patient_4(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})


def keys(answer: Answer, severity: str = "error") -> list[str]:
    """Return the keys with which the issues of a severity begin."""
    return [each["diagnostics"].partition(":")[0] for each in answer.json["issue"] if each["severity"] == severity]


WAYS: list[Callable[[Writer, Resource], Answer]] = [
    lambda writer, resource: writer.create(resource),
    lambda writer, resource: writer.update(resource),
    lambda writer, resource: writer.update({**resource, "id": "never"}),
]


@pytest.mark.parametrize("write", WAYS)
def test_a_write_is_refused_by_the_key_with_hl7s_text_at_the_element(
    writer: Writer, write: Callable[[Writer, Resource], Answer]
) -> None:
    twin = {"code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}}
    answer = write(writer, observation("Patient/4", id="o", valueString="x", component=[twin]))

    assert (answer.status, issues_in(answer)) == (422, [("invariant", ("Observation",))])
    assert answer.json["issue"][0]["diagnostics"] == (
        "obs-7: If code is the same as a component code then the value element associated with the code SHALL NOT be "
        "present"
    )


@pytest.mark.parametrize("write", WAYS)
def test_all_that_is_broken_is_told_with_the_references(
    writer: Writer, write: Callable[[Writer, Resource], Answer]
) -> None:
    answer = write(writer, {**WITH_PERIOD, "asserter": {"reference": "Patient/never"}})

    assert issues_in(answer) == [STATUS, PERIOD, ("not-found", ("Condition.asserter",))]


def test_what_the_stored_version_breaks_at_the_same_element_may_stay(writer: Writer) -> None:
    writer.loaded(BROKEN)
    noted = {**BROKEN, "note": [{"text": "x"}]}

    assert writer.update(noted).status == 200
    assert writer.update(BROKEN, If_Match='W/"2"').status == 200
    add = {"op": "add", "path": "/note", "value": noted["note"]}
    assert writer.patch("Condition/c", add).status == 200
    assert writer.send("POST", "Condition/c/$validate", BROKEN).json["issue"][0]["severity"] == "information"


def test_what_it_does_not_break_is_refused_all_the_same(writer: Writer) -> None:
    writer.loaded(BROKEN)
    without = [{"id": "e"}]

    assert issues_in(writer.update(WITH_PERIOD)) == [PERIOD]
    assert keys(writer.send("POST", "Condition/c/$validate", WITH_PERIOD)) == ["per-1"]
    assert issues_in(writer.patch("Condition/c", {"op": "add", "path": "/evidence", "value": without})) == [
        ("invalid", ("Condition.evidence[0]",)),
        ("invariant", ("Condition.evidence[0]",)),
    ]
    assert issues_in(writer.update({**WITH_PERIOD, "asserter": {"reference": "Patient/never"}})) == [
        PERIOD,
        ("not-found", ("Condition.asserter",)),
    ]
    assert issues_in(writer.create(BROKEN)) == [STATUS]


def test_the_same_key_at_another_element_is_refused(writer: Writer) -> None:
    writer.loaded({**patient(contact=[{"gender": "male"}, {"name": {"text": "A"}}]), "id": "p"})
    moved = {**patient(contact=[{"name": {"text": "A"}}, {"gender": "male"}]), "id": "p"}

    assert issues_in(writer.update(moved)) == [("invariant", ("Patient.contact[1]",))]


def test_a_corrected_resource_cannot_be_broken_again(writer: Writer) -> None:
    writer.loaded(BROKEN)

    assert writer.update({**BROKEN, "clinicalStatus": "active"}).status == 200
    assert issues_in(writer.update(BROKEN)) == [STATUS]
    writer.delete("Condition/c")
    assert issues_in(writer.update(BROKEN)) == [STATUS]


def test_unchanged_content_is_not_judged(writer: Writer) -> None:
    writer.loaded(WITH_PERIOD)
    answer = writer.update(WITH_PERIOD)

    assert (answer.status, answer.headers["ETag"]) == (200, 'W/"1"')


def test_it_is_told_as_a_warning_where_warnings_are_asked_for(writer: Writer) -> None:
    writer.loaded(BROKEN)
    answer = writer.update({**BROKEN, "note": [{"text": "x"}]}, **RETURN_OUTCOME)

    assert answer.status == 200
    assert keys(answer, "warning")[0] == "con-3"
    assert (answer.json["issue"][1]["code"], answer.json["issue"][1]["expression"]) == ("invariant", ["Condition"])


def test_a_bound_client_may_correct_its_own_and_learns_nothing_of_others(writer: Writer) -> None:
    writer.made({**patient(), "id": "5"})
    writer.loaded(BROKEN)
    writer.loaded({**BROKEN, "id": "d", "subject": {"reference": "Patient/5"}})
    bound = writer.as_caller("patient/*.cruds", patient="4")

    assert bound.update({**BROKEN, "note": [{"text": "x"}]}).status == 200
    others = [bound.update({**BROKEN, "id": id_}) for id_ in ("d", "never")]
    assert [(answer.status, answer.text) for answer in others] == [(404, others[0].text)] * 2


def test_a_bound_client_is_told_its_wrong_references_beside_those_that_the_stored_version_has(writer: Writer) -> None:
    writer.made({**patient(), "id": "5"})
    referring = {**BROKEN, "asserter": {"reference": "Patient/5"}}
    writer.made({**referring, "clinicalStatus": "active"})
    wrong = {**referring, "context": {"reference": "Encounter/never"}}

    answer = writer.as_caller("patient/*.cruds", patient="4").update(wrong)
    assert issues_in(answer) == [STATUS, ("not-found", ("Condition.context",))]


def test_an_update_that_breaks_one_is_refused_before_anything_is_written(writer: Writer) -> None:
    writer.made({**BROKEN, "clinicalStatus": "active"})
    writer.calls.clear()

    assert writer.update(BROKEN).status == 422
    assert "TransactWriteItems" not in writer.calls
