"""The kinds of requests that are measured, and what a page of them may cost at most."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from benchmarks.measured_reader import Request
from benchmarks.small_records import (
    COMMON_CODE,
    LOINC,
    NHS_NUMBER,
    RARE_CODE,
    Region,
    nhs_number,
    patient_id,
)

from careconnect.storage.keys import SHARDS
from fhir_reader.budget import MOST_CALLS
from fhir_reader.search.scan import MOST_EXAMINED

MOST_ENTRIES: Final = 2 * (MOST_EXAMINED + 2 * SHARDS)
"""Entries of the type that a page may read: its share to find a way and to walk it, and of each range two that tell of
more."""

_ENTRY_BYTES: Final = 640
_BODIES: Final = 21


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request: its name, an example for a region, whether it has further pages, and how many are looked at.

    `looks_up` are the entries, and `fetches` the records, beside the type's that its candidates are asked for.
    """

    name: str
    example: Callable[[Region, random.Random], Request]
    has_pages: bool = True
    later_pages: int = 40
    looks_up: int = 0
    fetches: int = 0

    @property
    def looks_further(self) -> bool:
        """Say whether candidates are asked for what they lead to: in a larger table, fewer of them to the same."""
        return bool(self.looks_up or self.fetches)

    @property
    def most_entries(self) -> int:
        """Entries that a page may read."""
        return MOST_ENTRIES + self.looks_up

    @property
    def most_units(self) -> float:
        """Read units that a page may consume: its entries, its bodies, and the half unit to which a call is rounded."""
        return self.most_entries * _ENTRY_BYTES / 8192 + (self.fetches + _BODIES + MOST_CALLS) / 2


def _always(path: str, *parameters: tuple[str, str]) -> Callable[[Region, random.Random], Request]:
    return lambda _region, _choose: Request(path, parameters)


def _of_long_record(path: str, *parameters: tuple[str, str]) -> Callable[[Region, random.Random], Request]:
    return lambda region, choose: Request(path, (("patient", patient_id(region.any_long_record(choose))), *parameters))


_COMMON: Final = ("code", f"{LOINC}|{COMMON_CODE}")
# A candidate's referrers are asked for 25 at a time.
_REFERRERS: Final = 25 * MOST_CALLS

KINDS: Final = (
    Kind(
        "read",
        lambda region, choose: Request(f"Patient/{patient_id(region.any_patient(choose))}"),
        has_pages=False,
    ),
    Kind(
        "identifier",
        lambda region, choose: Request(
            "Patient", [("identifier", f"{NHS_NUMBER}|{nhs_number(region.any_patient(choose))}")]
        ),
        has_pages=False,
    ),
    Kind("a patient's record", _of_long_record("Observation")),
    Kind("a patient's record, by code", _of_long_record("Observation", _COMMON)),
    Kind(
        "chain from its target",
        lambda region, choose: Request(
            "Observation", [("patient.identifier", f"{NHS_NUMBER}|{nhs_number(region.any_long_record(choose))}")]
        ),
    ),
    Kind("no criterion", _always("Observation")),
    Kind("no criterion, `_total=none`", _always("Observation", ("_total", "none"))),
    Kind("`code`, common", _always("Observation", _COMMON)),
    Kind("`code` of any system, common", _always("Observation", ("code", COMMON_CODE))),
    Kind("`date`, most of them", _always("Observation", ("date", "ge2012"))),
    Kind("`gender`", _always("Patient", ("gender", "female"))),
    Kind("`gender`, `_total=none`", _always("Patient", ("gender", "female"), ("_total", "none"))),
    Kind("`gender`, one of 500", _always("Patient", ("gender", "other")), later_pages=8),
    Kind("`name` of all", _always("Patient", ("name", "m"))),
    Kind("`name` of one in eight", _always("Patient", ("family", "crow"))),
    Kind(
        "`_lastUpdated`, the last 500",
        lambda region, _: Request("Patient", [("_lastUpdated", f"ge{region.since(500)}")]),
    ),
    Kind("`_lastUpdated`, all", _always("Patient", ("_lastUpdated", "ge2020"))),
    Kind("`_sort=_lastUpdated`", _always("Patient", ("_sort", "_lastUpdated"))),
    Kind("`_sort=-_lastUpdated`", _always("Patient", ("_sort", "-_lastUpdated"))),
    Kind("`_sort=birthdate`", _always("Patient", ("_sort", "birthdate"))),
    Kind("chain as a filter", _always("Observation", ("patient.gender", "female")), fetches=MOST_EXAMINED),
    Kind(
        "`_has` of few", _always("Patient", ("_has:Observation:patient:code", f"{LOINC}|{RARE_CODE}")), has_pages=False
    ),
    Kind("`_has` as a filter", _always("Patient", ("_has:Observation:patient:status", "final")), looks_up=_REFERRERS),
)
