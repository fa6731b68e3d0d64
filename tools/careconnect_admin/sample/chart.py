"""The data shared by the resources of one sample patient: identity, doctors, encounter days."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, Final

from careconnect_admin.sample.directory import (
    CONSULTANTS,
    DOCTORS_PER_PRACTICE,
    PRACTICES,
    consultant_id,
    doctor_id,
)
from careconnect_admin.sample.elements import identifier
from careconnect_admin.sample.words import FAMILY_NAMES, FEMALE_NAMES, MALE_NAMES

LATEST: Final = date(2024, 6, 28)
"""The last date in the sample's records. It is fixed, so that a seed gives the same bytes on any day."""

_LOCAL: Final = "https://records.example.org/Id"


@dataclass(frozen=True, slots=True)
class Person:
    """The name, gender and birth date of a sample patient."""

    family: str
    given: tuple[str, ...]
    gender: str
    born: date


class Chart:
    """One sample patient: ids, references, encounter days, and the random generator for the rest of the data."""

    def __init__(self, random: Random, number: int, nhs_number: str, person: Person | None = None) -> None:
        self.random = random
        self.number = number
        self.patient_id = str(number)
        self.nhs_number = nhs_number
        self.practice = number % len(PRACTICES)
        self.doctor = f"Practitioner/{doctor_id(self.practice, number % DOCTORS_PER_PRACTICE)}"
        self.consultant = f"Practitioner/{consultant_id(number % CONSULTANTS)}"
        self.subject = {"reference": f"Patient/{self.patient_id}"}
        self.person = person or _anybody(random, number)
        self.days = self._encounter_days()

    def own_id(self, index: int) -> str:
        """Return the id of the patient's resource with that index, within any one type."""
        return f"{self.patient_id}-{index + 1}"

    def local(self, kind: str, index: int) -> list[dict[str, Any]]:
        """Return the local identifier of the resource with that index, as a value of the element `identifier`."""
        return [identifier(f"{_LOCAL}/{kind}", self.own_id(index))]

    def encounter_at(self, index: int) -> dict[str, str]:
        """Return the reference to an encounter; an index past the last one wraps around."""
        return {"reference": f"Encounter/{self.own_id(index % len(self.days))}"}

    def minutes(self) -> int:
        """Return a random time of the working day, in minutes after midnight."""
        return self.random.randrange(8 * 60, 17 * 60)

    def several(self, choices: tuple[Any, ...], count: int) -> list[Any]:
        """Return up to `count` different elements of `choices`, in random order."""
        left = list(choices)
        return [left.pop(self.random.randrange(len(left))) for _ in range(min(count, len(left)))]

    def _encounter_days(self) -> list[date]:
        day = LATEST - timedelta(days=self.random.randrange(0, 90))
        days = [day]
        for _ in range(2 + self.number % 3):
            day -= timedelta(days=self.random.randrange(30, 300))
            days.append(day)
        return days[::-1]


def _anybody(random: Random, number: int) -> Person:
    gender, names = random.choice((("female", FEMALE_NAMES), ("male", MALE_NAMES)))
    first = random.choice(names)
    second = random.choice(tuple(name for name in names if name != first))
    given = (first, second) if number % 3 == 0 else (first,)
    born = date(1934, 1, 1) + timedelta(days=random.randrange(365 * 70))
    return Person(random.choice(FAMILY_NAMES), given, gender, born)
