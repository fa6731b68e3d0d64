"""What each kind of request costs: its calls of AWS, round trip by round trip, and units.

    python -m benchmarks.trips [--write]

Every function is composed by its handler over moto, and its calls are let go in step (`lock_step`), so the numbers are
the same on every machine. With `--write` the table stands in `docs/performance.md` afterwards.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from careconnect_testing.aws.moto_deployment import moto_deployment
from careconnect_testing.aws.moto_dynamodb import quick_and_whole
from careconnect_testing.http.request_kinds import KINDS, beside, prepare
from careconnect_testing.records.trips import TRIPS, Trip, measured, table, with_table

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "performance.md"


def trips() -> dict[str, Trip]:
    """Measure every kind of request and return what it costs, by its name."""
    with quick_and_whole(), moto_deployment(beside()) as deployment:
        prepare(deployment)
        return {kind.name: measured(kind, deployment) for kind in KINDS}


def figures() -> list[dict[str, Any]]:
    """Return what every kind of request costs, as the other benchmarks return their figures."""
    return [{"name": name, "round_trips": trip.round_trips, **asdict(trip)} for name, trip in trips().items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print the table; return 1 if it is not the one that is declared."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trips", description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write the declared table into {DOCUMENT.name}")
    asked = parser.parse_args(arguments)
    found = trips()
    print(table(found))
    if asked.write:
        DOCUMENT.write_text(with_table(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    others = [name for name, trip in found.items() if trip != TRIPS.get(name)]
    print(*(f"{name}: not as declared" for name in others), sep="\n", file=sys.stderr)
    return 1 if others else 0


if __name__ == "__main__":
    sys.exit(main())
