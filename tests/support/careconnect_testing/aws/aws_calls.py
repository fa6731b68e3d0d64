"""Count the AWS calls of code that creates its own clients."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from careconnect.runtime import aws


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """Yield a list of the operations called in this block, without retries, by clients created in it.

    Clients take their event hooks from the session of `careconnect.runtime.aws`. This function creates a new session.
    """
    calls: list[str] = []

    def count(model: Any, **_: Any) -> None:
        calls.append(model.name)

    aws.session.cache_clear()
    aws.session().get_component("event_emitter").register("before-call", count)
    try:
        yield calls
    finally:
        aws.session.cache_clear()
