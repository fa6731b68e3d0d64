"""Make calls side by side, and take their answers in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Answer = TypeVar("Answer")


def in_order(call: Callable[[Given], Answer], given: Iterable[Given], at_once: int) -> Iterator[Answer]:
    """Yield the answer for each of `given`, in its order; errors pass through.

    No more than `at_once` calls are begun whose answers are not taken yet, however many are given: `Executor.map`
    begins all of them, and would keep all answers.
    """
    remaining = iter(given)
    begun: deque[Future[Answer]] = deque()
    pool = ThreadPoolExecutor(at_once)
    try:
        begun.extend(pool.submit(call, each) for each in islice(remaining, at_once))
        while begun:
            answer = begun.popleft().result()
            begun.extend(pool.submit(call, each) for each in islice(remaining, 1))
            yield answer
    finally:
        pool.shutdown(cancel_futures=True)
