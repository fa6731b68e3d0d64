"""What is valid STU3 and what is not."""

import json
from typing import Any

import pytest

from careconnect_records.exact_json import parse_json
from careconnect_records.validation import InvalidResourceError, validate


def faults_of(resource: dict[str, Any] | str) -> str:
    """Return the reasons for a refusal, `""` for a valid resource."""
    text = resource if isinstance(resource, str) else json.dumps(resource)
    try:
        validate(parse_json(text))
    except InvalidResourceError as error:
        return str(error)
    return ""


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "4", **elements}


@pytest.mark.parametrize(
    "resource",
    [
        patient(),
        patient(gender="unknown", birthDate="1980", active=False),
        patient(_birthDate={"extension": [{"url": "urn:x", "valueCode": "unknown"}]}),
        patient(name=[{"given": ["Ana", None], "_given": [None, {"id": "second"}]}]),
        patient(contained=[{"resourceType": "Practitioner", "id": "gp", "gender": "male"}]),
        patient(text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">&#160;<b>A</b></div>'}),
        patient(text={"status": "generated", "div": "<div>without a namespace</div>"}),
        patient(photo=[{"contentType": "image/png", "data": "aGVsbG8=", "size": 5}]),
    ],
)
def test_valid_resources_pass(resource: dict[str, Any]) -> None:
    assert faults_of(resource) == ""


@pytest.mark.parametrize("status", ["entered-in-error", "corrected", "cancelled", "unknown", "final"])
def test_every_observation_status_of_stu3_passes(status: str) -> None:
    assert faults_of({"resourceType": "Observation", "status": status, "code": {"text": "x"}}) == ""


@pytest.mark.parametrize("status", ["entered-in-error", "unknown", "onleave"])
def test_every_encounter_status_of_stu3_passes(status: str) -> None:
    history = [{"status": status, "period": {"start": "2020"}}]
    assert faults_of({"resourceType": "Encounter", "status": status, "statusHistory": history}) == ""


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (patient(gender="f"), "gender: not one of female, male, other, unknown"),
        (patient(name=[{"use": "nick"}]), "name[0].use: not one of"),
        (patient(nickname="A"), "nickname: no such element"),
        (patient(birthDate__ext={"id": "x"}), "birthDate__ext: no such element"),
        (patient(fhir_comments="A"), "fhir_comments: no such element"),
        (patient(_name=[{"id": "x"}]), "_name: no such element"),
        (patient(name={"family": "A"}), "name: not an array with elements"),
        (patient(name=[]), "name: not an array with elements"),
        (patient(name=[{}]), "name[0]: an object may not be empty"),
        (patient(name=["A"]), "name[0]: not an object"),
        (patient(maritalStatus=[{"text": "A"}]), "maritalStatus: an array where one element may stand"),
        (patient(gender=["male"]), "gender: an array where one value may stand"),
        (patient(name=[{"given": "A"}]), "name[0].given: not an array"),
        (patient(name=[{"given": ["A", None]}]), "name[0].given[1]: null"),
        (patient(name=[{"given": [None], "_given": [None]}]), "name[0].given[0]: null"),
        (patient(active=None), "active: null"),
        (patient(active=None, _active={"id": "x"}), "active: null"),
        (patient(active=True, _active=None), "_active: null"),
        (patient(name=None), "name: null"),
        (patient(active="true"), "active: not true or false"),
        (patient(multipleBirthInteger="2"), "multipleBirthInteger: not a number"),
        (patient(multipleBirthInteger=True), "multipleBirthInteger: not a number"),
        ('{"resourceType":"Patient","multipleBirthInteger":2.0}', "multipleBirthInteger: not a whole number"),
        (patient(birthDate=1980), "birthDate: not a text"),
        (patient(birthDate="1980-02-30"), "birthDate: not in the calendar"),
        (patient(birthDate="23/08/1971"), "birthDate: a date is YYYY-MM-DD"),
        (patient(deceasedDateTime="2001-01-01 10:00"), "deceasedDateTime: a dateTime is YYYY-MM-DD"),
        (patient(identifier=[{"period": {"start": "1.1.2001"}}]), "identifier[0].period.start: a dateTime is"),
        (patient(meta={"lastUpdated": "2001"}), "meta.lastUpdated: an instant is"),
        (
            {"resourceType": "HealthcareService", "availableTime": [{"availableStartTime": "9:00"}]},
            "availableTime[0].availableStartTime: a time is hh:mm:ss",
        ),
        (
            {"resourceType": "MedicationRequest", "intent": "order", "subject": {"reference": "Patient/1"}},
            "one of medicationCodeableConcept, medicationReference is needed",
        ),
        (patient(name=[{"family": ""}]), "name[0].family: not a text with characters"),
        (patient(name=[{"family": "a\u0001b"}]), "character that XML cannot hold"),
        (patient(name=[{"family": "\ud800"}]), "character that XML cannot hold"),
        (patient(implicitRules="not a uri"), "implicitRules: not a URI"),
        (patient(photo=[{"data": "!!"}]), "photo[0].data: not base64"),
        (patient(meta={"versionId": "a b"}), "meta.versionId: not an id"),
        (
            patient(deceasedBoolean=True, deceasedDateTime="2001"),
            "one of deceasedBoolean, deceasedDateTime may stand, but got multiple",
        ),
        (patient(contained=[{"resourceType": "Nothing"}]), "contained[0]: not a resource of STU3"),
        (patient(contained=[{"id": "1"}]), "contained[0]: not a resource of STU3"),
        (patient(contained=[{"resourceType": "Practitioner", "gender": "m"}]), "contained[0].gender: not one of"),
        (
            patient(extension=[{"url": "urn:x", "_url": {"id": "1"}}]),
            "extension[0]._url: this element cannot be extended",
        ),
        ({"resourceType": "Observation", "code": {"text": "x"}}, "'status' is required"),
        ({"resourceType": "Observation", "status": "final"}, "code: missing"),
        ({"resourceType": "Observation", "status": "+", "code": {"text": "x"}}, "status: not one of"),
        (
            '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1E400}}',
            "valueQuantity.value: a number out of all proportion",
        ),
        (
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "valueQuantity": {"comparator": "~"},
            },
            "valueQuantity.comparator: not one of",
        ),
        ({"resourceType": "HumanName", "family": "A"}, "not a resource type of STU3"),
    ],
)
def test_invalid_resources_are_refused_with_the_elements_name(resource: dict[str, Any] | str, reason: str) -> None:
    assert reason in faults_of(resource)


@pytest.mark.parametrize(
    "div",
    [
        "<div>open",
        "<div>&nbsp;</div>",
        "<p>no div</p>",
        "text",
        '<!DOCTYPE div [<!ENTITY e "x">]><div>&e;</div>',
        '<div xmlns="urn:else">x</div>',
        "<div>one</div><div>two</div>",
        "<divx>x</divx>",
    ],
)
def test_a_narrative_has_to_be_one_well_formed_div(div: str) -> None:
    assert "text.div: " in faults_of(patient(text={"status": "generated", "div": div}))


def test_at_most_three_reasons_and_no_value_are_told() -> None:
    secret = "9990000018 Muñoz"
    reasons = faults_of(patient(gender=secret, birthDate=secret, a=1, b=2, c=3, name=[{"use": secret, "family": 3}]))
    assert reasons.count(";") == 2
    assert secret not in reasons
    assert secret not in faults_of(patient(birthDate=secret))


def test_nesting_without_end_is_refused() -> None:
    extension: dict[str, Any] = {"url": "urn:x", "valueString": "end"}
    for _ in range(20):
        extension = {"url": "urn:x", "extension": [extension]}
    assert faults_of(patient(extension=[extension])) == ""
    for _ in range(300):
        extension = {"url": "urn:x", "extension": [extension]}
    with pytest.raises(InvalidResourceError, match="nested too deeply"):
        validate(patient(extension=[extension]))
