"""Pairs of stores that are equal but for a resource that a token does not open: exports are the same."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Final

from careconnect_testing.exports.kick_offs import KickOff, kick_off_of, opens
from careconnect_testing.exports.plain_runs import Told, exported
from careconnect_testing.granular.generated import generated_token
from careconnect_testing.granular.run import store_of
from careconnect_testing.granular.scopes import Token
from careconnect_testing.granular.worlds import (
    LIMITED,
    Step,
    changed,
    generated_resource,
    generated_steps,
    with_others,
)
from careconnect_testing.pairs.stores import Store, in_one_thread

_SEEDS_OF_STORES: Final = 40
_TOKENS: Final = 3
_LIVES: Final = 4
_TRIES: Final = 400
_ID: Final = "x"
_TIME: Final = 100
"""Times of what differs, which are those of no other."""


@dataclass(frozen=True)
class UnseenPair:
    """A kick-off at two stores, by the seed that it is generated from."""

    seed: int
    kick_off: KickOff
    lives: tuple[Sequence[Step], Sequence[Step]] = field(repr=False)


@dataclass(frozen=True)
class Leak:
    """Two exports that differ in what they tell."""

    pair: UnseenPair
    told: tuple[Told, Told]

    def __str__(self) -> str:
        """Return the kick-off, what differs, and both exports."""
        lines = [f"seed {self.pair.seed}, {self.pair.kick_off}"]
        for life, told in zip(self.pair.lives, self.told, strict=True):
            lines += [f"  the store with {[json.dumps(step.content) for step in life]}", f"  tells {told}"]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Group:
    type: str
    lives: Sequence[Sequence[Step]]
    stores: Sequence[Store]
    tokens: Sequence[Token]
    instants: Sequence[int]


@lru_cache(maxsize=8)
def _group(number: int) -> _Group:
    """Return stores with several lives of a resource, which some tokens do not open."""
    random = Random(f"unseen {number}")
    while True:
        type_ = random.choice(LIMITED)
        lives = [_life(random, type_) for _ in range(_LIVES)]
        if len(tokens := _tokens_that_see_none(random, lives)) == _TOKENS:
            break
    steps = generated_steps(random)
    stores = [store_of(with_others(steps, life)) for life in lives]
    instants = [int(each.moment * 1000) for each in (*steps, *(each for life in lives for each in life))]
    return _Group(type_, lives, stores, tokens, instants)


def _life(random: Random, type_: str) -> Sequence[Step]:
    """Return what one store has of a resource: perhaps nothing, perhaps several versions or a deletion."""
    path = f"{type_}/{_ID}"
    first = {**generated_resource(random, type_, "a", ""), "id": _ID}
    contents = [first, *(changed(random, first) for _ in range(random.choice((0, 0, 1, 2))))]
    steps = [Step(path, each, _TIME + number) for number, each in enumerate(contents)]
    kind = random.random()
    return () if kind < 0.3 else [*steps, Step(path, None, _TIME + len(steps))] if kind < 0.5 else steps


def _tokens_that_see_none(random: Random, lives: Sequence[Sequence[Step]]) -> list[Token]:
    contents = [step.content for life in lives for step in life if step.content]
    found: list[Token] = []
    for _ in range(_TRIES):
        token = _of_systems(generated_token(random))
        is_exporting = any(opens(token, each) for each in LIMITED)
        if is_exporting and not any(all(token.opens(letter, each) for letter in "rs") for each in contents):
            found.append(token)
        if len(found) == _TOKENS:
            break
    return found


def _of_systems(token: Token) -> Token:
    """Return the same scopes at the level that exports count."""
    return Token(tuple(replace(each, level="system") for each in token.scopes))


def unseen_pair(seed: int) -> UnseenPair:
    """Return the pair of a seed."""
    random, group = Random(f"pair {seed}"), _group(seed // _SEEDS_OF_STORES)
    now = max(group.instants) + 60_000
    kick_off = kick_off_of(random, random.choice(group.tokens), group.instants, now)
    one, other = random.sample(group.lives, 2)
    return UnseenPair(seed, kick_off, (one, other))


def leak(pair: UnseenPair) -> Leak | None:
    """Return what two exports tell that differs."""
    group = _group(pair.seed // _SEEDS_OF_STORES)
    stores = [group.stores[next(n for n, each in enumerate(group.lives) if each is life)] for life in pair.lives]
    one, other = (exported(each, pair.kick_off) for each in stores)
    return None if one == other else Leak(pair, (one, other))


def leaks(seeds: Iterable[int]) -> Iterator[Leak]:
    """Yield what the exports of the pairs of seeds tell."""
    with in_one_thread():
        yield from filter(None, (leak(unseen_pair(seed)) for seed in seeds))
