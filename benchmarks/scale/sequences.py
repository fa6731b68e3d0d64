"""Ordered sequences of numbers of any length, of which each member is computed when it is asked for."""

from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import overload


class _Computed(Sequence[int]):
    """A sequence of computed numbers; slices are not needed."""

    @abstractmethod
    def number(self, position: int) -> int:
        """Return the number at a position from 0."""

    @overload
    def __getitem__(self, position: int) -> int: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[int]: ...
    def __getitem__(self, position: int | slice) -> int | Sequence[int]:
        """Return the number at a position; raises `IndexError` beyond the ends."""
        assert isinstance(position, int)
        if not 0 <= position < len(self):
            raise IndexError(position)
        return self.number(position)


@dataclass(frozen=True, slots=True)
class Periodic(_Computed):
    """The numbers below `total` with one of the sorted `residues` modulo `period`."""

    period: int
    residues: tuple[int, ...]
    total: int

    def __len__(self) -> int:
        """Return how many numbers there are."""
        periods, rest = divmod(self.total, self.period)
        return periods * len(self.residues) + bisect_left(self.residues, rest)

    def number(self, position: int) -> int:
        """Return the number at a position from 0."""
        periods, place = divmod(position, len(self.residues))
        return periods * self.period + self.residues[place]


@dataclass(frozen=True, slots=True)
class Mapped(_Computed):
    """The numbers that a function gives for the positions below `length`."""

    length: int
    number_at: Callable[[int], int]

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return self.length

    def number(self, position: int) -> int:
        """Return the number at a position from 0."""
        return self.number_at(position)
