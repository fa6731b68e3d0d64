"""The pinning of a request's threads to one processor (ADR 29).

Python runs one thread at a time. With several processors, a waiting thread is woken on another one. Each such
hand-over costs more than the work that is handed over, and two concurrent AWS requests take a dozen of them.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pinned_to_cpu() -> Iterator[None]:
    """Pin the calling thread, and the threads that it starts, to one of its allowed processors.

    The thread may use all of them again afterwards; the threads that it started stay pinned. Several processes do not
    all choose the same processor. Nothing happens where the system does not support pinning, or forbids it.
    """
    try:
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {sorted(allowed)[os.getpid() % len(allowed)]})
    except (AttributeError, OSError):
        yield
        return
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
