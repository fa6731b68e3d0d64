"""Run many schedules: `python -m careconnect_testing.simulation --schedules 3000 --first 1 --jobs 2`."""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from careconnect_testing.simulation.run import run_schedule
from careconnect_testing.simulation.shrink import shrunk
from careconnect_testing.simulation.story import story_of

_BATCH = 50


def failing(first: int, number: int) -> list[int]:
    """Return the failing seeds of a range."""
    return [seed for seed in range(first, first + number) if run_schedule(seed).broken]


def main() -> int:
    """Run the schedules, tell the story of the first that fails, and return 1 if one does."""
    parser = argparse.ArgumentParser(prog="python -m careconnect_testing.simulation")
    parser.add_argument("--schedules", type=int, default=1_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so much time")
    parser.add_argument("--stop", action="store_true", help="stop at the first that fails")
    given = parser.parse_args()
    begun, done = time.monotonic(), 0
    failed: list[int] = []
    starts = iter(range(given.first, given.first + given.schedules, _BATCH))
    end = given.first + given.schedules
    with ProcessPoolExecutor(given.jobs) as pool:
        for batch in _batches(starts, given.jobs * 4):
            for seeds in pool.map(failing, batch, [min(_BATCH, end - start) for start in batch]):
                failed += seeds
            done += sum(min(_BATCH, end - start) for start in batch)
            if time.monotonic() - begun > given.seconds or (failed and given.stop):
                break
    spent = time.monotonic() - begun
    sys.stdout.write(
        f"{done:,} schedules in {spent:,.0f} s ({done / spent:.1f} a second), failing: {len(failed)} {failed[:20]}\n"
    )
    if failed:
        sys.stdout.write(story_of(shrunk(run_schedule(failed[0]))) + "\n")
    return bool(failed)


def _batches(starts: Iterator[int], size: int) -> Iterator[list[int]]:
    while batch := list(islice(starts, size)):
        yield batch


if __name__ == "__main__":
    sys.exit(main())
