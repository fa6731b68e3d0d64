"""Kill what runs on the tables in memory, as a process is killed: between two calls."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from careconnect_testing.parts.stores import Reader


class Killed(BaseException):
    """The end of a process, which no `except Exception` catches."""


@contextmanager
def killed_after(reader: Reader, calls: int) -> Iterator[None]:
    """Kill what is done within before it makes more calls than these; fails if it ends by itself."""
    reader.calls.clear()

    def kill(_: str) -> None:
        if len(reader.calls) > calls:
            raise Killed

    reader.faults.append(kill)
    try:
        with pytest.raises(Killed):
            yield
    finally:
        reader.faults.remove(kill)
