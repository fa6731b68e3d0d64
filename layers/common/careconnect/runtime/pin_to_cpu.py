"""Keep the threads of a request on one processor (ADR 29).

Python runs one thread at a time. Where there is another processor, whoever waits is woken there, and each hand-over, of
which a call of AWS beside another takes a dozen, costs more than what is handed over.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def pinned_to_cpu() -> Iterator[None]:
    """Keep the calling thread, and those that it begins, on one of the processors that it may use.

    The thread may use all of them again afterwards; those that it began stay where they are. Of several processes not
    all choose the same. Where the system has no such thing, or forbids it, nothing happens.
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
