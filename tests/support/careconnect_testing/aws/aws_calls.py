"""Count the AWS calls that code makes, whichever clients it makes for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from careconnect.runtime import aws


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """List the operations that clients made in this block go on to call, retries left out.

    Clients take their event hooks from the session of `careconnect.runtime.aws`, of which this makes a new one.
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
