"""Measure bulk exports over computed tables: `python -m benchmarks.exports [--sizes N …] [--kinds KIND …] [--write]`.

Sizes are numbers of stored resources, about. `--write` saves the rows beside those of other sizes, and renews
`docs/performance.md`. `make bench` measures up to 100,000; a million takes half an hour.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.exports.figures import KINDS, SIZES, merged, rows_of
from benchmarks.figures import bench
from benchmarks.report import exports, keep, write_pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.exports", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--write", action="store_true", help="keep the rows, and renew the page")
    asked = parser.parse_args(arguments)
    rows = rows_of(asked.sizes, asked.kinds)
    print(exports({"exports": rows}))
    if asked.write:
        keep({"exports": merged(rows, bench().get("exports", ()))})
        write_pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
