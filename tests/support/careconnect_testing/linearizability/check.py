"""Check a history by just-in-time linearization, depth first, with a memory of the configurations that were met.

The algorithm is Wing and Gong's (1993) as Lowe refined it ("Testing for linearizability", 2017): time goes on from one
call or return to the next, and an operation takes effect only when a return demands it, itself or another's. Two orders
of the same operations that lead to the same state are one configuration, which is examined once.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from careconnect_testing.linearizability.history import Operation, require_possible

State = TypeVar("State", bound=Hashable)

_CALL: Final = 0
_RETURN: Final = 1


@dataclass(frozen=True, slots=True)
class Model(Generic[State]):
    """A sequential object: its initial state, and a pure function of a state and an operation.

    `step` returns the states in which the operation may leave the object, none if it cannot have its output then. An
    operation without a return has no output: `step` returns the states of its effect. States are hashable.
    """

    initial: State
    step: Callable[[State, Operation], Iterable[State]]


@dataclass(frozen=True, slots=True)
class Verdict(Generic[State]):
    """The verdict of a check.

    `order` is an order in which the operations can have happened, and `states` the state after each. If the history is
    not linearizable, they are those of its longest linearizable prefix: all that happened before the return of
    `impossible`, for which there is no place.
    """

    order: tuple[Operation, ...]
    states: tuple[State, ...]
    impossible: Operation | None = None

    @property
    def is_linearizable(self) -> bool:
        """Whether each operation has a place."""
        return self.impossible is None

    def story(self) -> str:
        """Return the order line by line, each with the state after it, and the impossible operation at the end."""
        lines = [f"{operation}   => {state}" for operation, state in zip(self.order, self.states, strict=True)]
        if self.impossible is not None:
            lines.append(f"{self.impossible}   => impossible")
        return "\n".join(lines)


_Configuration = tuple[int, int, Any]
"""A position in the events, the operations that were called and did not take effect (bits), and the state."""
_Origins = dict[_Configuration, tuple[_Configuration, int] | None]
"""The configuration from which each was reached, and the operation that took effect (-1: none)."""


def check(history: Sequence[Operation], model: Model[State]) -> Verdict[State]:
    """Judge the history of one key, in any order; raises `HistoryError`.

    The time grows with the number of operations, and exponentially only with those that are open at once. Operations
    without a return stay open to the end, so there should be few of them.
    """
    require_possible(history)
    events = _events(history)
    start: _Configuration = (0, 0, model.initial)
    origins: _Origins = {start: None}
    stack = [start]
    furthest = start
    while stack:
        configuration = stack.pop()
        if configuration[0] > furthest[0]:
            furthest = configuration
        if configuration[0] == len(events):
            break
        # The first of them is examined next.
        for after, place in reversed(list(_next(configuration, history, events, model))):
            if after not in origins:
                origins[after] = configuration, place
                stack.append(after)
    order, states = _walked(furthest, origins, history)
    impossible = None if furthest[0] == len(events) else history[events[furthest[0]][2]]
    return Verdict(order, states, impossible)


def _events(history: Sequence[Operation]) -> list[tuple[float, int, int]]:
    """Return the calls and returns in the order of time, calls first: (time, kind, place of the operation)."""
    calls = [(operation.call_time, _CALL, place) for place, operation in enumerate(history)]
    returns = [
        (operation.return_time, _RETURN, place)
        for place, operation in enumerate(history)
        if operation.return_time is not None
    ]
    return sorted([*calls, *returns])


def _next(
    configuration: _Configuration,
    history: Sequence[Operation],
    events: Sequence[tuple[float, int, int]],
    model: Model[Any],
) -> Iterator[tuple[_Configuration, int]]:
    """Yield the configurations after one, each with the operation that takes effect (-1: none)."""
    position, is_open, state = configuration
    _, kind, place = events[position]
    bit = 1 << place
    if kind == _CALL:
        yield (position + 1, is_open | bit, state), -1
        return
    if not is_open & bit:
        yield (position + 1, is_open, state), -1
        return
    # The one that returns is tried first: mostly that is enough.
    places = [place, *(each for each in _places(is_open) if each != place)]
    for each in places:
        operation = history[each]
        for after in model.step(state, operation):
            # Without an answer and without an effect, it need not have happened.
            if after != state or operation.return_time is not None:
                yield (position, is_open & ~(1 << each), after), each


def _places(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _walked(
    end: _Configuration, origins: _Origins, history: Sequence[Operation]
) -> tuple[tuple[Operation, ...], tuple[Any, ...]]:
    """Return the operations that took effect up to a configuration, and the state after each."""
    walked: list[tuple[Operation, Any]] = []
    while (origin := origins[end]) is not None:
        before, place = origin
        if place >= 0:
            walked.append((history[place], end[2]))
        end = before
    walked.reverse()
    return tuple(operation for operation, _ in walked), tuple(state for _, state in walked)
