"""Say a set of verbs in few IAM patterns, since the gateway takes 8,192 bytes of policy (ADR 24)."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import combinations
from typing import Final

VERBS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""The verbs that the gateway authorises; a preflight it does not."""

# Each with the verbs that it matches. Those with a `*` say most, and match a verb and the beginning of a path too.
_MATCHED: Final = {
    pattern: frozenset(verb for verb in VERBS if fnmatchcase(verb, pattern))
    for pattern in (*VERBS, "???", "????", "*", "?E*", "P*", "P*T", "P?T*", "??T*")
}


@lru_cache(maxsize=1024)
def verb_patterns(opened: frozenset[str], indifferent: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Return the fewest patterns of verbs that match all of `opened` and nothing but these and `indifferent` ones.

    Of as few, those without a `*` come first, then those that match less.
    """
    usable = [pattern for pattern, verbs in _MATCHED.items() if verbs & opened and verbs <= opened | indifferent]
    return min(_covers(usable, opened), key=_cost)


def _covers(patterns: list[str], opened: frozenset[str]) -> Iterator[tuple[str, ...]]:
    for count in range(len(opened) + 1):
        for chosen in combinations(patterns, count):
            if opened <= frozenset().union(*(_MATCHED[pattern] for pattern in chosen)):
                yield chosen


def _cost(chosen: tuple[str, ...]) -> tuple[int, int, int]:
    return (
        len(chosen),
        sum("*" in pattern for pattern in chosen),
        len(frozenset().union(*(_MATCHED[pattern] for pattern in chosen))),
    )
