"""Create synthetic patients, in addition to the project's sample, as items of the table, always the same for a number.

Each is created from a patient of the sample and reduced to the content of a register, so that index entries have a
realistic size.
"""

import hashlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.sample.records import sample_resources
from careconnect_records.writes.plan import plan_version
from careconnect_records.writes.target import Target

Item = dict[str, Any]

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
LOINC: Final = "http://loinc.org"
COMMON_CODE: Final = "85354-9"
"""The code of nine observations in ten."""
RARE_CODE: Final = "8310-5"
"""The code of observations of ten patients, however many there are."""

LONG_RECORD: Final = 61
"""Observations of every hundredth patient; the others have one."""

_LOADED: Final = 1_714_557_600_000
_PATIENT: Final = "4"
_FIRST_DAY: Final = datetime(2010, 1, 1, tzinfo=UTC)
_FAMILIES: Final = (
    "Ashworth",
    "Barraclough",
    "Crowther",
    "Dewhirst",
    "Entwistle",
    "Greenwood",
    "Holroyd",
    "Murgatroyd",
)
_GIVEN: Final = ("Ada", "Bryn", "Carys", "Dev", "Esme", "Farah", "Gwen", "Hari", "Iona", "Jude", "Kit", "Lena")
_PREFIXES: Final = ("Mr", "Mrs", "Miss", "Ms")


def nhs_number(number: int) -> str:
    """Return a patient's number, of ten digits like an NHS number and never issued as one."""
    return f"999{number:07}"


def patient_id(number: int) -> str:
    """Return a patient's id, of the same length for each, so that each costs the same."""
    return f"p{number:07}"


@dataclass(frozen=True, slots=True)
class Region:
    """A number of synthetic patients, numbered from 0, each changed a second after the one before."""

    patients: int

    def any_patient(self, choose: random.Random) -> int:
        """Return a patient's number."""
        return choose.randrange(self.patients)

    def any_long_record(self, choose: random.Random) -> int:
        """Return the number of a patient with a long record."""
        return choose.randrange(self.patients // 100) * 100

    def items(self) -> Iterator[Item]:
        """Yield all items: of the sample, the patients, their observations, and the key that seals next links."""
        pk, sk = CURSOR_KEY
        # Base64, as DynamoDB's JSON has it.
        key = {"B": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}
        yield {"pk": {"S": pk}, "sk": {"S": sk}, "key": key, "format": {"N": str(FORMAT)}}
        for resource in sample_resources():
            yield from _items(resource, _LOADED)
        makers = _Makers.of_sample()
        for number in range(self.patients):
            for resource in (makers.patient(number), *makers.observations(number)):
                yield from _items(resource, _changed(number))


@dataclass(frozen=True, slots=True)
class _Makers:
    """Makes the resources of a patient by number, from a patient and an observation of the sample."""

    template: Mapping[str, Any]
    observation: Mapping[str, Any]

    @classmethod
    def of_sample(cls) -> "_Makers":
        """Return makers based on the patient in the documents' examples."""
        found: dict[str, Mapping[str, Any]] = {}
        for resource in sample_resources():
            if resource["id"] in (_PATIENT, f"{_PATIENT}-1"):
                found.setdefault(resource["resourceType"], resource)
        return cls(found["Patient"], found["Observation"])

    def patient(self, number: int) -> dict[str, Any]:
        """Return a patient."""
        of_sample = self.template
        (address,) = of_sample["address"]
        return {
            "resourceType": "Patient",
            "id": patient_id(number),
            "meta": of_sample["meta"],
            "identifier": [{"system": NHS_NUMBER, "value": nhs_number(number)}],
            "active": True,
            "name": [
                {
                    "family": _one_of(_FAMILIES, number),
                    "given": [_one_of(_GIVEN, number)],
                    "prefix": [_one_of(_PREFIXES, number)],
                }
            ],
            "telecom": [{"system": "email", "value": f"{patient_id(number)}@example.org"}],
            "gender": "other" if _spread("other", number) % 500 == 0 else _one_of(("female", "male"), number),
            "birthDate": _birth_date(number),
            "address": [{name: address[name] for name in ("city", "postalCode", "country")}],
            "generalPractitioner": of_sample["generalPractitioner"],
            "managingOrganization": of_sample["managingOrganization"],
        }

    def observations(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield a patient's observations."""
        of_sample = self.observation
        for nth in range(LONG_RECORD if number % 100 == 0 else 1):
            resource_id = f"{patient_id(number)}-{nth:02}"
            code = COMMON_CODE if _spread("code", resource_id) % 10 else "8867-4"
            day = _FIRST_DAY + timedelta(days=_spread("day", resource_id) % 5_000)
            yield {
                "resourceType": "Observation",
                "id": resource_id,
                "meta": of_sample["meta"],
                "identifier": [{"system": of_sample["identifier"][0]["system"], "value": resource_id}],
                "status": "final",
                "category": of_sample["category"],
                "code": {"coding": [{"system": LOINC, "code": RARE_CODE if nth == 0 and number < 10 else code}]},
                "subject": {"reference": f"Patient/{patient_id(number)}"},
                "effectiveDateTime": f"{day:%Y-%m-%d}T08:30:00Z",
                "performer": of_sample["performer"],
                "valueQuantity": {
                    "value": 60 + _spread("value", resource_id) % 90,
                    "unit": "mmHg",
                    "system": "http://unitsofmeasure.org",
                    "code": "mm[Hg]",
                },
            }


def _birth_date(number: int) -> str:
    """Return a patient's date of birth."""
    return (datetime(1930, 1, 1, tzinfo=UTC) + timedelta(days=_spread("born", number) % 32_000)).date().isoformat()


def load_request(resource: dict[str, Any]) -> LoadRequest:
    """Return the loader's request to store a resource."""
    served = resource_type(resource["resourceType"])
    assert served is not None
    return LoadRequest(Target(served, resource["id"]), resource)


def _spread(name: str, of: int | str) -> int:
    """Return a pseudo-random number, so that no value is in the order of another."""
    # Not the checksum that spreads ids over shards: one day would be in one shard.
    return int.from_bytes(hashlib.blake2b(f"{name} {of}".encode(), digest_size=4).digest())


def _one_of(names: Sequence[str], number: int) -> str:
    return names[_spread(names[0], number) % len(names)]


def _items(resource: dict[str, Any], changed: int) -> Iterator[Item]:
    plan = plan_version(load_request(resource).target, resource, 1, changed)
    yield from (*plan.bodies, plan.index, *plan.entries.values())


def _changed(number: int) -> int:
    return _LOADED + 3_600_000 + number * 1000
