"""How much the machine itself lets a measurement vary: the same work, again and again."""

import os
import platform
import statistics
import time
from typing import Any, Final

_TIMES: Final = 300
_WORK: Final = 20_000


def machine() -> dict[str, Any]:
    """Return what the machine is, and what the same work takes on it: milliseconds of CPU and of the wall."""
    cpu, wall = [], []
    for _ in range(_TIMES):
        begun_cpu, begun = time.process_time(), time.perf_counter()
        sum(number * number for number in range(_WORK))
        cpu.append(1000 * (time.process_time() - begun_cpu))
        wall.append(1000 * (time.perf_counter() - begun))
    return {
        "python": platform.python_version(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "cpu": _spread(cpu),
        "wall": _spread(wall),
    }


def _spread(times: list[float]) -> dict[str, float]:
    return {
        "least": round(min(times), 3),
        "median": round(statistics.median(times), 3),
        "p95": round(statistics.quantiles(times, n=20)[-1], 3),
    }
