"""The linearizability checker: registers with known verdicts, and generated histories against a check of all orders."""

from collections.abc import Hashable, Iterable, Sequence
from itertools import chain, combinations, permutations, starmap
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect_testing.linearizability.check import Model, check
from careconnect_testing.linearizability.history import HistoryError, Operation

Value = int | None


def step(state: Value, operation: Operation) -> Iterable[Value]:
    """The step of a register: reads, writes, and compare-and-set, whose output is its success."""
    if operation.name == "read":
        return [state] if operation.output == state or operation.return_time is None else []
    if operation.name == "write":
        return [operation.input]
    expected, new = operation.input
    after = new if state == expected else state
    return [after] if operation.return_time is None or operation.output == (state == expected) else []


REGISTER: Model[Value] = Model(0, step)


def w(process: Hashable, call: float, end: float | None, value: int) -> Operation:
    return Operation(process, call, end, "write", value)


def r(process: Hashable, call: float, end: float | None, value: Value) -> Operation:
    return Operation(process, call, end, "read", None, value)


def cas(process: Hashable, call: float, end: float | None, change: tuple[int, int], *, done: bool = True) -> Operation:
    return Operation(process, call, end, "cas", change, done if end is not None else None)


def history(*operations: Operation) -> Sequence[Operation]:
    return operations


POSSIBLE = {
    "nothing at all": history(),
    "the initial value": history(r("a", 0, 1, 0)),
    "a write that changes nothing yet comes after the other": history(
        w("a", 0, 5, 0), w("b", 1, 7, 1), r("c", 8, 9, 0)
    ),
    "one after the other": history(w("a", 0, 1, 1), r("b", 2, 3, 1)),
    "a read beside a write sees the old value": history(w("a", 0, 3, 1), r("b", 1, 2, 0)),
    "a read beside a write sees the new value": history(w("a", 0, 3, 1), r("b", 1, 2, 1)),
    "two reads beside a write see it come": history(w("a", 0, 9, 1), r("b", 1, 2, 0), r("b", 3, 4, 1)),
    "writes side by side take effect in the order that reads show": history(
        w("a", 0, 9, 1), w("b", 0, 9, 2), r("c", 1, 2, 2), r("c", 3, 4, 1)
    ),
    # Herlihy and Wing (1990), figure 1, with a register in place of the queue.
    "the later call takes effect first": history(w("a", 0, 4, 1), w("b", 1, 3, 2), r("b", 5, 6, 1), r("a", 5, 6, 1)),
    "a write without an answer took effect": history(w("a", 0, None, 1), r("b", 5, 6, 1)),
    "a write without an answer never took effect": history(w("a", 0, None, 1), r("b", 5, 6, 0)),
    "a write without an answer took effect late": history(w("a", 0, None, 1), r("b", 1, 2, 0), r("b", 3, 4, 1)),
    "a write without an answer came after another write": history(
        w("a", 0, None, 1), w("b", 1, 2, 2), r("c", 3, 4, 2), r("c", 5, 6, 1)
    ),
    "a process goes on without an answer": history(w("a", 0, None, 1), w("a", 1, 2, 2), r("b", 3, 4, 1)),
    "a comparison succeeds": history(w("a", 0, 1, 1), cas("b", 2, 3, (1, 2)), r("a", 4, 5, 2)),
    "a comparison fails": history(cas("b", 0, 1, (1, 2), done=False), r("a", 2, 3, 0)),
    "one of two comparisons succeeds": history(
        cas("a", 0, 3, (0, 1)), cas("b", 1, 4, (0, 2), done=False), r("c", 5, 6, 1)
    ),
    "a comparison without an answer was done": history(cas("a", 0, None, (0, 1)), cas("b", 1, 2, (1, 2))),
    "a return and a call at one time are side by side": history(w("a", 0, 1, 1), r("b", 1, 2, 0)),
    "a chain of comparisons, each seen once": history(
        cas("a", 0, 9, (2, 3)), cas("b", 0, 9, (1, 2)), cas("c", 0, 9, (0, 1)), r("d", 10, 11, 3)
    ),
}

IMPOSSIBLE = {
    "a stale read": (history(w("a", 0, 1, 1), r("b", 2, 3, 0)), 1),
    "a value from nowhere": (history(w("a", 0, 1, 1), r("b", 2, 3, 7)), 1),
    "a value before it is written": (history(r("b", 0, 1, 1), w("a", 2, 3, 1)), 0),
    # The new/old inversion, the classic fault of a regular register (Lamport 1986).
    "new, then old": (history(w("a", 0, 9, 1), r("b", 1, 2, 1), r("c", 3, 4, 0)), 2),
    "two readers see two orders": (
        history(w("a", 0, 9, 1), w("b", 0, 9, 2), r("c", 1, 2, 1), r("c", 3, 4, 2), r("d", 3, 5, 1), r("d", 6, 7, 1)),
        5,
    ),
    "a lost update: both comparisons succeed": (history(cas("a", 0, 3, (0, 1)), cas("b", 1, 4, (0, 2))), 1),
    "a comparison succeeds on a value that is over": (
        history(w("a", 0, 1, 1), w("a", 2, 3, 2), cas("b", 4, 5, (1, 3))),
        2,
    ),
    "a comparison fails for no reason": (history(w("a", 0, 1, 1), cas("b", 2, 3, (1, 2), done=False)), 1),
    "a write without an answer is seen, then not": (
        history(w("a", 0, None, 1), r("b", 1, 2, 1), r("b", 3, 4, 0)),
        2,
    ),
    "a write without an answer is seen before its call": (history(r("b", 0, 1, 1), w("a", 2, None, 1)), 0),
    "a write without an answer takes effect twice": (
        history(w("a", 0, None, 1), r("b", 1, 2, 1), w("b", 3, 4, 2), r("b", 5, 6, 2), r("b", 7, 8, 1)),
        4,
    ),
    "an acknowledged write is gone after all others": (
        history(w("a", 0, 1, 1), w("b", 0, 1, 2), r("c", 2, 3, 0)),
        2,
    ),
}


@pytest.mark.parametrize("name", POSSIBLE)
def test_a_possible_history_gets_an_order_that_explains_it(name: str) -> None:
    verdict = check(POSSIBLE[name], REGISTER)

    assert verdict.is_linearizable, verdict.story()
    assert explains(verdict.order, verdict.states)
    answered = {each for each in POSSIBLE[name] if each.return_time is not None}
    assert answered <= set(verdict.order) <= set(POSSIBLE[name])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_history_is_explained_up_to_the_operation_without_a_place(name: str) -> None:
    operations, place = IMPOSSIBLE[name]
    verdict = check(operations, REGISTER)

    assert verdict.impossible is operations[place], verdict.story()
    assert explains(verdict.order, verdict.states)
    end = operations[place].return_time
    before = {
        each for each in operations if each.return_time is not None and end is not None and each.return_time < end
    }
    assert before <= set(verdict.order)


def test_a_failure_reads_as_a_story() -> None:
    assert check(IMPOSSIBLE["new, then old"][0], REGISTER).story().splitlines() == [
        "[0, 9] a: write 1 -> None   => 1",
        "[1, 2] b: read -> 1   => 1",
        "[3, 4] c: read -> 0   => impossible",
    ]
    assert str(w("a", 0, None, 1)) == "[0, …] a: write 1 -> no answer"


@pytest.mark.parametrize(
    "operations",
    [history(w("a", 2, 1, 1)), history(w("a", 0, 2, 1), r("a", 1, 3, 1)), history(r("a", 1, 3, 1), w("a", 0, 2, 1))],
)
def test_what_no_run_can_have_is_refused(operations: Sequence[Operation]) -> None:
    with pytest.raises(HistoryError):
        check(operations, REGISTER)


def test_an_operation_may_have_several_results() -> None:
    # A write that may have been done before its answer, or never.
    either: Model[Value] = Model(0, lambda state, one: {state, one.input} if one.output == "?" else step(state, one))
    doubtful = Operation("a", 0, 1, "write", 1, "?")

    for seen in (0, 1):
        assert check([doubtful, r("b", 2, 3, seen)], either).is_linearizable
        assert check([doubtful, r("b", 2, 3, seen), r("b", 4, 5, 1 - seen)], either).impossible is not None


# Generated histories -------------------------------------------------------------------------------------------------

PROCESSES = 6
NAMES = st.sampled_from(["read", "read", "write", "cas"])
VALUES = st.integers(0, 3)


@st.composite
def runs(draw: st.DrawFn, most: int, processes: int = PROCESSES) -> Sequence[Operation]:
    """A history that a register really had: each operation takes effect at one moment between call and return.

    An operation that is called and not ended at the end of the run has no return, whether it took effect or not.
    """
    state: Any = 0
    told: list[Operation] = []
    begun: dict[int, tuple[int, str, Any]] = {}
    done: dict[int, Any] = {}
    started = 0
    for time in range(draw(st.integers(0, 3 * most))):
        process = draw(st.integers(0, processes - 1))
        if process in done:
            call, name, given_ = begun.pop(process)
            told.append(Operation(process, call, time, name, given_, done.pop(process)))
        elif process in begun:
            _, name, given_ = begun[process]
            done[process] = state if name == "read" else None
            if name == "write":
                state = given_
            elif name == "cas":
                expected, new = given_
                done[process] = state == expected
                state = new if state == expected else state
        elif started < most:
            started += 1
            name = draw(NAMES)
            inputs = {"read": st.none(), "write": VALUES, "cas": st.tuples(VALUES, VALUES)}
            begun[process] = time, name, draw(inputs[name])
    told += [Operation(process, call, None, name, given_) for process, (call, name, given_) in begun.items()]
    return told


@given(runs(60))
def test_a_history_of_a_real_register_is_accepted(operations: Sequence[Operation]) -> None:
    verdict = check(operations, REGISTER)

    assert verdict.is_linearizable, verdict.story()
    assert explains(verdict.order, verdict.states)


@given(runs(6, processes=4), st.data())
def test_a_changed_history_is_judged_as_by_all_orders(operations: Sequence[Operation], data: st.DataObject) -> None:
    changed = list(operations)
    for _ in range(data.draw(st.integers(1, 2)) if changed else 0):
        place = data.draw(st.integers(0, len(changed) - 1))
        one = changed[place]
        outputs: dict[str, st.SearchStrategy[object]] = {"read": VALUES, "cas": st.booleans(), "write": st.none()}
        # Another output, or a write of another value.
        value = data.draw(VALUES) if one.name == "write" else one.input
        output = None if one.return_time is None else data.draw(outputs[one.name])
        changed[place] = Operation(one.process, one.call_time, one.return_time, one.name, value, output)

    assert check(changed, REGISTER).is_linearizable == has_an_order(changed)


def explains(order: Sequence[Operation], states: Sequence[Value]) -> bool:
    """Return True if the operations can follow each other in this order, with these states after them."""
    before = [REGISTER.initial, *states]
    follows = (after in step(state, one) for state, one, after in zip(before, order, states, strict=False))
    return all(follows) and in_time(order)


def in_time(order: Sequence[Operation]) -> bool:
    def may_follow(one: Operation, later: Operation) -> bool:
        return later.return_time is None or later.return_time >= one.call_time

    return all(starmap(may_follow, combinations(order, 2)))


def has_an_order(operations: Sequence[Operation]) -> bool:
    """Try all orders, with each choice of those that have no return."""
    answered = [each for each in operations if each.return_time is not None]
    doubtful = [each for each in operations if each.return_time is None]
    chosen = chain.from_iterable(combinations(doubtful, number) for number in range(len(doubtful) + 1))
    return any(in_time(order) and runs_through(order) for some in chosen for order in permutations([*answered, *some]))


def runs_through(order: Sequence[Operation]) -> bool:
    states: set[Value] = {REGISTER.initial}
    for one in order:
        states = {after for state in states for after in step(state, one)}
    return bool(states)


def test_few_steps_are_tried_for_many_operations() -> None:
    # Sixty operations of six processes, each beside five others: the number of orders is beyond all bounds.
    tried = 0

    def counted(state: Value, operation: Operation) -> Iterable[Value]:
        nonlocal tried
        tried += 1
        return step(state, operation)

    counting: Model[Value] = Model(0, counted)
    operations = [
        w(place % 6, place, place + 5.5, place) if place % 2 else r(place % 6, place, place + 5.5, max(place - 1, 0))
        for place in range(60)
    ]
    assert check(operations, counting).is_linearizable
    assert tried < 1_000

    tried, operations[-2] = 0, r(4, 58, 63.5, 3)
    assert check(operations, counting).impossible is operations[-2]
    assert tried < 10_000
