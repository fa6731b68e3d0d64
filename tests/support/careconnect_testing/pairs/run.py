"""Run pairs: two stores that are equal but for one patient, and one request to both."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Final

from careconnect_testing.pairs.compare import Seen, legible_cursors, seen
from careconnect_testing.pairs.contract import is_excepted
from careconnect_testing.pairs.lives import HE, Life, lives
from careconnect_testing.pairs.requests import BOUND_TO_OTHERS, NARROW, Asked, generated, shorter
from careconnect_testing.pairs.stores import Stores

_LIVES: Final = 12
_SEEDS_OF_LIVES: Final = 5_000
"""Seeds that share the generated lives: their stores are built once."""

_STORES: Final = cache(Stores)


@dataclass(frozen=True)
class Pair:
    """A request to two stores, by the seed that it is generated from."""

    seed: int
    asked: Asked
    lives: tuple[Life, Life] = field(repr=False)


@dataclass(frozen=True)
class Difference:
    """Two answers to a pair that differ, and whether an event of the patient was stored before either."""

    pair: Pair
    answers: tuple[Seen, Seen]
    is_recorded: bool

    def __str__(self) -> str:
        """Return the request, and for each store what it alone holds and what it answers."""
        one, other = self.pair.lives
        told = [f"seed {self.pair.seed}, {self.pair.asked}"]
        for mine, his, (status, headers, body) in zip((one, other), (other, one), self.answers, strict=True):
            told += [f"  the store with {step.path} {json.dumps(step.resource)}" for step in mine if step not in his]
            told.append(f"  answers {status} {dict(headers)} {json.dumps(body)}")
        return "\n".join(told)


Judge = Callable[[Pair], Difference | None]


def unrecorded(pair: Pair) -> Difference | None:
    """Return a difference of which neither store has an event, and that nothing excuses."""
    difference = _difference(pair)
    if difference is None or difference.is_recorded:
        return None
    return None if is_excepted(pair.asked, *difference.answers) else difference


def interfering(pair: Pair) -> Difference | None:
    """Return any difference between answers to a caller that may see nothing of what differs."""
    return _difference(pair)


def generated_pair(seed: int) -> Pair:
    """Return the pair of a seed."""
    random = Random(seed)
    one, other = random.sample(lives(seed // _SEEDS_OF_LIVES, _LIVES), 2)
    return Pair(seed, generated(random), (one, other))


def unseen_pair(seed: int) -> Pair:
    """Return a pair whose caller may see nothing of what differs: of another patient, or of other types."""
    random, pair = Random(seed), generated_pair(seed)
    one, other = pair.lives
    can_be_narrow = _seen_by_narrow(one) == _seen_by_narrow(other)
    caller = random.choice((*BOUND_TO_OTHERS, *([NARROW] * 4 if can_be_narrow else ())))
    entries = tuple(replace(each, caller=caller) for each in pair.asked.entries)
    return replace(pair, asked=replace(pair.asked, caller=caller, entries=entries))


def _seen_by_narrow(life: Life) -> list[object]:
    return [step for step in life if step.path.startswith("Encounter/")]


def broken(seeds: Iterable[int], pair_of: Callable[[int], Pair], judge: Judge) -> Iterator[Difference]:
    """Yield the differences of the pairs of seeds, each of the shortest request that shows one."""
    with legible_cursors():
        for seed in seeds:
            if found := judge(pair_of(seed)):
                yield _shortest(found, judge)


def _shortest(found: Difference, judge: Judge) -> Difference:
    for less in shorter(found.pair.asked):
        if shown := judge(replace(found.pair, asked=less)):
            return _shortest(shown, judge)
    return found


def _difference(pair: Pair) -> Difference | None:
    answers, patients = [], set()
    for life in pair.lives:
        answer, events = _STORES().of(life).answer(pair.asked)
        answers.append(seen(answer))
        patients |= {event.patient for event in events}
    one, other = answers
    return None if one == other else Difference(pair, (one, other), HE in patients)
