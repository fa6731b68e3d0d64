"""End in order whatever was started, when a signal says so."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Turn SIGTERM, SIGHUP and SIGINT into an exception, so that whatever was started is ended.

    No `Exception`: botocore would take that for a failed call and try again.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        # Once: a second signal would interrupt the ending.
        for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(0)

    former = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
