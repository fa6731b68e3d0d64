"""Run the cases of many seeds in several processes, and tell what they break."""

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Final

_TOLD: Final = 10


def run_cases(
    description: str | None,
    findings: Callable[[int, int], list[str]],
    *,
    called: str,
    option: str,
    most: int,
    batch: int,
) -> int:
    """Return the exit code of a command: 1 if a case of its seeds is broken; the shortest such are told.

    `findings` returns in words what the seeds from one to another break. `most` is the default number of cases, which
    are `called` so; a process takes a `batch` of them at a time.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(f"--{option}", dest="cases", type=int, default=most)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    begun, end = time.monotonic(), options.first + options.cases
    starts = range(options.first, end, batch)
    with ProcessPoolExecutor(options.jobs) as pool:
        ends = [min(start + batch, end) for start in starts]
        found = [each for some in pool.map(findings, starts, ends) for each in some]
    print(f"{options.cases:,} {called}, in {time.monotonic() - begun:,.0f} s; broken: {len(found)}")
    for each in sorted(found, key=len)[:_TOLD]:
        print(f"FAILED {each}")
    return 1 if found else 0
