"""How many bytes and write units the tables take for a folder of records, by type and for each patient.

    python -m benchmarks.record_bytes FOLDER [--figures docs/figures/record-bytes.json]

Each resource is made into its items as a load makes them, and their sizes are those that the loader reckons with. The
guards of identifiers and the marks of what is referred to are counted as items of 100 bytes. Nothing is stored.
"""

import argparse
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.resource_types import Home
from careconnect_admin.loading.reading.checked import checked
from careconnect_admin.loading.reading.found import Deletion, Problem, Upsert
from careconnect_admin.loading.reading.sources import find_sources, read_source
from careconnect_records.items.resource_items import item_size
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.packing import packed
from careconnect_records.writes.plan import WritePlan, plan_write
from careconnect_records.writes.transaction import group_actions

OVERHEAD: Final = 100
"""Bytes that DynamoDB adds to each item that it stores, for its own index."""

_SMALL: Final = 100
_KILOBYTE: Final = 1024
_NOW: Final = 1_700_000_000_000
_BASE: Final = "https://care.example"


def record_bytes(folder: Path) -> dict[str, Any]:
    """Return bytes and items by type, write units of a load, and all of it for each patient of `folder`."""
    changes = list(_changes(folder))
    types: dict[str, Counter[str]] = defaultdict(Counter)
    for change in changes:
        types[change.target.type.name].update(_parts(change))
    totals = sum(types.values(), Counter[str]())
    patients = types["Patient"]["resources"]
    of_records = [change for change in changes if change.target.type.home is Home.RECORD]
    record_totals = sum((_parts(change) for change in of_records), Counter[str]())
    return {
        "patients": patients,
        "types": {name: dict(counts) for name, counts in sorted(types.items())},
        "all": dict(totals),
        "records": dict(record_totals) | {"write_units": _write_units(of_records)},
    }


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
    """Return the write units of loading: transactions of as many resources as fit, two units for each KB of an item."""
    tables: Any = RecordTables(None, "records", "directory", "references")  # type: ignore[arg-type]
    units = 0
    for group in packed(changes):
        for action in group_actions(group, tables):
            ((kind, request),) = action.items()
            size = item_size(request["Item"]) if kind == "Put" else _SMALL
            units += 2 * max(1, math.ceil(size / _KILOBYTE))
    return units


def main() -> None:
    """Print the figures, or write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figures", type=Path, help="write the figures into this file")
    given = parser.parse_args()
    figures = json.dumps(record_bytes(given.folder), indent=2)
    if given.figures:
        given.figures.write_text(figures + "\n", encoding="utf-8")
    else:
        print(figures)


if __name__ == "__main__":
    main()
