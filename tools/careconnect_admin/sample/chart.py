"""What the resources of one sample patient share: who it is, whose care it is in, and the days of its encounters."""

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
"""The day on which the sample's records end, so that the same seed gives the same bytes on any day."""

_LOCAL: Final = "https://records.example.org/Id"


@dataclass(frozen=True, slots=True)
class Person:
    """Who a sample patient is, where that is not left to chance."""

    family: str
    given: tuple[str, ...]
    gender: str
    born: date


class Chart:
    """One patient's place in the sample: ids, references, encounter days, and the chance that decides the rest."""

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
        """Return the id of the patient's resource of some type, by its index."""
        return f"{self.patient_id}-{index + 1}"

    def local(self, kind: str, index: int) -> list[dict[str, Any]]:
        """Return the local identifier of the resource with that index, as the element `identifier` holds it."""
        return [identifier(f"{_LOCAL}/{kind}", self.own_id(index))]

    def encounter_at(self, index: int) -> dict[str, str]:
        """Return the reference to an encounter; the indexes go round."""
        return {"reference": f"Encounter/{self.own_id(index % len(self.days))}"}

    def minutes(self) -> int:
        """Return a time of the working day, in minutes after midnight."""
        return self.random.randrange(8 * 60, 17 * 60)

    def several(self, choices: tuple[Any, ...], count: int) -> list[Any]:
        """Return different ones of `choices`, in chance order."""
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
