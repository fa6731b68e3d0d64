"""Count the bytes and write units that the tables take for a folder of patients' records.

python -m benchmarks.measurements.record_bytes FOLDER [--write]

Each resource is converted into its items as a load does, with the item sizes that the loader uses. Identifier locks
and reference counts are taken as items of 100 bytes. Nothing is stored.
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from benchmarks.figures import RECORD_BYTES

from careconnect.fhir.resource_types import Table
from careconnect_admin.loading.reading.checked import checked
from careconnect_admin.loading.reading.found import Deletion, Problem, Upsert
from careconnect_admin.loading.reading.sources import find_sources, read_source
from careconnect_records.items.resource_items import item_size
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.packing import packed
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.transaction import group_actions

OVERHEAD: Final = 100
"""Bytes that DynamoDB adds to each item that it stores, for its own index."""

_SMALL: Final = 100
_KILOBYTE: Final = 1024
_NOW: Final = 1_700_000_000_000
_BASE: Final = "https://care.example"


def record_bytes(folder: Path) -> dict[str, int]:
    """Return patients, bytes, items and write units of all records of `folder`, without the directory's."""
    plans = [plan for plan in _changes(folder) if plan.target.type.table is Table.RECORD]
    patients = sum(plan.target.type.name == "Patient" for plan in plans)
    parts = sum(map(_parts, plans), Counter[str]())
    return {"patients": patients, **parts, "write_units": _write_units(plans)}


def _changes(folder: Path) -> Iterator[WritePlan]:
    for path in find_sources([folder]).files:
        for found in read_source(path):
            if not isinstance(found, Upsert | Deletion | Problem):
                continue
            request = checked(found, base_url=_BASE)
            assert not isinstance(request, Problem), str(request)
            change = plan_write(request.target, request.resource, now=_NOW, base_url=_BASE)
            assert change is not None
            yield change


def _parts(change: WritePlan) -> Counter[str]:
    linked = len(change.locks_added) + len(change.incremented)
    return Counter(
        resources=1,
        items=2 + len(change.entries) + linked,
        bodies=sum(map(item_size, change.bodies)),
        index=item_size(change.index),
        entries=sum(map(item_size, change.entries.values())),
        links=linked * _SMALL,
    )


def _write_units(changes: list[WritePlan]) -> int:
    """Return the write units of a load: transactions of as many resources as fit, two units for each KB of an item."""
    tables: Any = RecordTables(None, "records", "directory", "references", "transactions", "directory-transactions")  # type: ignore[arg-type]
    units = 0
    for group in packed(changes):
        for action in group_actions(group, tables):
            ((kind, request),) = action.items()
            size = item_size(request["Item"]) if kind == "Put" else _SMALL
            units += 2 * max(1, math.ceil(size / _KILOBYTE))
    return units


def main() -> None:
    """Print the figures, or save them."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.measurements.record_bytes", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help=f"keep the figures in {RECORD_BYTES.name}")
    given = parser.parse_args()
    figures = json.dumps(record_bytes(given.folder), indent=2)
    if given.write:
        RECORD_BYTES.write_text(f"{figures}\n", encoding="utf-8")
    else:
        print(figures)


if __name__ == "__main__":
    main()
