"""Fuzz for long: `make fuzz ARGS="--inputs=10000000 --seed=7 --only token cursor --processes=2"`."""

import argparse
import sys
from collections.abc import Sequence
from multiprocessing import get_context

from careconnect_testing.fuzzing.rounds import ROUND, run_rounds
from careconnect_testing.fuzzing.targets import TARGETS


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the processes side by side; return 1 if one finds something."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", choices=names, nargs="*")
    given = parser.parse_args(arguments)
    rounds = max(1, given.inputs // ROUND)
    seeds = [range(given.seed + process, given.seed + rounds, given.processes) for process in range(given.processes)]
    # Each process begins anew, since threads do not survive a fork.
    with get_context("spawn").Pool(given.processes) as pool:
        found = pool.starmap(run_rounds, [(given.only or names, each) for each in seeds])
    return int(any(found))


if __name__ == "__main__":
    sys.exit(main())
