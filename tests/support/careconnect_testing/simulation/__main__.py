"""Run many schedules: `python -m careconnect_testing.simulation --schedules 3000 --first 1 --jobs 2`.

Exit codes: 0 all promises held; 1 one did not, and the shortest schedule that breaks it is told.
"""

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Final

from careconnect_testing.simulation.actors.erasing_plan import erasing_plan_of
from careconnect_testing.simulation.actors.plan import Plan, plan_of
from careconnect_testing.simulation.run import run_schedule
from careconnect_testing.simulation.shrink import shrunk
from careconnect_testing.simulation.story import story_of

_BATCH = 50
PLANS: Final[Mapping[str, Callable[[int], Plan]]] = {"mixed": plan_of, "erasing": erasing_plan_of}


@dataclass
class _Tally:
    done: int = 0
    failed: list[int] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.begun


def failing(plans: str, first: int, end: int, *, stops: bool = False) -> list[int]:
    """Return the failing seeds of a range; with `stops` no more than the first."""
    plan_of = PLANS[plans]
    # A run makes little garbage: what it takes goes by itself at its end.
    gc.set_threshold(100_000, 20, 100)
    failed = []
    for seed in range(first, end):
        if run_schedule(seed, plan=plan_of(seed)).broken:
            failed.append(seed)
            if stops:
                break
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=int(os.environ.get("SCHEDULES", "1000")))
    parser.add_argument("--plans", choices=PLANS, default="mixed", help="%(default)s")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so much time")
    parser.add_argument("--stop", action="store_true", help="stop at the first that fails, and tell no story")
    options = parser.parse_args()
    end = options.first + options.schedules
    tally = _Tally()
    if options.stop:
        tally.failed = failing(options.plans, options.first, end, stops=True)
        tally.done = (tally.failed or [end - 1])[0] - options.first + 1
    else:
        _run(tally, options.plans, options.first, end, options.jobs, options.seconds)
    rate = tally.done / tally.seconds
    print(f"{tally.done:,} schedules in {tally.seconds:,.0f} s ({rate:.1f} a second), failing: {tally.failed[:20]}")
    if not tally.failed:
        return 0
    outcome = run_schedule(tally.failed[0], plan=PLANS[options.plans](tally.failed[0]))
    print(f"FAILED seed {outcome.seed}, schedule {outcome.seed - options.first + 1}: {outcome.broken.splitlines()[0]}")
    if not options.stop:
        print(story_of(shrunk(outcome)))
    return 1


def _run(tally: _Tally, plans: str, first: int, end: int, jobs: int, seconds: float) -> None:
    """Run the seeds of a range in several processes, until the time is over."""
    starts = iter(range(first, end, _BATCH))
    with ProcessPoolExecutor(jobs) as pool:
        for batch in _parts(starts, jobs * 4):
            ends = [min(start + _BATCH, end) for start in batch]
            for seeds in pool.map(partial(failing, plans), batch, ends):
                tally.failed += seeds
            tally.done += sum(ends) - sum(batch)
            if tally.seconds > seconds:
                return


def _parts(starts: Iterator[int], size: int) -> Iterator[list[int]]:
    while batch := list(islice(starts, size)):
        yield batch


if __name__ == "__main__":
    sys.exit(main())
