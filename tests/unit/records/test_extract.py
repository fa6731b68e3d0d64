"""Search values and index entries of resources."""

from dataclasses import replace
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.resource_types import LAST_UPDATED, RESOURCE_TYPES, ParameterType, Rank, resource_type
from careconnect.fhir.resource_types.parameters import Part
from careconnect.search.values import FIRST_INSTANT, LAST_INSTANT, SearchValueError, date_range
from careconnect.storage.keys import position_of, shard_of
from careconnect_records.items.extract import index_keys, require_dates, search_values
from careconnect_records.parsing.exact_json import JsonNumber
from careconnect_testing.running.cases import each_of

_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_SNOMED = "http://snomed.info/sct"
_BOOLEAN = "http://hl7.org/fhir/special-values"


def patient(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": "4", **elements}


def observation(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": "9301", "status": "final", "code": {"text": "x"}, **elements}


def keys_of(resource: dict[str, Any]) -> list[tuple[str, str]]:
    served = resource_type(resource["resourceType"])
    assert served is not None
    return index_keys(served, resource["id"], search_values(resource))


def test_every_part_of_every_name_is_a_value_of_name() -> None:
    values = search_values(
        patient(
            name=[
                {
                    "family": "Muñoz",
                    "given": ["Ana", "Sofía"],
                    "prefix": ["Dr"],
                    "suffix": ["PhD"],
                    "text": "Ana Muñoz",
                },
                {"family": "Antić", "given": [None, "Ana"], "_given": [{"id": "x"}, None]},
            ]
        )
    )
    assert values["name"] == ["Muñoz", "Ana", "Sofía", "Dr", "PhD", "Ana Muñoz", "Antić"]
    assert values["family"] == ["Muñoz", "Antić"]
    assert values["given"] == ["Ana", "Sofía"]


def test_identifiers_codings_and_codes_are_system_and_code() -> None:
    values = search_values(
        patient(
            gender="female",
            identifier=[
                {"system": _NHS_NUMBER, "value": "9990000018"},
                {"value": "local"},
                {"system": "urn:only-a-system"},
            ],
        )
    )
    assert values["identifier"] == [[_NHS_NUMBER, "9990000018"], ["", "local"]]
    assert values["gender"] == [["http://hl7.org/fhir/administrative-gender", "female"]]
    concepts = search_values(
        observation(
            category=[{"coding": [{"system": "urn:c", "code": "vital-signs"}]}, {"text": "no code"}],
            code={"coding": [{"system": _SNOMED, "code": "75367002"}, {"code": "85354-9"}]},
        )
    )
    assert concepts["category"] == [["urn:c", "vital-signs"]]
    assert concepts["code"] == [[_SNOMED, "75367002"], ["", "85354-9"]]
    encounter = {"resourceType": "Encounter", "id": "1", "class": {"system": "urn:act", "code": "AMB"}}
    assert search_values(encounter)["class"] == [["urn:act", "AMB"]]


def test_every_code_element_has_its_implied_system() -> None:
    """Every bare code or boolean that can be searched says which code system it is of."""
    samples: dict[str, dict[str, Any]] = {
        "Patient": {"gender": "male", "active": True, "deceasedBoolean": False},
        "Condition": {"clinicalStatus": "active", "verificationStatus": "confirmed"},
        "Observation": {"status": "final"},
        "Encounter": {"status": "finished"},
        "Procedure": {"status": "completed"},
        "AllergyIntolerance": {
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "category": ["food"],
            "criticality": "low",
            "type": "allergy",
        },
        "Location": {"status": "active"},
        "Organization": {"active": True},
        "Practitioner": {"active": False},
        "PractitionerRole": {"active": True},
        "HealthcareService": {"active": True},
        "Immunization": {"status": "completed", "notGiven": False},
        "MedicationRequest": {"status": "active", "intent": "order"},
        "MedicationStatement": {"status": "active"},
        "EpisodeOfCare": {"status": "active"},
    }
    for type_name, elements in samples.items():
        values = search_values({"resourceType": type_name, "id": "1", **elements})
        tokens = [token for name, tokens in values.items() if name != "_id" for token in tokens]
        assert len(tokens) == len(elements)
        assert all(system.startswith("http://hl7.org/fhir/") for system, _ in tokens), type_name
    not_given = {"resourceType": "Immunization", "id": "1", "notGiven": True}
    assert search_values(not_given)["notgiven"] == [["http://hl7.org/fhir/special-values", "true"]]


def test_contact_points_are_separated_by_system_and_folded() -> None:
    values = search_values(
        patient(
            telecom=[
                {"system": "phone", "value": "(0113) 496-0200"},
                {"system": "phone", "value": "0113 496 0200"},
                {"system": "email", "value": "Ana.Munoz@Example.org"},
                {"system": "fax", "value": "0113 496 0999"},
                {"system": "phone", "value": "-"},
            ]
        )
    )
    assert values["phone"] == [["", "01134960200"]]
    assert values["email"] == [["", "ana.munoz@example.org"]]


def test_dates_periods_and_timings_are_ranges() -> None:
    day = list(date_range("2017-11-20"))
    assert search_values(observation(effectiveDateTime="2017-11-20"))["date"] == [day]
    closed = search_values(observation(effectivePeriod={"start": "2017-11-20", "end": "2017-11-20"}))
    assert closed["date"] == [day]
    assert search_values(observation(effectivePeriod={"start": "2017-11-20"}))["date"] == [[day[0], LAST_INSTANT]]
    assert search_values(observation(effectivePeriod={"end": "2017-11-20"}))["date"] == [[FIRST_INSTANT, day[1]]]
    assert "date" not in search_values(observation(effectivePeriod={"id": "unknown"}))
    timing = {"event": ["2017-11-20", None], "repeat": {"count": 2}}
    assert search_values(observation(effectiveDateTime=timing))["date"] == [day]
    with pytest.raises(SearchValueError):
        search_values(observation(effectiveDateTime="2017-02-30"))


def test_each_date_that_is_no_value_is_refused_before_any_is_stored() -> None:
    dated = [
        (served.name, path)
        for served in RESOURCE_TYPES
        for parameter in (*served.parameters, LAST_UPDATED)
        if parameter.type is ParameterType.DATE
        for path in parameter.paths
    ]
    assert len(dated) > len(RESOURCE_TYPES)
    for name, path in dated:
        given: Any = "2017-02-30"
        for step in reversed(path.split(".")):
            given = {step: given}
        for refuse in (require_dates, search_values):
            with pytest.raises(SearchValueError):
                refuse({"resourceType": name, "id": "1", **given})
            refuse({"resourceType": name, "id": "1"})


def test_a_date_within_a_composite_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    served = resource_type("Observation")
    assert served is not None
    date, composite = served.parameter("date"), served.parameter("code-value-quantity")
    assert date is not None
    assert composite is not None
    dated = replace(composite, parts=(Part(date, "effectiveDateTime"),))
    monkeypatch.setattr(
        "careconnect_records.items.extract.resource_type", lambda _: replace(served, parameters=(dated,))
    )

    with pytest.raises(SearchValueError):
        require_dates(observation(effectiveDateTime="2017-02-30"))


def test_literal_references_become_type_and_id() -> None:
    base = "https://example.org/live"
    for text in (
        "Patient/4",
        "Patient/4/_history/2",
        f"{base}/careconnect-ri/STU3/Patient/4",
        f"{base}/careconnect-ri/STU3/Patient/4/_history/1",
    ):
        values = search_values(observation(subject={"reference": text}), base_url=base)
        assert values["patient"] == values["subject"] == ["Patient/4"]


def test_references_elsewhere_keep_their_address() -> None:
    text = "https://other.example/fhir/Patient/4"

    assert search_values(observation(subject={"reference": text}))["patient"] == [text]


@pytest.mark.parametrize(
    "reference",
    [
        {"reference": "#inside"},
        {"identifier": {"value": "1"}},
        {"display": "Somebody"},
        {"reference": "Group/1"},
        {"reference": "https://other.example/fhir/Group/1"},
        {"reference": "nonsense"},
        {"reference": "Patient?identifier=urn:x:1"},
        {"reference": "Patient/4: urn:x"},
        {"reference": "urn:x y"},
        {"reference": "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"},
        {"reference": "URN:nhs:9"},
    ],
)
def test_what_points_at_no_resource_of_the_parameter_is_no_value(reference: dict[str, Any]) -> None:
    resource = observation(subject=reference)
    assert "patient" not in search_values(resource)
    assert len(keys_of(resource)) == 1


def test_id_and_last_updated_are_always_values() -> None:
    values = search_values(patient(meta={"lastUpdated": "2024-05-01T10:00:00.123Z"}))
    assert values["_id"] == [["", "4"]]
    assert values["_lastUpdated"] == [list(date_range("2024-05-01T10:00:00.123Z"))]
    # Nothing says that the patient is dead, which says that it is not.
    assert search_values(patient()) == {"_id": [["", "4"]], "deceased": [[_BOOLEAN, "false"]]}


def test_an_unserved_type_is_refused() -> None:
    with pytest.raises(KeyError, match="Claim"):
        search_values({"resourceType": "Claim", "id": "1"})


def test_each_entry_stands_once_under_its_partition() -> None:
    order = f"{date_range('1980-02-29')[0] - FIRST_INSTANT:015d}"
    keys = keys_of(
        patient(
            birthDate="1980-02-29",
            gender="female",
            identifier=[{"system": _NHS_NUMBER, "value": "9990000018"}],
            name=[{"family": "Muñoz", "given": ["MUNOZ"]}],
            address=[{"postalCode": "LS1 4AP"}],
            generalPractitioner=[{"reference": "Practitioner/G1"}],
        )
    )
    assert keys == [
        (f"Patient?{shard_of('4')}", f"{order}#4"),
        ("Patient?identifier=9990000018", f"{_NHS_NUMBER}|{order}#4"),
        ("Patient?name^m", f"munoz#{order}#4"),
        ("Patient?address-postalcode^l", f"ls1 4ap#{order}#4"),
        ("Practitioner/G1", f"Patient?general-practitioner#{order}#4"),
        ("Patient?address^l", f"ls1#{order}#4"),
        ("Patient?address^4", f"4ap#{order}#4"),
    ]


def test_a_patients_record_and_an_encounters_are_under_their_own_keys() -> None:
    keys = keys_of(
        observation(
            subject={"reference": "Patient/4"},
            context={"reference": "Encounter/9101"},
            effectiveDateTime="2017-11-20",
            code={"coding": [{"system": _SNOMED, "code": "75367002"}]},
        )
    )
    order = f"{date_range('2017-11-20')[0] - FIRST_INSTANT:015d}"
    assert set(keys[1:]) == {
        ("Patient/4", f"Observation?patient#{order}#9301"),
        ("Encounter/9101", f"Observation?encounter#{order}#9301"),
        ("Observation?code=75367002", f"{_SNOMED}|{order}#9301"),
    }


def test_what_lies_within_another_parameter_has_its_entries_there() -> None:
    keys = keys_of(
        observation(
            context={"reference": "EpisodeOfCare/e1"},
            component=[{"code": {"coding": [{"code": "8480-6"}]}, "valueQuantity": {"value": 140}}],
        )
    )

    assert keys[1:] == [
        # `context` within `encounter`; the composite by its code.
        ("EpisodeOfCare/e1", f"Observation?encounter#{'0' * 15}#9301"),
        ("Observation?component-code=8480-6", f"|{'0' * 15}#9301"),
    ]
    city = keys_of(patient(address=[{"city": "St Brannock", "line": ["1 Ferry Hill"]}]))
    words = {(pk, sk.partition("#")[0]) for pk, sk in city[1:]}
    assert words == {(f"Patient?address^{word[0]}", word) for word in ("1", "ferry", "hill", "st", "brannock")}


def test_tags_and_labels_have_entries_and_profiles_none() -> None:
    coding = {"system": "urn:t", "code": "x"}
    resource = {
        "resourceType": "Medication",
        "id": "m",
        "meta": {"tag": [coding], "security": [coding], "profile": ["urn:p"]},
    }

    assert search_values(resource) == {
        "_id": [["", "m"]],
        "_tag": [["urn:t", "x"]],
        "_security": [["urn:t", "x"]],
        "_profile": ["urn:p"],
    }
    assert [pk for pk, _ in keys_of(resource)[1:]] == ["Medication?_tag=x", "Medication?_security=x"]


def test_many_values_take_a_time_in_proportion() -> None:
    """A body of 350 KB may hold tens of thousands, of which each was compared with all before it."""
    given = [f"g{number}" for number in range(40_000)]
    begun = process_time()
    values = search_values(patient(name=[{"given": [*given, *given]}], identifier=[{"value": each} for each in given]))

    assert values["given"] == given
    assert len(values["identifier"]) == len(given)
    assert process_time() - begun < 3


def test_a_reference_too_long_for_a_key_has_a_value_and_no_entry() -> None:
    resource = observation(subject={"reference": f"tag:x:{'a' * 2000}"})
    assert "patient" in search_values(resource)
    assert len(keys_of(resource)) == 1


@given(
    st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1), max_size=5),
    st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), max_size=5),
)
def test_keys_are_distinct_and_lead_back_to_the_resource(names: list[str], codes: list[str]) -> None:
    keys = keys_of(
        patient(
            name=[{"family": name} for name in names], identifier=[{"system": code, "value": code} for code in codes]
        )
    )
    assert len(keys) == len(set(keys))
    assert all(position_of(sort_key) == ("0" * 15, "4") for _, sort_key in keys)
    assert all(len(pk.encode()) <= 2048 and len(sk.encode()) <= 1024 for pk, sk in keys)


def test_the_compartment_is_the_patient_or_whom_the_resource_is_about() -> None:
    about = observation(subject={"reference": "Patient/4"})
    for resource, expected in (
        (patient(), ("4",)),
        (about, ("4",)),
        (observation(subject={"reference": "https://other.example/fhir/Patient/4"}), ()),
        ({"resourceType": "Medication", "id": "1"}, ()),
    ):
        served = resource_type(str(resource["resourceType"]))
        assert served is not None
        assert served.patients_of(resource["id"], search_values(resource)) == expected


def test_every_indexed_parameter_of_the_table_can_have_entries() -> None:
    """Dates order the other entries and have none; what lies within another parameter is found there."""
    for served in RESOURCE_TYPES:
        for parameter in served.parameters:
            if parameter.type is ParameterType.DATE:
                assert not parameter.indexed
            if parameter.parent:
                parent = served.parameter(parameter.parent)
                assert parent is not None
                assert parent.indexed


def coding(code: str) -> dict[str, Any]:
    return {"coding": [{"system": "urn:s", "code": code}]}


def reference(text: str) -> dict[str, Any]:
    return {"reference": text}


DAY = list(date_range("2017-10-19"))
ADDRESS = {
    "text": "1 Ferry Hill, Leeds",
    "line": ["1 Ferry Hill", "Flat 2"],
    "city": "Leeds",
    "district": "Holbeck",
    "state": "Yorkshire",
    "postalCode": "LS1 4AP",
    "country": "GB",
}
IN_ADDRESS = [
    *("1 Ferry Hill, Leeds", "1 Ferry Hill", "Flat 2", "Leeds", "Holbeck", "Yorkshire", "LS1 4AP", "GB"),
]
TELECOM = [
    {"system": "phone", "value": "(0113) 496-0200"},
    {"system": "email", "value": "Ana.Munoz@Example.org"},
    {"system": "sms", "value": "07700 900.123"},
    {"value": "@ Ana"},
]
CONTACTS = [["", "01134960200"], ["", "ana.munoz@example.org"], ["", "07700900123"], ["", "@ ana"]]
# Of each parameter that is new in the second version of the index: an element, and the values that it gives.
VALUES: list[tuple[str, str, dict[str, Any], list[Any]]] = [
    ("Patient", "address", {"address": [ADDRESS]}, IN_ADDRESS),
    ("Patient", "address-city", {"address": [ADDRESS]}, ["Leeds"]),
    ("Patient", "address-country", {"address": [ADDRESS]}, ["GB"]),
    ("Patient", "address-state", {"address": [ADDRESS]}, ["Yorkshire"]),
    ("Patient", "telecom", {"telecom": TELECOM}, CONTACTS),
    ("Patient", "active", {"active": False}, [[_BOOLEAN, "false"]]),
    ("Patient", "deceased", {"deceasedBoolean": True}, [[_BOOLEAN, "true"]]),
    ("Patient", "deceased", {"deceasedBoolean": False}, [[_BOOLEAN, "false"]]),
    ("Patient", "deceased", {"deceasedDateTime": "2017-10-19"}, [[_BOOLEAN, "true"]]),
    ("Patient", "death-date", {"deceasedDateTime": "2017-10-19"}, [DAY]),
    ("Patient", "language", {"communication": [{"language": coding("cy")}]}, [["urn:s", "cy"]]),
    (
        "Patient",
        "general-practitioner",
        {"generalPractitioner": [reference("Organization/1"), reference("Practitioner/2")]},
        ["Organization/1", "Practitioner/2"],
    ),
    ("Patient", "organization", {"managingOrganization": reference("Organization/1")}, ["Organization/1"]),
    ("Observation", "status", {"status": "amended"}, [["http://hl7.org/fhir/observation-status", "amended"]]),
    ("Observation", "context", {"context": reference("EpisodeOfCare/1")}, ["EpisodeOfCare/1"]),
    ("Observation", "context", {"context": reference("Encounter/1")}, ["Encounter/1"]),
    (
        "Observation",
        "performer",
        {"performer": [reference("Practitioner/1"), reference("RelatedPerson/2")]},
        ["Practitioner/1", "RelatedPerson/2"],
    ),
    ("Observation", "device", {"device": reference("DeviceMetric/1")}, ["DeviceMetric/1"]),
    ("Observation", "value-concept", {"valueCodeableConcept": coding("x")}, [["urn:s", "x"]]),
    ("Observation", "value-string", {"valueString": "Rh positive"}, ["Rh positive"]),
    ("Condition", "context", {"context": reference("EpisodeOfCare/1")}, ["EpisodeOfCare/1"]),
    ("Condition", "onset-date", {"onsetDateTime": "2017-10-19"}, [DAY]),
    ("Condition", "onset-date", {"onsetPeriod": {"start": "2017-10-19", "end": "2017-10-19"}}, [DAY]),
    ("Condition", "abatement-date", {"abatementDateTime": "2017-10-19"}, [DAY]),
    ("Condition", "abatement-date", {"abatementPeriod": {"start": "2017-10-19", "end": "2017-10-19"}}, [DAY]),
    ("Condition", "severity", {"severity": coding("x")}, [["urn:s", "x"]]),
    ("Condition", "body-site", {"bodySite": [coding("x")]}, [["urn:s", "x"]]),
    ("Condition", "asserter", {"asserter": reference("Practitioner/1")}, ["Practitioner/1"]),
    ("Encounter", "location", {"location": [{"location": reference("Location/1")}]}, ["Location/1"]),
    ("Encounter", "service-provider", {"serviceProvider": reference("Organization/1")}, ["Organization/1"]),
    (
        "Encounter",
        "participant",
        {"participant": [{"individual": reference("Practitioner/1")}, {"individual": reference("RelatedPerson/2")}]},
        ["Practitioner/1", "RelatedPerson/2"],
    ),
    (
        "Encounter",
        "practitioner",
        {"participant": [{"individual": reference("Practitioner/1")}, {"individual": reference("RelatedPerson/2")}]},
        ["Practitioner/1"],
    ),
    ("Encounter", "reason", {"reason": [coding("x")]}, [["urn:s", "x"]]),
    ("Procedure", "category", {"category": coding("x")}, [["urn:s", "x"]]),
    ("Procedure", "context", {"context": reference("Encounter/1")}, ["Encounter/1"]),
    ("Procedure", "performer", {"performer": [{"actor": reference("Device/1")}]}, ["Device/1"]),
    ("AllergyIntolerance", "onset", {"reaction": [{"onset": "2017-10-19"}, {}]}, [DAY]),
    ("AllergyIntolerance", "recorder", {"recorder": reference("Patient/1")}, ["Patient/1"]),
    ("AllergyIntolerance", "manifestation", {"reaction": [{"manifestation": [coding("x")]}]}, [["urn:s", "x"]]),
    ("Immunization", "manufacturer", {"manufacturer": reference("Organization/1")}, ["Organization/1"]),
    ("Immunization", "lot-number", {"lotNumber": "LOT 1"}, ["LOT 1"]),
    ("Immunization", "location", {"location": reference("Location/1")}, ["Location/1"]),
    ("Immunization", "reaction-date", {"reaction": [{"date": "2017-10-19"}]}, [DAY]),
    ("MedicationRequest", "requester", {"requester": {"agent": reference("Practitioner/1")}}, ["Practitioner/1"]),
    ("MedicationRequest", "category", {"category": coding("x")}, [["urn:s", "x"]]),
    ("MedicationRequest", "date", {"dosageInstruction": [{"timing": {"event": ["2017-10-19"]}}]}, [DAY]),
    ("MedicationRequest", "context", {"context": reference("EpisodeOfCare/1")}, ["EpisodeOfCare/1"]),
    ("MedicationStatement", "category", {"category": coding("x")}, [["urn:s", "x"]]),
    ("MedicationStatement", "context", {"context": reference("Encounter/1")}, ["Encounter/1"]),
    ("MedicationStatement", "source", {"informationSource": reference("Patient/1")}, ["Patient/1"]),
    ("Medication", "manufacturer", {"manufacturer": reference("Organization/1")}, ["Organization/1"]),
    ("Medication", "form", {"form": coding("x")}, [["urn:s", "x"]]),
    ("Medication", "ingredient-code", {"ingredient": [{"itemCodeableConcept": coding("x")}]}, [["urn:s", "x"]]),
    ("EpisodeOfCare", "type", {"type": [coding("x")]}, [["urn:s", "x"]]),
    ("EpisodeOfCare", "organization", {"managingOrganization": reference("Organization/1")}, ["Organization/1"]),
    ("EpisodeOfCare", "condition", {"diagnosis": [{"condition": reference("Condition/1")}]}, ["Condition/1"]),
    ("Organization", "type", {"type": [coding("x")]}, [["urn:s", "x"]]),
    ("Organization", "partof", {"partOf": reference("Organization/1")}, ["Organization/1"]),
    ("Organization", "address", {"address": [ADDRESS]}, IN_ADDRESS),
    ("Organization", "address-city", {"address": [ADDRESS]}, ["Leeds"]),
    ("Location", "organization", {"managingOrganization": reference("Organization/1")}, ["Organization/1"]),
    ("Location", "type", {"type": coding("x")}, [["urn:s", "x"]]),
    ("Location", "partof", {"partOf": reference("Location/1")}, ["Location/1"]),
    ("Location", "address", {"address": ADDRESS}, IN_ADDRESS),
    ("Location", "address-city", {"address": ADDRESS}, ["Leeds"]),
    ("Practitioner", "family", {"name": [{"family": "Moor"}]}, ["Moor"]),
    ("Practitioner", "given", {"name": [{"given": ["Ana", "Eve"]}]}, ["Ana", "Eve"]),
    ("Practitioner", "telecom", {"telecom": TELECOM}, CONTACTS),
    ("Practitioner", "email", {"telecom": TELECOM}, CONTACTS[1:2]),
    ("Practitioner", "phone", {"telecom": TELECOM}, CONTACTS[:1]),
    ("Practitioner", "address", {"address": [ADDRESS]}, IN_ADDRESS),
    ("PractitionerRole", "role", {"code": [coding("x")]}, [["urn:s", "x"]]),
    ("PractitionerRole", "specialty", {"specialty": [coding("x"), coding("y")]}, [["urn:s", "x"], ["urn:s", "y"]]),
    ("PractitionerRole", "location", {"location": [reference("Location/1")]}, ["Location/1"]),
    (
        "PractitionerRole",
        "service",
        {"healthcareService": [reference("HealthcareService/1")]},
        ["HealthcareService/1"],
    ),
    ("HealthcareService", "type", {"type": [coding("x")]}, [["urn:s", "x"]]),
    ("HealthcareService", "location", {"location": [reference("Location/1")]}, ["Location/1"]),
    ("HealthcareService", "characteristic", {"characteristic": [coding("x")]}, [["urn:s", "x"]]),
]


@each_of(("type_name", "name", "elements", "expected"), VALUES)
def test_a_parameters_values_are_those_of_its_element(
    type_name: str, name: str, elements: dict[str, Any], expected: list[Any]
) -> None:
    resource = {"resourceType": type_name, "id": "1", **elements}

    assert search_values(resource)[name] == expected


def test_quantities_keep_their_digits_and_parts_stay_together() -> None:
    values = search_values(
        observation(
            code=coding("panel"),
            valueQuantity={"value": JsonNumber("5.40"), "unit": "mmol/l", "system": "urn:u", "code": "mmol/L"},
            component=[
                {"code": {"coding": [{"code": "a"}, {"code": "b"}]}, "valueQuantity": {"value": -140}},
                {"code": coding("a"), "valueQuantity": {"unit": "no number"}},
                {"code": {"text": "no code"}, "valueQuantity": {"value": JsonNumber("1e-2"), "unit": "g"}},
                {"code": {"text": "neither"}, "valueString": "x"},
            ],
        )
    )

    assert values["value-quantity"] == [["5.40", "urn:u", "mmol/L", "mmol/l"]]
    assert values["component-code"] == [["", "a"], ["", "b"], ["urn:s", "a"]]
    assert values["component-value-quantity"] == [["-140", "", "", ""], ["1e-2", "", "", "g"]]
    assert values["code-value-quantity"] == [[[["urn:s", "panel"]], [["5.40", "urn:u", "mmol/L", "mmol/l"]]]]
    assert values["component-code-value-quantity"] == [
        [[["", "a"], ["", "b"]], [["-140", "", "", ""]]],
        [[["urn:s", "a"]], []],
        [[], [["1e-2", "", "", "g"]]],
    ]


def test_a_row_that_is_wrong_is_reported_and_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    served = resource_type("Observation")
    assert served is not None
    quantity = next(each for each in served.parameters if each.type is ParameterType.QUANTITY)

    wrong = replace(served, parameters=(replace(quantity, rank=Rank.SHARED),))
    with pytest.raises(ValueError, match="has no entries of its own"):
        index_keys(wrong, "1", {quantity.name: [["1", "", "", ""]]})

    wrong = replace(served, parameters=(replace(quantity, paths=("no path",)),))
    monkeypatch.setattr("careconnect_records.items.extract.resource_type", lambda _: wrong)
    with pytest.raises(ValueError, match="not an element path: no path"):
        search_values(observation())


def test_a_path_that_leads_into_a_text_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    served = resource_type("Observation")
    assert served is not None
    status = served.parameter("status")
    assert status is not None
    monkeypatch.setattr(
        "careconnect_records.items.extract.resource_type",
        lambda _: replace(served, parameters=(replace(status, paths=("status.text",)),)),
    )

    assert "status" not in search_values(observation())
