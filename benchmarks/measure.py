"""Ask readers over tables of several sizes for the same kinds of pages in turn, and compare what they cost."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median, quantiles
from typing import Any, Final

from benchmarks.kinds import KINDS, Kind
from benchmarks.measured_reader import Measured, MeasuredReader, Request

ALLOWED: Final = 1.15
"""How many times longer a page of the largest table may take than one of the smallest that costs as much there."""

UNITS_ASKED: Final = 40
"""Pages of each kind whose read units are compared."""

_WARM_UP: Final = 5
_AS_MUCH: Final = 0.9
_AGAIN: Final = 4
_UNITS_GROWTH: Final = 1.05
"""Rounded, that is a ratio of 1.0."""
_ROUNDED_UP: Final = 1.0
"""Units by which pages differ as their entries lie: of each call, half of one is rounded up."""
_ENOUGH: Final = 10_000
"""Patients of a table in which a page of any kind finds as much to look at as in a larger one."""


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of page at each of the `sizes`, in patients."""

    kind: Kind
    is_first: bool
    sizes: Sequence[int]
    measured: Sequence[Sequence[Measured]]

    @property
    def name(self) -> str:
        """What was asked for."""
        return f"{self.kind.name}{'' if self.is_first else ', later page'}"

    def p50(self, size: int) -> float:
        """Return the median of the milliseconds."""
        return median(one.milliseconds for one in self.measured[size])

    def p95(self, size: int) -> float:
        """Return what a twentieth of the pages took longer than."""
        return quantiles([one.milliseconds for one in self.measured[size]], n=20)[-1]

    def units(self, size: int) -> float:
        """Return the read units of a page."""
        return fmean(one.cost.units for one in self.measured[size][:UNITS_ASKED])

    @property
    def calls(self) -> int:
        """Calls of the dearest page of the largest table."""
        return max(one.cost.calls for one in self.measured[-1])

    @property
    def ratio(self) -> float:
        """How many times longer a page of the largest table takes than one of the smallest."""
        return self.p50(-1) / self.p50(0)

    @property
    def costs_as_much(self) -> bool:
        """Say whether a page of the smallest table takes as many units and calls, so that its time may be compared."""
        return self.units(0) >= _AS_MUCH * self.units(-1) and self._calls(0) >= _AS_MUCH * self._calls(-1)

    @property
    def takes_too_long(self) -> bool:
        """Say whether a page of the largest table takes longer than it may."""
        return self.costs_as_much and self.ratio > ALLOWED

    @property
    def units_growth(self) -> float:
        """How many times more units a page of the largest table consumes than one of the size before."""
        return self.units(-1) / self.units(-2)

    @property
    def consumes_more(self) -> bool:
        """Say whether it consumes more, though it looks at nothing that a larger table has more of."""
        if self.sizes[-2] < _ENOUGH:
            return False
        more = self.units_growth > _UNITS_GROWTH and self.units(-1) - self.units(-2) > _ROUNDED_UP
        return more and not self.kind.looks_further

    def _calls(self, size: int) -> float:
        return fmean(one.cost.calls for one in self.measured[size])

    def faults(self) -> Iterator[str]:
        """Say what is not as it is to be."""
        asked = [one for series in self.measured for one in series]
        refused = [one for one in asked if one.status != 200]
        if refused:
            yield f"{self.name}: {refused[0].status} {refused[0].body}"
        if (entries := max(one.cost.entries for one in asked)) > self.kind.most_entries:
            yield f"{self.name}: {entries:,} entries of {self.kind.most_entries:,}"
        if (units := max(one.cost.units for one in asked)) > self.kind.most_units:
            yield f"{self.name}: {units:g} read units of {self.kind.most_units:g}"
        if self.consumes_more:
            yield f"{self.name}: {self.units_growth:.2f} times the read units"
        if self.takes_too_long:
            yield f"{self.name}: {self.ratio:.2f} times as long"

    def figures(self) -> dict[str, Any]:
        """Return its numbers, by name."""
        timed = {
            str(size): {"p50": round(self.p50(place), 2), "p95": round(self.p95(place), 2)}
            for place, size in enumerate(self.sizes)
        }
        return {
            "name": self.kind.name,
            "page": "first" if self.is_first else "later",
            "milliseconds": timed,
            "ratio": round(self.ratio, 2) if self.costs_as_much else None,
            "calls": self.calls,
            "units": {str(size): round(self.units(place), 1) for place, size in enumerate(self.sizes)},
        }


def measure(readers: Sequence[MeasuredReader], rounds: int) -> Iterator[Row]:
    """Yield each kind of page, asked so many times of the smallest and the largest table, and a few times of others.

    What takes too long is asked for again, up to four times: whatever else the machine does evens out in the end.
    """
    sizes = [reader.region.patients for reader in readers]
    for kind in KINDS:
        firsts = []
        for reader in readers:
            choose = random.Random(1948)
            firsts.append([kind.example(reader.region, choose) for _ in range(rounds)])
        yield _settled(Row(kind, True, sizes, _in_turn(readers, firsts, rounds)), readers, firsts, rounds)
        if kind.has_pages:
            links = [_later_pages(reader, some, kind.later_pages) for reader, some in zip(readers, firsts, strict=True)]
            yield _settled(Row(kind, False, sizes, _in_turn(readers, links, rounds)), readers, links, rounds)


def _settled(row: Row, readers: Sequence[MeasuredReader], requests: Sequence[Sequence[Request]], rounds: int) -> Row:
    for _ in range(_AGAIN):
        if not row.takes_too_long:
            break
        again = _in_turn(readers, requests, rounds)
        row = replace(row, measured=[[*old, *new] for old, new in zip(row.measured, again, strict=True)])
    return row


def _later_pages(reader: MeasuredReader, firsts: Sequence[Request], most: int) -> list[Request]:
    """Return the requests of some later pages: those of one walk, or of several that are shorter."""
    found: list[Request] = []
    for first in firsts:
        page = reader.ask(first).next_page()
        while page:
            found.append(page)
            if len(found) == most:
                return found
            page = reader.ask(page).next_page()
    if found:
        return found
    raise ValueError(f"{firsts[0]} has no later pages")


def _in_turn(
    readers: Sequence[MeasuredReader], requests: Sequence[Sequence[Request]], rounds: int
) -> list[list[Measured]]:
    """Ask the readers in turn, so that whatever else the machine does meets all of them alike."""
    measured: list[list[Measured]] = [[] for _ in readers]
    places = list(range(len(readers)))
    for number in range(-_WARM_UP, rounds):
        # Whoever comes second finds the machine as the first has left it.
        places.reverse()
        for place in places:
            timed = place in (0, len(readers) - 1)
            if timed or 0 <= number < UNITS_ASKED:
                some = requests[place]
                answer = readers[place].ask(some[number % len(some)])
                if number >= 0:
                    measured[place].append(answer)
    return measured
