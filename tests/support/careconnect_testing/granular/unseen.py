"""Pairs of stores that are equal but for a resource that a token opens by no letter: all its answers are the same."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Final

from careconnect_testing.granular.generated import Ids, Requests, generated_token
from careconnect_testing.granular.run import ids_in, store_of, walk
from careconnect_testing.granular.scopes import Token
from careconnect_testing.granular.worlds import (
    LIMITED,
    REFERRED,
    SELDOM,
    Step,
    changed,
    generated_resource,
    generated_steps,
    with_others,
    world_of,
)
from careconnect_testing.pairs.asked import Asked
from careconnect_testing.pairs.compare import Seen, legible_cursors, seen
from careconnect_testing.pairs.stores import Store, in_one_thread

_SEEDS_OF_STORES: Final = 150
_TOKENS: Final = 4
_LIVES: Final = 4
_TRIES: Final = 400
_ID: Final = "x"
_TYPES: Final = re.compile(r"by resources of these types: ([^.]*)")
_BOUND: Final = ("", "", "", "a", "b")
"""The patients that tokens are bound to: nobody, whose the resource is that differs, or another."""
_TIME: Final = 100
"""Times of what differs, which are those of no other."""


@dataclass(frozen=True)
class UnseenPair:
    """A request of a token to two stores, by the seed that it is generated from."""

    seed: int
    asked: Asked
    path: str
    """What differs."""
    lives: tuple[Sequence[Step], Sequence[Step]] = field(repr=False)


@dataclass(frozen=True)
class Leak:
    """Two answers that differ, or two trails that do more than they may."""

    pair: UnseenPair
    answers: tuple[Sequence[Seen], Sequence[Seen]]

    def __str__(self) -> str:
        """Return the request, what differs, and both answers."""
        lines = [f"seed {self.pair.seed}, {self.pair.asked}"]
        for life, answers in zip(self.pair.lives, self.answers, strict=True):
            lines.append(f"  the store with {self.pair.path} {[json.dumps(step.content) for step in life]}")
            lines += [f"  answers {status} {dict(headers)} {json.dumps(body)}" for status, headers, body in answers]
        return "\n".join(lines)


@dataclass(frozen=True)
class _Group:
    path: str
    lives: Sequence[Sequence[Step]]
    stores: Sequence[Store]
    tokens: Sequence[Token]
    ids: Ids


@lru_cache(maxsize=32)
def _group(number: int) -> _Group:
    """Return stores with several lives of a resource, which some tokens open by no letter."""
    random = Random(number)
    while True:
        type_ = random.choice(LIMITED)
        path = f"{type_}/{_ID}"
        is_referred = type_ in REFERRED and random.random() < 0.5
        lives = [_life(random, path, is_referred=is_referred) for _ in range(_LIVES)]
        if len(tokens := _tokens_that_see_none(random, type_, lives)) == _TOKENS:
            break
    steps = generated_steps(random, path if is_referred else "")
    ids = ids_in(world_of(steps))
    ids = {**ids, type_: [*ids[type_], _ID, _ID, _ID]}
    stores = [store_of(with_others(steps, life)) for life in lives]
    return _Group(path, lives, stores, tokens, ids)


def _life(random: Random, path: str, *, is_referred: bool) -> Sequence[Step]:
    """Return what one store has of a resource: perhaps nothing, unless another refers to it."""
    type_ = path.partition("/")[0]
    first = {**generated_resource(random, type_, "a", ""), "id": _ID}
    if "context" in first and random.random() < 0.6:
        first["context"] = {"reference": SELDOM}
    contents = [first, *(changed(random, first) for _ in range(random.choice((0, 0, 1))))]
    steps = [Step(path, each, _TIME + number) for number, each in enumerate(contents)]
    if is_referred:
        return steps
    kind = random.random()
    return () if kind < 0.3 else [*steps, Step(path, None, _TIME + len(steps))] if kind < 0.5 else steps


def _tokens_that_see_none(random: Random, type_: str, lives: Sequence[Sequence[Step]]) -> list[Token]:
    contents = [step.content for life in lives for step in life if step.content]
    found: list[Token] = []
    for _ in range(_TRIES):
        token = generated_token(random)
        is_limited = any(token.holds(letter, type_) for letter in "crud")
        if is_limited and not any(token.opens(letter, each) for each in contents for letter in "cruds"):
            found.append(replace(token, patient=random.choice(_BOUND)))
        if len(found) == _TOKENS:
            break
    return found


def unseen_pair(seed: int) -> UnseenPair:
    """Return the pair of a seed."""
    random, group = Random(seed), _group(seed // _SEEDS_OF_STORES)
    token = random.choice(group.tokens)
    asked = Requests(random, token, group.ids, group.path).generated()
    one, other = random.sample(group.lives, 2)
    return UnseenPair(seed, asked, group.path, (one, other))


def leak(pair: UnseenPair) -> Leak | None:
    """Return the difference of answers that nothing excuses."""
    group = _group(pair.seed // _SEEDS_OF_STORES)
    stores = [group.stores[next(n for n, each in enumerate(group.lives) if each is life)] for life in pair.lives]
    one, other = ([seen(each.answer) for each in walk(store, pair.asked)] for store in stores)
    return None if one == other or _is_excused(pair, one, other) else Leak(pair, (one, other))


def _is_excused(pair: UnseenPair, one: Sequence[Seen], other: Sequence[Seen]) -> bool:
    """Return True if the answers differ only in that something refers to what was to be deleted, and not in its type.

    Counts hold types alone (`audit.md`, Promise 9).
    """
    texts = [json.dumps(answers[0][2]) for answers in (one, other)]
    deletes = [each for each in (pair.asked, *pair.asked.entries) if each.method == "DELETE"]
    named, named_by_other = (_types_named(text) for text in texts)
    return bool(deletes) and any('"conflict"' in each for each in texts) and named == named_by_other


def _types_named(text: str) -> set[str]:
    """Return the types of which an answer says that resources of them refer to what was to be deleted."""
    return {each for listed in _TYPES.findall(text) for each in LIMITED if each in listed}


def leaks(seeds: Iterable[int]) -> Iterator[Leak]:
    """Yield what the pairs of seeds tell."""
    with legible_cursors(), in_one_thread():
        yield from filter(None, (leak(unseen_pair(seed)) for seed in seeds))
