"""What a warm call of each function costs the processor, beside its bare calls of AWS.

    python -m benchmarks.own_cpu

Each request is made again and again on the answers that AWS once gave to it, on a local stack with the sample, and in
turn with it its calls alone (`benchmarks.warm_requests`). CPU time counts, all of this process's threads':
whoever answers is another process. The least of all runs is the figure; what the median is above that is the noise.
"""

import gc
import os
import statistics
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.loaded_stack import loaded_stack
from benchmarks.warm_requests import Case, cases, warm_request
from benchmarks.wire import Wire

from careconnect_admin.local.local_stack import LocalStack

_RUNS: Final = 300
_LONG_RUNS: Final = 60
_LONG: Final = 0.004
"""Seconds from which a request is made fewer times."""


@dataclass(frozen=True, slots=True)
class Spread:
    """CPU of many runs in milliseconds: the least, and the median."""

    least: float
    median: float

    def __str__(self) -> str:
        return f"{self.least:.2f} (+{self.median - self.least:.2f})"


@dataclass(frozen=True, slots=True)
class Figure:
    """A request's CPU, that of its bare calls, and that of the same calls by a client as the functions have it."""

    name: str
    calls: tuple[str, ...]
    own: Spread
    bare: Spread
    ours: Spread
    budget: float

    @property
    def ratio(self) -> float:
        """The request over its bare calls."""
        return self.own.least / self.bare.least

    @property
    def ratio_to_ours(self) -> float:
        """The request over the same calls by our own client: what is left is the function itself."""
        return self.own.least / self.ours.least


def figures() -> list[dict[str, Any]]:
    """Return what every request costs, as the other benchmarks return their figures."""
    return [asdict(one) for one in own_cpu()]


def own_cpu() -> list[Figure]:
    """Measure every case; takes about two minutes."""
    # A logger keeps the output that it was made with.
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        loaded_stack() as (stack, client),
        Wire(stack.endpoint) as wire,
        redirect_stdout(nowhere),
    ):
        return [_measured(stack, wire, case) for case in cases(stack, client)]


def _measured(stack: LocalStack, wire: Wire, case: Case) -> Figure:
    with warm_request(stack, wire, case) as request:
        own, bare, ours = _least(request.whole, request.bare, request.ours)
        return Figure(case.name, request.calls, own, bare, ours, case.budget)


def _least(*each: Callable[[], None]) -> list[Spread]:
    """Do each in turn, again and again, and return what it takes."""
    taken: list[list[float]] = [[] for _ in each]
    runs = _LONG_RUNS if _once(each[0]) > _LONG else _RUNS
    gc.collect()
    for _ in range(runs):
        for done, times in zip(each, taken, strict=True):
            times.append(1000 * _once(done))
    return [Spread(min(times), statistics.median(times)) for times in taken]


def _once(done: Callable[[], None]) -> float:
    begun = time.process_time()
    done()
    return time.process_time() - begun


def main() -> None:
    """Print the table."""
    print("| request | calls | CPU, ms | bare calls, ms | ratio | at most | our calls, ms | ratio |\n|" + "---|" * 8)
    for one in own_cpu():
        print(
            f"| {one.name} | {', '.join(one.calls)} | {one.own} | {one.bare} | {one.ratio:.2f} | {one.budget:.2f} "
            f"| {one.ours} | {one.ratio_to_ours:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
