"""What `careconnect load --reindex` and a start with kept records show of a renewal of the index."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from careconnect_admin.commands.listing import print_table
from careconnect_admin.commands.progress import working

if TYPE_CHECKING:
    from careconnect_admin.loading import reindex as renewing
    from careconnect_records.tables import RecordTables

_MOST_SHOWN: Final = 100
_COLUMNS: Final = ("renewed", "unchanged", "failed")


def renew_index(tables: "RecordTables", *, base_url: str, dry_run: bool = False, as_json: bool = False) -> int:
    """Renew the index of what is in the tables, print what came of it, and return the command's exit code."""
    from careconnect_admin.loading.reindex import reindex

    with _progress() as tell:
        report = reindex(tables, tell, base_url=base_url, dry_run=dry_run)
    if dry_run:
        print("Nothing was written: this is what would be done.", file=sys.stderr)
    if as_json:
        print(json.dumps(_as_object(report, dry_run=dry_run), indent=2, ensure_ascii=False))
    else:
        print_renewal(report)
    return report.exit_code


def print_renewal(report: "renewing.ReindexReport") -> None:
    """Print where it went on and what the problems are on standard error, and the counts on standard output."""
    for part in report.resumed:
        print(f"Went on at {part}, where an earlier run ended: what comes before is not counted.", file=sys.stderr)
    for problem in report.problems[:_MOST_SHOWN]:
        print(problem, file=sys.stderr)
    if len(report.problems) > _MOST_SHOWN:
        print(f"… and {len(report.problems) - _MOST_SHOWN:,} more problems", file=sys.stderr)
    if report.problems:
        print("New searches wait for these: mend them, and renew the index again.", file=sys.stderr)
    rows = [
        (name, *(f"{number:,}" for number in _numbers(counts)))
        for name, counts in (*report.counts.items(), ("total", report.total))
    ]
    print_table(("", *_COLUMNS), rows, numbers_from=1)


def _numbers(counts: "renewing.IndexCounts") -> tuple[int, ...]:
    return counts.renewed, counts.unchanged, counts.failed


def _as_object(report: "renewing.ReindexReport", *, dry_run: bool) -> dict[str, Any]:
    def counted(counts: "renewing.IndexCounts") -> dict[str, int]:
        return dict(zip(_COLUMNS, _numbers(counts), strict=True))

    return {
        "dry_run": dry_run,
        "types": {name: counted(counts) for name, counts in report.counts.items()},
        "total": counted(report.total),
        "problems": report.problems,
        "resumed": report.resumed,
    }


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """Show on a terminal what part is being gone through, how many resources are done and how fast."""
    begun = time.monotonic()
    with working("Renewing the index") as show:

        def tell(part: str, done: int) -> None:
            rate = done / max(time.monotonic() - begun, 0.001)
            show(f"Renewing the index: {part}; {done:,} resources, {rate:,.0f} a second")

        yield tell
