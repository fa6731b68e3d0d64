"""A few synthetic records, each needed by some test of the reader."""

import json
from pathlib import Path
from typing import Any

from careconnect_records.parsing.exact_json import JsonNumber, json_text

Resource = dict[str, Any]

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
NARRATIVE = (
    '<div xmlns="http://www.w3.org/1999/xhtml"><p class="lead">Zoë &amp; Co: 5 &lt; 6</p><div>a <b>b</b> c</div></div>'
)

OBSERVATIONS = 12
"""Observations of Patient/4, one a day from 2017-10-01; the ids are o1 and so on."""


def few_records() -> list[Resource]:
    """Return the records: many of Patient 4, some of Patients 5 and 6, and the directory."""
    return [*_patients(), *_record_of_4(), *_record_of_5(), *_directory()]


def write_records(folder: Path, resources: list[Resource] | None = None) -> Path:
    """Write records as one NDJSON file and return its path."""
    path = folder / "few.ndjson"
    lines = (json_text(resource) for resource in (few_records() if resources is None else resources))
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def write_deletion(folder: Path, type_name: str, resource_id: str) -> Path:
    """Write a transaction that deletes one resource and return its path."""
    path = folder / "deletion.json"
    entry = {"request": {"method": "DELETE", "url": f"{type_name}/{resource_id}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    path.write_text(json.dumps(bundle), encoding="utf-8")
    return path


def _codeable(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _refers(reference: str) -> dict[str, str]:
    return {"reference": reference}


def _patients() -> list[Resource]:
    return [
        {
            "resourceType": "Patient",
            "id": "4",
            "meta": {"profile": ["https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-Patient-1"]},
            "text": {"status": "generated", "div": NARRATIVE},
            "identifier": [
                {"system": NHS_NUMBER, "value": "9658218873"},
                {"system": "https://fhir.leedsth.nhs.uk/Id/pas-number", "value": "LOCAL|1,234"},
            ],
            "active": True,
            "name": [
                {"use": "official", "family": "Kanfeld", "given": ["Bernie", "Ann"], "prefix": ["Mrs"]},
                {"use": "nickname", "text": "Bee"},
            ],
            "telecom": [
                {"system": "phone", "value": "+44 (0)113 496-0001"},
                {"system": "email", "value": "Bernie@Example.org"},
            ],
            "gender": "female",
            "birthDate": "1998-03-19",
            "address": [{"postalCode": "LS1 4AP"}],
            "generalPractitioner": [_refers("Practitioner/G1"), _refers("Organization/P1")],
            "managingOrganization": _refers("Organization/P1"),
        },
        {
            "resourceType": "Patient",
            "id": "5",
            "identifier": [{"system": NHS_NUMBER, "value": "9999999468"}, {"value": "9658218873"}],
            "name": [{"family": "Muñoz", "given": ["José"]}],
            "telecom": [{"system": "phone", "value": "0113 496 0002"}],
            "gender": "male",
            "birthDate": "1998-03",
            "managingOrganization": _refers("Organization/P1"),
        },
        {"resourceType": "Patient", "id": "6", "name": [{"family": "O'Hanlon, Jr"}], "birthDate": "2001"},
    ]


def _record_of_4() -> list[Resource]:
    patient = _refers("Patient/4")
    encounter = _refers("Encounter/e1")
    return [
        {
            "resourceType": "Encounter",
            "id": "e1",
            "status": "finished",
            "class": {"system": "http://hl7.org/fhir/v3/ActCode", "code": "IMP"},
            "subject": patient,
            "episodeOfCare": [_refers("EpisodeOfCare/ep1")],
            "participant": [{"individual": _refers("Practitioner/G1")}],
            "period": {"start": "2017-10-01T09:00:00+01:00", "end": "2017-10-03"},
            "location": [{"location": _refers("Location/L1")}],
            "serviceProvider": _refers("Organization/P1"),
        },
        {
            "resourceType": "Encounter",
            "id": "e2",
            "status": "in-progress",
            "subject": patient,
            "period": {"start": "2018-01-01"},
        },
        {
            "resourceType": "EpisodeOfCare",
            "id": "ep1",
            "status": "active",
            "patient": patient,
            "managingOrganization": _refers("Organization/P1"),
            "period": {"start": "2017"},
        },
        {
            "resourceType": "Condition",
            "id": "c1",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "category": [_codeable("http://hl7.org/fhir/condition-category", "problem-list-item")],
            "code": _codeable(SNOMED, "195967001"),
            "subject": patient,
            "context": encounter,
            "assertedDate": "2017-10-01",
        },
        {
            "resourceType": "Condition",
            "id": "c2",
            "clinicalStatus": "resolved",
            "verificationStatus": "confirmed",
            "code": _codeable(SNOMED, "44054006"),
            "subject": patient,
        },
        *(_observation(number, patient, encounter) for number in range(1, OBSERVATIONS + 1)),
        {
            "resourceType": "Procedure",
            "id": "pr1",
            "status": "completed",
            "code": _codeable(SNOMED, "80146002"),
            "subject": patient,
            "context": encounter,
            "performedPeriod": {"start": "2017-10-02", "end": "2017-10-02"},
        },
        {
            "resourceType": "AllergyIntolerance",
            "id": "a1",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": _codeable(SNOMED, "91936005"),
            "patient": patient,
            "assertedDate": "2010",
        },
        {
            "resourceType": "Immunization",
            "id": "i1",
            "status": "completed",
            "notGiven": False,
            "vaccineCode": _codeable(SNOMED, "170378007"),
            "patient": patient,
            "date": "2012-06-01",
            "primarySource": True,
        },
        {
            "resourceType": "Goal",
            "id": "g1",
            "status": "in-progress",
            "description": {"text": "Walk for half an hour each day"},
            "subject": patient,
            "startDate": "2017-10-03",
        },
        {"resourceType": "Medication", "id": "m1", "code": _codeable(SNOMED, "10097211000001102")},
        {
            "resourceType": "MedicationRequest",
            "id": "mr1",
            "status": "active",
            "intent": "order",
            "medicationReference": _refers("Medication/m1"),
            "subject": patient,
            "authoredOn": "2017-10-03",
            "requester": {"agent": _refers("Organization/P1")},
        },
        {
            "resourceType": "MedicationStatement",
            "id": "ms1",
            "status": "active",
            "taken": "unk",
            "medicationReference": _refers("Medication/m1"),
            "subject": patient,
            "effectiveDateTime": "2017-10-03",
        },
    ]


def _observation(number: int, patient: Resource, encounter: Resource) -> Resource:
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final" if number > 1 else "amended",
        "category": [_codeable("http://hl7.org/fhir/observation-category", "vital-signs")],
        "code": {"coding": [{"system": LOINC, "code": "8867-4"}, {"system": SNOMED, "code": "364075005"}]},
        "subject": patient,
        **({"context": encounter} if number <= 3 else {}),
        "effectiveDateTime": f"2017-10-{number:02}T08:00:00+01:00",
        "valueQuantity": {"value": JsonNumber("36.10"), "unit": "°C"},
    } | ({"referenceRange": [{"low": {"value": JsonNumber("1.0e1")}}]} if number == 1 else {})


def _record_of_5() -> list[Resource]:
    patient = _refers("Patient/5")
    return [
        {
            "resourceType": "Condition",
            "id": "c5",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": _codeable(SNOMED, "195967001"),
            "subject": patient,
            "assertedDate": "2016-02-29",
        },
        {
            "resourceType": "Observation",
            "id": "o50",
            "status": "final",
            "code": _codeable(LOINC, "8867-4"),
            "subject": patient,
            "effectivePeriod": {"start": "2017-10-01", "end": "2017-10-31"},
        },
        {
            "resourceType": "MedicationRequest",
            "id": "mr5",
            "status": "stopped",
            "intent": "order",
            "medicationCodeableConcept": _codeable(SNOMED, "322280009"),
            "subject": patient,
            "authoredOn": "2016-01-01",
            # A client that may see only Patient 5's request must learn nothing of Patient 4 through it.
            "requester": {"agent": _refers("Patient/4")},
        },
    ]


def _directory() -> list[Resource]:
    ods = "https://fhir.nhs.uk/Id/ods-organization-code"
    return [
        {
            "resourceType": "Organization",
            "id": "P1",
            "identifier": [{"system": ods, "value": "P1"}],
            "name": "Moorside Surgery",
            "alias": ["The Moor"],
            "address": [{"postalCode": "LS2 9JT"}],
        },
        {
            "resourceType": "Location",
            "id": "L1",
            "identifier": [{"system": ods, "value": "L1"}],
            "name": "Ward 7",
            "address": {"postalCode": "LS1 3EX"},
            "managingOrganization": _refers("Organization/P1"),
        },
        {
            "resourceType": "Practitioner",
            "id": "G1",
            "identifier": [{"system": "https://fhir.nhs.uk/Id/sds-user-id", "value": "G1"}],
            "name": [{"family": "Swamp", "given": ["Karen"], "prefix": ["Dr"]}],
        },
        {
            "resourceType": "PractitionerRole",
            "id": "r1",
            "practitioner": _refers("Practitioner/G1"),
            "organization": _refers("Organization/P1"),
        },
        {
            "resourceType": "HealthcareService",
            "id": "h1",
            "name": "Diabetes Clinic",
            "providedBy": _refers("Organization/P1"),
        },
    ]
