"""Searches by the parameters that the index's second version added, through the tables (`search.md`)."""

from collections.abc import Iterator
from typing import Any

import pytest

from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_testing.parts.stores import Reader, load, reader_in_memory
from careconnect_testing.records.few_records import LOINC, SNOMED, write_records
from careconnect_testing.running.cases import each_of

UCUM = "http://unitsofmeasure.org"
PROFILE = "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Patient-1"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def measured(value: Any, unit: str, code: str = "") -> dict[str, Any]:
    return {"value": value, "unit": unit} | ({"system": UCUM, "code": code} if code else {})


def observation(id_: str, code: str, **elements: Any) -> dict[str, Any]:
    subject = {"reference": "Patient/1"}
    code_element = coded(LOINC, code)
    return {
        "resourceType": "Observation",
        "id": id_,
        "status": "final",
        "code": code_element,
        "subject": subject,
        **elements,
    }


def pressure(id_: str, systolic: int, diastolic: int) -> dict[str, Any]:
    parts = (("8480-6", systolic), ("8462-4", diastolic))
    component = [
        {"code": coded(LOINC, code), "valueQuantity": measured(value, "mmHg", "mm[Hg]")} for code, value in parts
    ]
    return observation(id_, "85354-9", component=component)


RECORDS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient",
        "id": "1",
        "meta": {"profile": [PROFILE], "tag": [{"system": "urn:t", "code": "x"}], "security": [{"code": "R"}]},
        "active": True,
        "address": [{"line": ["12 Bobbin Lane"], "city": "Leeds", "district": "Holbeck", "country": "GB"}],
        "telecom": [{"system": "phone", "value": "0113 496 0200"}, {"system": "email", "value": "ana@example.org"}],
        "generalPractitioner": [{"reference": "Practitioner/g"}],
        "communication": [{"language": coded("urn:ietf:bcp:47", "cy")}],
    },
    {"resourceType": "Patient", "id": "2", "deceasedDateTime": "2017-10-19", "address": [{"city": "Bath"}]},
    {"resourceType": "Patient", "id": "3", "active": False, "deceasedBoolean": True},
    pressure("high", 150, 80),
    pressure("low", 110, 70),
    observation(
        "hba1c",
        "4548-4",
        valueQuantity=measured(JsonNumber("7.1"), "%", "%"),
        performer=[{"reference": "Practitioner/g"}],
        device={"reference": "Device/d"},
        context={"reference": "EpisodeOfCare/e"},
    ),
    observation(
        "smoker", "72166-2", valueCodeableConcept=coded(SNOMED, "77176002"), context={"reference": "Encounter/n"}
    ),
    observation("note", "8480-6", valueString="Rh positive", status="amended", method=coded(SNOMED, "37931006")),
    {
        "resourceType": "Encounter",
        "id": "n",
        "status": "finished",
        "participant": [
            {"individual": {"reference": "Practitioner/g"}},
            {"individual": {"reference": "RelatedPerson/r"}},
        ],
        "location": [{"location": {"reference": "Location/l"}}],
        "reason": [coded(SNOMED, "29857009")],
    },
    {"resourceType": "Practitioner", "id": "g", "active": True, "name": [{"family": "Moor", "given": ["Eve"]}]},
    {"resourceType": "Location", "id": "l", "status": "active", "partOf": {"reference": "Location/site"}},
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    with reader_in_memory() as reader:
        load(reader, write_records(tmp_path_factory.mktemp("further"), RECORDS))
        yield reader


@each_of(
    ("type_name", "query", "found"),
    [
        ("Patient", "address-city=leeds", ["1"]),
        ("Patient", "address-city=lane", []),
        ("Patient", "address=bobbin lane", ["1"]),
        ("Patient", "address=holb,bath", ["1", "2"]),
        ("Patient", "address-country=GB", ["1"]),
        ("Patient", "address:missing=true", ["3"]),
        ("Patient", "telecom=0113-4960200", ["1"]),
        ("Patient", "telecom=Ana@Example.org", ["1"]),
        ("Patient", "phone=01134960200&email=ana@example.org", ["1"]),
        ("Patient", "deceased=true", ["2", "3"]),
        ("Patient", "deceased=false", ["1"]),
        ("Patient", "deceased:not=true", ["1"]),
        ("Patient", "death-date=2017", ["2"]),
        ("Patient", "active=http://hl7.org/fhir/special-values|false", ["3"]),
        ("Patient", "language=cy", ["1"]),
        ("Patient", "general-practitioner=g", ["1"]),
        ("Patient", "general-practitioner=Organization/g", []),
        ("Patient", f"_profile={PROFILE}", ["1"]),
        ("Patient", "_profile:missing=true", ["2", "3"]),
        ("Patient", "_tag=urn:t|x&_security=R", ["1"]),
        ("Patient", "_tag=urn:u|x", []),
        ("Observation", "value-quantity=gt7", ["hba1c"]),
        ("Observation", f"value-quantity=7.1|{UCUM}|%25", ["hba1c"]),
        ("Observation", "value-quantity=7||%25", ["hba1c"]),
        ("Observation", "value-quantity=8", []),
        ("Observation", "code-value-quantity=4548-4$lt7.5", ["hba1c"]),
        ("Observation", "code-value-quantity=8480-6$lt7.5", []),
        ("Observation", "component-code=8480-6", ["high", "low"]),
        ("Observation", "component-value-quantity=ge150", ["high"]),
        ("Observation", "component-code-value-quantity=8480-6$gt140", ["high"]),
        ("Observation", f"component-code-value-quantity={LOINC}|8462-4$lt75||mmHg,8480-6$200", ["low"]),
        ("Observation", "component-code-value-quantity=8462-4$gt140", []),
        ("Observation", "component-value-quantity:missing=false", ["high", "low"]),
        ("Observation", f"value-concept={SNOMED}|77176002", ["smoker"]),
        ("Observation", "value-string=rh", ["note"]),
        ("Observation", f"method={SNOMED}|37931006", ["note"]),
        ("Observation", "method:missing=false", ["note"]),
        ("Observation", "status=http://hl7.org/fhir/observation-status|amended", ["note"]),
        ("Observation", "performer=Practitioner/g", ["hba1c"]),
        ("Observation", "device=d", ["hba1c"]),
        ("Observation", "context=EpisodeOfCare/e", ["hba1c"]),
        ("Observation", "context=n", ["smoker"]),
        ("Observation", "encounter=n", ["smoker"]),
        ("Observation", "encounter=EpisodeOfCare/e", []),
        ("Encounter", "participant=RelatedPerson/r", ["n"]),
        ("Encounter", "practitioner=g", ["n"]),
        ("Encounter", "practitioner=RelatedPerson/r", []),
        ("Encounter", "location=l&reason=29857009", ["n"]),
        ("Practitioner", "family=moo&given=eve", ["g"]),
        ("Location", "partof=site&status=active", ["l"]),
    ],
)
def test_a_parameter_finds_what_has_its_value(reader: Reader, type_name: str, query: str, found: list[str]) -> None:
    answer = reader.get(type_name, query.replace("|", "%7C"))

    assert answer.status == 200, answer.text
    assert sorted(answer.ids()) == sorted(found)
    assert answer.total == len(found)
    # Nothing was ignored.
    assert not answer.found("outcome")


@pytest.mark.parametrize(
    ("path", "included"),
    [
        ("Observation?_id=hba1c&_include=Observation:performer", ["Practitioner/g"]),
        ("Encounter?_id=n&_include=Encounter:practitioner", ["Practitioner/g"]),
        ("Observation?_id=smoker&_include=Observation:context", ["Encounter/n"]),
        ("Patient?_id=1&_include=Patient:general-practitioner", ["Practitioner/g"]),
    ],
)
def test_what_it_points_at_is_included(reader: Reader, path: str, included: list[str]) -> None:
    type_name, _, query = path.partition("?")

    assert reader.get(type_name, query).found("include") == included


@pytest.mark.parametrize("name", ["value-quantity", "code-value-quantity", "_profile", "_tag"])
def test_what_has_no_order_is_not_sorted_by(reader: Reader, name: str) -> None:
    answer = reader.get("Observation", f"_sort={name}")

    assert answer.status == 400
    assert answer.diagnostics.startswith("_sort: takes ")
