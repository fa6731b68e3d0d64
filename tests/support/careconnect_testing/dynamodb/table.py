"""A table with its indexes, which lag, and its stream."""

import base64
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from careconnect_testing.dynamodb.rows import Place, Row, Rows
from careconnect_testing.dynamodb.schema import IndexSchema, KeySchema
from careconnect_testing.dynamodb.values import Item, copied_item, item_size

_TTL_MAX_AGE_SECONDS: Final = 5 * 366 * 86_400
_TTL_SERVICE: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}

Key = tuple[Any, Place]


class Index:
    """The rows of a global secondary index, and the writes of its table that it has yet to see."""

    def __init__(self, schema: IndexSchema) -> None:
        self.schema = schema
        self.rows = Rows()
        self.pending: deque[tuple[Key, Item | None]] = deque()
        self._places: dict[Key, Key] = {}

    def apply(self, at: int = 0) -> None:
        """Apply a pending write: the one `at` a place in the queue, or an older one of the same key."""
        key = self.pending[at][0]
        first = next(number for number, (other, _) in enumerate(self.pending) if other == key)
        _, item = self.pending[first]
        del self.pending[first]
        self.write(key, item)

    def write(self, key: Key, item: Item | None) -> None:
        """Bring the index up to an item of the table, None if it is removed."""
        place = None if item is None else self.schema.place(item)
        before = self._places.pop(key, None)
        if before is not None and before != place:
            self.rows.put(*before, None)
        if place is not None:
            assert item is not None
            entry = self.schema.entry(item)
            self.rows.put(*place, Row(entry, item_size(entry)))
            self._places[key] = place


class Table:
    """A table. `write` is the only way to change it, and takes items that are checked.

    `clock` returns epoch seconds. `time_to_live` names an attribute, empty for none.
    """

    def __init__(self, request: Mapping[str, Any], clock: Callable[[], float], time_to_live: str) -> None:
        kinds = {each["AttributeName"]: each["AttributeType"] for each in request["AttributeDefinitions"]}
        self.request = request
        self.name: str = request["TableName"]
        self.key = KeySchema.of(request["KeySchema"], kinds)
        self.time_to_live = time_to_live
        self._clock = clock
        self._indexes = [IndexSchema.of(each, self.key, kinds) for each in request.get("GlobalSecondaryIndexes", ())]
        self._view: str = request.get("StreamSpecification", {}).get("StreamViewType", "")
        self._records: list[tuple[Item | None, Item | None, float, bool]] = []
        self.rows = Rows()
        self.indexes = {schema.name: Index(schema) for schema in self._indexes}

    def restore(self, rows: Rows) -> None:
        """Replace all rows; the indexes have seen them. The stream has no record of it."""
        self.rows = rows.copy()
        self.indexes = {schema.name: Index(schema) for schema in self._indexes}
        for index in self.indexes.values():
            for row in self.rows:
                index.write(self.key.values(row.item), row.item)

    def check(self, item: Item) -> None:
        """Raise `ValidationException` if an item has a key of an index that is none."""
        for schema in self._indexes:
            schema.check(item)

    def write(self, key: Key, row: Row | None, *, by_time_to_live: bool = False) -> None:
        """Store a row or, by None, remove it."""
        before = self.rows.put(*key, row)
        old, new = before.item if before else None, row.item if row else None
        if self._view and old != new:
            self._records.append((old, new, self._clock(), by_time_to_live))
        for index in self.indexes.values():
            index.pending.append((key, new))

    def expired(self) -> list[Key]:
        """Return the keys of the items whose time to live is over."""
        if not self.time_to_live:
            return []
        now = self._clock()
        return [
            self.key.values(row.item)
            for row in self.rows
            if now - _TTL_MAX_AGE_SECONDS < float(row.item.get(self.time_to_live, {}).get("N", now)) < now
        ]

    def stream(self, after: int = 0) -> Iterator[dict[str, Any]]:
        """Yield the stream records after some of them, as Lambda's event has them."""
        for number in range(after, len(self._records)):
            old, new, at, by_time_to_live = self._records[number]
            images = {"NewImage": new} if "NEW" in self._view else {}
            images |= {"OldImage": old} if "OLD" in self._view else {}
            change = {
                "ApproximateCreationDateTime": int(at),
                "Keys": self.key.key_of(new or old or {}),
                **{name: _with_texts(image) for name, image in images.items() if image},
                "SequenceNumber": str(10**20 + number),
                "SizeBytes": sum(item_size(image) for image in images.values() if image),
                "StreamViewType": self._view,
            }
            yield {
                "eventID": f"{self.name}-{number}",
                "eventName": "MODIFY" if old and new else "INSERT" if new else "REMOVE",
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-2",
                "dynamodb": change,
                "eventSourceARN": f"arn:aws:dynamodb:eu-west-2:123456789012:table/{self.name}/stream/1",
                **({"userIdentity": _TTL_SERVICE} if by_time_to_live else {}),
            }


def _with_texts(image: Item) -> dict[str, Any]:
    """Return a copy of an image with its binary values as Lambda's JSON has them, in Base64."""
    copy = copied_item(image)
    for name, value in copy.items():
        if "B" in value:
            copy[name] = {"B": base64.b64encode(value["B"]).decode()}
    return copy
