"""Run pairs: two stores that are equal but for one patient, and one request to both."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from random import Random
from typing import Final

from careconnect.audit.event import AuditEvent
from careconnect_testing.pairs.archived import archived
from careconnect_testing.pairs.asked import AUDITORS, BOUND_TO_OTHERS, NARROW, SUFFIXED, Asked
from careconnect_testing.pairs.compare import Seen, legible_cursors, seen
from careconnect_testing.pairs.contract import is_excepted, may_interfere, tells_of_erased
from careconnect_testing.pairs.crowd import crowd_lives
from careconnect_testing.pairs.lives import HE, MOVED, Life, lives
from careconnect_testing.pairs.requests import generated, generated_of_crowd, shorter
from careconnect_testing.pairs.stores import Answered, Stores, finds_noted, in_one_thread

_LIVES: Final = 12
_SEEDS_OF_LIVES: Final = 5_000
"""Seeds that share the generated lives: their stores are built once."""

_CROWDED: Final = 3
"""One of so many pairs has a crowd beside the patient."""

_SUFFIXED: Final = 5
"""One of so many pairs is of a caller that has scopes with suffixes."""

_STORES: Final = cache(Stores)


@dataclass(frozen=True)
class Pair:
    """A request to two stores, by the seed that it is generated from."""

    seed: int
    asked: Asked
    lives: tuple[Life, Life] = field(repr=False)
    has_crowd: bool = False
    is_erased: bool = False
    """Whether both stores have erased the patient."""


@dataclass(frozen=True)
class Difference:
    """Two answers to a pair that differ, whether an event of the patient was stored before either, and whether the
    work for either found him.
    """

    pair: Pair
    answers: tuple[Seen, Seen]
    is_recorded: bool
    is_found: bool

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
    if pair.is_erased and tells_of_erased(pair.asked, *difference.answers):
        return None
    told = difference
    if pair.asked.method == "HEAD":
        # GET's body says why.
        told = _difference(replace(pair, asked=replace(pair.asked, method="GET"))) or difference
    return None if is_excepted(pair.asked, *told.answers, is_found=difference.is_found) else difference


def interfering(pair: Pair) -> Difference | None:
    """Return a difference between answers to a caller that may see nothing of what differs, and nothing excuses it."""
    difference = _difference(pair)
    return None if difference is None or may_interfere(pair.asked, *difference.answers) else difference


def unarchived(pair: Pair) -> Difference | None:
    """Return a pair of which either store has events of the patient that are not found in the archive as they are."""
    one, other = answered = _answered(pair)
    if all(archived(each.events, HE) == _his(each) for each in answered):
        return None
    return Difference(pair, (seen(one.answer), seen(other.answer)), is_recorded=False, is_found=True)


def _his(answered: Answered) -> list[AuditEvent]:
    """Return the patient's events, newest first."""
    his = [event for event in answered.events if event.patient == HE]
    return sorted(his, key=lambda event: event.id, reverse=True)


def generated_pair(seed: int) -> Pair:
    """Return the pair of a seed."""
    random, has_crowd = Random(seed), seed % _CROWDED == 0
    all_lives = crowd_lives() if has_crowd else lives(seed // _SEEDS_OF_LIVES, _LIVES)
    one, other = random.sample(all_lives, 2)
    asked = (generated_of_crowd if has_crowd else generated)(random)
    return Pair(seed, _perhaps_suffixed(seed, random, asked), (one, other), has_crowd)


def _perhaps_suffixed(seed: int, random: Random, asked: Asked) -> Asked:
    """Return a request, of some seeds by a caller that has scopes with suffixes."""
    is_suffixed = seed % _SUFFIXED == 2 and asked.caller not in AUDITORS
    return _by(random.choice(SUFFIXED), asked) if is_suffixed else asked


def _by(caller: str, asked: Asked) -> Asked:
    """Return the same request by another caller."""
    return replace(asked, caller=caller, entries=tuple(_by(caller, each) for each in asked.entries))


def unseen_pair(seed: int) -> Pair:
    """Return a pair whose caller may see nothing of what differs: of another patient, or of other types."""
    random, pair = Random(seed), generated_pair(seed)
    pair = _with_like_numbers(pair, random)
    one, other = pair.lives
    if pair.asked.caller in AUDITORS:
        return replace(pair, asked=replace(pair.asked, caller=AUDITORS[-1]))
    can_be_narrow = _seen_by_narrow(one) == _seen_by_narrow(other)
    caller = random.choice((*BOUND_TO_OTHERS, *([NARROW] * 4 if can_be_narrow else ())))
    return replace(pair, asked=_by(caller, pair.asked))


def erased_pair(seed: int) -> Pair:
    """Return a pair of stores that have both erased the patient, with all that was different."""
    random = Random(seed)
    one, other = random.sample(lives(seed // _SEEDS_OF_LIVES, _LIVES), 2)
    asked = _perhaps_suffixed(seed, random, generated(random))
    return _with_like_numbers(Pair(seed, asked, (one, other), is_erased=True), random)


def _with_like_numbers(pair: Pair, random: Random) -> Pair:
    """Return a pair in which another patient's versions have the same numbers, which are not his alone."""
    one, other = pair.lives
    if _moves(one) == _moves(other):
        return pair
    every = lives(pair.seed // _SEEDS_OF_LIVES, _LIVES)
    alike = [each for each in every if each != one and _moves(each) == _moves(one)]
    return replace(pair, lives=(one, random.choice(alike or [one])))


def _moves(life: Life) -> int:
    """Return how many versions the resource has that was his."""
    return sum(step.path.endswith(f"/{MOVED}") for step in life)


def _seen_by_narrow(life: Life) -> list[object]:
    return [step for step in life if step.path.startswith("Encounter/")]


def broken(seeds: Iterable[int], pair_of: Callable[[int], Pair], judge: Judge) -> Iterator[Difference]:
    """Yield the differences of the pairs of seeds, each of the shortest request that shows one."""
    with legible_cursors(), finds_noted(), in_one_thread():
        for seed in seeds:
            if found := judge(pair_of(seed)):
                yield _shortest(found, judge)


def _shortest(found: Difference, judge: Judge) -> Difference:
    for less in shorter(found.pair.asked):
        if shown := judge(replace(found.pair, asked=less)):
            return _shortest(shown, judge)
    return found


def _answered(pair: Pair) -> tuple[Answered, Answered]:
    """Return the answers of both stores to the request of a pair."""
    stores = [_STORES(with_crowd=pair.has_crowd, is_erased=pair.is_erased).of(life) for life in pair.lives]
    # Both are asked for the same page: cursors are sealed with the same key.
    link = next(filter(None, (each.next_link(pair.asked) for each in stores)), "") if pair.asked.is_next else ""
    one, other = (each.answer(pair.asked, link) for each in stores)
    return one, other


def _difference(pair: Pair) -> Difference | None:
    one, other = _answered(pair)
    answers = seen(one.answer), seen(other.answer)
    if answers[0] == answers[1]:
        return None
    return Difference(pair, answers, HE in one.patients | other.patients, HE in one.found | other.found)
