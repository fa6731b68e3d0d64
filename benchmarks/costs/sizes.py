"""The three sizes of deployment whose bill is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.costs import load
from benchmarks.costs.events import events_of
from benchmarks.figures import record_bytes
from benchmarks.measurements.record_bytes import OVERHEAD

GIGABYTE: Final = 1e9
HOURS: Final = load.MONTH / load.HOUR
"""The hours of a month."""


@dataclass(frozen=True, slots=True)
class Size:
    """A deployment: its patients, the requests of a month besides tokens, and its clients with a token an hour."""

    patients: int
    requests: int
    clients: int

    @property
    def rates(self) -> Mapping[str, float]:
        """The requests of a month by kind, in the proportions of the base load."""
        whole = sum(load.BASE.values())
        return {name: self.requests * rate / whole for name, rate in load.BASE.items()}

    @property
    def tokens(self) -> float:
        """The tokens of a month."""
        return self.clients * HOURS

    @property
    def authorized(self) -> float:
        """The authorizer's calls for each request: the share with a token that the gateway has not cached."""
        return 1 / (1 + self.requests / load.MONTH / self.clients * load.CACHED)

    @property
    def events(self) -> float:
        """The audit events of a month."""
        return self.tokens + sum(number * events_of(name)[0] for name, number in self.rates.items())

    @property
    def resource_gigabytes(self) -> float:
        """The resources alone: the bodies were measured in two formats each."""
        return self.patients * record_bytes()["bodies"] / 2 / record_bytes()["patients"] / GIGABYTE

    @property
    def gigabytes(self) -> float:
        """All that the tables store of the records."""
        found = record_bytes()
        rest = sum(found[part] for part in ("index", "entries", "links")) + OVERHEAD * found["items"]
        return self.resource_gigabytes + self.patients * rest / found["patients"] / GIGABYTE


SIZES: Final[Mapping[str, Size]] = {
    "a practice": Size(10_000, 300_000, 5),
    "a trust": Size(500_000, 10_000_000, 50),
    "a region": Size(3_000_000, 200_000_000, 1_000),
}
