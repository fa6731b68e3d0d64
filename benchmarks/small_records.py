"""Invented patients with small records, the same for the same numbers, and their items as the loader makes them."""

from collections.abc import Iterator
from typing import Any, Final

from careconnect.record_keys import CURSOR_KEY
from careconnect.resource_types import resource_type
from careconnect_admin.loading.items import build_record, content_of

Item = dict[str, Any]

NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
OBSERVATIONS_PER_PATIENT: Final = 2

_LOADED: Final = 1_714_557_600_000
_SYLLABLES: Final = (
    "ba",
    "den",
    "fo",
    "gur",
    "hal",
    "kin",
    "lo",
    "mer",
    "nor",
    "pel",
    "ri",
    "sot",
    "tam",
    "vex",
    "wil",
    "zu",
)
_CODES: Final = ("27113001", "364075005", "271649006", "431314004", "386725007", "86290005")


def nhs_number(number: int) -> str:
    """Return a patient's number, of ten digits like an NHS number and never issued as one."""
    return f"999{number:07}"


def items(patients: int) -> Iterator[Item]:
    """Yield all items of `patients` patients and their observations, and the key that seals next links."""
    pk, sk = CURSOR_KEY
    # Base64, as DynamoDB's JSON has it.
    yield {"pk": {"S": pk}, "sk": {"S": sk}, "key": {"B": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}}
    for number in range(patients):
        for resource in (_patient(number), *_observations(number)):
            served = resource_type(resource["resourceType"])
            assert served is not None
            record = build_record(content_of(served, resource), 1, _LOADED)
            yield from (*record.bodies, record.index, *record.entries)


def _patient(number: int) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"system": NHS_NUMBER, "value": nhs_number(number)}],
        "name": [{"family": _word(number * 7919), "given": [_word(number * 104_729 + 1)]}],
        "gender": ("female", "male")[number % 2],
        "birthDate": f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}",
        "address": [{"postalCode": f"LS{1 + number % 29} {number % 10}AA"}],
    }


def _observations(number: int) -> Iterator[dict[str, Any]]:
    for nth in range(OBSERVATIONS_PER_PATIENT):
        yield {
            "resourceType": "Observation",
            "id": f"o{number}-{nth}",
            "status": "final",
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": _CODES[(number + nth) % len(_CODES)]}]},
            "subject": {"reference": f"Patient/p{number}"},
            "effectiveDateTime": f"20{10 + nth}-0{1 + number % 9}-{1 + number % 28:02}T08:30:00Z",
        }


def _word(seed: int) -> str:
    return "".join(_SYLLABLES[seed >> shift & 15] for shift in (0, 4, 8)).capitalize()
