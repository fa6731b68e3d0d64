"""The figures of a comparison: a row for each measure, ours beside a peer's."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of several runs, and how far they lie apart."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, runs: Sequence[float]) -> Self:
        """Return the spread of runs, of which there is at least one."""
        return cls(statistics.median(runs), min(runs), max(runs))


@dataclass(frozen=True, slots=True)
class Unit:
    """What figures are shown in: its name, how many of it one of what was measured is, and its decimals."""

    name: str
    of_one: float
    decimals: int


MILLISECONDS = Unit("ms", 1_000, 0)
"""Of a start."""

CALL = Unit("ms", 1_000, 3)
"""Of one call, in milliseconds too."""

MEGABYTES = Unit("MB", 1e-6, 1)


@dataclass(frozen=True, slots=True)
class Row:
    """One measure of ours and of a peer's, of which less is better; `note` says what else is different in the two.

    `variants` names what was measured of each.
    """

    subject: str
    measure: str
    unit: Unit
    variants: tuple[str, str]
    ours: Sequence[float]
    theirs: Sequence[float]
    note: str

    @property
    def ratio(self) -> float:
        """Ours in parts of theirs: below one, ours is ahead."""
        return Spread.of(self.ours).median / Spread.of(self.theirs).median

    def figures(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {
            "subject": self.subject,
            "measure": self.measure,
            "unit": self.unit.name,
            "variants": list(self.variants),
            "ours": self._shown(self.ours),
            "theirs": self._shown(self.theirs),
            "ratio": round(self.ratio, 2),
            "note": self.note,
        }

    def _shown(self, runs: Sequence[float]) -> dict[str, float]:
        spread = Spread.of(runs)
        scaled = {"median": spread.median, "low": spread.low, "high": spread.high}
        return {name: round(value * self.unit.of_one, self.unit.decimals) for name, value in scaled.items()}
