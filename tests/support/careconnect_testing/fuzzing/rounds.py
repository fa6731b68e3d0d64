"""Rounds of inputs in a process with low priority, with a table of the results at their end."""

import os
import time
from collections.abc import Sequence
from typing import Final

from careconnect_testing.fuzzing.fuzz import Run, fuzz, largest_memory, share_of
from careconnect_testing.fuzzing.targets import TARGETS

ROUND: Final = 20_000
"""Inputs of all targets in a round, after which a process prints its rate and memory."""


def run_rounds(names: Sequence[str], seeds: range) -> bool:
    """Give each target its share of a round for each seed, and print the results; return True if something is found."""
    os.nice(5)
    targets = [target for target in TARGETS if target.name in names]
    weights = sum(target.weight for target in targets) / sum(target.weight for target in TARGETS)
    totals = {target.name: Run(target.name) for target in targets}
    begun = time.monotonic()
    for seed in seeds:
        for target in targets:
            run, total = fuzz(target, share_of(target, int(ROUND / weights)), seed), totals[target.name]
            total.inputs += run.inputs
            total.seconds += run.seconds
            total.slowest = max(total.slowest, run.slowest)
            total.finds += run.finds
            for find in run.finds:
                print(f"seed {seed}, {target.name}: {find.error}: {find.data!r}", flush=True)
        done = sum(total.inputs for total in totals.values())
        print(
            f"{done:,} inputs by seed {seed}, {done / (time.monotonic() - begun):,.0f} a second, "
            f"{largest_memory() / 2**20:.0f} MB",
            flush=True,
        )
    print("\n".join(map(_row, totals.values())), flush=True)
    return any(total.finds for total in totals.values())


def _row(run: Run) -> str:
    rate = run.inputs / run.seconds if run.seconds else 0
    return f"| {run.name} | {run.inputs:,} | {rate:,.0f} | {run.slowest * 1000:.0f} ms | {len(run.finds)} |"
