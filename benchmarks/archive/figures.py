"""The figures of reports over an archive, of periods of several lengths: each is read in a process of its own."""

import re
import resource
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.archive.draw import DAYS, PATIENTS, batch_of, draw
from benchmarks.archive.folder import Folder

from careconnect_admin.audit_trail.archive_lines import ObjectLines
from careconnect_admin.audit_trail.archived_events import ArchivedEvents

EVENTS: Final = 10_000_000
PERIODS: Final = (1, 10, 100)
"""Days."""
FEW: Final = 100_000

_PATIENT: Final = "4"
_MORE_OBJECTS: Final = 2
"""Objects that reach into the period from the minute before and after it."""
_MORE_MEGABYTES: Final = 20.0
_STATUS: Final = Path("/proc/self/status")

Row = Mapping[str, Any]


def rows_of(events: int = EVENTS) -> list[Row]:
    """Return the figures of reports over so many events; raises `AssertionError` if they grow as they must not."""
    with TemporaryDirectory(prefix="careconnect-archive-") as folder:
        _alone(draw, Path(folder), events)
        rows: list[Row] = [_alone(report, Path(folder), events, days) for days in PERIODS]
    _judge(rows)
    return rows


def report(folder: Path, events: int, days: int) -> Row:
    """Return the figures of a report on one patient, from the middle of the archive on or of all of it."""
    first = (len(DAYS) - days) // 2
    bucket, begun, cpu = Folder(folder), time.perf_counter(), time.process_time()
    found = ArchivedEvents(ObjectLines(bucket, "archive")).of_patient(_PATIENT, DAYS[first : first + days])  # type: ignore[arg-type]
    return {
        "events": events,
        "days": days,
        "found": len(found),
        "lists": bucket.lists,
        "objects": bucket.gets,
        "megabytes": bucket.size / 10**6,
        "seconds": time.perf_counter() - begun,
        "cpu": time.process_time() - cpu,
        "rss": _megabytes(),
    }


def _megabytes() -> float:
    """Return the largest memory that this process has had."""
    if _STATUS.exists():
        # `ru_maxrss` of a new process is at least its parent's.
        (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", _STATUS.read_text(encoding="ascii"))
        return int(peak) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _judge(rows: Sequence[Row]) -> None:
    """Assert that objects are in proportion to the days, that memory is flat, and that every event is found."""
    for row in rows:
        of_period = row["events"] * row["days"] / len(DAYS)
        least = of_period / batch_of(row["events"])
        assert least <= row["objects"] <= least + _MORE_OBJECTS, row
        assert abs(row["found"] - of_period / PATIENTS) <= 1, row
        assert row["rss"] <= rows[0]["rss"] + _MORE_MEGABYTES, row


def _alone(call: Any, *arguments: Any) -> Any:
    # Not forked: the memory of a new process is that of its own work.
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(call, *arguments).result()
