"""Orderly shutdown on a signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Turn SIGTERM, SIGHUP and SIGINT into an exception, so that everything that was started is stopped.

    It is no subclass of `Exception`: botocore would take that for a failed request and retry.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        # Only once: a second signal would interrupt the shutdown.
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(0)

    former = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
