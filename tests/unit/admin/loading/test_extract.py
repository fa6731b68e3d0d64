"""Search values and index entries of resources."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.record_keys import place_of, shard_of
from careconnect.resource_types import RESOURCE_TYPES, ParameterType, resource_type
from careconnect.search_values import FIRST_INSTANT, LAST_INSTANT, SearchValueError, date_range, patients_of
from careconnect_admin.loading.extract import index_keys, search_values

_NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_SNOMED = "http://snomed.info/sct"


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
        "Patient": {"gender": "male"},
        "Condition": {"clinicalStatus": "active"},
        "Encounter": {"status": "finished"},
        "Procedure": {"status": "completed"},
        "AllergyIntolerance": {"clinicalStatus": "active", "verificationStatus": "confirmed"},
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


def test_contact_points_are_kept_apart_by_system_and_folded() -> None:
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
    for text in ("https://other.example/fhir/Patient/4", "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a"):
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
    assert search_values(patient()) == {"_id": [["", "4"]]}


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


def test_a_reference_too_long_for_a_key_has_a_value_and_no_entry() -> None:
    resource = observation(subject={"reference": f"urn:x:{'a' * 2000}"})
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
    assert all(place_of(sort_key) == ("0" * 15, "4") for _, sort_key in keys)
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
        assert patients_of(served, resource["id"], search_values(resource)) == expected


def test_every_indexed_parameter_of_the_table_can_have_entries() -> None:
    """Dates order the other entries and have none; what lies within another parameter is found there."""
    for served in RESOURCE_TYPES:
        for parameter in served.parameters:
            if parameter.type is ParameterType.DATE:
                assert not parameter.indexed
            if parameter.within:
                holder = served.parameter(parameter.within)
                assert holder is not None
                assert holder.indexed
