"""Count the AWS calls that code makes, whichever clients it makes for itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """List the operations that clients made in this block go on to call, retries left out.

    `boto3.client` takes its event hooks from the default session, of which this makes a new one.
    """
    calls: list[str] = []

    def count(model: Any, **_: Any) -> None:
        calls.append(model.name)

    boto3.setup_default_session()
    session = boto3._get_default_session()
    session.events.register("before-call", count)
    try:
        yield calls
    finally:
        session.events.unregister("before-call", count)
        boto3.DEFAULT_SESSION = None
