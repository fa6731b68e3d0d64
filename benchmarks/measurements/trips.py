"""Measure the calls of AWS, round trips and units of each kind of request.

    python -m benchmarks.measurements.trips [--write]

Every function is composed by its handler over moto, and its calls are let go in step (`lock_step`), so the numbers are
the same on every machine. `--write` puts the declared numbers into `docs/performance.md` instead.
"""

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from careconnect_admin.project import PROJECT
from careconnect_testing.aws.moto_deployment import moto_deployment
from careconnect_testing.aws.moto_dynamodb import quick_and_whole
from careconnect_testing.http.request_kinds import KINDS, beside, prepare
from careconnect_testing.records.trips import TRIPS, Trip, measured, table, with_table

DOCUMENT: Final = PROJECT / "docs" / "performance.md"

Figures = Mapping[str, Mapping[str, Any]]


def trips() -> Figures:
    """Measure every kind of request and return its cost, by its name."""
    with quick_and_whole(), moto_deployment(beside()) as deployment:
        prepare(deployment)
        return {kind.name: asdict(measured(kind, deployment)) for kind in KINDS}


def as_table(found: Figures) -> str:
    """Return the table of every kind of request."""
    return table({name: Trip(**one) for name, one in found.items()})


def changed(found: Figures) -> list[str]:
    """Return a line for each kind of request with a cost other than declared in `TRIPS`."""
    return [f"{name}: not as declared" for name, one in found.items() if Trip(**one) != TRIPS.get(name)]


def main() -> None:
    """Measure and print every kind of request, or write the declared table into the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measurements.trips", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--write", action="store_true", help=f"write the declared table into {DOCUMENT.name}")
    if parser.parse_args().write:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(as_table(trips()))


if __name__ == "__main__":
    main()
