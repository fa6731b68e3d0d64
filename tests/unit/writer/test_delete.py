"""Deleting resources (`write.md`, Interactions: DELETE)."""

import pytest

from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in


@pytest.fixture
def made(writer: Writer) -> str:
    """Write a patient, and return its reference."""
    return f"Patient/{writer.made(patient())['id']}"


def test_what_is_deleted_is_gone(writer: Writer, made: str) -> None:
    answer = writer.delete(made)

    assert (answer.status, answer.text) == (204, "")
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"
    assert writer.reader.get(made).status == 410


def test_again_or_never_there_is_204_too_and_writes_nothing(writer: Writer, made: str) -> None:
    writer.delete(made)
    writer.calls.clear()

    assert (writer.delete(made).status, writer.delete("Patient/never").status) == (204, 204)
    assert set(writer.calls) == {"BatchGetItem"}


def test_what_is_referred_to_stays_and_its_types_are_named(writer: Writer, made: str) -> None:
    refers = writer.made(observation(made))
    condition = {"resourceType": "Condition", "subject": {"reference": made}, "clinicalStatus": "active"}
    writer.made(condition)
    answer = writer.delete(made)

    assert (answer.status, issues_in(answer)) == (409, [("conflict", ())])
    assert answer.diagnostics.endswith("of these types: Condition, Observation. Change or delete those first.")
    assert refers["id"] not in answer.text
    assert writer.reader.get(made).status == 200


@pytest.mark.parametrize(
    ("scope", "types"),
    [
        ("system/Patient.d", "none that the token may read or search, and others"),
        ("system/Patient.d system/Condition.cud", "none that the token may read or search, and others"),
        ("system/Patient.d system/Condition.r", "Condition, and others"),
        ("system/Patient.d system/Observation.s", "Observation, and others"),
        ("system/Patient.d system/Condition.s user/Observation.r", "Condition, Observation"),
    ],
)
def test_l10_types_that_the_token_may_neither_read_nor_search_are_others(
    writer: Writer, made: str, scope: str, types: str
) -> None:
    writer.made(observation(made))
    writer.made({"resourceType": "Condition", "subject": {"reference": made}, "clinicalStatus": "active"})

    answer = writer.as_caller(scope).delete(made)
    assert answer.status == 409
    said = f"The resource is still referred to, by resources of these types: {types}. Change or delete those first."
    assert answer.diagnostics == said


def test_what_is_referred_to_no_more_can_go(writer: Writer, made: str) -> None:
    refers = writer.made(observation(made))
    writer.update({**refers, "subject": {"reference": f"Patient/{writer.made(patient())['id']}"}})

    assert writer.delete(made).status == 204


@pytest.mark.parametrize(("if_match", "status"), [('W/"1"', 204), ('W/"2"', 409), ("1", 400)])
def test_a_deletion_may_be_of_one_version(writer: Writer, made: str, if_match: str, status: int) -> None:
    assert writer.delete(made, If_Match=if_match).status == status


def test_promise_7_a_deletion_costs_no_more_calls_than_these(writer: Writer, made: str) -> None:
    writer.calls.clear()
    writer.delete(made)

    # One batch reads the index record and the body, one the reference counts.
    assert writer.calls == ["BatchGetItem"] * 2 + ["TransactWriteItems"]
