"""Make up transactions in the shape of Synthea's: a patient's record, and the directory that it refers to.

Synthea's Bundles of the types that are written have 83 entries in the median, and 384 at most. All entries are created,
and refer to each other by their full URLs, which are UUIDs.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any, Final

from careconnect_records.parsing.exact_json import JsonNumber

Resource = dict[str, Any]

SIZES: Final = (12, 24, 35, 44, 52, 58, 64, 70, 76, 81, 85, 91, 98, 108, 121, 140, 168, 209, 285, 384)
"""The entries of twenty Bundles."""

_SYNTHEA: Final = "https://github.com/synthetichealth/synthea"
_LOINC: Final = "http://loinc.org"
_SNOMED: Final = "http://snomed.info/sct"
_UCUM: Final = "http://unitsofmeasure.org"
_CLASS: Final = "http://hl7.org/fhir/v3/ActCode"
_RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
_XHTML: Final = "http://www.w3.org/1999/xhtml"
_OFFSET: Final = timezone(timedelta(hours=-5))

_MEASURED: Final = (
    ("8302-2", "Body Height", "cm", 150, 195),
    ("29463-7", "Body Weight", "kg", 45, 120),
    ("39156-5", "Body Mass Index", "kg/m2", 18, 40),
    ("2339-0", "Glucose", "mg/dL", 65, 160),
    ("2093-3", "Total Cholesterol", "mg/dL", 140, 260),
    ("18262-6", "Low Density Lipoprotein Cholesterol", "mg/dL", 60, 180),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%", 4, 9),
)
_CONDITIONS: Final = (
    ("444814009", "Viral sinusitis (disorder)"),
    ("195662009", "Acute viral pharyngitis (disorder)"),
    ("10509002", "Acute bronchitis (disorder)"),
    ("38341003", "Hypertension"),
    ("15777000", "Prediabetes"),
)
_PROCEDURES: Final = (
    ("430193006", "Medication Reconciliation (procedure)"),
    ("76601001", "Intramuscular injection"),
    ("23426006", "Measurement of respiratory function (procedure)"),
)
_VACCINES: Final = (
    ("140", "Influenza, seasonal, injectable, preservative free"),
    ("113", "Td (adult) preservative free"),
    ("62", "HPV, quadrivalent"),
)
_MEDICINES: Final = (
    ("313782", "Acetaminophen 325 MG Oral Tablet"),
    ("834060", "Penicillin V Potassium 250 MG Oral Tablet"),
    ("314076", "lisinopril 10 MG Oral Tablet"),
)
_ALLERGIES: Final = (("419474003", "Allergy to mould"), ("425525006", "Allergy to dairy product"))


def patient_bundle(entries: int, seed: int) -> Resource:
    """Return a transaction with so many entries, the same for the same seed."""
    record = _Record(Random(seed))
    while len(record.entries) < entries:
        record.add_encounter()
    # Each refers to earlier ones only.
    return {"resourceType": "Bundle", "type": "transaction", "entry": record.entries[:entries]}


@dataclass
class _Record:
    random: Random
    entries: list[Resource] = field(default_factory=list)
    practices: list[tuple[str, str]] = field(default_factory=list)
    patient: str = ""
    problem: str = ""
    at: datetime = datetime(2008, 3, 4, 9, 30, tzinfo=_OFFSET)

    def add_encounter(self) -> None:
        """Add a visit, with what was found and done."""
        self.patient = self.patient or self._add(self._patient())
        self.at += timedelta(days=self.random.randrange(20, 200), minutes=self.random.randrange(600))
        practice, doctor = self._practice()
        encounter = self._add(self._encounter(practice, doctor))
        for resource in self._of_visit(encounter, practice, doctor):
            name = self._add(resource)
            self.problem = name if resource["resourceType"] == "Condition" else self.problem

    def _add(self, resource: Resource) -> str:
        name = f"urn:uuid:{uuid.UUID(int=self.random.getrandbits(128), version=4)}"
        type_name = resource["resourceType"]
        self.entries.append(
            {
                "fullUrl": name,
                "resource": {"resourceType": type_name, "id": name.removeprefix("urn:uuid:"), **resource},
                "request": {"method": "POST", "url": type_name},
            }
        )
        return name

    def _practice(self) -> tuple[str, str]:
        """Return an organization and its doctor, which now and then are new ones."""
        if not self.practices or self.random.random() < 0.1:
            number = self.random.randrange(10**6)
            organization = self._add(
                {
                    "resourceType": "Organization",
                    "identifier": [{"system": _SYNTHEA, "value": f"organization-{number}"}],
                    "active": True,
                    "type": [{"coding": [{"system": "http://hl7.org/fhir/organization-type", "code": "prov"}]}],
                    "name": f"PCP{number}",
                    "telecom": [{"system": "phone", "value": "5085550100"}],
                    "address": [{"line": ["1 Main St"], "city": "Boston", "state": "MA", "country": "US"}],
                }
            )
            practitioner = self._add(
                {
                    "resourceType": "Practitioner",
                    "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": str(number)}],
                    "active": True,
                    "name": [{"family": f"Kutch{number % 1000}", "given": ["Dorothy"], "prefix": ["Dr."]}],
                    "gender": "female",
                }
            )
            self.practices.append((organization, practitioner))
        return self.random.choice(self.practices)

    def _patient(self) -> Resource:
        number = self.random.randrange(10**9)
        race = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
        geolocation = "http://hl7.org/fhir/StructureDefinition/geolocation"
        return {
            "resourceType": "Patient",
            "text": {"status": "generated", "div": f'<div xmlns="{_XHTML}">Generated by a test.</div>'},
            "extension": [
                {
                    "url": race,
                    "extension": [
                        {
                            "url": "ombCategory",
                            "valueCoding": {"system": "urn:oid:2.16.840.1.113883.6.238", "code": "2106-3"},
                        },
                        {"url": "text", "valueString": "White"},
                    ],
                },
                {
                    "url": "http://hl7.org/fhir/StructureDefinition/birthPlace",
                    "valueAddress": {"city": "Boston", "state": "MA", "country": "US"},
                },
            ],
            "identifier": [
                {"system": _SYNTHEA, "value": str(uuid.UUID(int=self.random.getrandbits(128), version=4))},
                {
                    "type": _concept("http://hl7.org/fhir/v2/0203", "MR", "Medical Record Number"),
                    "system": "http://hospital.smarthealthit.org",
                    "value": f"mr-{number}",
                },
                {
                    "type": _concept("http://hl7.org/fhir/identifier-type", "SB", "Social Beneficiary Identifier"),
                    "system": "http://hl7.org/fhir/sid/us-ssn",
                    "value": f"999-{number % 90 + 10}-{number % 9000 + 1000}",
                },
            ],
            "name": [
                {
                    "use": "official",
                    "family": f"Dare{number % 1000}",
                    "given": [f"Ilse{number % 97}"],
                    "prefix": ["Ms."],
                }
            ],
            "telecom": [
                {"system": "phone", "value": f"555-{number % 900 + 100}-{number % 9000 + 1000}", "use": "home"}
            ],
            "gender": "female",
            "birthDate": f"{self.random.randrange(1930, 2005)}-0{self.random.randrange(1, 10)}-17",
            "address": [
                {
                    "extension": [
                        {
                            "url": geolocation,
                            "extension": [
                                {"url": "latitude", "valueDecimal": JsonNumber("42.35")},
                                {"url": "longitude", "valueDecimal": JsonNumber("-71.06")},
                            ],
                        }
                    ],
                    "line": [f"{number % 900} Beacon St"],
                    "city": "Boston",
                    "state": "MA",
                    "postalCode": "02108",
                    "country": "US",
                }
            ],
            "maritalStatus": _concept("http://hl7.org/fhir/v3/MaritalStatus", "M", "Married"),
            "multipleBirthBoolean": False,
            "communication": [{"language": _concept("urn:ietf:bcp:47", "en-US", "English")}],
        }

    def _encounter(self, practice: str, doctor: str) -> Resource:
        return {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"system": _CLASS, "code": "AMB"},
            "type": [_concept(_SNOMED, "185345009", "Encounter for symptom")],
            "subject": {"reference": self.patient, "display": "Ms. Dare"},
            "participant": [{"individual": {"reference": doctor}}],
            "period": {"start": self._time(), "end": self._time(minutes=30)},
            "serviceProvider": {"reference": practice},
        }

    def _of_visit(self, encounter: str, practice: str, doctor: str) -> Iterator[Resource]:
        """Yield about a dozen resources, observations above all."""
        of_visit = {"subject": {"reference": self.patient}, "context": {"reference": encounter}}
        if self.random.random() < 0.5:
            yield self._condition(of_visit)
        if self.random.random() < 0.05:
            yield self._allergy()
        if self.random.random() < 0.7:
            yield self._blood_pressure(of_visit)
            yield self._smoking_status(of_visit)
        for measured in self.random.sample(_MEASURED, self.random.randrange(len(_MEASURED))):
            yield self._observation(of_visit, measured)
        if self.random.random() < 0.5:
            yield self._procedure(of_visit)
        for code, display in self.random.sample(_VACCINES, self.random.randrange(3)):
            yield {
                "resourceType": "Immunization",
                "status": "completed",
                "notGiven": False,
                "vaccineCode": _concept("http://hl7.org/fhir/sid/cvx", code, display),
                "patient": {"reference": self.patient},
                "encounter": {"reference": encounter},
                "date": self._time(),
                "primarySource": True,
            }
        if self.problem and self.random.random() < 0.5:
            yield self._medication_request(of_visit, practice, doctor)

    def _condition(self, of_visit: Resource) -> Resource:
        is_over = self.random.random() < 0.5
        return {
            "resourceType": "Condition",
            "clinicalStatus": "resolved" if is_over else "active",
            "verificationStatus": "confirmed",
            "code": _concept(_SNOMED, *self.random.choice(_CONDITIONS)),
            **of_visit,
            "onsetDateTime": self._time(),
            **({"abatementDateTime": self._time(minutes=20_000)} if is_over else {}),
            "assertedDate": self._time(),
        }

    def _allergy(self) -> Resource:
        return {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "type": "allergy",
            "category": ["food"],
            "criticality": "low",
            "code": _concept(_SNOMED, *self.random.choice(_ALLERGIES)),
            "patient": {"reference": self.patient},
            "assertedDate": self._time(),
        }

    def _observed(self, of_visit: Resource, category: str, code: str, display: str) -> Resource:
        return {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"coding": [{"system": "http://hl7.org/fhir/observation-category", "code": category}]}],
            "code": _concept(_LOINC, code, display),
            **of_visit,
            "effectiveDateTime": self._time(),
            "issued": self._time(milliseconds=True),
        }

    def _observation(self, of_visit: Resource, measured: tuple[str, str, str, int, int]) -> Resource:
        code, display, unit, low, high = measured
        value = _quantity(self.random.uniform(low, high), unit)
        return {**self._observed(of_visit, "vital-signs", code, display), "valueQuantity": value}

    def _blood_pressure(self, of_visit: Resource) -> Resource:
        components = [
            {"code": _concept(_LOINC, code, display), "valueQuantity": _quantity(self.random.uniform(*span), "mm[Hg]")}
            for code, display, span in (
                ("8462-4", "Diastolic Blood Pressure", (60, 95)),
                ("8480-6", "Systolic Blood Pressure", (100, 150)),
            )
        ]
        return {**self._observed(of_visit, "vital-signs", "55284-4", "Blood Pressure"), "component": components}

    def _smoking_status(self, of_visit: Resource) -> Resource:
        value = _concept(_SNOMED, "266919005", "Never smoker")
        return {
            **self._observed(of_visit, "survey", "72166-2", "Tobacco smoking status"),
            "valueCodeableConcept": value,
        }

    def _procedure(self, of_visit: Resource) -> Resource:
        return {
            "resourceType": "Procedure",
            "status": "completed",
            "code": _concept(_SNOMED, *self.random.choice(_PROCEDURES)),
            **of_visit,
            "performedPeriod": {"start": self._time(), "end": self._time(minutes=15)},
            **({"reasonReference": [{"reference": self.problem}]} if self.problem else {}),
        }

    def _medication_request(self, of_visit: Resource, practice: str, doctor: str) -> Resource:
        return {
            "resourceType": "MedicationRequest",
            "status": "stopped",
            "intent": "order",
            "medicationCodeableConcept": _concept(_RXNORM, *self.random.choice(_MEDICINES)),
            **of_visit,
            "authoredOn": self._time(),
            "requester": {"agent": {"reference": doctor}, "onBehalfOf": {"reference": practice}},
            "reasonReference": [{"reference": self.problem}],
            "dosageInstruction": [
                {
                    "sequence": 1,
                    "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                    "asNeededBoolean": False,
                    "doseQuantity": {"value": 1},
                }
            ],
        }

    def _time(self, *, minutes: int = 0, milliseconds: bool = False) -> str:
        return (self.at + timedelta(minutes=minutes)).isoformat(timespec="milliseconds" if milliseconds else "seconds")


def _concept(system: str, code: str, display: str) -> Resource:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def _quantity(value: float, unit: str) -> Resource:
    return {"value": JsonNumber(f"{value:.1f}"), "unit": unit, "system": _UCUM, "code": unit}
