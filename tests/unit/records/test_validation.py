"""What is valid STU3 and what is not."""

import json
from typing import Any

import pytest

from careconnect_records.parsing.exact_json import parse_json
from careconnect_records.stu3.schema import model_of
from careconnect_records.stu3.validation import (
    OUT_OF_ORDER,
    Fault,
    InvalidResourceError,
    validate,
)
from careconnect_records.stu3.validation import faults_of as elements_and_invariants
from careconnect_testing.records.generated import cases
from careconnect_testing.records.generated_resources import generated_resources
from careconnect_testing.running.cases import each_of

UNKNOWN = {"url": "urn:x", "valueCode": "unknown"}


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
        patient(_birthDate={"extension": [UNKNOWN]}),
        patient(name=[{"given": ["Ana", None], "_given": [None, {"extension": [UNKNOWN]}]}]),
        patient(
            contained=[{"resourceType": "Practitioner", "id": "gp", "gender": "male"}],
            generalPractitioner=[{"reference": "#gp"}],
        ),
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


@each_of(
    ("resource", "reason"),
    [
        (patient(gender="f"), "gender is not one of female, male, other, unknown"),
        (patient(name=[{"use": "nick"}]), "name[0].use is not one of"),
        (patient(nickname="A"), "Patient has no element nickname"),
        (patient(birthDate__ext={"id": "x"}), "Patient has no element birthDate__ext"),
        (patient(fhir_comments="A"), "Patient has no element fhir_comments"),
        (patient(_name=[{"id": "x"}]), "Patient has no element _name"),
        (patient(name={"family": "A"}), "name is not an array of at least one element"),
        (patient(name=[]), "name is not an array of at least one element"),
        (patient(name=[{}]), "ele-1: name[0] has neither a value nor children"),
        (patient(name=["A"]), "name[0] is not an object"),
        (patient(maritalStatus=[{"text": "A"}]), "maritalStatus is an array, where one element may stand"),
        (patient(gender=["male"]), "gender is an array, where one value may stand"),
        (patient(name=[{"given": "A"}]), "name[0].given is not an array"),
        (patient(name=[{"given": ["A", None]}]), "name[0].given[1] is null"),
        (patient(name=[{"given": [None], "_given": [None]}]), "name[0].given[0] is null"),
        (patient(active=None), "active is null"),
        (patient(active=None, _active={"id": "x"}), "active is null"),
        (patient(active=True, _active=None), "active is null"),
        (patient(name=None), "name is null"),
        (patient(active="true"), "active is not true or false"),
        (patient(multipleBirthInteger="2"), "multipleBirthInteger is not a number"),
        (patient(multipleBirthInteger=True), "multipleBirthInteger is not a number"),
        ('{"resourceType":"Patient","multipleBirthInteger":2.0}', "multipleBirthInteger is not a whole number"),
        (patient(birthDate=1980), "birthDate is not a text"),
        (patient(birthDate="1980-02-30"), "birthDate is not in the calendar"),
        (patient(birthDate="23/08/1971"), "birthDate is not a date: YYYY-MM-DD"),
        (patient(deceasedDateTime="2001-01-01 10:00"), "deceasedDateTime is not a dateTime: YYYY-MM-DD"),
        (patient(identifier=[{"period": {"start": "1.1.2001"}}]), "identifier[0].period.start is not a dateTime: "),
        (patient(meta={"lastUpdated": "2001"}), "meta.lastUpdated is not an instant: "),
        (
            {"resourceType": "HealthcareService", "availableTime": [{"availableStartTime": "9:00"}]},
            "availableTime[0].availableStartTime is not a time: hh:mm:ss",
        ),
        (
            {"resourceType": "MedicationRequest", "intent": "order", "subject": {"reference": "Patient/1"}},
            "medication is missing: give one of medicationCodeableConcept, medicationReference",
        ),
        (patient(name=[{"family": ""}]), "name[0].family is not a text with characters"),
        (patient(name=[{"family": "a\u0001b"}]), "character that XML cannot hold"),
        (patient(name=[{"family": "\ud800"}]), "character that XML cannot hold"),
        (patient(implicitRules="not a uri"), "implicitRules is not a URI"),
        (patient(photo=[{"data": "!!"}]), "photo[0].data is not base64"),
        (patient(meta={"versionId": "a b"}), "meta.versionId is not an id"),
        (
            patient(deceasedBoolean=True, deceasedDateTime="2001"),
            "deceased is given more than once, as deceasedBoolean and deceasedDateTime",
        ),
        (patient(contained=[{"resourceType": "Nothing"}]), "contained[0] is not a resource of STU3"),
        (patient(contained=[{"id": "1"}]), "contained[0] is not a resource of STU3"),
        (patient(contained=[{"resourceType": "Practitioner", "gender": "m"}]), "contained[0].gender is not one of"),
        (
            patient(extension=[{"url": "urn:x", "_url": {"id": "1"}}]),
            "extension[0].url cannot be extended",
        ),
        ({"resourceType": "Observation", "code": {"text": "x"}}, "status is missing: every Observation needs one"),
        ({"resourceType": "Observation", "status": "final"}, "code is missing: every Observation needs one"),
        ({"resourceType": "Observation", "status": "+", "code": {"text": "x"}}, "status is not one of"),
        (
            '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1E400}}',
            "valueQuantity.value is a number out of all proportion",
        ),
        (
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "valueQuantity": {"comparator": "~"},
            },
            "valueQuantity.comparator is not one of",
        ),
        ({"resourceType": "HumanName", "family": "A"}, "resourceType is not a resource type of STU3"),
    ],
)
def test_invalid_resources_are_refused_with_the_elements_name(resource: dict[str, Any] | str, reason: str) -> None:
    assert reason in faults_of(resource)


OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


@each_of(
    ("resource", "expression", "text"),
    [
        (
            OBSERVATION | {"effectiveDatetime": "2024"},
            "Observation.effectiveDatetime",
            "Observation has no element effectiveDatetime. Did you mean effectiveDateTime?",
        ),
        (
            OBSERVATION | {"component": [{"code": {"text": "x"}, "valueQantity": {"value": 1}}]},
            "Observation.component[0].valueQantity",
            "component[0] has no element valueQantity. Did you mean valueQuantity?",
        ),
        (
            OBSERVATION | {"effective": "2024"},
            "Observation.effective",
            "Observation has no element effective. Give one of effectiveDateTime, effectivePeriod.",
        ),
        (patient(Gender="male"), "Patient.Gender", "Patient has no element Gender. Did you mean gender?"),
        (patient(nickname="A"), "Patient.nickname", "Patient has no element nickname."),
        (
            OBSERVATION | {"component": [{"valueString": "a"}]},
            "Observation.component[0].code",
            "component[0].code is missing: every component needs one.",
        ),
        (
            patient(contained=[{"resourceType": "Observation", "id": "o", "status": "final"}]),
            "Patient.contained[0].code",
            "contained[0].code is missing: every Observation needs one.",
        ),
    ],
)
def test_a_fault_is_a_sentence_that_helps(resource: dict[str, Any], expression: str, text: str) -> None:
    with pytest.raises(InvalidResourceError) as caught:
        validate(parse_json(json.dumps(resource)))

    assert [(fault.expression, fault.text) for fault in caught.value.faults] == [(expression, text)]


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
    assert "text.div " in faults_of(patient(text={"status": "generated", "div": div}))


def all_faults(resource: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the code and the expression of every fault."""
    with pytest.raises(InvalidResourceError) as caught:
        validate(parse_json(json.dumps(resource)))
    return [(fault.code, fault.expression) for fault in caught.value.faults]


def test_every_fault_is_reported_with_its_code_and_its_place() -> None:
    observation = {
        "resourceType": "Observation",
        "status": "done",
        "effectiveDateTime": "2001-02-30",
        "component": [
            {"code": {"text": "x"}, "valueQuantity": {"value": 1, "comparator": "~"}},
            {"valueString": "", "valueTime": "10:00:00", "_valueString": {"extension": [{"valueCode": " "}]}},
        ],
        "contained": [{"resourceType": "Patient", "gender": "m", "link": [{}]}],
        "nickname": "A",
    }
    assert set(all_faults(observation)) == {
        ("code-invalid", "Observation.status"),
        ("required", "Observation.code"),
        ("value", "Observation.effectiveDateTime"),
        ("code-invalid", "Observation.component[0].valueQuantity.comparator"),
        ("required", "Observation.component[1].code"),
        ("value", "Observation.component[1].valueString"),
        ("invalid", "Observation.component[1].value"),
        ("required", "Observation.component[1].valueString.extension[0].url"),
        ("value", "Observation.component[1].valueString.extension[0].valueCode"),
        ("code-invalid", "Observation.contained[0].gender"),
        ("invalid", "Observation.contained[0].link[0]"),
        ("invalid", "Observation.nickname"),
    }


def test_a_required_value_may_be_replaced_by_the_reason_for_its_absence() -> None:
    observation = {"resourceType": "Observation", "code": {"text": "x"}}
    reason = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
    assert faults_of({**observation, "_status": {"extension": [reason]}}) == ""
    assert all_faults({**observation, "_status": {"id": "s"}}) == [("required", "Observation.status")]
    communication: dict[str, Any] = {"resourceType": "Communication", "status": "completed"}
    assert faults_of({**communication, "payload": [{"_contentString": {"extension": [reason]}}]}) == ""
    without = {**communication, "payload": [{"_contentString": {"id": "s"}}]}
    assert ("required", "Communication.payload[0].content") in all_faults(without)


@pytest.mark.generated
def test_the_models_of_fhir_resources_take_what_is_valid() -> None:
    for resource in generated_resources(cases(2_000), seed=41):
        faults, _ = elements_and_invariants(resource)
        assert faults == []
        model: Any = model_of(resource["resourceType"])
        model.model_validate(resource)


def test_a_fault_names_an_element_and_never_the_text_that_it_has_for_a_type() -> None:
    component = {"resourceType": "Kanfeld", "valueString": "x"}
    with pytest.raises(InvalidResourceError) as raised:
        validate({**OBSERVATION, "component": [component]})

    assert "Kanfeld" not in " ".join(fault.text for fault in raised.value.faults)
    assert "component[0].code is missing: every component needs one." in {fault.text for fault in raised.value.faults}


def test_at_most_fifty_faults_are_reported() -> None:
    assert len(all_faults(patient(name=[{"use": "nick"}] * 70))) == 50


def test_the_text_has_three_faults_and_the_number_of_the_others_and_no_value() -> None:
    secret = "9990000018 Muñoz"
    resource = patient(gender=secret, birthDate=secret, a=1, b=2, c=3, name=[{"use": secret, "family": 3}])
    resource[secret] = secret
    with pytest.raises(InvalidResourceError) as caught:
        validate(resource)
    assert str(caught.value).count(";") == 2
    assert str(caught.value).endswith("(and 5 more)")
    assert secret not in str(caught.value)
    assert secret not in repr(caught.value.faults)
    assert Fault.at("Patient", "invalid", "holds something that is no element of it") in caught.value.faults


@pytest.mark.parametrize(
    ("elements", "expression", "text"),
    [
        ({"multipleBirthInteger": 2**31}, "Patient.multipleBirthInteger", "is not an integer of 32 bits"),
        ({"photo": [{"size": -1}]}, "Patient.photo[0].size", "is not an unsignedInt: 0 to 2147483647"),
        ({"telecom": [{"rank": 0}]}, "Patient.telecom[0].rank", "is not a positiveInt: 1 to 2147483647"),
        ({"name": [{"text": "\u00a0"}]}, "Patient.name[0].text", "is a text of nothing but white space"),
        ({"language": " en"}, "Patient.language", "is not a code: it has no white space but single spaces within"),
        (
            {"extension": [{"url": "u", "valueOid": "1.2"}]},
            "Patient.extension[0].valueOid",
            "is not an oid: urn:oid: and",
        ),
        (
            {"extension": [{"url": "u", "valueDecimal": 10**41}]},
            "Patient.extension[0].valueDecimal",
            "is a number out of all proportion",
        ),
    ],
)
def test_a_value_has_the_form_of_its_type(elements: dict[str, Any], expression: str, text: str) -> None:
    with pytest.raises(InvalidResourceError) as caught:
        validate(patient(**elements))
    (fault,) = caught.value.faults
    assert (fault.code, fault.expression) == ("value", expression)
    assert fault.text.startswith(f"{expression.removeprefix('Patient.')} {text}")


def test_nesting_without_end_is_refused() -> None:
    extension: dict[str, Any] = {"url": "urn:x", "valueString": "end"}
    for _ in range(20):
        extension = {"url": "urn:x", "extension": [extension]}
    assert faults_of(patient(extension=[extension])) == ""
    for further in (10, 1, 100_000):
        for _ in range(further):
            extension = {"url": "urn:x", "extension": [extension]}
        if further == 10:
            # 31 extensions are 63 levels of objects and arrays.
            assert faults_of(patient(extension=[extension])) == ""
            continue
        with pytest.raises(InvalidResourceError, match="nested too deeply") as caught:
            validate(patient(extension=[extension]))
        assert [fault.code for fault in caught.value.faults] == ["structure"]


@pytest.mark.parametrize("names", ["x", ["status"], ["status", "status"], [1, 2]])
def test_the_key_of_elements_out_of_order_is_no_element_in_json(names: Any) -> None:
    resource = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}

    assert OUT_OF_ORDER not in faults_of({**resource, OUT_OF_ORDER: names})
    assert faults_of({**resource, OUT_OF_ORDER: names})
