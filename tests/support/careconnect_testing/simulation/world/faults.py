"""The faults that a call of AWS may meet, and the calls of a run's story."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from botocore.exceptions import ClientError


class Fault(StrEnum):
    """What a call meets."""

    NONE = "done"
    THROTTLED = "throttled"
    BROKEN = "an internal error"
    TIMED_OUT = "timed out, not done"
    TIMED_OUT_AFTER = "timed out, but done"
    UNANSWERED = "done, but neither attempt answered"
    LATE = "timed out, done later"
    SLOW = "slow"
    KILLED = "killed before"
    KILLED_AFTER = "done, then killed"
    PARTIAL = "a part"
    CONFLICT = "a conflict"
    THROTTLED_ITEM = "cancelled, one of its items throttled"
    OVERLOADED = "throttled, and its table for seconds"


ANY: Final = (
    *(Fault.THROTTLED, Fault.BROKEN, Fault.TIMED_OUT, Fault.TIMED_OUT_AFTER),
    *(Fault.SLOW, Fault.KILLED, Fault.KILLED_AFTER, Fault.OVERLOADED),
)
_ANY_OF_KEYS: Final = ANY[:-1]
FAULTS: Final[Mapping[str, tuple[Fault, ...]]] = {
    "batch_get_item": (*ANY, Fault.PARTIAL),
    "put_item": (*ANY, Fault.LATE, Fault.CONFLICT),
    "update_item": (*ANY, Fault.LATE, Fault.CONFLICT),
    "delete_item": (*ANY, Fault.CONFLICT),
    "transact_write_items": (
        *(*ANY, Fault.CONFLICT, Fault.CONFLICT, Fault.LATE, Fault.LATE),
        *(Fault.THROTTLED_ITEM, Fault.THROTTLED_ITEM, Fault.UNANSWERED, Fault.UNANSWERED),
    ),
    "batch_execute_statement": (*ANY, Fault.PARTIAL),
    # Neither KMS nor S3 has tables.
    "get_public_key": _ANY_OF_KEYS,
    "sign": _ANY_OF_KEYS,
    "put_object": _ANY_OF_KEYS,
}


@dataclass(slots=True)
class Call:
    """One call of AWS, for the story."""

    at: float
    task: str
    home: str
    operation: str
    request: Mapping[str, Any]
    fault: Fault
    answer: Any = None


def client_error(code: str, operation: str, **more: Any) -> ClientError:
    """Return a service's error."""
    response: Any = {"Error": {"Code": code, "Message": code}, **more}
    return ClientError(response, operation)


def cancelled(operation: str, number: int, place: int, code: str) -> ClientError:
    """Return the error of a cancelled transaction of a number of actions, with the reason of one of them."""
    reasons = [{"Code": code if each == place else "None"} for each in range(number)]
    return client_error("TransactionCanceledException", operation, CancellationReasons=reasons)
