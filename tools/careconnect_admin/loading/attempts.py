"""Repeat calls to DynamoDB: the errors that may pass, the pauses between attempts, and batches taken in part."""

import random
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from careconnect_records.items.actions import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

ATTEMPTS: Final = 8

PASSING: Final = frozenset(
    (
        "TransactionCanceledException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ConditionalCheckFailedException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
    )
)
"""Codes of errors after which another attempt may succeed."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0


class Pauses:
    """Waits before each attempt but the first, longer each time."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep

    def before(self, attempt: int) -> None:
        """Wait before an attempt; the first, number 0, has no wait."""
        if attempt:
            longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
            # Jitter keeps two loaders from colliding again; it needs no secrecy.
            self._sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311


def read_items(client: "DynamoDBClient", asked: Any, pauses: Pauses) -> Iterator[Item]:
    """Yield the items of a BatchGetItem request that exist; `asked` holds up to 100 keys."""
    attempt = 0
    while asked:
        pauses.before(attempt)
        answer: Any = client.batch_get_item(RequestItems=asked)
        for items in answer["Responses"].values():
            yield from items
        asked = answer.get("UnprocessedKeys") or {}
        attempt += 1
