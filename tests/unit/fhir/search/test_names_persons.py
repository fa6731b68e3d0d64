"""The criteria that name persons (`audit.md`, Whose)."""

import pytest

from careconnect.search.result_parameters import Handling
from careconnect_testing.parts.entries_in_memory import served
from careconnect_testing.parts.stores import FHIR_BASE
from fhir_reader.search.parse import SearchQuery, parse_search

NAMES = [
    *(f"Patient?{name}=x" for name in ("identifier", "name", "family", "given", "telecom", "phone", "email")),
    *(f"Patient?{name}=x" for name in ("address", "address-city", "address-postalcode", "address-state")),
    *("Patient?birthdate=1980", "Patient?death-date=ge2001-02", "Patient?family:exact=x", "Patient?name:contains=x"),
    *("Patient?birthdate:missing=true", "Patient?identifier:not=x", "Observation?identifier=x", "Patient?_id:not=4"),
    *("Observation?_id=o1", "Observation?patient=4", "Observation?subject:Patient=4", "Condition?patient:missing=true"),
    *("Observation?encounter=e1", "Observation?context=EpisodeOfCare/e1", "EpisodeOfCare?condition=c1"),
    *("Observation?performer=4", "Observation?performer=Patient/4", "Observation?performer:missing=false"),
    # A RelatedPerson or another server's resource may be somebody's; this server does not know.
    *("Encounter?participant=RelatedPerson/4", "Observation?subject=https://other.example/Patient/4"),
    *("Observation?date=2026-11-26T07:15:02Z", "Patient?_lastUpdated=gt2026-11-26T07:15:02.123Z"),
    *("Observation?date=2026-11-26T07:15Z", "Patient?_lastUpdated=lt2026-11-26T07:15Z"),
    *("Observation?date=ap2026-11-26T07:15:02Z", "Observation?date=2001,ne2026-11-26T07:15:02Z"),
    *("Observation?subject:Patient.name=x", "Observation?encounter.patient=4", "Observation?encounter._id=e1"),
    *("Patient?_has:Observation:patient:identifier=x", "Patient?_has:Observation:patient:encounter._id=e1"),
]

NAMES_NOBODY = [
    *("Patient", "Patient?gender=male", "Patient?deceased=true", "Patient?active=true&_sort=family", "Patient?_tag=x"),
    *("Patient?general-practitioner=P1", "Patient?general-practitioner.name=x", "Patient?organization._id=P1"),
    *("Observation?code=1234-5", "Observation?date=2026-11-26", "Observation?date=ap2026-11"),
    *("Observation?date:missing=true", "Observation?performer=Practitioner/4", "Observation?performer:Practitioner=4"),
    *("Encounter?practitioner=P1", "MedicationRequest?medication=m1", "Medication?_id=m1"),
    *("Observation?patient.gender=male", "Patient?_has:Observation:patient:code=1234-5"),
    *("Practitioner?name=x", "Organization?identifier=x", "Organization?_id=P1", "Organization?_lastUpdated=2026-11"),
    *("Organization?_lastUpdated=gt2026-11-26T07:15:02Z", "PractitionerRole?practitioner=P1"),
]


def parsed_search(asked: str) -> SearchQuery:
    type_name, _, query = asked.partition("?")
    parameters = [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&")) if name]
    return parse_search(
        served(type_name), parameters, handling=Handling.STRICT, fhir_base=FHIR_BASE, now=1_800_000_000_000
    )


@pytest.mark.parametrize(
    ("asked", "expected"), [*((asked, True) for asked in NAMES), *((asked, False) for asked in NAMES_NOBODY)]
)
def test_a_criterion_names_persons_if_its_values_tell_them_apart(asked: str, expected: bool) -> None:
    assert parsed_search(asked).names_persons is expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("Patient?name=smith", 1),
        ("Patient?_id=4&name=smith", 0),
        ("Patient?_id:not=4", 1),
        ("Encounter?patient=4", 0),
        ("Encounter?patient.name=smith", 2),
        ("Encounter?patient=4&location.name=ward", 1),
        ("Medication?_id=m1", 0),
        ("Medication?_has:MedicationRequest:medication:patient.name=smith", 2),
    ],
)
def test_a_match_tells_of_its_own_patient_and_of_one_for_each_reference_that_leads_to_it(
    asked: str, expected: int
) -> None:
    assert parsed_search(asked).new_patients == expected
