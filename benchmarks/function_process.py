"""Run one function in a process of its own, as an instance of Lambda does: start it, call it, call it again.

    python -m benchmarks.function_process PACKAGE < calls.json

Reads the calls as JSON (`Calls`), in the environment that the function is deployed with, and prints what they took
(`Taken`). Used by `benchmarks.power_tuning`.
"""

import importlib
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Calls:
    """What to call a function with: the first event, those between, and the one that is measured `runs` times.

    It is called with `pause` seconds between two calls, so that each begins with the whole of its share, and then
    `busy` times without. `told` is a URL that is called before the measured ones, if there is one.
    """

    first: Mapping[str, Any]
    between: Sequence[Mapping[str, Any]]
    event: Mapping[str, Any]
    runs: int
    busy: int
    pause: float
    told: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds on the clock and of the processor, of the start, the first call, later and busy ones; peak memory in KB.

    `logged` and `answered` are the bytes of one call's log lines and of its body; `answer` is all of the last one.
    """

    start: tuple[float, float]
    first: tuple[float, float]
    warm: list[tuple[float, float]]
    busy: list[tuple[float, float]]
    peak: int
    logged: int
    answered: int
    answer: Mapping[str, Any]


class Context:
    """What a function is told of its invocation."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Say that there is time enough."""
        return 60_000


def run(package: str, calls: Calls, log: int) -> Taken:
    """Start the function and call it; its log lines go to the open file `log`."""
    start, function = _timed(lambda: importlib.import_module(f"{package}.handler").lambda_handler)
    first, _ = _timed(lambda: function(calls.first, Context()))
    for event in calls.between:
        function(event, Context())
    if calls.told:
        with urlopen(calls.told, b""):  # noqa: S310 - of this machine
            pass
    warm: list[tuple[float, float]] = []
    answer: dict[str, Any] = {}
    before = os.fstat(log).st_size
    for _ in range(calls.runs):
        time.sleep(calls.pause)
        taken, answer = _timed(lambda: function(calls.event, Context()))
        warm.append(taken)
    sys.stdout.flush()
    logged = (os.fstat(log).st_size - before) // calls.runs
    busy = [_timed(lambda: function(calls.event, Context()))[0] for _ in range(calls.busy)]
    return Taken(
        start=start,
        first=first,
        warm=warm,
        busy=busy,
        peak=_peak(),
        logged=logged,
        answered=len(str(answer.get("body", "")).encode()),
        answer=answer,
    )


def _peak() -> int:
    """Return the most memory that this process had; what getrusage says begins with the parent's."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _timed(done: Callable[[], T]) -> tuple[tuple[float, float], T]:
    clock, processor = time.perf_counter(), time.process_time()
    value = done()
    return (time.perf_counter() - clock, time.process_time() - processor), value


def main() -> None:
    """Read, run and print."""
    calls = Calls(**json.load(sys.stdin))
    printed = os.dup(1)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 1)
        taken = run(sys.argv[1], calls, log.fileno())
    os.write(printed, json.dumps(asdict(taken)).encode())


if __name__ == "__main__":
    main()
