"""Read all pages of a Query or a Scan."""

from collections.abc import Callable, Iterator
from typing import Any

from careconnect_records.items.actions import Item


def items_of(operation: Callable[..., Any], **request: Any) -> Iterator[Item]:
    """Yield the items of all pages of a Query or a Scan."""
    while True:
        answer = operation(**request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
