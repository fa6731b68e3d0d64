"""Run many cases: `python -m careconnect_testing.exports --cases 2000 --first 1 --jobs 2`.

Exit codes: 0 every export holds what the oracle says; 1 one does not, and the first such are told.
"""

import sys

from careconnect_testing.exports.run import findings
from careconnect_testing.running.seeded_cases import run_cases


def found_in(first: int, end: int) -> list[str]:
    """Return what is wrong with the exports of a range of seeds."""
    return list(findings(range(first, end)))


if __name__ == "__main__":
    sys.exit(run_cases(__doc__, found_in, called="exports", option="cases", most=500, batch=50))
