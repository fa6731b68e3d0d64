"""Measure the CPU of a warm request to each function and of its bare AWS calls, and count the charged units and bytes.

Each request is repeated with recorded AWS responses, on a local stack with the sample, in turn with its calls alone
(`warm_requests`). CPU is that of all threads of this process; another process sends the responses. The figure is the
minimum of all runs; the difference to the median shows the noise.
"""

import gc
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TextIO

from benchmarks.figures import template
from benchmarks.measurements.warm_requests import WarmRequest, cases, warm_request
from benchmarks.setup.loaded_stack import loaded_stack
from benchmarks.setup.units import Units, units_of
from benchmarks.setup.wire import AwsCall, Wire

RUNS: Final = 300


@dataclass(frozen=True, slots=True)
class Spread:
    """CPU of many runs in milliseconds: minimum and median."""

    least: float
    median: float


def figures(runs: int = RUNS) -> list[dict[str, Any]]:
    """Return the figures of each request: milliseconds, calls, units, and bytes of its log and of its response.

    Takes about two minutes.
    """
    # Loggers hold the stream that is standard output when they are created, for the life of this process.
    output = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    with (
        loaded_stack() as (stack, client),
        Wire(stack.endpoint) as wire,
        redirect_stdout(output),
    ):
        audit_table = str(stack.stack.outputs["AuditTable"])
        found = []
        for case in cases(stack, client):
            with warm_request(stack, wire, case) as request:
                own, bare = _in_turn(runs, request.whole, request.bare)
                counts = _counts(request, output, audit_table)
            named = {"name": case.name, "function": case.function, "budget": case.budget}
            found.append({**named, "own": asdict(own), "bare": asdict(bare), **counts})
        return found


def _counts(request: WarmRequest, output: TextIO, audit_table: str) -> dict[str, Any]:
    units = sum(_units(request.asked, audit_table), Units())
    body = str(request.answer.get("body", "")).encode()
    return {
        "calls": [one.operation for one in request.asked],
        "reads": units.reads,
        "writes": units.writes,
        "logged": _logged(request.whole, output),
        "answered": len(body),
        "sent": _sent(body),
    }


def _sent(body: bytes) -> int:
    """Return the bytes that the gateway sends of a body to a client that takes gzip."""
    least = template()["Resources"]["Api"]["Properties"]["MinimumCompressionSize"]
    return len(gzip.compress(body)) if len(body) >= least else len(body)


def _units(asked: Sequence[AwsCall], audit_table: str) -> Iterator[Units]:
    for one in asked:
        if one.service == "dynamodb":
            yield units_of(one.operation, one.parameters, one.answer, audit_table=audit_table)


def _logged(request: Callable[[], None], output: TextIO) -> int:
    """Return the bytes that a request writes to `output`, a file."""
    with tempfile.TemporaryFile() as log, Path(os.devnull).open("wb") as nowhere:
        os.dup2(log.fileno(), output.fileno())
        request()
        output.flush()
        os.dup2(nowhere.fileno(), output.fileno())
        return os.fstat(log.fileno()).st_size


def _in_turn(runs: int, *each: Callable[[], None]) -> list[Spread]:
    """Run each function in turn, many times, and return the CPU that each takes."""
    taken: list[list[float]] = [[] for _ in each]
    gc.collect()
    for _ in range(runs):
        for done, times in zip(each, taken, strict=True):
            times.append(1000 * _once(done))
    return [Spread(min(times), statistics.median(times)) for times in taken]


def _once(done: Callable[[], None]) -> float:
    begun = time.process_time()
    done()
    return time.process_time() - begun
