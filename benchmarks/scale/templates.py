"""The content of a made-up resource, by its number.

Values that an index holds depend on two remainders of the number, by `FIRST_PERIOD` and by `SECOND_PERIOD`. These have
no common divisor, so each value of the one occurs with each of the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

FIRST_PERIOD: Final = 11
SECOND_PERIOD: Final = 13

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
COMMON_CODE: Final = "85354-9"
"""The code of ten observations in eleven."""
SECOND_CODE: Final = "8867-4"
RARE_CODE: Final = "8310-5"
RARE_NAME: Final = "Quillon"

_PROFILE: Final = "https://fhir.hl7.org.uk/STU3/StructureDefinition/CareConnect-{}-1"
_IDS: Final = "https://records.example.org/Id/{}"
_GIVEN: Final = ("Ada", "Bryn", "Carys", "Dev", "Esme", "Farah", "Gwen", "Hari", "Iona", "Jude", "Kit")
_FAMILIES: Final = (
    *("Ashworth", "Barraclough", "Crowther", "Dewhirst", "Entwistle", "Greenwood", "Holroyd", "Mallinson"),
    *("Metcalfe", "Midgley", "Murgatroyd", "Naylor", "Ogden"),
)
_CITIES: Final = ("Harrowbeck", "Lindale Moor", "Stainbridge")
_PRACTICES: Final = ("SAMPLE-GP1", "SAMPLE-GP2")
_PRACTITIONERS: Final = ("gp-1-1", "gp-2-2")
_PROBLEMS: Final = ("195967001", "38341003", "44054006", "73211009", "84114007")
_MEDICINES: Final = ("317896006", "319775004", "320029006")
_OTHER_GENDER: Final = 509


@dataclass(frozen=True, slots=True)
class About:
    """The id, number and date of a resource, and the ids of its patient and encounter."""

    id: str
    number: int
    date: datetime
    patient: str
    encounter: str

    def links(self) -> dict[str, Any]:
        """Return the references to patient and encounter."""
        return {
            "subject": {"reference": f"Patient/{self.patient}"},
            "context": {"reference": f"Encounter/{self.encounter}"},
        }


def nhs_number(number: int) -> str:
    """Return a patient's number, of ten digits like an NHS number."""
    return f"9{number:09}"


def patient(own: str, number: int, born: datetime, special: bool) -> dict[str, Any]:
    """Return a patient, with a second given name if `special`."""
    first, second = number % FIRST_PERIOD, number % SECOND_PERIOD
    practice = _PRACTICES[first % len(_PRACTICES)]
    return {
        **_head("Patient", own),
        "identifier": [{"system": NHS_NUMBER, "value": nhs_number(number)}],
        "active": True,
        "name": [{"family": _FAMILIES[second], "given": [_GIVEN[first], *([RARE_NAME] if special else [])]}],
        "telecom": [{"system": "email", "value": f"{own}@example.org"}],
        "gender": "other" if number % _OTHER_GENDER == 7 else ("female", "male")[number % 2],
        "birthDate": born.date().isoformat(),
        "address": [{"city": _CITIES[second % 3], "postalCode": f"XB{second} 7HQ", "country": "GB"}],
        "generalPractitioner": [{"reference": f"Practitioner/{_PRACTITIONERS[second % 2]}"}],
        "managingOrganization": {"reference": f"Organization/{practice}"},
    }


def observation(about: About, special: bool) -> dict[str, Any]:
    """Return a patient's observation, with a second code if `special`."""
    first, second = about.number % FIRST_PERIOD, about.number % SECOND_PERIOD
    codes = [COMMON_CODE if first else SECOND_CODE, *([RARE_CODE] if special else [])]
    return {
        **_head("Observation", about.id),
        "identifier": [{"system": _IDS.format("observation"), "value": about.id}],
        "status": "final" if about.number % 17 else "amended",
        "category": [_concept("http://hl7.org/fhir/observation-category", "vital-signs")],
        "code": {"coding": [{"system": LOINC, "code": code} for code in codes]},
        **about.links(),
        "effectiveDateTime": _instant(about.date),
        "performer": [{"reference": f"Practitioner/{_PRACTITIONERS[second % 2]}"}],
        "valueQuantity": {
            "value": 60 + about.number * 7919 % 97,
            "unit": "mmHg",
            "system": "http://unitsofmeasure.org",
            "code": "mm[Hg]",
        },
    }


def encounter(about: About) -> dict[str, Any]:
    """Return an encounter of twenty minutes."""
    return {
        **_head("Encounter", about.id),
        "identifier": [{"system": _IDS.format("encounter"), "value": about.id}],
        "status": "finished",
        "class": {"system": "http://hl7.org/fhir/v3/ActCode", "code": "AMB"},
        "type": [_concept(SNOMED, "390906007")],
        "subject": about.links()["subject"],
        "participant": [{"individual": {"reference": f"Practitioner/{_of(_PRACTITIONERS, about)}"}}],
        "period": {"start": _instant(about.date), "end": _instant(about.date + timedelta(minutes=20))},
        "reason": [_concept(SNOMED, _of(_PROBLEMS, about))],
        "serviceProvider": {"reference": f"Organization/{_of(_PRACTICES, about)}"},
    }


def condition(about: About) -> dict[str, Any]:
    """Return a problem."""
    return {
        **_head("Condition", about.id),
        "identifier": [{"system": _IDS.format("condition"), "value": about.id}],
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
        "category": [_concept("http://hl7.org/fhir/condition-category", "problem-list-item")],
        "code": _concept(SNOMED, _of(_PROBLEMS, about)),
        **about.links(),
        "assertedDate": _instant(about.date),
        "asserter": {"reference": f"Practitioner/{_of(_PRACTITIONERS, about)}"},
    }


def prescription(about: About) -> dict[str, Any]:
    """Return an order of a medicine."""
    return {
        **_head("MedicationRequest", about.id),
        "identifier": [{"system": _IDS.format("prescription"), "value": about.id}],
        "status": "active",
        "intent": "order",
        "medicationCodeableConcept": _concept(SNOMED, _of(_MEDICINES, about)),
        **about.links(),
        "authoredOn": _instant(about.date),
        "requester": {"agent": {"reference": f"Practitioner/{_of(_PRACTITIONERS, about)}"}},
    }


def _head(name: str, own: str) -> dict[str, Any]:
    tested = {"system": "http://hl7.org/fhir/v3/ActReason", "code": "HTEST"}
    return {"resourceType": name, "id": own, "meta": {"profile": [_PROFILE.format(name)], "security": [tested]}}


def _concept(system: str, code: str) -> Mapping[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def _of(values: tuple[str, ...], about: About) -> str:
    return values[about.number % SECOND_PERIOD % len(values)]


def _instant(date: datetime) -> str:
    return f"{date:%Y-%m-%dT%H:%M:%S}Z"
