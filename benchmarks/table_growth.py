"""Does a page of a search cost more in a large table? Measures the reader over 1,000, 10,000 and 100,000 patients.

All tables are up at the same time and asked in turn, so that whatever else the machine does meets all alike. Exit code
1 if a page takes longer or consumes more than it may, if an example of the documents is refused, or if a walk with a
loader at work misses something.
"""

import argparse
import gc
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks.chart import chart
from benchmarks.dynalite_server import Dynalite, install
from benchmarks.example_searches import example_searches, refused_examples
from benchmarks.kept_tables import kept_folder
from benchmarks.measure import Row, measure
from benchmarks.measured_reader import MeasuredReader
from benchmarks.small_records import Region
from benchmarks.walk_under_change import walk_under_change

SIZES: Final = (1_000, 10_000, 100_000)
ROUNDS: Final = 100


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the results: a table, or JSON."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--chart", type=Path, help="draw the results to this SVG file")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="times that each kind of page is asked for")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of patients, ascending")
    asked = parser.parse_args(arguments)
    grown = growth(asked.sizes, asked.rounds, show=None if asked.json else _show)
    if asked.json:
        print(json.dumps(grown, indent=2))
    else:
        print(f"\n{grown['examples']} examples of the documents at each size.\nA walk: {grown['walk']['text']}.\n")
        print("\n".join(grown["faults"]) or "All as it is to be.")
    if asked.chart:
        asked.chart.write_text(chart(grown["pages"], asked.sizes), encoding="utf-8")
    return 1 if grown["faults"] else 0


def growth(
    sizes: Sequence[int] = SIZES, rounds: int = ROUNDS, *, show: Callable[[str], None] | None = None
) -> dict[str, Any]:
    """Measure, and return `pages` (a list of figures by name), the number of `examples`, the `walk`, and `faults`.

    `show` is told each line of the table as soon as it is known. Two sizes at least, ascending.
    """
    install()
    with ExitStack() as servers:
        readers = [_reader(servers, Region(size)) for size in sizes]
        faults, pages = _measured(readers, rounds, sizes, show or (lambda _line: None))
        examples = sum(1 for _ in example_searches())
        for reader in readers:
            faults += (f"{reader.region.patients:,}: {refused}" for refused in refused_examples(reader))
    walked = _walked(Region(sizes[-1]))
    return {"pages": pages, "examples": examples, "faults": faults + walked.pop("faults"), "walk": walked}


def _show(line: str) -> None:
    print(line, flush=True)


def _reader(servers: ExitStack, region: Region) -> MeasuredReader:
    return MeasuredReader(region, servers.enter_context(Dynalite(kept_folder(region))))


def _measured(
    readers: Sequence[MeasuredReader], rounds: int, sizes: Sequence[int], show: Callable[[str], None]
) -> tuple[list[str], list[dict[str, Any]]]:
    show("\n".join(_heading(sizes)))
    faults: list[str] = []
    results: list[dict[str, Any]] = []
    gc.freeze()
    for row in measure(readers, rounds):
        faults += row.faults()
        results.append(row.figures())
        show(_line(row, sizes))
    gc.unfreeze()
    return faults, results


def _heading(sizes: Sequence[int]) -> tuple[str, str]:
    ends = (sizes[0], sizes[-1])
    columns = ["page", *(f"{size:,}: p50 | p95" for size in ends), "ratio", "calls"]
    columns += (f"units {size:,}" for size in sizes)
    line = f"| {' | '.join(columns)} |"
    return line, "|---" * (line.count("|") - 1) + "|"


def _line(row: Row, sizes: Sequence[int]) -> str:
    cells = [row.name, *(f"{row.p50(place):.1f} | {row.p95(place):.1f}" for place in (0, -1))]
    cells += (f"{row.ratio:.2f}" if row.costs_as_much else "–", str(row.calls))
    cells += (f"{row.units(place):.1f}" for place in range(len(sizes)))
    return f"| {' | '.join(cells)} |"


def _walked(region: Region) -> dict[str, Any]:
    """Walk on a copy of the region's table, since the loader changes it."""
    with tempfile.TemporaryDirectory(prefix="careconnect-bench-") as folder:
        copy = Path(folder) / "table"
        shutil.copytree(kept_folder(region), copy)
        with Dynalite(copy) as server:
            walked = walk_under_change(MeasuredReader(region, server))
    text = f"{walked.matches:,} matches on {walked.pages:,} pages; meanwhile {walked.changes}"
    return {"text": text, "faults": list(walked.faults)}


if __name__ == "__main__":
    sys.exit(main())
