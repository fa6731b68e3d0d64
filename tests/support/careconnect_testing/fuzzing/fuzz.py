"""Run inputs through a target, within the promised time, and shrink those that break a promise."""

import math
import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from careconnect.endpoint.pipeline import pinned_to_cpu
from careconnect_testing.fuzzing.promise import BrokenPromiseError
from careconnect_testing.fuzzing.targets import TARGETS, Target

SECONDS: Final = 0.05
SECONDS_PER_BYTE: Final = 10e-6
"""The processor time that an input may take: 50 ms, and 10 µs for each byte. The largest form then takes 0.7 s."""

_TRIES: Final = 3
_MAX_SHRINKS: Final = 400
_MAX_FINDS: Final = 5


@dataclass(frozen=True, slots=True)
class Find:
    """An input that breaks a promise, as short as it could be made, and how it does."""

    data: bytes
    error: str


@dataclass(slots=True)
class Run:
    """The result of a run: its inputs, the processor time of the target, its slowest input, and the finds."""

    name: str
    inputs: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_input: bytes = b""
    finds: list[Find] = field(default_factory=list)


def largest_memory() -> int:
    """Return the most bytes of memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def inputs_of(target: Target, seed: int, number: int) -> Iterator[bytes]:
    """Yield made-up inputs, the same ones for the same seed."""
    random = Random(f"{target.name}/{seed}")
    make = target.maker()
    return (make(random) for _ in range(number))


def fuzz(target: Target, number: int, seed: int) -> Run:
    """Give a target a number of inputs; end after five different finds."""
    run = Run(target.name)
    known: set[str] = set()
    # On one processor throughout: to be moved at each input would take longer than the input.
    with pinned_to_cpu():
        for data in inputs_of(target, seed, number):
            seconds, error = _tried(target.run, data)
            run.inputs += 1
            run.seconds += seconds
            if seconds > run.slowest:
                run.slowest, run.slowest_input = seconds, data
            if error and error not in known:
                known.add(error)
                run.finds.append(Find(_shrunk(target.run, data, error), error))
                if len(run.finds) == _MAX_FINDS:
                    break
    return run


def find_of(target: Target, data: bytes) -> str:
    """Return how an input breaks a promise, or an empty text."""
    return _tried(target.run, data)[1]


def _tried(run: Callable[[bytes], None], data: bytes) -> tuple[float, str]:
    """Return the processor time of an input, and how it breaks a promise, or an empty text."""
    bound = SECONDS + SECONDS_PER_BYTE * len(data)
    least = math.inf
    for _ in range(_TRIES):
        start = time.process_time()
        try:
            run(data)
        except Exception as error:  # noqa: BLE001 - any error is a find
            return time.process_time() - start, _described(error)
        least = min(least, time.process_time() - start)
        # Else once more: the processor may have been busy, or a cache empty.
        if least <= bound:
            return least, ""
    return least, "more time than promised"


def _described(error: Exception) -> str:
    if isinstance(error, BrokenPromiseError):
        return str(error)
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = f"{place.tb_frame.f_code.co_qualname}:{place.tb_lineno}" if place else ""
    return f"{type(error).__name__} at {where}"


def _shrunk(run: Callable[[bytes], None], data: bytes, error: str) -> bytes:
    """Return a short part of an input that breaks the same promise."""
    size, tries = len(data) // 2, 0
    while size and tries < _MAX_SHRINKS:
        start = 0
        while start < len(data) and tries < _MAX_SHRINKS:
            shorter = data[:start] + data[start + size :]
            tries += 1
            if _tried(run, shorter)[1] == error:
                data = shorter
            else:
                start += size
        size //= 2
    return data


def share_of(target: Target, total: int) -> int:
    """Return the number of a target's inputs among a total of all targets'."""
    return total * target.weight // sum(each.weight for each in TARGETS)
