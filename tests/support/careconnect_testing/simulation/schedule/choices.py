"""The decisions of one run, from a seed or as they were recorded."""

import random
from collections.abc import Sequence


class Choices:
    """Makes every decision of a run, and records it.

    `given` are the decisions of an earlier run: they are repeated, and followed by zeros. A decision of 0 is always the
    quiet one: the same task goes on, nothing fails, no time passes. So a run gets simpler as its decisions become 0.
    """

    def __init__(self, seed: int, given: Sequence[int] | None = None) -> None:
        self._random = random.Random(seed)
        self._given = given
        self.taken: list[int] = []

    def below(self, number: int) -> int:
        """Return a number from 0 to `number` - 1, each as probable as the other."""
        if number < 2:
            return 0
        if self._given is not None:
            position = len(self.taken)
            chosen = self._given[position] % number if position < len(self._given) else 0
        else:
            chosen = int(self._random.random() * number)
        self.taken.append(chosen)
        return chosen

    def rarely(self, per_mille: float, ways: int = 1) -> int:
        """Return 0, or in `per_mille` of 1,000 cases a number from 1 to `ways`."""
        if self._given is not None:
            position = len(self.taken)
            chosen = self._given[position] % (ways + 1) if position < len(self._given) else 0
        else:
            drawn = self._random.random() * 1000
            chosen = 1 + int(drawn / per_mille * ways) if drawn < per_mille else 0
        self.taken.append(chosen)
        return chosen
