"""Measure each kind of search over populations of 1,000 to 100,000,000 patients, which are computed and not stored.

    python -m benchmarks.scale [--write] [--sizes N …]

Takes ten minutes. `--write` saves the curve in `docs/figures`, draws it, and renews `docs/performance.md`.
"""

import argparse

from benchmarks.scale.measure import SIZES, curve
from benchmarks.scale.report import summary, write


def main() -> None:
    """Measure, and print the summary."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="save the curve, draw it, and renew the page")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of patients")
    asked = parser.parse_args()
    found = curve(asked.sizes)
    print(summary(found))
    if asked.write:
        write(found)


if __name__ == "__main__":
    main()
