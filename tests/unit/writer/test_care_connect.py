"""The warnings of what Care Connect asks for (`write.md`, Answers)."""

from typing import Any

import pytest

from careconnect_admin.sample.records import sample_resources
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.running.cases import each_of
from record_writer.checks.care_connect import MAX_WARNINGS, RULES, warnings_of

NHS_NUMBER = {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9434765919"}
VERIFIED = {
    "url": "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1",
    "valueCodeableConcept": {"text": "Number present and verified"},
}
UNKNOWN = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]}
OFFICIAL = [{"use": "official", "family": "Bee"}]
SNOMED = {"system": "http://snomed.info/sct", "code": "1"}
ALLERGY = {"assertedDate": "2024"}


@each_of(
    ("type_", "elements", "expected"),
    [
        ("Patient", {"name": OFFICIAL, "identifier": [NHS_NUMBER | {"extension": [VERIFIED]}]}, []),
        ("Patient", {}, ["Patient.name"]),
        ("Patient", {"name": [{"family": "Bee"}, {"use": "usual"}]}, ["Patient.name"]),
        ("Patient", {"name": [{"use": "usual"}, {"use": "official"}]}, ["Patient.name[1].family"]),
        ("Patient", {"name": [{"use": "official", "_family": UNKNOWN}]}, []),
        ("Patient", {"name": OFFICIAL, "identifier": [NHS_NUMBER]}, ["Patient.identifier[0].extension"]),
        (
            "Patient",
            {"name": OFFICIAL, "identifier": [{"system": NHS_NUMBER["system"], "extension": [{"url": "urn:x"}]}]},
            ["Patient.identifier[0].value", "Patient.identifier[0].extension"],
        ),
        ("Patient", {"name": OFFICIAL, "identifier": [{"system": "urn:x", "value": "1"}]}, []),
        (
            "Patient",
            {"name": OFFICIAL, "telecom": [{"use": "home"}]},
            ["Patient.telecom[0].system", "Patient.telecom[0].value"],
        ),
        (
            "Patient",
            {"name": OFFICIAL, "maritalStatus": {"text": "x"}, "contact": [{"gender": "male"}]},
            ["Patient.maritalStatus.coding", "Patient.contact[0].name"],
        ),
        ("Organization", {"contact": [{"name": {"text": "A"}}]}, ["Organization.contact[0].name.family"]),
        ("HealthcareService", {}, ["HealthcareService.identifier"]),
        ("AllergyIntolerance", {}, ["AllergyIntolerance.assertedDate"]),
        ("AllergyIntolerance", {"_assertedDate": UNKNOWN}, []),
        *(
            (
                name,
                {"subject": {}, "identifier": [{"value": "1"}, {"system": "urn:x"}]},
                [f"{name}.identifier[0].system", f"{name}.identifier[1].value"],
            )
            for name in ("Observation", "Condition", "Encounter", "Procedure", "MedicationRequest", "PractitionerRole")
        ),
        *(
            (
                name,
                {**ALLERGY, "subject": {}, "code": {"coding": [{"code": "1"}, SNOMED]}},
                [f"{name}.code.coding[1].display"],
            )
            for name in ("Observation", "Condition", "AllergyIntolerance", "Procedure")
        ),
        ("Observation", {}, ["Observation.subject"]),
        ("Encounter", {}, ["Encounter.subject"]),
        ("Medication", {}, []),
    ],
)
def test_what_care_connect_asks_for_is_a_warning_at_its_place(
    type_: str, elements: dict[str, Any], expected: list[str]
) -> None:
    issues = warnings_of({"resourceType": type_, **elements})

    assert [issue.expression for issue in issues] == expected
    assert {(issue.severity, issue.code) for issue in issues} <= {("warning", "business-rule")}


def test_there_are_at_most_fifty() -> None:
    assert len(warnings_of({"resourceType": "Patient", "telecom": [{"use": "home"}] * 40})) == MAX_WARNINGS


def test_no_rule_is_twice_in_the_table() -> None:
    assert len({(rule.types, rule.element, rule.of, rule.like) for rule in RULES}) == len(RULES)


def test_the_sample_has_all_that_care_connect_asks_for() -> None:
    assert [issue for each in sample_resources() for issue in warnings_of(each)] == []


def reported(answer: Answer) -> list[tuple[str, list[str]]]:
    return [(issue["severity"], issue.get("expression", [])) for issue in answer.json["issue"]]


OUTCOME = "return=OperationOutcome"
DONE: tuple[str, list[str]] = ("information", [])


def test_a_write_is_done_and_warns_if_it_answers_with_an_outcome(writer: Writer) -> None:
    without = {name: value for name, value in observation("").items() if name != "subject"}
    warned = [DONE, ("warning", ["Observation.subject"])]

    created = writer.create(without, Prefer=OUTCOME)
    path = created.headers["Location"].partition("STU3/")[2].partition("/_history")[0]
    body = {**without, "id": path.rpartition("/")[2]}
    unchanged = writer.update(body, Prefer=OUTCOME)
    changed = writer.patch(path, {"op": "replace", "path": "/status", "value": "amended"}, Prefer=OUTCOME)

    assert [(answer.status, reported(answer)) for answer in (created, unchanged, changed)] == [
        (201, warned),
        (200, warned),
        (200, warned),
    ]


@pytest.mark.parametrize("prefer", ["return=minimal", "return=representation"])
def test_no_other_answer_has_warnings(writer: Writer, prefer: str) -> None:
    answer = writer.create(patient(), Prefer=prefer)

    assert answer.status == 201
    assert "Care Connect" not in answer.text


def test_a_condition_that_is_met_warns_of_nothing(writer: Writer) -> None:
    writer.made({**patient("1"), "id": "p"})

    answer = writer.create(patient("1"), Prefer=OUTCOME, If_None_Exist=f"identifier={NHS_NUMBER['system']}|1")

    assert (answer.status, reported(answer)) == (200, [DONE])
