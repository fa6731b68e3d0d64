"""Fuzz for long: `make fuzz ARGS="--inputs=10000000 --seed=7 --only=token --processes=2"`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

from careconnect_testing.fuzzing.fuzz import inputs_of
from careconnect_testing.fuzzing.rounds import ROUND, run_rounds
from careconnect_testing.fuzzing.targets import TARGETS, Target


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the processes side by side; return 1 if one finds something."""
    names = [target.name for target in TARGETS]
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", choices=names, nargs="*")
    parser.add_argument(
        "--atheris", choices=names, help="one target, by coverage (pip install atheris); ends by Ctrl-C"
    )
    given = parser.parse_args(arguments)
    if given.atheris:
        _by_coverage(next(target for target in TARGETS if target.name == given.atheris))
    rounds = max(1, given.inputs // ROUND)
    seeds = [range(given.seed + process, given.seed + rounds, given.processes) for process in range(given.processes)]
    # Each process begins anew, since threads do not survive a fork.
    with get_context("spawn").Pool(given.processes) as pool:
        found = pool.starmap(run_rounds, [(given.only or names, each) for each in seeds])
    return int(any(found))


def _by_coverage(target: Target) -> NoReturn:
    """Have atheris make up inputs that reach new code; it does not return."""
    # In no lock: atheris has no wheel for every Python that this project takes.
    import atheris

    seeds = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, data in enumerate(inputs_of(target, 0, 1_000)):
        (seeds / str(number)).write_bytes(data)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], str(seeds)], target.run)
    atheris.Fuzz()
    raise SystemExit


if __name__ == "__main__":
    sys.exit(main())
