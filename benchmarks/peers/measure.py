"""Measure ours and the peers' in one run, in turn, so that whatever else the machine does meets all alike."""

from typing import Any, Final

from benchmarks.peers.installed import install
from benchmarks.peers.reading import Reading
from benchmarks.peers.tokens import Tokens

STARTS: Final = 9
ROUNDS: Final = 21

_SECONDS: Final = 0.1
"""Of the processor, for which each reads in a round."""

_TOKENS: Final = 100


def peers(starts: int = STARTS, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Return the figures, a dict for each measure.

    `ours` and `theirs` have a median, the lowest and the highest: of `starts` fresh processes, or of `rounds` rounds of
    warm calls. `ratio` is ours in parts of theirs. Raises RuntimeError where one does not answer as it should.
    """
    install()
    with Reading() as reading:
        with Tokens() as tokens:
            for _ in range(rounds):
                reading.read(_SECONDS)
                tokens.call(_TOKENS)
        # The first start of each finds less of itself in the machine's caches.
        for number in range(1 + starts):
            reading.load(counts=number > 0)
        return [row.figures() for row in (*reading.rows(), *tokens.rows())]
