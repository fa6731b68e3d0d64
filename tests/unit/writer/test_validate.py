"""`$validate` says what a write would be refused for, and writes nothing (`write.md`, $validate)."""

from typing import Any

import pytest

from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import Resource, observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.parts.recorded_writes import with_record

READ_CALLS = {"BatchGetItem", "GetItem", "Query"}


def validate(writer: Writer, path: str, body: Any, query: list[tuple[str, str]] | None = None) -> Answer:
    writer.calls.clear()
    return writer.send("POST", f"{path}/$validate", body, query or [])


def told(answer: Answer) -> list[tuple[str, str, str]]:
    """Return the severity, the code and the place of each issue of an OperationOutcome."""
    assert answer.status == 200, answer.text
    assert answer.json["resourceType"] == "OperationOutcome"
    return [(each["severity"], each["code"], each.get("expression", [""])[0]) for each in answer.json["issue"]]


def parameters(resource: Resource | None = None, **values: str) -> Resource:
    given: list[Resource] = [{"name": "resource", "resource": resource}] if resource else []
    given += [{"name": name, "valueUri" if name == "profile" else "valueCode": text} for name, text in values.items()]
    return {"resourceType": "Parameters", "parameter": given}


def test_what_could_be_written_is_one_information_and_is_not_written(writer: Writer) -> None:
    made = writer.made(patient())
    answer = validate(writer, "Observation", observation(f"Patient/{made['id']}"))

    assert told(answer) == [("information", "informational", "")]
    assert set(writer.calls) <= READ_CALLS
    assert answer.headers["Cache-Control"] == "no-store"
    assert writer.reader.get("Observation").ids() == []


@pytest.mark.parametrize("wrap", [lambda each: each, parameters], ids=["resource", "Parameters"])
def test_all_faults_of_a_resource_and_of_its_references_are_told(writer: Writer, wrap: Any) -> None:
    faulty = {**observation("Patient/nobody"), "status": "odd", "unknown": 1}
    del faulty["unknown"]

    assert [place for _, _, place in told(validate(writer, "Observation", wrap(faulty)))] == [
        "Observation.status",
        "Observation.subject",
    ]


def test_an_update_is_judged_below_an_id_and_may_be_asked_for_by_mode(writer: Writer) -> None:
    made = writer.made(patient())

    assert told(validate(writer, f"Patient/{made['id']}", made))[0][0] == "information"
    assert validate(writer, f"Patient/{made['id']}", {**made, "id": "other"}).status == 400
    assert validate(writer, "Patient", patient(), [("mode", "update")]).status == 400
    assert told(validate(writer, "Patient", made, [("mode", "update")]))[0][0] == "information"


def test_a_deletion_is_judged_by_what_still_refers_to_the_resource(writer: Writer) -> None:
    made = writer.made(patient())
    delete = parameters(mode="delete")
    assert told(validate(writer, f"Patient/{made['id']}", delete))[0][0] == "information"

    writer.made(observation(f"Patient/{made['id']}"))

    assert told(validate(writer, f"Patient/{made['id']}", delete)) == [("error", "conflict", "")]
    assert writer.reader.get(f"Patient/{made['id']}").status == 200
    assert validate(writer, "Patient", delete).status == 400


def test_a_bound_clients_limits_are_told(writer: Writer) -> None:
    writer.made({**patient(), "id": "4"})
    writer.made({**patient(), "id": "5"})
    bound = writer.as_caller("user/*.cruds", patient="4")

    assert told(validate(bound, "Observation", observation("Patient/4")))[0][0] == "information"
    assert told(validate(bound, "Observation", observation("Patient/5")))[0][:2] == ("error", "forbidden")
    assert told(validate(bound, "Patient", patient()))[0][:2] == ("error", "forbidden")


@pytest.mark.parametrize(
    ("body", "query", "status", "code"),
    [
        ("{", [], 400, "structure"),
        (patient(), [], 400, "structure"),
        (parameters(), [], 400, "invalid"),
        (parameters(observation("Patient/4"), profile="http://example.org/p"), [], 400, "not-supported"),
        (observation("Patient/4"), [("profile", "http://example.org/p")], 400, "not-supported"),
        (observation("Patient/4"), [("mode", "merge")], 400, "value"),
        (observation("Patient/4"), [("code", "x")], 400, "not-supported"),
        ({"resourceType": "Parameters", "parameter": [{"name": "x"}]}, [], 400, "invalid"),
    ],
)
def test_what_cannot_be_judged_is_refused_as_by_a_write(
    writer: Writer, body: Any, query: list[tuple[str, str]], status: int, code: str
) -> None:
    answer = validate(writer, "Observation", body, query)

    assert (answer.status, answer.json["issue"][0]["code"]) == (status, code)


@pytest.mark.parametrize(("letters", "status"), [("c", 200), ("u", 200), ("d", 200), ("rs", 403)])
def test_any_letter_that_writes_the_type_opens_it(writer: Writer, letters: str, status: int) -> None:
    made = writer.made(patient())
    caller = writer.as_caller(f"user/Observation.{letters} user/Patient.r")

    assert validate(caller, "Observation", observation(f"Patient/{made['id']}")).status == status


@pytest.mark.parametrize("path", ["Observation/$validate", "Observation/o/$validate"])
def test_it_is_posted_only(writer: Writer, path: str) -> None:
    for answer in (writer.reader.get(path), writer.send("PUT", path, observation("Patient/4"))):
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_its_event_is_of_the_patients_of_whom_a_refused_write_would_be(writer: Writer) -> None:
    made = writer.made(patient())
    recorded, record = with_record(writer)

    (event,) = record.since(lambda: validate(recorded, "Observation", observation(f"Patient/{made['id']}")))
    assert (event.interaction, event.action.value, event.patient) == ("operation", "E", made["id"])
    assert (event.outcome.value, event.type, event.ids) == ("0", "Observation", ())
