"""Run many cases: `python -m careconnect_testing.granular --cases 20000 --first 1 --jobs 2`.

As many answers to tokens with granular scopes are compared with the oracle's, as many registrations with what they
cover, and half as many requests are sent to two stores that differ in what their token does not open. Exit codes: 0
nothing differs; 1 something does, and the first such requests are told.
"""

import sys

from careconnect_testing.granular.registered import wrongly_covered
from careconnect_testing.granular.run import differences
from careconnect_testing.granular.unseen import leaks
from careconnect_testing.running.seeded_cases import run_cases


def findings(first: int, end: int) -> list[str]:
    """Return what the cases of a range of seeds break, in words."""
    seeds = range(first, end)
    return [str(each) for some in (wrongly_covered(seeds), differences(seeds), leaks(seeds[::2])) for each in some]


if __name__ == "__main__":
    sys.exit(run_cases(__doc__, findings, called="cases of three kinds", option="cases", most=2_000, batch=2_400))
