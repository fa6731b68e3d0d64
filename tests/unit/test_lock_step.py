"""Round trips are counted exactly, whatever the threads do: calls side by side are one, one that waits is another."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from careconnect_testing.aws.lock_step import LockStep


class Stepped:
    """A lock step, and the calls in each round of an action that runs in it."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.steps = LockStep(lambda asked: self.told.append(f"before {len(asked)}"), lambda: self.told.append("after"))

    def call(self, name: str) -> None:
        self.steps.hold({}, SimpleNamespace(name=name))

    def rounds(self, do: Callable[[], object]) -> list[list[str]]:
        self.steps.rounds_of(do)
        return [sorted(each.operation for each in held) for held in self.steps.rounds]


@pytest.fixture
def stepped() -> Stepped:
    return Stepped()


def test_what_makes_no_call_takes_no_round(stepped: Stepped) -> None:
    assert stepped.rounds(lambda: None) == []


def test_calls_one_after_the_other_are_rounds_of_their_own(stepped: Stepped) -> None:
    def do() -> None:
        for name in "abc":
            stepped.call(name)

    assert stepped.rounds(do) == [["a"], ["b"], ["c"]]
    assert stepped.told == ["before 1", "after"] * 3


@pytest.mark.parametrize("_", range(20))
def test_calls_side_by_side_are_one_round_however_late_a_thread_comes(stepped: Stepped, _: int) -> None:
    pool = ThreadPoolExecutor(max_workers=8)

    def late(name: str) -> None:
        time.sleep(0.005)
        stepped.call(name)
        stepped.call(f"{name} again")

    def do() -> None:
        begun = [pool.submit(late, name) for name in "abc"]
        stepped.call("here")
        for one in begun:
            one.result()
        stepped.call("last")

    assert stepped.rounds(do) == [["a", "b", "c", "here"], ["a again", "b again", "c again"], ["last"]]


@pytest.mark.parametrize("_", range(20))
def test_what_a_pool_has_no_thread_for_waits_for_one(stepped: Stepped, _: int) -> None:
    pool = ThreadPoolExecutor(max_workers=2)

    assert stepped.rounds(lambda: list(pool.map(stepped.call, "abcde"))) == [["a", "b"], ["c", "d"], ["e"]]


def test_what_waits_for_another_goes_on_in_the_next_round(stepped: Stepped) -> None:
    pool = ThreadPoolExecutor(max_workers=4)

    def after(before: Future[None], name: str) -> None:
        before.result()
        stepped.call(name)

    def do() -> None:
        first = pool.submit(stepped.call, "first")
        second = pool.submit(after, first, "second")
        third = pool.submit(after, second, "third")
        stepped.call("beside the first")
        third.result()

    assert stepped.rounds(do) == [["beside the first", "first"], ["second"], ["third"]]


def test_work_that_is_called_off_is_waited_for_by_nobody(stepped: Stepped) -> None:
    pool = ThreadPoolExecutor(max_workers=1)

    def do() -> None:
        first, second = pool.submit(stepped.call, "first"), pool.submit(stepped.call, "never")
        assert second.cancel()
        first.result()

    assert stepped.rounds(do) == [["first"]]


def test_what_is_not_waited_for_is_a_round_after_the_answer(stepped: Stepped) -> None:
    pool = ThreadPoolExecutor(max_workers=1)

    _, taken = stepped.steps.rounds_of(lambda: pool.submit(stepped.call, "left behind"))

    assert (taken, len(stepped.steps.rounds)) == (0, 1)


def test_an_error_in_a_thread_is_its_callers(stepped: Stepped) -> None:
    pool = ThreadPoolExecutor(max_workers=1)

    def fails() -> None:
        stepped.call("first")
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        stepped.rounds(lambda: pool.submit(fails).result())
    assert stepped.rounds(lambda: stepped.call("again")) == [["again"]]


def test_what_goes_wrong_beside_a_round_is_raised_once_the_request_is_over() -> None:
    def before(asked: object) -> None:
        raise ValueError("not to be measured")

    steps = LockStep(before, lambda: None)

    with pytest.raises(ValueError, match="not to be measured"):
        steps.rounds_of(lambda: steps.hold({}, SimpleNamespace(name="first")))


def test_a_call_of_a_thread_that_nobody_knows_is_a_fault(stepped: Stepped) -> None:
    pool = ThreadPoolExecutor(max_workers=1)
    is_asked = threading.Event()

    def other() -> None:
        is_asked.wait()
        stepped.call("odd")

    # Begun before the request, as by another test.
    unknown = pool.submit(other)

    def do() -> None:
        is_asked.set()
        while not unknown.done():
            time.sleep(0.001)

    with pytest.raises(AssertionError, match="odd is called by a thread that nobody waits for"):
        stepped.rounds(do)


def test_outside_of_a_request_no_call_is_held_back(stepped: Stepped) -> None:
    stepped.call("at once")

    assert stepped.steps.rounds == []
