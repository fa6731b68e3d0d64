"""Measure reports over an archive of audit events: `python -m benchmarks.archive [--events N] [--write]`.

The archive is drawn into a temporary folder: ten million events take some minutes and 3 GB. `--write` saves the rows,
and renews `docs/performance.md`.
"""

import argparse
import sys
from collections.abc import Sequence

from benchmarks.archive.figures import EVENTS, rows_of
from benchmarks.report import archive, keep, write_pages


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.archive", description=__doc__)
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--write", action="store_true", help="keep the rows, and renew the page")
    asked = parser.parse_args(arguments)
    rows = rows_of(asked.events)
    print(archive({"archive": rows}))
    if asked.write:
        keep({"archive": rows})
        write_pages()
    return 0


if __name__ == "__main__":
    sys.exit(main())
