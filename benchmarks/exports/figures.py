"""The figures of exports of several kinds, of stores of several sizes: each is measured in a process of its own."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from typing import Any, Final

from benchmarks.exports.measure import Export, Figures
from benchmarks.scale.population import KINDS as KINDS_OF_RESOURCES
from benchmarks.scale.population import OBSERVATION, PATIENT, Population, resource_id

from careconnect.export.job import Selection
from careconnect.storage.keys import SHARDS

SIZES: Final = (1_000, 10_000, 100_000)
KINDS: Final = ("all", "_type", "_since", "patient")
_OF_RECORD: Final = sum(kind.each for kind in KINDS_OF_RESOURCES)
_ALL: Final = tuple(kind.name for kind in KINDS_OF_RESOURCES)
_COMPARED: Final = 1_000_000
"""The largest size of which a bare loop is measured too."""
_CHANGED: Final = 200
"""Changed Observations of an export with `_since`."""
_COHORT: Final = 4
"""Patients of the exports of a cohort."""

Row = Mapping[str, Any]


def rows_of(sizes: Iterable[int] = SIZES, kinds: Sequence[str] = KINDS) -> list[Row]:
    """Return the figures of kinds of export, of stores of about so many resources."""
    found: list[Row] = []
    for kind in kinds:
        for size in sizes:
            # Not forked: the memory of a new process is that of its export.
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                figures = pool.submit(measured, kind, size).result()
            found.append({"kind": kind, **asdict(figures), "rate": figures.rate, "dollars": figures.dollars})
    return found


def merged(rows: Sequence[Row], saved: Sequence[Row]) -> list[Row]:
    """Return rows in the place of saved ones of the same kind and size, in their order."""
    every = {(row["kind"], row["stored"]): row for row in (*saved, *rows)}
    return [every[key] for key in sorted(every, key=lambda key: (KINDS.index(key[0]), key[1]))]


def measured(kind: str, resources: int) -> Figures:
    """Return the figures of a kind of export, of a store of about so many resources."""
    population = Population(max(SHARDS, round(resources / _OF_RECORD / SHARDS) * SHARDS))
    is_compared = kind == "all" and resources <= _COMPARED
    return Export(population, _selection_of(kind, population)).run(bare=is_compared)


def _selection_of(kind: str, population: Population) -> Selection:
    if kind == "_type":
        return Selection(types=(PATIENT.name,))
    if kind == "_since":
        # The blocks of an index have an instant each, a millisecond apart.
        last = population.loaded_at(OBSERVATION, population.blocks(OBSERVATION) - 1)
        newest = population.updated(OBSERVATION, last * SHARDS)
        return Selection(types=(OBSERVATION.name,), since=newest - _CHANGED // SHARDS)
    if kind == "patient":
        ids = tuple(resource_id(PATIENT, number) for number in range(_COHORT))
        return Selection(types=_ALL, is_of_patients=True, patients=ids)
    return Selection(types=_ALL)
