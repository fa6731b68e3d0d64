"""The linear search itself: each of its rules, with an example that was worked out by hand.

What the server is compared with must be right on its own.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from careconnect_testing.running.cases import each_of
from careconnect_testing.search.linear_parameters import PARAMETERS, parameter_names
from careconnect_testing.search.linear_search import LinearSearch
from careconnect_testing.search.search_corpus import corpus

BASE = "https://care.example/STU3"
NOW = datetime(2024, 5, 1, tzinfo=UTC)
LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"


def concept(code: str, system: str = SNOMED) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def quantity(value: Any, unit: str = "", code: str = "", system: str = "") -> dict[str, Any]:
    parts = {"value": value, "unit": unit, "code": code, "system": system}
    return {name: part for name, part in parts.items() if part != ""}


def component(code: str, value: Any) -> dict[str, Any]:
    return {"code": concept(code, LOINC), "valueQuantity": quantity(value, "mmHg", "mm[Hg]", UCUM)}


RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "ann",
        "meta": {
            "lastUpdated": "2024-01-01T00:00:00.000Z",
            "profile": ["https://example.org/profile/a", "https://example.org/profile/b"],
            "tag": [{"system": "https://example.org/tags", "code": "trial"}, {"code": "blue"}],
            "security": [{"system": "http://hl7.org/fhir/v3/Confidentiality", "code": "R"}],
        },
        "active": True,
        "birthDate": "1980-05-01",
        "deceasedDateTime": "2023-10-04",
        "telecom": [
            {"system": "phone", "value": "+44 (0)113 496-0999"},
            {"system": "email", "value": "Ann.O-Neil@Example.ORG"},
            {"system": "url", "value": "https://example.org/ann"},
            {"system": "pager"},
        ],
        "address": [
            {
                "line": ["Flat 2", "12 Høegh Street"],
                "city": "Stoke-on-Trent",
                "district": "North Staffordshire",
                "state": "Staffs",
                "postalCode": "ST1 4AP",
                "country": "GB",
            },
            {"text": "Care of Señor Nuñez, Leeds"},
        ],
        "communication": [{"language": concept("cy", "urn:ietf:bcp:47")}],
        "generalPractitioner": [{"reference": "Practitioner/gp"}, {"reference": "Organization/north"}],
        "managingOrganization": {"reference": f"{BASE}/Organization/north"},
    },
    {
        "resourceType": "Patient",
        "id": "bob",
        "meta": {"lastUpdated": "2024-01-02T00:00:00.000Z"},
        "birthDate": "1980-05-01",
        "deceasedBoolean": False,
        "generalPractitioner": [{"reference": "Organization/gp"}],
    },
    {
        "resourceType": "Patient",
        "id": "cid",
        "meta": {"lastUpdated": "2024-01-02T00:00:00.000Z"},
        "birthDate": "1975",
        "deceasedBoolean": True,
        "active": False,
        "generalPractitioner": [{"reference": "#contained"}],
    },
    {"resourceType": "Patient", "id": "dee", "meta": {"lastUpdated": "2024-01-02T00:00:00.000Z"}},
    {"resourceType": "Practitioner", "id": "gp", "name": [{"family": "North", "given": ["Ada"]}]},
    {"resourceType": "Organization", "id": "gp", "name": "Leeds Practice"},
    {
        "resourceType": "Organization",
        "id": "north",
        "name": "North Trust",
        "active": True,
        "partOf": {"reference": "Organization/top"},
    },
    {"resourceType": "Organization", "id": "top", "name": "Top"},
    {
        "resourceType": "Observation",
        "id": "weight",
        "status": "final",
        "code": concept("27113001"),
        "subject": {"reference": "Patient/ann"},
        "context": {"reference": "EpisodeOfCare/1"},
        "performer": [{"reference": "Practitioner/gp"}, {"reference": "Organization/north"}],
        "device": {"reference": "Device/scale"},
        "valueQuantity": quantity(5.4, "kg", "kg", UCUM),
    },
    {
        "resourceType": "Observation",
        "id": "excess",
        "status": "amended",
        "code": concept("365761000"),
        "subject": {"reference": "Patient/bob"},
        "performer": [{"reference": "Patient/bob"}],
        "valueQuantity": quantity("-2.50", "mmol/l"),
    },
    {
        "resourceType": "Observation",
        "id": "viral",
        "status": "final",
        "code": concept("27113001"),
        "subject": {"reference": "Patient/cid"},
        "valueQuantity": quantity("1.5e3", "copies", "{copies}", UCUM),
    },
    {
        "resourceType": "Observation",
        "id": "pressure",
        "status": "final",
        "code": concept("85354-9", LOINC),
        "subject": {"reference": "Patient/ann"},
        "context": {"reference": "Encounter/1"},
        "component": [component("8480-6", 120), component("8462-4", 80)],
    },
    {
        "resourceType": "Observation",
        "id": "words",
        "status": "final",
        "code": {"text": "words"},
        "valueString": "Très bien",
        "subject": {"reference": "Patient/bob"},
    },
    {
        "resourceType": "Observation",
        "id": "group",
        "status": "final",
        "code": concept("165743006"),
        "valueCodeableConcept": concept("112144000"),
        "valueQuantity": quantity("", "kg"),
    },
    {
        "resourceType": "Encounter",
        "id": "1",
        "status": "finished",
        "subject": {"reference": "Patient/ann"},
        "location": [{"location": {"reference": "Location/ward"}}],
        "participant": [{"individual": {"reference": "Practitioner/gp"}}],
        "period": {"start": "2020-01-01", "end": "2020-01-02"},
    },
    {"resourceType": "Encounter", "id": "2", "status": "planned", "period": {"start": "2020-01-01T00:00:00Z"}},
    {"resourceType": "Encounter", "id": "3", "status": "finished", "period": {"start": "2021"}},
    {"resourceType": "Encounter", "id": "4", "status": "finished", "period": {"end": "2019"}},
    {"resourceType": "Encounter", "id": "5", "status": "finished"},
    {"resourceType": "Encounter", "id": "6", "status": "finished", "period": {"start": "2018", "end": "2022"}},
    {
        "resourceType": "EpisodeOfCare",
        "id": "1",
        "status": "active",
        "patient": {"reference": "Patient/ann"},
        "diagnosis": [{"condition": {"reference": "Condition/1"}}],
    },
    {
        "resourceType": "Location",
        "id": "ward",
        "status": "active",
        "managingOrganization": {"reference": "Organization/north"},
    },
    {
        "resourceType": "Condition",
        "id": "1",
        "verificationStatus": "confirmed",
        "subject": {"reference": "Patient/ann"},
        "onsetPeriod": {"start": "2010", "end": "2011"},
        "abatementDateTime": "2012-03",
        "asserter": {"reference": "Patient/ann"},
    },
    {
        "resourceType": "Condition",
        "id": "2",
        "subject": {"reference": "Patient/bob"},
        "onsetString": "long ago",
        "abatementBoolean": True,
    },
    {
        "resourceType": "AllergyIntolerance",
        "id": "1",
        "type": "allergy",
        "category": ["food", "medication"],
        "criticality": "high",
        "patient": {"reference": "Patient/ann"},
        "reaction": [
            {"manifestation": [concept("247472004")], "onset": "2011-04"},
            {"manifestation": [concept("39579001")]},
        ],
    },
    {
        "resourceType": "MedicationRequest",
        "id": "1",
        "subject": {"reference": "Patient/ann"},
        "requester": {"agent": {"reference": "Practitioner/gp"}},
        "dosageInstruction": [{"timing": {"event": ["2020-02-01", "2020-03-01"]}}],
    },
    {
        "resourceType": "Medication",
        "id": "1",
        "form": concept("385055001"),
        "ingredient": [
            {"itemCodeableConcept": concept("387517004")},
            {"itemReference": {"reference": "Medication/2"}},
        ],
    },
]

EXAMPLES: list[tuple[str, list[str]]] = [
    # Quantities: what rounds to the digits given, for eq and ne; the number itself for all others.
    ("Observation?value-quantity=5.4", ["weight"]),
    ("Observation?value-quantity=eq5.40", ["weight"]),
    ("Observation?value-quantity=5", ["weight"]),  # [4.5, 5.5)
    ("Observation?value-quantity=5.45", []),  # [5.445, 5.455)
    ("Observation?value-quantity=5.3", []),  # [5.25, 5.35)
    ("Observation?value-quantity=5.40e0", ["weight"]),
    ("Observation?value-quantity=5.4E0", ["weight"]),
    ("Observation?value-quantity=54e-1", ["weight"]),
    ("Observation?value-quantity=1.5e3", ["viral"]),  # [1450, 1550)
    ("Observation?value-quantity=1500.0", ["viral"]),
    ("Observation?value-quantity=2e3", ["viral"]),  # [1500, 2500)
    ("Observation?value-quantity=1e3", []),  # [500, 1500)
    ("Observation?value-quantity=-2.5", ["excess"]),
    ("Observation?value-quantity=-3", []),  # [-3.5, -2.5)
    ("Observation?value-quantity=-2", ["excess"]),  # [-2.5, -1.5)
    ("Observation?value-quantity=ne5.4", ["excess", "viral"]),
    ("Observation?value-quantity=ne5", ["excess", "viral"]),
    ("Observation?value-quantity=gt5.4", ["viral"]),
    ("Observation?value-quantity=ge5.4", ["viral", "weight"]),
    ("Observation?value-quantity=sa5.39", ["viral", "weight"]),
    ("Observation?value-quantity=lt5.4", ["excess"]),
    ("Observation?value-quantity=le5.4", ["excess", "weight"]),
    ("Observation?value-quantity=eb-2.5", []),
    ("Observation?value-quantity=ap5.9", ["weight"]),  # 0.59 to either side
    ("Observation?value-quantity=ap6.1", []),
    ("Observation?value-quantity=ap-2.6", ["excess"]),
    (f"Observation?value-quantity=5.4|{UCUM}|kg", ["weight"]),
    (f"Observation?value-quantity=5.4|{UCUM}|g", []),
    ("Observation?value-quantity=5.4|http://example.org|kg", []),
    ("Observation?value-quantity=5.4||kg", ["weight"]),
    ("Observation?value-quantity=-2.5||mmol/l", ["excess"]),
    (f"Observation?value-quantity=-2.5|{UCUM}|mmol/l", []),
    ("Observation?value-quantity=1500||copies", ["viral"]),
    ("Observation?value-quantity=1500||{copies}", ["viral"]),
    ("Observation?value-quantity=1500||Copies", []),
    ("Observation?value-quantity=gt0||kg", ["weight"]),
    ("Observation?value-quantity=ne1||kg", ["weight"]),
    ("Observation?value-quantity=5.4,-2.5||mmol/l", ["excess", "weight"]),
    ("Observation?value-quantity:missing=true&code:missing=false", ["group", "pressure"]),
    # Composites hold within one element.
    (f"Observation?code-value-quantity={SNOMED}|27113001$lt100", ["weight"]),
    (f"Observation?code-value-quantity={SNOMED}|27113001$gt1", ["viral", "weight"]),
    (f"Observation?code-value-quantity=27113001$5.4|{UCUM}|kg", ["weight"]),
    (f"Observation?code-value-quantity={LOINC}|27113001$5.4", []),
    ("Observation?code-value-quantity=8480-6$120", []),
    ("Observation?component-code-value-quantity=8480-6$120", ["pressure"]),
    (f"Observation?component-code-value-quantity={LOINC}|8480-6$gt100||mmHg", ["pressure"]),
    ("Observation?component-code-value-quantity=8480-6$80", []),
    ("Observation?component-code-value-quantity=8462-4$gt100", []),
    ("Observation?component-code-value-quantity=8462-4$gt100,8462-4$80", ["pressure"]),
    ("Observation?component-code=8480-6&component-value-quantity=80", ["pressure"]),
    ("Observation?component-value-quantity=lt100", ["pressure"]),
    ("Observation?value-quantity=120", []),
    # Tokens and texts of values.
    ("Observation?value-concept=112144000", ["group"]),
    ("Observation?value-string=tres b", ["words"]),
    ("Observation?value-string:exact=Très bien", ["words"]),
    ("Observation?value-string:exact=Tres bien", []),
    ("Observation?value-string=bien", []),
    ("Observation?value-string:contains=bien", ["words"]),
    ("Observation?status=http://hl7.org/fhir/observation-status|amended", ["excess"]),
    ("Condition?verification-status=http://hl7.org/fhir/condition-ver-status|confirmed", ["1"]),
    ("AllergyIntolerance?category=medication", ["1"]),
    ("AllergyIntolerance?category=http://hl7.org/fhir/allergy-intolerance-category|food", ["1"]),
    ("AllergyIntolerance?criticality=http://hl7.org/fhir/allergy-intolerance-criticality|high", ["1"]),
    ("AllergyIntolerance?type=http://hl7.org/fhir/allergy-intolerance-type|allergy", ["1"]),
    ("AllergyIntolerance?manifestation=39579001", ["1"]),
    ("AllergyIntolerance?onset=2011", ["1"]),
    ("Medication?ingredient-code=387517004", ["1"]),
    ("Medication?form=385055001", ["1"]),
    ("MedicationRequest?date=2020-03", ["1"]),
    ("MedicationRequest?requester=gp", ["1"]),
    ("Condition?onset-date=gt2010", ["1"]),
    ("Condition?onset-date=ge2011", []),
    ("Condition?onset-date:missing=true", ["2"]),
    ("Condition?abatement-date=2012", ["1"]),
    ("Condition?abatement-date:missing=true", ["2"]),
    # What every type takes.
    ("Patient?_profile=https://example.org/profile/b", ["ann"]),
    ("Patient?_profile=https://example.org/profile", []),
    ("Patient?_profile=https://example.org/PROFILE/b", []),
    ("Patient?_profile:missing=false", ["ann"]),
    ("Patient?_tag=trial", ["ann"]),
    ("Patient?_tag=https://example.org/tags|trial", ["ann"]),
    ("Patient?_tag=|trial", []),
    ("Patient?_tag=|blue", ["ann"]),
    ("Patient?_tag=https://example.org/tags|", ["ann"]),
    ("Patient?_security=R", ["ann"]),
    ("Patient?_security:not=R", ["dee", "cid", "bob"]),
    # Patients.
    ("Patient?active=true", ["ann"]),
    ("Patient?active=http://hl7.org/fhir/special-values|false", ["cid"]),
    ("Patient?active:missing=true", ["bob", "dee"]),
    ("Patient?deceased=true", ["ann", "cid"]),
    ("Patient?deceased=false", ["bob", "dee"]),
    ("Patient?death-date=2023", ["ann"]),
    ("Patient?death-date:missing=true", ["bob", "cid", "dee"]),
    ("Patient?language=cy", ["ann"]),
    # Contact points: with an @, letter by letter; without, letters and digits alone; never a case.
    ("Patient?telecom=4401134960999", ["ann"]),
    ("Patient?telecom=+44-0113 496 0999", ["ann"]),
    ("Patient?telecom=ann.o-neil@example.org", ["ann"]),
    ("Patient?telecom=annoneil@example.org", []),
    ("Patient?telecom=HTTPS://EXAMPLE.ORG/ann", ["ann"]),
    ("Patient?telecom=httpsexampleorgann", ["ann"]),
    ("Patient?telecom=|4401134960999", ["ann"]),
    ("Patient?phone=https://example.org/ann", []),
    ("Patient?telecom:missing=false", ["ann"]),
    # Addresses: any text of them, as a whole or from one of its words.
    ("Patient?address=12 hoegh", ["ann"]),
    ("Patient?address=hoegh street", ["ann"]),
    ("Patient?address=street", ["ann"]),
    ("Patient?address=treet", []),
    ("Patient?address=trent", []),
    ("Patient?address=stoke-on", ["ann"]),
    ("Patient?address=north", ["ann"]),
    ("Patient?address=staffordshire", ["ann"]),
    ("Patient?address=4ap", ["ann"]),
    ("Patient?address=gb", ["ann"]),
    ("Patient?address=leeds", ["ann"]),
    ("Patient?address=nunez, leeds", ["ann"]),
    ("Patient?address=street leeds", []),
    ("Patient?address=flat 2 12", []),
    ("Patient?address:contains=TREET", ["ann"]),
    ("Patient?address:exact=GB", ["ann"]),
    ("Patient?address:exact=Street", []),
    ("Patient?address-city=stoke", ["ann"]),
    ("Patient?address-city=trent", []),
    ("Patient?address-city=leeds", []),
    ("Patient?address-state=staffs", ["ann"]),
    ("Patient?address-country=gb", ["ann"]),
    # References: a bare id is of any type that may be pointed at.
    ("Patient?general-practitioner=gp", ["bob", "ann"]),
    ("Patient?general-practitioner:Practitioner=gp", ["ann"]),
    ("Patient?general-practitioner=Organization/gp", ["bob"]),
    (f"Patient?general-practitioner={BASE}/Organization/north", ["ann"]),
    ("Patient?general-practitioner:missing=true", ["dee", "cid"]),
    ("Patient?organization=north", ["ann"]),
    ("Observation?context=1", ["weight", "pressure"]),
    ("Observation?encounter=1", ["pressure"]),
    ("Observation?encounter:missing=true&code=27113001", ["weight", "viral"]),
    ("Observation?encounter=EpisodeOfCare/1", []),
    ("Observation?context:missing=true&code=27113001", ["viral"]),
    ("Observation?device=Device/scale", ["weight"]),
    ("Observation?device:DeviceMetric=scale", []),
    ("Encounter?practitioner=gp", ["1"]),
    ("EpisodeOfCare?condition=1", ["1"]),
    # Chains, to every type that may be pointed at.
    ("Patient?general-practitioner.name=leeds", ["bob"]),
    ("Patient?general-practitioner.name=north", ["ann"]),
    ("Patient?general-practitioner:Organization.name=north", ["ann"]),
    ("Patient?general-practitioner:Practitioner.name=leeds", []),
    ("Patient?general-practitioner.family=north", ["ann"]),
    ("Patient?organization.partof.name=top", ["ann"]),
    ("Patient?organization.active=true", ["ann"]),
    ("Observation?subject.organization.name:contains=trust", ["weight", "pressure"]),
    ("Observation?context.status=active", ["weight"]),
    ("Observation?context.status=active,finished", ["weight", "pressure"]),
    ("Observation?context:Encounter.status=active,finished", ["pressure"]),
    ("Observation?encounter.location.organization=north", ["pressure"]),
    ("Observation?performer:Patient._id=bob", ["excess"]),
    ("Observation?patient.deceased=true&status=final", ["weight", "viral", "pressure"]),
    ("Observation?patient.active:missing=true", ["words", "excess"]),
    ("EpisodeOfCare?condition.asserter.deceased=true", ["1"]),
    # Reverse chains.
    ("Patient?_has:Observation:patient:code=27113001", ["ann", "cid"]),
    ("Patient?_has:Observation:patient:code=27113001,365761000", ["bob", "ann", "cid"]),
    ("Patient?_has:Observation:patient:code=27113001&_has:Observation:patient:code=85354-9", ["ann"]),
    ("Patient?_has:Observation:patient:value-quantity=lt0", ["bob"]),
    ("Patient?_has:Observation:performer:status=amended", ["bob"]),
    ("Patient?_has:Observation:patient:encounter.status=finished", ["ann"]),
    ("Patient?_has:Encounter:patient:_has:Observation:encounter:code=85354-9", ["ann"]),
    ("Patient?_has:Encounter:patient:_has:Observation:encounter:code=27113001", []),
    ("Patient?_has:Observation:patient:code:missing=true", ["bob"]),
    ("Patient?_has:Observation:patient:_id=weight", ["ann"]),
    ("Organization?_has:Organization:partof:active=true", ["top"]),
    ("Organization?_has:Location:organization:status=active", ["north"]),
]

ORDERS: list[tuple[str, list[str]]] = [
    # By the type's date, the latest first; what has no beginning last; then by id.
    ("Patient?", ["bob", "ann", "cid", "dee"]),
    ("Patient?_sort=-birthdate", ["bob", "ann", "cid", "dee"]),
    ("Patient?_sort=birthdate", ["cid", "ann", "bob", "dee"]),
    ("Patient?_sort=birthdate,_id", ["cid", "ann", "bob", "dee"]),
    ("Patient?_sort=-birthdate,_id", ["ann", "bob", "cid", "dee"]),
    ("Patient?_sort=_lastUpdated", ["ann", "bob", "cid", "dee"]),
    ("Patient?_sort=-_lastUpdated", ["dee", "cid", "bob", "ann"]),
    ("Patient?_sort=death-date", ["ann", "bob", "cid", "dee"]),
    ("Patient?_sort=-death-date", ["ann", "bob", "cid", "dee"]),
    ("Encounter?", ["3", "2", "1", "6", "5", "4"]),
    ("Encounter?_sort=-date", ["3", "2", "1", "6", "5", "4"]),
    ("Encounter?_sort=date", ["6", "1", "2", "3", "4", "5"]),
    ("Organization?", ["top", "north", "gp"]),
    ("Organization?_sort=name", ["gp", "north", "top"]),
    ("Encounter?_count=1&_total=accurate&status=planned", ["2"]),
]


@each_of(("url", "ids"), EXAMPLES)
def test_it_finds_what_was_worked_out_by_hand(url: str, ids: list[str]) -> None:
    assert sorted(search(url)) == sorted(ids)


@pytest.mark.parametrize(("url", "ids"), ORDERS)
def test_it_orders_as_was_worked_out_by_hand(url: str, ids: list[str]) -> None:
    assert search(url) == ids


def test_the_records_that_are_searched_have_several_values_of_each_parameter() -> None:
    linear = LinearSearch(corpus(BASE), base=BASE, now=NOW)

    values = {
        f"{type_name}.{name}": {
            str(one) for each in linear.resources(type_name) for one in linear.values(type_name, name, each)
        }
        for type_name in PARAMETERS
        for name in parameter_names(type_name)
    }

    assert [name for name, different in values.items() if len(different) < 2] == []


def search(url: str) -> list[str]:
    """Return the ids that a readable URL finds."""
    type_name, _, query = url.partition("?")
    parameters = [(name, value) for name, _, value in (part.partition("=") for part in query.split("&")) if name]
    return LinearSearch(RESOURCES, base=BASE, now=NOW).search(type_name, parameters).ids
