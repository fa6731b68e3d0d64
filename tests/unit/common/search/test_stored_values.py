"""The compact form of searchable values: it leaves out redundant parts, and a reader restores all of them."""

import json
from dataclasses import dataclass
from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType, resource_type
from careconnect.search.criteria import parse_criterion
from careconnect.search.stored_values import StoredValues, predicate_of, stored_values
from careconnect_admin.sample.records import sample_resources
from careconnect_records.items.extract import search_values
from careconnect_records.items.resource_items import with_version

UCUM = "http://unitsofmeasure.org"
SNOMED = "http://snomed.info/sct"
_BOOLEAN = "http://hl7.org/fhir/special-values"


def served(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


def read_back(type_name: str, values: dict[str, list[Any]]) -> dict[str, Any]:
    """Return the values that a reader gets after they were stored."""
    text = json.dumps(stored_values(served(type_name), values))
    return dict(StoredValues(served(type_name), "4", json.loads(text)))


def stored(type_name: str, parameter: str, *values: Any, **others: list[Any]) -> Any:
    return stored_values(served(type_name), {**others, parameter: list(values)}).get(parameter)


def test_a_reader_gets_back_what_the_loader_found_in_the_sample() -> None:
    for resource in sample_resources():
        values = search_values(with_version(resource, 1, 1_577_836_800_123))
        read = StoredValues(
            served(resource["resourceType"]),
            resource["id"],
            json.loads(json.dumps(stored_values(served(resource["resourceType"]), values))),
        )
        assert dict(read) == values
        assert len(read) == len(values)


_TEXTS = st.sampled_from(
    ["", "a", "0", "x|y", "Muñoz", "http://hl7.org/fhir/", "http://hl7.org/fhir/v3/ActCode", SNOMED]
)
_CODES = _TEXTS.filter(bool)
_TOKENS = st.tuples(_TEXTS, _CODES).map(list)
_QUANTITIES = st.tuples(st.sampled_from(["5.40", "-1", "1e3"]), _TEXTS, _TEXTS, _TEXTS).map(list)
_DATES = st.tuples(st.integers(-(10**12), 10**12), st.sampled_from([1, 999, 86_400_000, 10**11])).map(
    lambda pair: [pair[0], pair[0] + pair[1]]
)
_PARTS = st.tuples(st.lists(_TOKENS, max_size=2), st.lists(_QUANTITIES, max_size=2)).map(list).filter(any)


def each_once(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=4, unique_by=repr)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "code": each_once(_TOKENS),
            "date": each_once(_DATES),
            "value-quantity": each_once(_QUANTITIES),
            "_profile": each_once(_CODES),
            "encounter": each_once(st.sampled_from(["Encounter/1", "Encounter/2"])),
            "context": each_once(st.sampled_from(["Encounter/1", "Encounter/2", "EpisodeOfCare/1"])),
            "component-code-value-quantity": each_once(_PARTS),
        },
    )
)
def test_any_value_is_read_back_as_it_was(values: dict[str, list[Any]]) -> None:
    read = read_back("Observation", values)

    assert {name: read[name] for name in values} == values


@pytest.mark.parametrize(
    ("type_name", "name", "value", "expected"),
    [
        ("Patient", "gender", ["http://hl7.org/fhir/administrative-gender", "male"], "male"),
        ("Patient", "phone", ["", "0113"], "0113"),
        ("Patient", "birthdate", [0, 86_400_000], [0]),
        ("Patient", "_lastUpdated", [1, 2], 1),
        ("Patient", "birthdate", [0, 86_400_001], [0, 86_400_001]),
        ("Observation", "code", [SNOMED, "1"], [4, "1"]),
        ("Observation", "code", ["http://snomed.info/sct/x", "1"], ["http://snomed.info/sct/x", "1"]),
        (
            "Observation",
            "category",
            ["http://hl7.org/fhir/observation-category", "x"],
            [[0, "observation-category"], "x"],
        ),
        ("Observation", "value-quantity", ["5.4", UCUM, "%", "%"], ["5.4", 6, "%"]),
        ("Observation", "value-quantity", ["5.4", UCUM, "mL", "ml"], ["5.4", 6, "mL", "ml"]),
        ("Observation", "value-quantity", ["5.4", "", "", "ml"], ["5.4", "", "", "ml"]),
        ("Observation", "value-quantity", ["5.4", "", "", ""], ["5.4"]),
        ("Patient", "_profile", "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Patient-1", 7),
        ("Patient", "_profile", "https://fhir.hl7.org.uk/STU3/StructureDefinition/X", [1, "X"]),
        ("Patient", "_profile", "urn:x", "urn:x"),
    ],
)
def test_what_the_reader_knows_is_left_out(type_name: str, name: str, value: Any, expected: Any) -> None:
    """Entries hold these forms: another one takes a new version of the index."""
    assert stored(type_name, name, value) == [expected]


def test_what_another_parameter_has_is_stored_there() -> None:
    assert stored("Patient", "family", "Moor", "Eve", name=["Eve", "Moor"]) == [1, 0]
    assert stored("Observation", "subject", "Patient/4", patient=["Patient/4"]) == [0]
    # A value that the other parameter lacks is stored with its own.
    assert stored("Observation", "context", "EpisodeOfCare/1", encounter=["Encounter/1"]) == ["EpisodeOfCare/1"]


def test_parts_and_what_follows_from_the_rest_are_not_stored() -> None:
    parts = [[["", "a"]], [["1", "", "", ""]]]
    values: dict[str, list[Any]] = {
        "_id": [["", "4"]],
        "code": [["", "c"]],
        "value-quantity": [["2", "", "", ""]],
        "code-value-quantity": [[[["", "c"]], [["2", "", "", ""]]]],
        "component-code": [["", "a"]],
        "component-value-quantity": [["1", "", "", ""]],
        "component-code-value-quantity": [parts, [[["", "a"]], []]],
    }

    assert set(stored_values(served("Observation"), values)) == {
        *("code", "value-quantity", "component-code-value-quantity")
    }
    assert read_back("Observation", values) == values
    assert stored_values(served("Patient"), {"deceased": [[_BOOLEAN, "false"]]}) == {}
    assert read_back("Patient", {"deceased": [[_BOOLEAN, "true"]]})["deceased"] == [[_BOOLEAN, "true"]]


def test_entries_of_the_first_version_are_understood() -> None:
    """As they were written: every value in full, the id and the subject among them."""
    written: dict[str, list[Any]] = {
        "_id": [["", "9"]],
        "_lastUpdated": [[1577836800000, 1577836800001]],
        "identifier": [["https://fhir.nhs.uk/Id/nhs-number", "9990000018"]],
        "patient": ["Patient/4"],
        "subject": ["Patient/4"],
        "encounter": ["Encounter/1"],
        "category": [["http://hl7.org/fhir/observation-category", "vital-signs"]],
        "date": [[1508371200000, 1508457600000]],
    }
    person: dict[str, list[Any]] = {
        "_id": [["", "9"]],
        "name": ["Moor", "Eve"],
        "family": ["Moor"],
        "given": ["Eve"],
        "gender": [["http://hl7.org/fhir/administrative-gender", "male"]],
        "phone": [["", "0113"]],
        "general-practitioner": ["Practitioner/1"],
    }

    assert dict(StoredValues(served("Observation"), "9", written)) == written
    assert dict(StoredValues(served("Patient"), "9", person)) == person | {"deceased": [[_BOOLEAN, "false"]]}


def test_many_values_are_stored_and_read_in_a_time_in_proportion() -> None:
    """A body of 350 KB may hold tens of thousands, of which each was looked for among all."""
    given = [f"g{number}" for number in range(30_000)]
    begun = process_time()
    stored = stored_values(served("Patient"), {"name": ["Moor", *given], "given": given})
    parts = [[[["", code]], []] for code in given]
    read = StoredValues(served("Observation"), "4", {"component-code-value-quantity": parts})

    assert stored["given"] == list(range(1, len(given) + 1))
    assert read["component-code"] == [["", code] for code in given]
    assert process_time() - begun < 3


def test_what_has_no_value_is_missing() -> None:
    values = StoredValues(served("Observation"), "9", {})

    assert dict(values) == {"_id": [["", "9"]]}
    assert values.get("code", ()) == ()
    assert "nonsense" not in values
    assert all("_id" in StoredValues(each, "1", {}) for each in RESOURCE_TYPES)


def test_a_profile_that_is_known_is_known_of_each_type_by_its_own_uri() -> None:
    profiles = [
        f"https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-{name}-1" for name in ("Patient", "Location")
    ]
    of_patient, of_location = (
        stored_values(served(name), {"_profile": profiles})["_profile"] for name in ("Patient", "Location")
    )

    assert [isinstance(value, int) for value in of_patient] == [True, False]
    assert [isinstance(value, int) for value in of_location] == [False, True]
    assert StoredValues(served("Patient"), "4", {"_profile": of_patient})["_profile"] == profiles


@dataclass(frozen=True)
class _Indexed:
    """An index entry as it is stored."""

    id: str
    stored: str


@pytest.mark.parametrize(
    ("type_name", "values", "query", "expected"),
    [
        ("Observation", {"code": [[SNOMED, "1"]]}, {"code": f"{SNOMED}|1"}, True),
        ("Observation", {"code": [[SNOMED, "1"]], "date": [[0, 1]]}, {"code": "1", "date": "gt1980"}, False),
        ("Observation", {"code": [[SNOMED, "1"]], "date": [[0, 1]]}, {"code": "1", "date": "lt1980"}, True),
        ("Observation", {"value-quantity": [["5.40", UCUM, "kg", "kg"]]}, {"value-quantity": f"5.4|{UCUM}|kg"}, True),
        ("Observation", {"subject": ["Patient/4"], "patient": ["Patient/4"]}, {"patient": "4"}, True),
        ("Observation", {}, {"_id": "4"}, True),
        ("Observation", {}, {"_id": "5"}, False),
        ("Patient", {}, {"deceased": "false"}, True),
        ("Patient", {"name": ["Ada", "Moor"], "given": ["Ada"]}, {"given": "ada"}, True),
        ("Patient", {"name": ["Ada", "Moor"], "given": ["Ada"]}, {"given": "moor"}, False),
        (
            "Observation",
            {"component-code-value-quantity": [[[["", "8480-6"]], []]]},
            {"component-code": "8480-6"},
            True,
        ),
        ("Patient", {}, {}, True),
    ],
    ids=lambda value: "&".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else None,
)
def test_a_predicate_needs_all_criteria_of_what_an_entry_stores_or_implies(
    type_name: str, values: dict[str, list[Any]], query: dict[str, str], expected: bool
) -> None:
    type_ = served(type_name)
    criteria = [
        parse_criterion(type_.by_name[name], "", text, fhir_base="https://care.example/fhir", now=0)
        for name, text in query.items()
    ]
    entry = _Indexed("4", json.dumps(stored_values(type_, values)))

    assert predicate_of(type_, criteria)(entry) is expected
