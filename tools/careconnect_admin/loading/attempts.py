"""Repeat calls to DynamoDB: the errors that may pass, and the pauses between attempts."""

import random
import time
from collections.abc import Callable
from typing import Final

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
