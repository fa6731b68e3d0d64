"""The kinds of requests that are measured in a small table and in a large one."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.setup.measured_reader import Request
from benchmarks.setup.small_records import COMMON_CODE, LOINC, NHS_NUMBER, Region, nhs_number, patient_id


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: its name, an example for a region, and whether it has further pages."""

    name: str
    example: Callable[[Region, random.Random], Request]
    has_pages: bool = True


def _always(path: str, *parameters: tuple[str, str]) -> Callable[[Region, random.Random], Request]:
    return lambda _region, _choose: Request(path, parameters)


def _identifier(number: int) -> str:
    return f"{NHS_NUMBER}|{nhs_number(number)}"


KINDS: Final = (
    Kind(
        "read",
        lambda region, choose: Request(f"Patient/{patient_id(region.any_patient(choose))}"),
        has_pages=False,
    ),
    Kind(
        "`identifier`",
        lambda region, choose: Request("Patient", [("identifier", _identifier(region.any_patient(choose)))]),
        has_pages=False,
    ),
    Kind(
        "`patient`",
        lambda region, choose: Request("Observation", [("patient", patient_id(region.any_long_record(choose)))]),
    ),
    Kind(
        "`patient.identifier`",
        lambda region, choose: Request(
            "Observation", [("patient.identifier", _identifier(region.any_long_record(choose)))]
        ),
    ),
    Kind("no parameter", _always("Observation")),
    Kind("`code`", _always("Observation", ("code", f"{LOINC}|{COMMON_CODE}"))),
    Kind("`name`", _always("Patient", ("name", "m"))),
    Kind("`_has`", _always("Patient", ("_has:Observation:patient:status", "final"))),
)
"""Searches without a patient match most of the table."""
