"""Run another writer or a reader, or kill the instance, between two calls of a write or a search."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from careconnect_testing.parts.record_writers import Writer
from careconnect_testing.records.stored import saved

Result = TypeVar("Result")
Other = TypeVar("Other")


class KilledError(BaseException):
    """The end of a function's instance: nothing runs after it."""


@contextmanager
def before_call(writer: Writer, number: int, meanwhile: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Run `meanwhile` right before call `number` to DynamoDB, from 1; yield a function: True if it was reached."""
    came = 0

    def interrupt(_name: str) -> None:
        nonlocal came
        came += 1
        if came == number:
            writer.faults.remove(interrupt)
            meanwhile()

    writer.faults.append(interrupt)
    try:
        yield lambda: came >= number
    finally:
        if interrupt in writer.faults:
            writer.faults.remove(interrupt)


def at_every_call(
    writer: Writer, act: Callable[[], Result], meanwhile: Callable[[], Other]
) -> Iterator[tuple[Result, Other]]:
    """Run `act` once for each of its calls, each time on the same tables, with `meanwhile` right before that call.

    Yields both results. `act` runs undisturbed first, so that everything an instance caches for good is cached.
    """
    others: list[Other] = []
    for number in _restarts(writer, act):
        with before_call(writer, number, lambda: others.append(meanwhile())) as came:
            result = act()
        if not came():
            return
        yield result, others[-1]


def killed_at_every_call(writer: Writer, act: Callable[[], object]) -> Iterator[int]:
    """Run `act` once for each of its calls, each time on the same tables, and kill it right before that call."""
    for number in _restarts(writer, act):
        with before_call(writer, number, _end) as came, suppress(KilledError):
            act()
        if not came():
            return
        yield number


def _restarts(writer: Writer, act: Callable[[], object]) -> Iterator[int]:
    """Count from 1, and restore the tables, the clock and the new ids before each number."""
    put_back = saved(writer.reader.tables)
    began = writer.now.now
    act()
    for number in itertools.count(1):
        put_back()
        writer.now.now = began
        writer.ids = itertools.count()
        yield number


def _end() -> None:
    raise KilledError
