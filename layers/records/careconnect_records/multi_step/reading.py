"""Read items in batches, strongly consistent; errors are botocore's, or as botocore's."""

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect_records.items.actions import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_AT_ONCE: Final = 100
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 1.0
_ATTEMPTS: Final = 9
_THROTTLED: Final = "ProvisionedThroughputExceededException"


def read_items(
    client: "DynamoDBClient",
    keys: Iterable[tuple[str, Item]],
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Item]:
    """Yield the items of different (table, key) pairs that exist, in any order: one BatchGetItem for each hundred.

    Raises `ProvisionedThroughputExceededException` if keys are left unprocessed again and again.
    """
    rest = iter(keys)
    while batch := list(islice(rest, _AT_ONCE)):
        asked: Any = {}
        for table, key in batch:
            asked.setdefault(table, {"Keys": [], "ConsistentRead": True})["Keys"].append(key)
        for attempt in range(_ATTEMPTS):
            if attempt:
                sleep(min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE))
            answer: Any = client.batch_get_item(RequestItems=asked)
            for items in answer["Responses"].values():
                yield from items
            asked = answer.get("UnprocessedKeys")
            if not asked:
                break
        else:
            raise ClientError({"Error": {"Code": _THROTTLED, "Message": "keys are left over"}}, "BatchGetItem")
