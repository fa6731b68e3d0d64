"""Measure the noise of the machine: the CPU of the same work, many times."""

import os
import platform
import statistics
import time
from typing import Any, Final

_TIMES: Final = 300
_WORK: Final = 20_000


def machine() -> dict[str, Any]:
    """Return the kind of machine, and the minimum and the 95th percentile of milliseconds of CPU."""
    cpu = []
    for _ in range(_TIMES):
        begun = time.process_time()
        sum(number * number for number in range(_WORK))
        cpu.append(1000 * (time.process_time() - begun))
    return {
        "python": platform.python_version(),
        "architecture": platform.machine(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "cpu": {"least": round(min(cpu), 3), "p95": round(statistics.quantiles(cpu, n=20)[-1], 3)},
    }
