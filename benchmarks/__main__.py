"""Measure how fast it is: `make bench`.

python -m benchmarks [--only PART …] [--write] [--json] [--sizes SMALL LARGE] [--rounds N] [--once]

`--write` saves the figures in `docs/figures/bench.json` and updates the tables of the pages that show them. `--once`
runs one round of each part over small tables, as CI does. The exit code is 1 if a request, a start or a page costs more
than its budget, but for the times of `--once`.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from benchmarks import report
from benchmarks.archive import figures as of_archive
from benchmarks.costs import capacity
from benchmarks.exports import figures as of_exports
from benchmarks.figures import bench
from benchmarks.measurements import cold_start, machine, own_cpu, read_parts, table_growth, trips
from benchmarks.peers import measure as peers

_PARTS: Final[Mapping[str, Callable[[argparse.Namespace], Any]]] = {
    "machine": lambda _: machine.machine(),
    "own_cpu": lambda asked: own_cpu.figures(asked.rounds or own_cpu.RUNS),
    "cold_start": lambda asked: cold_start.figures(asked.rounds or cold_start.RUNS),
    "layers": lambda _: cold_start.layer_sizes(),
    "trips": lambda _: trips.trips(),
    "growth": lambda asked: table_growth.growth(asked.sizes, asked.rounds or table_growth.ROUNDS),
    "exports": lambda asked: of_exports.rows_of(of_exports.SIZES[:1] if asked.once else of_exports.SIZES),
    "archive": lambda asked: of_archive.rows_of(of_archive.FEW if asked.once else of_archive.EVENTS),
    "peers": lambda asked: peers.peers(asked.rounds or peers.ROUNDS),
    "read_parts": lambda asked: read_parts.read_parts(asked.rounds or read_parts.ROUNDS),
}

_SMALL: Final = (100, 300)
"""Patients of the tables of one round."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=[*_PARTS], help="the parts to measure")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--write", action="store_true", help="keep the figures, and renew the tables of the pages")
    kinds.add_argument("--once", action="store_true", help="one round of small tables, and no time judged")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--sizes", type=int, nargs=2, default=table_growth.SIZES, help="patients of the two tables")
    parser.add_argument("--rounds", type=int, help="repetitions of each part, instead of its own number")
    asked = parser.parse_args(arguments)
    if asked.once:
        asked.rounds, asked.sizes = 1, _SMALL
    figures: dict[str, Any] = {}
    for part in asked.only:
        print(f"Measuring: {part}", file=sys.stderr, flush=True)
        figures[part] = _PARTS[part](asked)
        if not asked.json:
            print(f"{_table(part, figures)}\n", flush=True)
    if asked.json:
        print(json.dumps(figures, indent=1))
    # The times of one round are noise.
    missed = trips.changed(figures.get("trips", {})) if asked.once else list(_missed(figures))
    if asked.write:
        # The tests verify the round trips, in a table of their own.
        figures.pop("trips", None)
        if "exports" in figures:
            figures["exports"] = of_exports.merged(figures["exports"], bench()["exports"])
        report.keep(figures)
        report.write_pages()
        capacity.write_pages()
    print(*missed, sep="\n", file=sys.stderr)
    return 1 if missed else 0


def _table(part: str, figures: Mapping[str, Any]) -> str:
    return trips.as_table(figures[part]) if part == "trips" else report.TABLES[part](figures)


def _missed(figures: Mapping[str, Any]) -> Sequence[str]:
    """Return the parts that cost more than their budget."""
    own = (
        f"{row['name']}: {report.ratio_of(row):.2f} of its bare calls, budget {row['budget']:.2f}"
        for row in figures.get("own_cpu", ())
        if report.ratio_of(row) > row["budget"]
    )
    cold = (
        f"{row['function']}: {row['ratio']:.2f} of what its job needs, budget {cold_start.BUDGET:.2f}"
        for row in figures.get("cold_start", ())
        if row["ratio"] > cold_start.BUDGET
    )
    return [*own, *cold, *figures.get("growth", {}).get("faults", ()), *trips.changed(figures.get("trips", {}))]


if __name__ == "__main__":
    sys.exit(main())
