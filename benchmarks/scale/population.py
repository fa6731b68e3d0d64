"""A population of any size: each resource, its id and its dates follow from its number, and its number from its id.

A record holds `each` resources of every `Kind`. Those of one kind are numbered in the default order of their type, the
oldest first; the patient of a number is its remainder by the number of patients. Everything else that an index holds
depends on the number's remainder by `PERIOD`, so that any range of any index can be computed. A few resources have a
further value (`RARE_NAME`, `RARE_CODE`), always as many.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from benchmarks.scale import templates

from careconnect.storage.keys import SHARDS, shard_of

PERIOD: Final = templates.FIRST_PERIOD * templates.SECOND_PERIOD
RARE: Final = 10
"""Resources of a kind with the rare value, however many there are."""

_DIGITS: Final = 9
_ENDS: Final = "0145"
"""The last characters of the ids in a block of `SHARDS` numbers: each is in another shard."""

_FIRST_BIRTH: Final = datetime(1930, 1, 1, tzinfo=UTC)
_DAYS: Final = 32_000
_FIRST_DAY: Final = datetime(2010, 1, 1, tzinfo=UTC)
_SECONDS: Final = 14 * 365 * 86_400
_LOADED: Final = 1_714_557_600_000
_SPREAD: Final = 1_000_003
"""A prime: blocks are loaded in the order of their products with it, so that no index is in the order of another."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resources: its type, the letter that its ids begin with, and how many a record holds."""

    name: str
    letter: str
    each: int


PATIENT: Final = Kind("Patient", "p", 1)
OBSERVATION: Final = Kind("Observation", "o", 24)
ENCOUNTER: Final = Kind("Encounter", "e", 6)
CONDITION: Final = Kind("Condition", "c", 4)
PRESCRIPTION: Final = Kind("MedicationRequest", "m", 3)
KINDS: Final = (PATIENT, OBSERVATION, ENCOUNTER, CONDITION, PRESCRIPTION)

_BY_LETTER: Final[Mapping[str, Kind]] = {kind.letter: kind for kind in KINDS}
ID: Final = re.compile(rf"(?<![0-9a-z])([{''.join(_BY_LETTER)}])([0-9]{{{_DIGITS}}})([{_ENDS}])(?![0-9a-z])")


def resource_id(kind: Kind, number: int) -> str:
    """Return the id of a resource. Ids are sorted as numbers are."""
    block, place = divmod(number, SHARDS)
    return f"{kind.letter}{block:0{_DIGITS}}{_ENDS[place]}"


def numbered(text: str) -> tuple[Kind, int] | None:
    """Return the kind and number of the first id in a text, or None if there is none; it need not exist."""
    found = ID.search(text)
    if found is None:
        return None
    return _BY_LETTER[found[1]], int(found[2]) * SHARDS + _ENDS.index(found[3])


@dataclass(frozen=True, slots=True)
class Population:
    """A number of patients with their records, which must be a multiple of the shards of an index."""

    patients: int

    def __post_init__(self) -> None:
        """Raise `ValueError` for a number of patients that has no whole blocks."""
        if self.patients % SHARDS or not self.patients:
            raise ValueError(f"{self.patients} is no multiple of {SHARDS}")

    def total(self, kind: Kind) -> int:
        """Return how many resources of a kind there are."""
        return self.patients * kind.each

    def blocks(self, kind: Kind) -> int:
        """Return how many resources of a kind each shard holds."""
        return self.total(kind) // SHARDS

    def in_shard(self, kind: Kind, block: int, shard: int) -> int:
        """Return the only number of a block that is in a shard."""
        numbers = range(block * SHARDS, (block + 1) * SHARDS)
        return next(number for number in numbers if shard_of(resource_id(kind, number)) == shard)

    def loaded_at(self, kind: Kind, rank: int) -> int:
        """Return the block that was loaded as the `rank`th of its kind."""
        return rank * _SPREAD % self.blocks(kind)

    def updated(self, kind: Kind, number: int) -> int:
        """Return the time at which a resource was loaded, in epoch milliseconds."""
        blocks = self.blocks(kind)
        return _LOADED + number // SHARDS * pow(_SPREAD, -1, blocks) % blocks

    def date(self, kind: Kind, number: int) -> datetime:
        """Return the date by which a resource is ordered: a day for patients, else a second."""
        if kind is PATIENT:
            return _FIRST_BIRTH + timedelta(days=number * _DAYS // self.total(kind))
        return _FIRST_DAY + timedelta(seconds=number * _SECONDS // self.total(kind))

    def rare(self, kind: Kind) -> range:
        """Return the numbers of the resources with the rare value."""
        step = max(self.total(kind) // RARE, 1)
        return range(step // 2, self.total(kind), step)[:RARE] if kind in (PATIENT, OBSERVATION) else range(0)

    def record(self, patient: int) -> Iterator[tuple[Kind, int]]:
        """Yield the kind and number of each resource of a patient's record."""
        for kind in KINDS:
            for nth in range(kind.each):
                yield kind, patient + nth * self.patients

    def resource(self, kind: Kind, number: int, *, rare: bool = True) -> dict[str, Any]:
        """Return a resource; without its rare value if `rare` is False."""
        own, date = resource_id(kind, number), self.date(kind, number)
        special = rare and number in self.rare(kind)
        if kind is PATIENT:
            return templates.patient(own, number, date, special)
        patient, nth = number % self.patients, number // self.patients
        visit = resource_id(ENCOUNTER, patient + nth % ENCOUNTER.each * self.patients)
        about = templates.About(own, number, date, resource_id(PATIENT, patient), visit)
        if kind is OBSERVATION:
            return templates.observation(about, special)
        return {ENCOUNTER: templates.encounter, CONDITION: templates.condition}.get(kind, templates.prescription)(about)
