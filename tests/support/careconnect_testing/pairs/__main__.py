"""Run many pairs: `python -m careconnect_testing.pairs --pairs 100000 --first 1 --jobs 2`.

Exit codes: 0 what all answers depend on was recorded; 1 one was not, and the shortest request that shows it is told.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from careconnect_testing.pairs.run import broken, erased_pair, generated_pair, interfering, unrecorded, unseen_pair

_BATCH = 5_000
_TOLD = 10


def findings(first: int, end: int) -> list[str]:
    """Return what the pairs of a range of seeds break, in words."""
    found: dict[str, None] = {}
    for pair_of, judge in ((generated_pair, unrecorded), (unseen_pair, interfering), (erased_pair, unrecorded)):
        found |= dict.fromkeys(str(each) for each in broken(range(first, end), pair_of, judge))
    return list(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    begun, end = time.monotonic(), options.first + options.pairs
    starts = range(options.first, end, _BATCH)
    with ProcessPoolExecutor(options.jobs) as pool:
        ends = [min(start + _BATCH, end) for start in starts]
        found = [each for some in pool.map(findings, starts, ends) for each in some]
    seconds = time.monotonic() - begun
    print(f"{options.pairs:,} pairs of three kinds, in {seconds:,.0f} s; broken: {len(found)}")
    for each in sorted(found, key=len)[:_TOLD]:
        print(f"FAILED {each}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
