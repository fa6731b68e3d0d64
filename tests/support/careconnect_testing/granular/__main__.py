"""Run many cases: `python -m careconnect_testing.granular --cases 20000 --first 1 --jobs 2`.

As many answers to tokens with granular scopes are compared with the oracle's, as many registrations with what they
cover, and half as many requests are sent to two stores that differ in what their token does not open. Exit codes: 0
nothing differs; 1 something does, and the first such requests are told.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from careconnect_testing.granular.registered import wrongly_covered
from careconnect_testing.granular.run import differences
from careconnect_testing.granular.unseen import leaks

_BATCH = 2_400
_TOLD = 10


def findings(first: int, end: int) -> list[str]:
    """Return what the cases of a range of seeds break, in words."""
    seeds = range(first, end)
    return [str(each) for some in (wrongly_covered(seeds), differences(seeds), leaks(seeds[::2])) for each in some]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=2_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    begun, end = time.monotonic(), options.first + options.cases
    starts = range(options.first, end, _BATCH)
    with ProcessPoolExecutor(options.jobs) as pool:
        ends = [min(start + _BATCH, end) for start in starts]
        found = [each for some in pool.map(findings, starts, ends) for each in some]
    print(f"{options.cases:,} cases of three kinds, in {time.monotonic() - begun:,.0f} s; broken: {len(found)}")
    for each in found[:_TOLD]:
        print(f"FAILED {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
