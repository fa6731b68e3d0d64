"""A client that is bound to a patient writes in that compartment alone (`write.md`, Who may write what)."""

from typing import Any

import pytest

from careconnect_testing.http.writes import NHS_NUMBER, observation, patient
from careconnect_testing.parts.record_writers import Writer, issues_in

OWN, OTHER = "Patient/own", "Patient/other"
REMOVE = {"op": "remove", "path": "/comment"}


@pytest.fixture
def bound(writer: Writer) -> Writer:
    """A writer that is bound to one of two patients with a record."""
    for one in (OWN, OTHER):
        writer.made({**patient(), "id": one.partition("/")[2]})
        writer.made({**observation(one, comment="x"), "id": f"of-{one.partition('/')[2]}"})
    writer.made({"resourceType": "Medication", "id": "m"})
    writer.made({"resourceType": "Organization", "id": "org", "name": "A practice"})
    return writer.as_caller(patient="own", identifier_systems=("urn:x",))


def test_w8_what_refers_from_another_record_is_of_no_type_that_is_told(writer: Writer, bound: Writer) -> None:
    encounter = {"resourceType": "Encounter", "id": "of-own", "status": "finished", "subject": {"reference": OWN}}
    writer.made(encounter)
    writer.made({**observation(OTHER, context={"reference": "Encounter/of-own"}), "id": "from-other"})

    refused = bound.delete("Encounter/of-own")
    assert refused.status == 409
    assert "types: none that the token may read or search, and others" in refused.issue["diagnostics"]
    judged = bound.send("POST", "Encounter/of-own/$validate", None, [("mode", "delete")])
    assert [each["code"] for each in judged.json["issue"]] == ["suppressed"]


def test_within_the_record_everything_may_be_written(bound: Writer) -> None:
    made = bound.create(observation(OWN))
    path = f"Observation/{made.json['id']}"

    assert made.status == 201
    assert bound.update({**made.json, "status": "amended"}).status == 200
    assert bound.patch("Observation/of-own", REMOVE).status == 200
    assert bound.delete(path).status == 204
    assert bound.update({**patient(gender="male"), "id": "own"}).status == 200
    assert bound.update({**made.json, "status": "amended"}).status == 201


@pytest.mark.parametrize("subject", [OTHER, "Patient/never", "Group/1", "#p", "https://other.example/Patient/own"])
def test_a_body_of_another_patient_existing_or_not_is_403(bound: Writer, subject: str) -> None:
    extension = [{"url": "urn:x", "valueReference": {"reference": "#p"}}]
    body = observation(subject, contained=[{"resourceType": "Patient", "id": "p"}], extension=extension)
    answers = [
        bound.create(body),
        bound.update({**body, "id": "of-own"}),
        bound.update({**body, "id": "of-other"}),
        bound.update({**body, "id": "never"}),
        bound.patch("Observation/of-own", {"op": "replace", "path": "/subject/reference", "value": subject}),
    ]

    if subject == "#p":
        # The patch refers to a contained resource that is absent, and the resource would be in no compartment.
        assert answers[-1].status == 403
    assert [(answer.status, issues_in(answer)) for answer in answers] == [(403, [("forbidden", ())])] * 5
    assert len({answer.text for answer in answers}) == 1
    assert "WriteRefused" in bound.observer.counts


def test_a_body_that_names_no_patient_is_403(bound: Writer) -> None:
    body = observation(OWN)
    del body["subject"]

    assert bound.create(body).status == 403
    assert bound.patch("Observation/of-own", {"op": "remove", "path": "/subject"}).status == 403


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Medication", "id": "m"},
        {"resourceType": "Organization", "id": "org", "name": "A practice"},
        {"resourceType": "Medication", "id": "never"},
        {"resourceType": "Organization", "id": "never", "name": "A practice"},
    ],
)
def test_medications_and_the_directory_are_closed_to_every_write(bound: Writer, body: dict[str, Any]) -> None:
    path = f"{body['resourceType']}/{body['id']}"
    asked = [("identifier", "a|b")]
    bound.calls.clear()
    answers = [
        bound.create(body),
        bound.update(body),
        bound.patch(path, {"op": "test", "path": "/id", "value": "x"}),
        bound.delete(path),
        bound.send("DELETE", body["resourceType"], None, asked),
        bound.send("PUT", body["resourceType"], "no body", asked),
    ]

    assert {answer.status for answer in answers} == {403}
    assert not bound.calls


def test_no_patient_is_added(bound: Writer) -> None:
    assert bound.create(patient()).status == 403
    assert bound.create(patient(), If_None_Exist=f"identifier={NHS_NUMBER}|1").status == 403
    assert bound.send("PUT", "Patient", patient("1"), [("identifier", f"{NHS_NUMBER}|1")]).status == 403
    assert bound.update({**patient(), "id": "never"}).status == 403
    assert bound.update({**patient(), "id": "other"}).status == 403


@pytest.mark.parametrize("path", ["Observation/of-other", "Observation/never"])
@pytest.mark.parametrize("match", [{}, {"If_Match": 'W/"1"'}, {"If_Match": 'W/"9"'}])
def test_anothers_resource_is_answered_as_an_absent_one(bound: Writer, path: str, match: dict[str, str]) -> None:
    body = {**observation(OWN), "id": path.partition("/")[2]}
    answers = [bound.update(body, **match), bound.patch(path, REMOVE, **match), bound.delete(path, **match)]

    assert [answer.status for answer in answers] == [404, 404, 204]
    assert bound.reader.as_caller().get("Observation/of-other").json["comment"] == "x"


@pytest.mark.parametrize("path", ["Patient/other", "Patient/never"])
def test_another_patient_is_answered_as_an_absent_one(bound: Writer, path: str) -> None:
    assert bound.patch(path, {"op": "remove", "path": "/gender"}).status == 404


def test_what_anothers_deletion_left_is_answered_as_absent_too(bound: Writer) -> None:
    unbound = bound.as_caller()
    for path in ("Observation/of-other", "Observation/of-own"):
        assert unbound.delete(path).status == 204

    assert bound.patch("Observation/of-other", REMOVE).status == 404
    assert bound.update({**observation(OWN), "id": "of-other"}).status == 404
    assert bound.patch("Observation/of-own", REMOVE).status == 410


@pytest.mark.parametrize("target", ["Observation/of-other", "Observation/never"])
def test_a_reference_into_anothers_record_is_as_one_to_what_does_not_exist(bound: Writer, target: str) -> None:
    answer = bound.create(observation(OWN, related=[{"target": {"reference": target}}]))

    assert (answer.status, issues_in(answer)) == (422, [("not-found", ("Observation.related[0].target",))])


def test_a_link_to_another_patient_likewise(bound: Writer) -> None:
    texts = {
        bound.update({**patient(link=[{"type": "seealso", "other": {"reference": one}}]), "id": "own"}).text
        for one in (OTHER, "Patient/never")
    }

    assert len(texts) == 1
    assert "forbidden" in texts.pop()


def test_medications_and_the_directory_may_be_referred_to(bound: Writer) -> None:
    statement = {
        "resourceType": "MedicationStatement",
        "status": "active",
        "taken": "y",
        "subject": {"reference": OWN},
        "medicationReference": {"reference": "Medication/m"},
        "informationSource": {"reference": "Organization/org"},
    }

    assert bound.create(statement).status == 201


def identified(subject: str) -> dict[str, Any]:
    return observation(subject, identifier=[{"system": "urn:x", "value": "1"}])


CONDITION = "identifier=urn:x|1"
ASKED = [("identifier", "urn:x|1")]


def test_conditions_match_inside_the_record_only(bound: Writer) -> None:
    unbound = bound.as_caller()
    mine, theirs = unbound.made(identified(OWN)), unbound.made(identified(OTHER))

    created = bound.create(identified(OWN), If_None_Exist=CONDITION)
    updated = bound.send("PUT", "Observation", {**identified(OWN), "status": "amended"}, ASKED)
    deleted = bound.send("DELETE", "Observation", None, ASKED)
    assert (created.status, created.json["id"]) == (200, mine["id"])
    assert (updated.status, updated.json["id"]) == (200, mine["id"])
    assert deleted.status == 204
    assert bound.reader.as_caller().get(f"Observation/{theirs['id']}").status == 200


def test_where_a_match_outside_makes_a_create_impossible_the_answer_names_nothing(bound: Writer) -> None:
    theirs = bound.as_caller().made(identified(OTHER))
    answers = [
        bound.create(identified(OWN), If_None_Exist=CONDITION),
        bound.send("PUT", "Observation", identified(OWN), ASKED),
    ]

    assert [(answer.status, issues_in(answer)) for answer in answers] == [(412, [("conflict", ())])] * 2
    assert all(theirs["id"] not in answer.text for answer in answers)
    assert bound.send("DELETE", "Observation", None, ASKED).status == 204
    assert bound.reader.as_caller().get(f"Observation/{theirs['id']}").status == 200


def test_several_matches_within_the_record_are_412(bound: Writer) -> None:
    for _ in range(2):
        bound.as_caller().made(identified(OWN))

    assert bound.create(identified(OWN), If_None_Exist=CONDITION).status == 412
