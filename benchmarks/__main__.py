"""Measure how fast it is: `make bench`.

    python -m benchmarks [--only PART …] [--write] [--json] [--sizes N …]

Parts: machine, own_cpu, cold_start, trips, growth, peers. Each can be run by itself, as `python -m benchmarks.own_cpu`.
With `--write` the figures are kept in `docs/figures/bench.json`, and the pages and charts that show them are written
anew. Exit code 1 if a request, a start or a page costs more than it may.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from benchmarks import bars, cold_start, machine, own_cpu, report, table_growth, trips
from benchmarks.peers.measure import peers

SIZES: Final = (1_000, 100_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print tables or JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=[*_PARTS], help="the parts to measure")
    parser.add_argument("--write", action="store_true", help="keep the figures, and write the pages and the charts")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of patients, ascending")
    asked = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    for part in asked.only:
        print(f"Measuring: {part}", file=sys.stderr, flush=True)
        figures[part] = _PARTS[part](asked.sizes)
        if not asked.json and part in report.TABLES:
            print(f"{report.TABLES[part](figures)}\n", flush=True)
    if asked.json:
        print(json.dumps(figures, indent=1))
    if asked.write:
        everything = report.kept() | figures
        report.FIGURES.write_text(f"{json.dumps(everything, indent=1)}\n", encoding="utf-8")
        report.write_pages(everything)
        bars.write_charts(everything)
    missed = list(_missed(figures))
    print(*missed, sep="\n", file=sys.stderr)
    return 1 if missed else 0


def _missed(figures: Mapping[str, Any]) -> Sequence[str]:
    """Return what costs more than it may."""
    own = (
        f"{row['name']}: {row['own']['least'] / row['bare']['least']:.2f} of its bare calls, "
        f"{row['budget']:.2f} allowed"
        for row in figures.get("own_cpu", ())
        if row["own"]["least"] > row["budget"] * row["bare"]["least"]
    )
    cold = (
        f"{row['function']}: {row['ratio']:.2f} of what its job needs, {cold_start.BUDGET:.2f} allowed"
        for row in figures.get("cold_start", ())
        if row["ratio"] > cold_start.BUDGET
    )
    return [*own, *cold, *figures.get("growth", {}).get("faults", ())]


_PARTS: Final[Mapping[str, Callable[[Sequence[int]], Any]]] = {
    "machine": lambda _: machine.machine(),
    "own_cpu": lambda _: own_cpu.figures(),
    "cold_start": lambda _: cold_start.figures(),
    "trips": lambda _: trips.figures(),
    "growth": lambda sizes: {"sizes": list(sizes), **table_growth.growth(sizes)},
    "peers": lambda _: peers(),
}


if __name__ == "__main__":
    sys.exit(main())
