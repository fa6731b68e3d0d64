"""STU3's invariants of level error: each is broken once by example and refused by its key (`write.md`, Invariants)."""

from copy import deepcopy
from random import Random
from typing import Any

import pytest

from careconnect_admin.project import PROJECT
from careconnect_records.items.references import contained_in, misplaced, references_of
from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_records.parsing.faults import Fault
from careconnect_records.stu3.invariants import ELSEWHERE, INVARIANTS, ROWS, broken_invariants
from careconnect_records.stu3.validation import faults_of
from careconnect_records.stu3.xml_source import parse_xml_body
from careconnect_testing.http.written_xml import xml_text
from careconnect_testing.records.generated import cases
from careconnect_testing.records.generated_resources import generated_resources

Resource = dict[str, Any]

TEXTS = {each.key: each.text for each in INVARIANTS}
UCUM = "http://unitsofmeasure.org"
UNKNOWN = [{"url": "urn:x", "valueCode": "unknown"}]
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">a</div>'
PATIENT = {"reference": "Patient/4"}


def patient(**elements: Any) -> Resource:
    return {"resourceType": "Patient", **elements}


def observation(**elements: Any) -> Resource:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **elements}


def condition(**elements: Any) -> Resource:
    return {"resourceType": "Condition", "subject": PATIENT, "clinicalStatus": "active", **elements}


def allergy(**elements: Any) -> Resource:
    given = {"resourceType": "AllergyIntolerance", "patient": PATIENT, "verificationStatus": "confirmed", **elements}
    return {name: value for name, value in given.items() if value is not None}


def immunization(**elements: Any) -> Resource:
    other = {"status": "completed", "vaccineCode": {"text": "x"}, "patient": PATIENT, "primarySource": True}
    return {"resourceType": "Immunization", "notGiven": False, **other, **elements}


def procedure(**elements: Any) -> Resource:
    return {"resourceType": "Procedure", "status": "completed", "subject": PATIENT, **elements}


def request(**elements: Any) -> Resource:
    medication = {"medicationCodeableConcept": {"text": "x"}}
    return {"resourceType": "MedicationRequest", "intent": "order", "subject": PATIENT, **medication, **elements}


def repeated(**repeat: Any) -> Resource:
    return request(dosageInstruction=[{"timing": {"repeat": repeat}}])


def organization(**elements: Any) -> Resource:
    return {"resourceType": "Organization", **elements}


def extended(**value: Any) -> Resource:
    return patient(extension=[{"url": "urn:x", **value}])


def coded(*codings: tuple[str, str]) -> Resource:
    return {"coding": [{"system": system, "code": code} for system, code in codings]}


def containing(one: Resource, **elements: Any) -> Resource:
    return observation(contained=[one], performer=[{"reference": "#p"}], **elements)


REPEAT = "MedicationRequest.dosageInstruction[0].timing.repeat"
VALUE = "Patient.extension[0]."
DOCTOR = {"resourceType": "Practitioner", "id": "p"}
AGENT = {"agent": {"reference": "Practitioner/1"}, "onBehalfOf": {"reference": "Organization/1"}}
SIMPLE = {"value": 1, "comparator": "<"}

# The key, a resource that breaks it alone, the element that does, and a resource that does not.
EXAMPLES: list[tuple[str, Resource, str, Resource]] = [
    (
        "age-1",
        condition(onsetAge={"value": 1, "system": UCUM}),
        "Condition.onsetAge",
        condition(onsetAge={"value": 1, "system": UCUM, "code": "a"}),
    ),
    ("age-1", condition(onsetAge={"value": 0, "system": UCUM, "code": "a"}), "Condition.onsetAge", condition()),
    ("age-1", condition(onsetAge={"value": 1, "system": "urn:x", "code": "a"}), "Condition.onsetAge", condition()),
    ("ait-1", allergy(), "AllergyIntolerance", allergy(clinicalStatus="active")),
    (
        "ait-2",
        allergy(clinicalStatus="active", verificationStatus="entered-in-error"),
        "AllergyIntolerance",
        allergy(verificationStatus="entered-in-error"),
    ),
    (
        "att-1",
        patient(photo=[{"data": "aGVsbG8="}]),
        "Patient.photo[0]",
        patient(photo=[{"data": "aGVsbG8=", "contentType": "image/png"}]),
    ),
    (
        "cnt-3",
        extended(valueCount={"value": 1, "system": UCUM, "code": "a"}),
        f"{VALUE}valueCount",
        extended(valueCount={"value": 1, "system": UCUM, "code": "1"}),
    ),
    (
        "cnt-3",
        extended(valueCount={"value": JsonNumber("1.5"), "system": UCUM, "code": "1"}),
        f"{VALUE}valueCount",
        extended(valueCount={"value": 2, "system": UCUM, "code": "1"}),
    ),
    (
        "con-1",
        condition(stage={"id": "s", "extension": UNKNOWN}),
        "Condition.stage",
        condition(stage={"summary": {"text": "x"}}),
    ),
    (
        "con-2",
        condition(evidence=[{"extension": UNKNOWN}]),
        "Condition.evidence[0]",
        condition(evidence=[{"code": [{"text": "x"}]}]),
    ),
    (
        "con-3",
        {"resourceType": "Condition", "subject": PATIENT},
        "Condition",
        {"resourceType": "Condition", "subject": PATIENT, "verificationStatus": "entered-in-error"},
    ),
    (
        "con-4",
        condition(abatementDateTime="2012"),
        "Condition",
        condition(abatementDateTime="2012", clinicalStatus="resolved"),
    ),
    ("con-4", condition(abatementBoolean=True), "Condition", condition(abatementBoolean=False)),
    (
        "cpt-2",
        patient(telecom=[{"value": "1"}]),
        "Patient.telecom[0]",
        patient(telecom=[{"value": "1", "system": "phone"}]),
    ),
    (
        "dis-1",
        extended(valueDistance={"value": 1}),
        f"{VALUE}valueDistance",
        extended(valueDistance={"value": 1, "system": UCUM, "code": "m"}),
    ),
    ("dom-1", containing({**DOCTOR, "text": {"status": "generated", "div": DIV}}), "Observation", containing(DOCTOR)),
    (
        "dom-2",
        containing({**DOCTOR, "contained": [{"resourceType": "Practitioner"}]}),
        "Observation",
        containing(DOCTOR),
    ),
    (
        "dom-3",
        observation(contained=[DOCTOR]),
        "Observation",
        observation(contained=[{"resourceType": "Practitioner"}]),
    ),
    (
        "dom-4",
        containing({**DOCTOR, "meta": {"versionId": "1"}}),
        "Observation",
        containing({**DOCTOR, "meta": {"tag": [{"code": "x"}]}}),
    ),
    (
        "drt-1",
        extended(valueDuration={"code": "a", "system": UCUM}),
        f"{VALUE}valueDuration",
        extended(valueDuration={"value": 1}),
    ),
    ("ele-1", patient(name=[{"id": "n"}]), "Patient.name[0]", patient(name=[{"id": "n", "family": "A"}])),
    ("ele-1", patient(name=[{}]), "Patient.name[0]", patient()),
    ("ele-1", patient(_birthDate={"id": "b"}), "Patient.birthDate", patient(birthDate="1980", _birthDate={"id": "b"})),
    ("ext-1", extended(), "Patient.extension[0]", extended(extension=UNKNOWN)),
    ("ext-1", extended(extension=UNKNOWN, valueCode="x"), "Patient.extension[0]", extended(valueCode="x")),
    (
        "ext-1",
        patient(_active={"extension": [{"url": "urn:x"}]}),
        "Patient.active.extension[0]",
        patient(_active={"extension": UNKNOWN}),
    ),
    (
        "gol-1",
        {
            "resourceType": "Goal",
            "status": "proposed",
            "description": {"text": "x"},
            "target": {"detailCodeableConcept": {"text": "x"}},
        },
        "Goal.target",
        {"resourceType": "Goal", "status": "proposed", "description": {"text": "x"}, "target": {"dueDate": "2020"}},
    ),
    (
        "imm-1",
        immunization(notGiven=True, reaction=[{"date": "2020"}]),
        "Immunization",
        immunization(reaction=[{"date": "2020"}]),
    ),
    (
        "imm-1",
        immunization(notGiven=True, explanation={"reason": [{"text": "x"}]}),
        "Immunization",
        immunization(explanation={"reason": [{"text": "x"}]}),
    ),
    (
        "imm-2",
        immunization(explanation={"reasonNotGiven": [{"text": "x"}]}),
        "Immunization",
        immunization(notGiven=True, explanation={"reasonNotGiven": [{"text": "x"}]}),
    ),
    (
        "mny-1",
        extended(valueMoney={"value": 1, "system": UCUM, "code": "GBP"}),
        f"{VALUE}valueMoney",
        extended(valueMoney={"value": 1, "system": "urn:iso:std:iso:4217", "code": "GBP"}),
    ),
    (
        "mps-1",
        request(requester={**AGENT, "agent": {"reference": "https://other.example/fhir/Patient/1/_history/2"}}),
        "MedicationRequest.requester",
        request(requester=AGENT),
    ),
    (
        "mps-1",
        request(requester={**AGENT, "agent": {"reference": "#p"}}, contained=[{"resourceType": "Patient", "id": "p"}]),
        "MedicationRequest.requester",
        request(requester={**AGENT, "agent": {"reference": "#p"}}, contained=[DOCTOR]),
    ),
    (
        "mst-1",
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "taken": "y",
            "subject": PATIENT,
            "medicationCodeableConcept": {"text": "x"},
            "reasonNotTaken": [{"text": "x"}],
        },
        "MedicationStatement",
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "taken": "n",
            "subject": PATIENT,
            "medicationCodeableConcept": {"text": "x"},
            "reasonNotTaken": [{"text": "x"}],
        },
    ),
    (
        "obs-3",
        observation(referenceRange=[{"type": {"text": "x"}}]),
        "Observation.referenceRange[0]",
        observation(referenceRange=[{"text": "x"}]),
    ),
    (
        "obs-3",
        observation(component=[{"code": {"text": "x"}, "referenceRange": [{"type": {"text": "x"}}]}]),
        "Observation.component[0].referenceRange[0]",
        observation(),
    ),
    (
        "obs-6",
        observation(dataAbsentReason={"text": "x"}, valueString="x"),
        "Observation",
        observation(dataAbsentReason={"text": "x"}),
    ),
    (
        "obs-7",
        observation(
            code=coded(("s", "a"), ("t", "b")), valueString="x", component=[{"code": coded(("s", "a"), ("t", "b"))}]
        ),
        "Observation",
        observation(
            code=coded(("s", "a"), ("t", "b")), valueString="x", component=[{"code": coded(("t", "b"), ("s", "a"))}]
        ),
    ),
    ("org-1", organization(active=True), "Organization", organization(identifier=[{"value": "1"}])),
    (
        "org-2",
        organization(name="x", address=[{"use": "home"}]),
        "Organization.address[0]",
        organization(name="x", address=[{"use": "work"}]),
    ),
    (
        "org-3",
        organization(name="x", telecom=[{"use": "home"}]),
        "Organization.telecom[0]",
        organization(name="x", contact=[{"telecom": [{"use": "home"}]}]),
    ),
    (
        "pat-1",
        patient(contact=[{"gender": "male"}]),
        "Patient.contact[0]",
        patient(contact=[{"telecom": [{"system": "phone"}]}]),
    ),
    (
        "per-1",
        observation(effectivePeriod={"start": "2020-02", "end": "2020-01-31"}),
        "Observation.effectivePeriod",
        observation(effectivePeriod={"start": "2020-01", "end": "2020-01"}),
    ),
    (
        "per-1",
        observation(effectivePeriod={"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T10:30:00+01:00"}),
        "Observation.effectivePeriod",
        observation(effectivePeriod={"start": "2020-01-01T10:00:00Z", "end": "2020-01-01T10:30:00-01:00"}),
    ),
    (
        "pro-1",
        procedure(notDoneReason={"text": "x"}),
        "Procedure",
        procedure(notDone=True, notDoneReason={"text": "x"}),
    ),
    *(
        (
            "qty-3",
            extended(**{f"value{name}": {"code": "1"}}),
            f"{VALUE}value{name}",
            extended(**{f"value{name}": {"unit": "x"}}),
        )
        for name in ("Quantity", "Age", "Count", "Distance", "Money")
    ),
    (
        "rat-1",
        extended(valueRatio={"numerator": {"value": 1}}),
        f"{VALUE}valueRatio",
        extended(valueRatio={"numerator": {"value": 1}, "denominator": {"value": 1}}),
    ),
    (
        "ref-1",
        observation(subject={"reference": "#never"}),
        "Observation.subject",
        observation(subject={"reference": "#p"}, contained=[{"resourceType": "Patient", "id": "p"}]),
    ),
    (
        "rng-2",
        extended(valueRange={"low": {"value": 2, "unit": "mg"}, "high": {"value": 1, "unit": "mg"}}),
        f"{VALUE}valueRange",
        extended(valueRange={"low": {"value": 1, "unit": "mg"}, "high": {"value": 1, "unit": "mg"}}),
    ),
    ("sqty-1", extended(valueRange={"low": SIMPLE}), f"{VALUE}valueRange.low", extended(valueQuantity=SIMPLE)),
    (
        "sqty-1",
        observation(referenceRange=[{"high": SIMPLE}]),
        "Observation.referenceRange[0].high",
        observation(valueQuantity=SIMPLE),
    ),
    ("sqty-1", immunization(doseQuantity=SIMPLE), "Immunization.doseQuantity", immunization(doseQuantity={"value": 1})),
    (
        "sqty-1",
        request(dosageInstruction=[{"doseQuantity": SIMPLE}]),
        "MedicationRequest.dosageInstruction[0].doseQuantity",
        request(),
    ),
    ("sqty-1", request(dispenseRequest={"quantity": SIMPLE}), "MedicationRequest.dispenseRequest.quantity", request()),
    (
        "sqty-1",
        {
            "resourceType": "Medication",
            "package": {"content": [{"itemCodeableConcept": {"text": "x"}, "amount": SIMPLE}]},
        },
        "Medication.package.content[0].amount",
        {"resourceType": "Medication"},
    ),
    ("tim-1", repeated(duration=1), REPEAT, repeated(duration=1, durationUnit="s")),
    ("tim-2", repeated(period=1), REPEAT, repeated(period=1, periodUnit="d")),
    ("tim-4", repeated(duration=-1, durationUnit="s"), REPEAT, repeated(duration=0, durationUnit="s")),
    ("tim-5", repeated(period=-1, periodUnit="d"), REPEAT, repeated(period=0, periodUnit="d")),
    ("tim-6", repeated(periodMax=1), REPEAT, repeated(periodMax=1, period=1, periodUnit="d")),
    ("tim-7", repeated(durationMax=1), REPEAT, repeated(durationMax=1, duration=1, durationUnit="s")),
    ("tim-8", repeated(countMax=1), REPEAT, repeated(countMax=1, count=1)),
    ("tim-9", repeated(offset=1), REPEAT, repeated(offset=1, when=["MORN"])),
    ("tim-9", repeated(offset=1, when=["MORN", "CD"]), REPEAT, repeated(offset=1, when=["MORN", "AC"])),
    ("tim-10", repeated(timeOfDay=["10:00:00"], when=["MORN"]), REPEAT, repeated(timeOfDay=["10:00:00"])),
    (
        "txt-1",
        patient(text={"status": "generated", "div": DIV.replace("a<", "<script/>a<")}),
        "Patient.text.div",
        patient(text={"status": "generated", "div": DIV}),
    ),
    (
        "txt-2",
        patient(text={"status": "generated", "div": DIV.replace("a<", " <")}),
        "Patient.text.div",
        patient(text={"status": "generated", "div": DIV}),
    ),
]


def judged(resource: Resource) -> list[Fault]:
    """Return all faults of a resource, also of its references to contained resources."""
    faults, broken = faults_of(resource)
    contained = contained_in(resource)
    found = ((each.expression, misplaced(each, contained, "")) for each in references_of(resource))
    return [*faults, *broken, *(Fault.at(where, "not-found", predicate) for where, predicate in found if predicate)]


def test_each_invariant_of_stu3_is_checked_and_has_an_example() -> None:
    assert len(TEXTS) == 49
    assert {*ROWS, *ELSEWHERE} == {*TEXTS} == {key for key, *_ in EXAMPLES}
    assert not ROWS.keys() & ELSEWHERE.keys()


def test_the_contract_names_them() -> None:
    section = (PROJECT / "docs/contract/write.md").read_text(encoding="utf-8").partition("### Invariants\n")[2]
    named = section.partition(": `")[2].partition("`")[0]

    assert {*named.split()} == {*TEXTS}


@pytest.mark.parametrize(
    ("key", "broken", "expression", "whole"), EXAMPLES, ids=lambda each: each if isinstance(each, str) else ""
)
def test_what_breaks_it_is_refused_by_its_key_at_its_element(
    key: str, broken: Resource, expression: str, whole: Resource
) -> None:
    (fault,) = judged(broken)

    assert fault.expression == expression
    assert fault.text.startswith(f"{key}: ")
    if key not in ELSEWHERE:
        assert (fault.code, fault.text) == ("invariant", f"{key}: {TEXTS[key]}")
    assert judged(whole) == []


@pytest.mark.parametrize(("key", "broken"), [(key, broken) for key, broken, *_ in EXAMPLES if key in ROWS])
def test_it_is_refused_the_same_in_xml(key: str, broken: Resource) -> None:
    assert judged(parse_xml_body(xml_text(broken).encode())) == judged(broken)


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        (condition(abatementDateTime="2012", clinicalStatus=None), "con-4"),
        (procedure(notDoneReason={"text": "x"}, _notDone={"extension": UNKNOWN}), "pro-1"),
        (extended(valueAge={"value": 1, "_code": {"extension": UNKNOWN}}), "age-1"),
        (extended(valueAge={"_value": {"extension": UNKNOWN}, "code": "a", "system": UCUM}), "age-1"),
        (extended(valueMoney={"value": 1}), "mny-1"),
        (extended(valueDistance={"value": 1, "_system": {"extension": UNKNOWN}, "code": "m"}), "dis-1"),
        (extended(valueCount={"_value": {"extension": UNKNOWN}, "code": "1", "system": UCUM}), "cnt-3"),
        (repeated(_duration={"extension": UNKNOWN}, durationUnit="s"), "tim-4"),
    ],
)
def test_what_is_neither_true_nor_false_is_broken(resource: Resource, key: str) -> None:
    resource = {name: value for name, value in resource.items() if value is not None}

    assert key in {fault.text.partition(":")[0] for fault in judged(resource)}


@pytest.mark.parametrize(
    "resource",
    [
        observation(subject={"display": "Bee"}),
        observation(related=[{"target": {"reference": "#"}}]),
        observation(effectivePeriod={"start": "2020-01-31", "end": "2020-01"}),
        observation(effectivePeriod={"start": "2020-01-31", "end": "2020-01-31T10:00:00Z"}),
        observation(effectivePeriod={"start": "2020-01-31", "_end": {"extension": UNKNOWN}}),
        extended(valueRange={"low": {"value": 2, "unit": "g"}, "high": {"value": 1, "unit": "kg"}}),
        extended(valueRange={"low": {"value": 2, "unit": "g"}, "high": {"unit": "g"}}),
        request(requester={**AGENT, "agent": {"reference": "urn:uuid:9c8ab8ae-1d4d-4b8e-9f5e-5d0ad6cdb1c2"}}),
        request(requester={**AGENT, "agent": {"display": "somebody"}}),
    ],
)
def test_where_there_is_nothing_to_compare_nothing_is_broken(resource: Resource) -> None:
    assert judged(resource) == []


def test_numbers_are_compared_to_the_last_digit() -> None:
    low, high = JsonNumber("0.30000000000000000001"), JsonNumber("0.3")

    assert judged(extended(valueRange={"low": {"value": high}, "high": {"value": low}})) == []
    assert [
        fault.text[:5] for fault in judged(extended(valueRange={"low": {"value": low}, "high": {"value": high}}))
    ] == ["rng-2"]


def test_contained_resources_are_judged_too_and_refer_to_those_of_the_outermost() -> None:
    practice = organization(id="p", active=True)
    answer = judged(containing(practice))
    own = containing(DOCTOR, code=coded(("s", "a")), valueString="x")
    inner = observation(id="o", code=coded(("s", "b")), valueString="x", component=[{"code": coded(("s", "a"))}])
    referring = {
        **own,
        "contained": [DOCTOR, {**inner, "performer": [{"reference": "#p"}]}],
        "performer": [],
        "related": [{"target": {"reference": "#o"}}],
    }
    del referring["performer"]

    assert [(fault.text[:5], fault.expression) for fault in answer] == [("org-1", "Observation.contained[0]")]
    # %resource of obs-7 is the contained one, whose code is another.
    assert judged(referring) == []


def test_of_a_contained_type_that_is_not_served_only_what_all_have_is_judged() -> None:
    """HL7 has ctm-1 for CareTeam: a participant on behalf of an organization is a practitioner."""
    member = {
        "member": {"reference": "Patient/1"},
        "onBehalfOf": {"reference": "Organization/1"},
        "period": {"start": "2020", "end": "2019"},
    }
    team = {"resourceType": "CareTeam", "id": "p", "participant": [member]}

    within = observation(contained=[team], extension=[{"url": "urn:x", "valueReference": {"reference": "#p"}}])

    assert [(fault.text[:5], fault.expression) for fault in judged(within)] == [
        ("per-1", "Observation.contained[0].participant[0].period")
    ]


def test_an_element_is_judged_unless_it_has_another_fault_within() -> None:
    resource = patient(
        contact=[{"gender": "x"}, {"gender": "male"}], telecom=[{"value": "1"}, {"value": "2", "use": 3}], nickname="A"
    )

    assert sorted((fault.code, fault.expression) for fault in judged(resource)) == [
        ("code-invalid", "Patient.contact[0].gender"),
        ("invalid", "Patient.nickname"),
        ("invariant", "Patient.contact[1]"),
        ("invariant", "Patient.telecom[0]"),
        ("value", "Patient.telecom[1].use"),
    ]


def test_the_outermost_resource_is_searched_once_for_all_that_it_contains() -> None:
    """Otherwise 350 KB of contained resources would take minutes."""

    class Counted(dict[str, Any]):
        searched = 0

        def values(self) -> Any:
            self.searched += 1
            return super().values()

    within = {"resourceType": "Practitioner", "id": "p", "contained": [{"resourceType": "Practitioner", "id": "q"}]}
    resource = Counted(observation(contained=[within] * 100))

    assert len(broken_invariants(resource)) == 102
    assert resource.searched == 1


def test_whatever_is_elsewhere_in_a_resource_it_is_judged_without_an_error() -> None:
    random = Random(36)
    junk: list[Any] = [None, [], {}, "", 0, True, "x", ["x"], [{}], [None], {"id": ["q"]}, {"resourceType": [1]}]
    junk += [[{"resourceType": "Patient", "id": [1]}], {"value": "x"}, {"reference": [1]}, "0001-01-01T00:00:00+14:00"]

    def containers(node: Any) -> list[Any]:
        if not isinstance(node, dict | list):
            return []
        children = node.values() if isinstance(node, dict) else node
        return [node, *(each for child in children for each in containers(child))]

    for resource in generated_resources(cases(4_000), seed=36):
        node = random.choice([each for each in containers(resource) if each and each is not resource] or [resource])
        place = random.choice([*node] if isinstance(node, dict) else range(len(node)))
        node[place] = deepcopy(random.choice(junk))
        faults_of(resource)


def test_a_period_of_a_day_that_there_is_not_breaks_no_invariant() -> None:
    name = {"family": "x", "period": {"start": "2019-02-31", "end": "2019-01-01"}}

    assert list(broken_invariants({"resourceType": "Patient", "name": [name]})) == []
