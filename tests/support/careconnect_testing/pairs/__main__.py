"""Run many pairs: `python -m careconnect_testing.pairs --pairs 100000 --first 1 --jobs 2`.

Exit codes: 0 what all answers depend on was recorded and archived; 1 one was not, and the shortest request that shows
it is told.
"""

import sys

from careconnect_testing.pairs.run import (
    broken,
    erased_pair,
    generated_pair,
    interfering,
    unarchived,
    unrecorded,
    unseen_pair,
)
from careconnect_testing.running.seeded_cases import run_cases


def findings(first: int, end: int) -> list[str]:
    """Return what the pairs of a range of seeds break, in words."""
    found: dict[str, None] = {}
    for pair_of, judge in (
        (generated_pair, unrecorded),
        (generated_pair, unarchived),
        (unseen_pair, interfering),
        (erased_pair, unrecorded),
    ):
        found |= dict.fromkeys(str(each) for each in broken(range(first, end), pair_of, judge))
    return list(found)


if __name__ == "__main__":
    sys.exit(run_cases(__doc__, findings, called="pairs of three kinds", option="pairs", most=10_000, batch=5_000))
