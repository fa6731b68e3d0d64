"""From a failing run to the shortest that still fails: fewer requests, then fewer disturbances."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from careconnect_testing.simulation.actors.plan import Plan
from careconnect_testing.simulation.run import Outcome, run_schedule

MAX_RUNS: Final = 600
"""Runs that a shrinking may take."""

Runs = Callable[[Plan, Sequence[int]], Outcome]


def shrunk(failed: Outcome, most: int = MAX_RUNS, run: Runs | None = None) -> Outcome:
    """Return the simplest failing run that is found; `run` repeats the seed with another plan and other choices."""
    repeat = run or (lambda plan, given: run_schedule(failed.seed, plan=plan, given=given))
    best, left = failed, most
    is_better = True
    while is_better and left > 0:
        is_better = False
        for plan, given in _simpler(best):
            left -= 1
            if left < 0:
                break
            tried = repeat(plan, given)
            if tried.broken and _size(tried) < _size(best):
                best, is_better = replace(tried, seed=failed.seed), True
                break
    return best


def _size(outcome: Outcome) -> tuple[int, int, int]:
    steps = sum(len(line.steps) for line in outcome.plan)
    return steps, sum(1 for choice in outcome.choices if choice), len(outcome.choices)


def _simpler(outcome: Outcome) -> Iterator[tuple[Plan, Sequence[int]]]:
    """Yield simpler runs, the greatest steps first."""
    plan, choices = outcome.plan, outcome.choices
    if len(plan) > 1:
        for place in range(len(plan)):
            yield (*plan[:place], *plan[place + 1 :]), choices
    for place, line in enumerate(plan):
        for number in range(len(line.steps)):
            if len(line.steps) > 1:
                fewer = replace(line, steps=(*line.steps[:number], *line.steps[number + 1 :]))
                yield (*plan[:place], fewer, *plan[place + 1 :]), choices
    places = [place for place, choice in enumerate(choices) if choice]
    size = len(places)
    while size:
        for start in range(0, len(places), size):
            quiet = set(places[start : start + size])
            yield plan, [0 if place in quiet else choice for place, choice in enumerate(choices)]
        size //= 2
