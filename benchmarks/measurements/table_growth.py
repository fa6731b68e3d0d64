"""Measure the cost of a search's page in a small table and in a large one.

The reader runs in this process over dynalite, which stores its tables on disk. Both tables are up at the same time and
queried in turn, so that other work on the machine affects both alike.
"""

import gc
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Any, Final

from benchmarks.measurements.kinds import KINDS, Kind
from benchmarks.setup.dynalite_server import Dynalite, install
from benchmarks.setup.measured_reader import Measured, MeasuredReader, Request
from benchmarks.setup.saved_tables import saved_folder
from benchmarks.setup.small_records import Region

SIZES: Final = (1_000, 100_000)
"""Patients of the small table and of the large one."""

ROUNDS: Final = 100

ALLOWED: Final = 1.15
"""The most time for a page of the large table, as a multiple of one of the small table at the same cost."""

UNITS_ASKED: Final = 40
"""Pages of each kind that the read units are compared over."""

_LATER_PAGES: Final = 40
_WARM_UP: Final = 5
_AS_MUCH: Final = 0.9
_AGAIN: Final = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A kind of page, measured in the small table and in the large one."""

    name: str
    small: Sequence[Measured]
    large: Sequence[Measured]

    @property
    def ratio(self) -> float | None:
        """The time of a page of the large table over the small one's, or None if the small one costs less."""
        same_units = _units(self.small) >= _AS_MUCH * _units(self.large)
        same_calls = _calls(self.small) >= _AS_MUCH * _calls(self.large)
        return _p50(self.large) / _p50(self.small) if same_units and same_calls else None

    @property
    def takes_too_long(self) -> bool:
        """Return True if a page of the large table takes more time than it may."""
        return self.ratio is not None and self.ratio > ALLOWED

    def figures(self) -> dict[str, Any]:
        """Return the figures of the page: median milliseconds and mean read units in each table, and the ratio."""
        tables = (self.small, self.large)
        return {
            "name": self.name,
            "milliseconds": [round(_p50(table), 2) for table in tables],
            "ratio": None if self.ratio is None else round(self.ratio, 2),
            "units": [round(_units(table), 1) for table in tables],
        }


def growth(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return the `sizes`, the figures of the `pages`, and as `faults` the pages of the large table that take too long.

    Raises `RuntimeError` if a request fails.
    """
    install()
    with ExitStack() as servers:
        small, large = (_reader(servers, Region(size)) for size in sizes)
        gc.freeze()
        rows = list(_measured(small, large, rounds))
        gc.unfreeze()
    faults = [f"{row.name}: {row.ratio:.2f} times as long" for row in rows if row.takes_too_long]
    return {"sizes": list(sizes), "pages": [row.figures() for row in rows], "faults": faults}


def _reader(servers: ExitStack, region: Region) -> MeasuredReader:
    return MeasuredReader(region, servers.enter_context(Dynalite(saved_folder(region))))


def _measured(small: MeasuredReader, large: MeasuredReader, rounds: int) -> Iterator[Row]:
    readers = (small, large)
    for kind in KINDS:
        firsts = [_examples(kind, reader.region, rounds) for reader in readers]
        yield _settled(kind.name, readers, firsts, rounds)
        if kind.has_pages:
            later = [_later_pages(reader, some) for reader, some in zip(readers, firsts, strict=True)]
            yield _settled(f"{kind.name}, later page", readers, later, rounds)


def _examples(kind: Kind, region: Region, rounds: int) -> list[Request]:
    choose = random.Random(1948)
    return [kind.example(region, choose) for _ in range(rounds)]


def _settled(name: str, readers: Sequence[MeasuredReader], requests: Sequence[Sequence[Request]], rounds: int) -> Row:
    """Measure a kind of page; measure a slow one again, up to four times, to even out other work."""
    row = Row(name, *_in_turn(readers, requests, rounds))
    for _ in range(_AGAIN):
        if not row.takes_too_long:
            break
        small, large = _in_turn(readers, requests, rounds)
        row = replace(row, small=[*row.small, *small], large=[*row.large, *large])
    return row


def _later_pages(reader: MeasuredReader, firsts: Sequence[Request]) -> list[Request]:
    """Return the requests of some later pages: of one search, or of several shorter ones."""
    found: list[Request] = []
    for first in firsts:
        page = reader.ask(first).next_page()
        while page:
            found.append(page)
            if len(found) == _LATER_PAGES:
                return found
            page = reader.ask(page).next_page()
    if found:
        return found
    raise ValueError(f"{firsts[0]} has no later pages")


def _in_turn(
    readers: Sequence[MeasuredReader], requests: Sequence[Sequence[Request]], rounds: int
) -> tuple[list[Measured], list[Measured]]:
    """Query the readers in turn; each is first in every second round."""
    measured: tuple[list[Measured], list[Measured]] = ([], [])
    places = [0, 1]
    for number in range(-_WARM_UP, rounds):
        places.reverse()
        for place in places:
            some = requests[place]
            answer = readers[place].ask(some[number % len(some)])
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {answer.body}")
            if number >= 0:
                measured[place].append(answer)
    return measured


def _p50(pages: Sequence[Measured]) -> float:
    return median(one.milliseconds for one in pages)


def _units(pages: Sequence[Measured]) -> float:
    return fmean(one.cost.units for one in pages[:UNITS_ASKED])


def _calls(pages: Sequence[Measured]) -> float:
    return fmean(one.cost.calls for one in pages)
