"""Run many cases: `python -m careconnect_testing.exports --cases 2000 --first 1 --jobs 2`.

Exit codes: 0 every export holds what the oracle says; 1 one does not, and the first such are told.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from careconnect_testing.exports.run import findings

_BATCH = 50
_TOLD = 10


def found_in(first: int, end: int) -> list[str]:
    """Return what is wrong with the exports of a range of seeds."""
    return list(findings(range(first, end)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    begun, end = time.monotonic(), options.first + options.cases
    starts = range(options.first, end, _BATCH)
    with ProcessPoolExecutor(options.jobs) as pool:
        ends = [min(start + _BATCH, end) for start in starts]
        found = [each for some in pool.map(found_in, starts, ends) for each in some]
    print(f"{options.cases:,} exports, in {time.monotonic() - begun:,.0f} s; broken: {len(found)}")
    for each in found[:_TOLD]:
        print(f"FAILED {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
