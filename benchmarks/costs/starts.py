"""Simulate how often a function starts an instance in a month, and keep the starts in `docs/figures/starts.json`.

    python -m benchmarks.costs.starts [--write]

Takes a minute. AWS documents none of the assumptions below: they are the constants of this module. Calls arrive at
random (Poisson), most of them within the hours of a working day, seven days a week. The instance that was used last is
used first, so the others become idle.
"""

import heapq
import json
import random
from collections.abc import Mapping
from typing import Final

from benchmarks.costs import load
from benchmarks.costs.request_cost import milliseconds
from benchmarks.costs.sizes import SIZES, Size
from benchmarks.figures import STARTS, keep_or_print, memory_of, requests

IDLE: Final = 300
"""Seconds after which an instance without calls ends (assumed)."""

AGE: Final = 7_200
"""Seconds after which an instance is replaced (assumed)."""

DAYTIME: Final = 10
"""Hours from eight o'clock in which most calls come (assumed)."""

DAYTIME_SHARE: Final = 0.8
"""The share of a day's calls in these hours (assumed)."""

_SIMULATED: Final = 2_000_000
"""Calls that are simulated of a function at least, in whole days, unless a month has fewer."""

_DAYS: Final = 30
_FIRST_HOUR: Final = 8
_SEED: Final = 41


def calls_of(size: Size) -> dict[str, tuple[float, float]]:
    """Return the calls of a month and the mean seconds of one, for each function that the base load calls."""
    numbers = {**size.rates, "token": size.tokens}
    found: dict[str, tuple[float, float]] = {}
    for name, number in numbers.items():
        figures = requests()[name]
        _add(found, figures.function, number, milliseconds(figures, memory_of(figures.function)) / 1000)
        if name != "token":
            judge = "WriteAuthorizerFunction" if name.startswith("write") else "ReadAuthorizerFunction"
            took = milliseconds(requests()["authorizer"], memory_of(judge)) / 1000
            _add(found, judge, number * size.authorized, took)
    return found


def _add(found: dict[str, tuple[float, float]], function: str, calls: float, seconds: float) -> None:
    former, took = found.get(function, (0.0, 0.0))
    found[function] = (former + calls, (former * took + calls * seconds) / (former + calls))


def starts_of(calls: float, seconds: float, seed: int = _SEED) -> float:
    """Return the starts of a month, of a function with so many calls a month that take `seconds` each."""
    per_day = calls / _DAYS
    days = min(_DAYS, max(1, int(_SIMULATED / per_day)))
    chance = random.Random(seed)
    most = per_day / load.DAY * DAYTIME_SHARE * 24 / DAYTIME
    least = per_day / load.DAY * (1 - DAYTIME_SHARE) * 24 / (24 - DAYTIME)
    busy: list[tuple[float, float]] = []
    idle: list[tuple[float, float]] = []
    starts, now, end = 0, 0.0, float(days * load.DAY)
    while True:
        hour = now % load.DAY / load.HOUR
        now += chance.expovariate(most if _FIRST_HOUR <= hour < _FIRST_HOUR + DAYTIME else least)
        if now >= end:
            return starts * _DAYS / days
        while busy and busy[0][0] <= now:
            idle.append(heapq.heappop(busy))
        if idle and now - idle[-1][0] > IDLE:
            idle.clear()
        while idle and now - idle[-1][1] > AGE:
            idle.pop()
        # Those at the bottom were used before the others.
        if len(idle) > 1 and now - idle[0][0] > IDLE:
            idle = [each for each in idle if now - each[0] <= IDLE]
        if idle:
            born = idle.pop()[1]
        else:
            born = now
            starts += 1
        heapq.heappush(busy, (now + seconds, born))


def simulated() -> dict[str, dict[str, dict[str, int]]]:
    """Return the calls and the starts of a month, by size and function."""
    return {
        name: {
            function: {"calls": round(calls), "starts": round(starts_of(calls, seconds))}
            for function, (calls, seconds) in sorted(calls_of(size).items())
        }
        for name, size in SIZES.items()
    }


def kept() -> Mapping[str, Mapping[str, Mapping[str, int]]]:
    """Return the starts that are kept in `docs/figures`."""
    found: dict[str, dict[str, dict[str, int]]] = json.loads(STARTS.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    keep_or_print(STARTS, simulated, "benchmarks.costs.starts", __doc__.partition("\n")[0])
