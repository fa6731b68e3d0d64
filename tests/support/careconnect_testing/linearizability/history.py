"""A history of concurrent operations on one key, as their callers saw them."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


class HistoryError(ValueError):
    """A history that no run can have: an operation ends before it begins, or a process does two at once."""


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of one process.

    The times are on one clock, in any unit. An operation with a `return_time` of None may have happened at any time
    after its call, or never; its `output` is None. One that returns at the time of another's call is concurrent to it.
    """

    process: Hashable
    call_time: float
    return_time: float | None
    name: str
    input: Any = None
    output: Any = None

    def __str__(self) -> str:
        """Return a line of a story: times, process, call and answer."""
        end = "…" if self.return_time is None else f"{self.return_time:g}"
        asked = "" if self.input is None else f" {self.input}"
        answered = "no answer" if self.return_time is None else str(self.output)
        return f"[{self.call_time:g}, {end}] {self.process}: {self.name}{asked} -> {answered}"


def require_possible(history: Sequence[Operation]) -> None:
    """Raise `HistoryError` unless each operation ends after its call, and each process does one after the other.

    A process that gets no answer may go on.
    """
    of_process: dict[Hashable, list[Operation]] = defaultdict(list)
    for operation in history:
        if operation.return_time is not None:
            if operation.return_time < operation.call_time:
                raise HistoryError(f"ends before it begins: {operation}")
            of_process[operation.process].append(operation)
    for operations in of_process.values():
        operations.sort(key=lambda each: each.call_time)
        for before, after in pairwise(operations):
            if before.return_time is not None and after.call_time < before.return_time:
                raise HistoryError(f"at once by one process: {before} and {after}")
