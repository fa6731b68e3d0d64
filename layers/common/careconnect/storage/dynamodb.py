"""Call DynamoDB for a FHIR request: its errors are the 503 outcome, and a batch is asked for until it is whole."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Protocol

from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

Item = dict[str, Any]

BATCH: Final = 100
"""Items of one call (DynamoDB's quota for BatchGetItem)."""

_ATTEMPTS: Final = 5
_FIRST_PAUSE: Final = 0.01


class BatchReader(Protocol):
    """A client that reads batches of items."""

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - botocore's own name
        """Read several items."""


def call(operation: Callable[..., Any], **request: Any) -> Any:
    """Return the answer of an operation; raises the 503 outcome where the service refuses or does not answer."""
    try:
        return operation(**request)
    except SERVICE_ERRORS as error:
        raise outcomes.unavailable(error_code(error)) from error


def batch_get(
    client: BatchReader,
    keys: Iterable[tuple[str, Item]],
    *,
    consistent: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Item]:
    """Yield the items of (table, key) pairs that there are, in any order: one BatchGetItem for each hundred.

    Raises the 503 outcome, also where keys are left unprocessed again and again.
    """
    rest = iter(keys)
    while batch := list(islice(rest, BATCH)):
        asked: dict[str, Any] = {}
        for table, key in batch:
            options = {"ConsistentRead": True} if consistent else {}
            asked.setdefault(table, {"Keys": [], **options})["Keys"].append(key)
        for attempt in range(_ATTEMPTS):
            if attempt:
                # Left over by a throttled partition, or by an answer that reached its 16 MB.
                sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
            answer = call(client.batch_get_item, RequestItems=asked)
            for items in answer["Responses"].values():
                yield from items
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                break
        else:
            raise outcomes.unavailable("UnprocessedKeys", "Throttled")
