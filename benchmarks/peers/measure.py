"""Measure our programs and the peers' in one run, in turn, so that other work on the machine affects all alike."""

from typing import Any, Final

from benchmarks.peers.programs import install
from benchmarks.peers.reading import Reading
from benchmarks.peers.tokens import Tokens

ROUNDS: Final = 21

_SECONDS: Final = 0.1
"""Seconds of CPU for which each program reads in a round."""

_TOKENS: Final = 100


def peers(rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Return the median milliseconds of CPU of each measure: of rounds of warm calls, or of half as many starts.

    Raises RuntimeError if a program gives a wrong answer.
    """
    install()
    with Reading() as reading:
        with Tokens() as tokens:
            for _ in range(rounds):
                reading.read(_SECONDS)
                tokens.call(_TOKENS)
        # The first start of each finds less in the machine's caches.
        for number in range(1 + max(1, rounds // 2)):
            reading.load(counts=number > 0)
        return [*reading.rows(), *tokens.rows()]
