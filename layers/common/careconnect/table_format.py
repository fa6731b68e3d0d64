"""Whether a table is laid out as this release reads and writes it: one number in the table, looked at in passing.

The number is in the item of `CURSOR_KEY`. A table without one is right: nothing was ever written to it (ADR 31).
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.record_keys import CURSOR_KEY, FORMAT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BELIEVED_SECONDS: Final = 30.0
"""How long a table that had the right number is believed to have it.

A request takes at most 20 s more (the functions' timeout). Both together are less than the 60 s for which
`careconnect reindex` waits before it changes anything.
"""

OwnItem = Mapping[str, Any]


def is_of_this_release(item: OwnItem) -> bool:
    """Return True if a table with this item of `CURSOR_KEY` is laid out as this release has it."""
    return "format" not in item or item["format"] == {"N": str(FORMAT)}


class FormatCheckedClient:
    """Calls DynamoDB, and uses no answer of a table that has another format.

    The number is read beside the first call, and again when `BELIEVED_SECONDS` are over; a call that writes waits for
    it first. Only a match is kept. Raises what `refused` returns if one of the `tables` has another number, and
    otherwise what botocore raises. `clock` gives epoch seconds: a monotonic clock may stand still while Lambda has
    frozen the instance.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Iterable[str],
        refused: Callable[[], Exception],
        *,
        holds: Callable[[OwnItem], bool] = is_of_this_release,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._tables = tuple(tables)
        self._refused = refused
        self._holds = holds
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._lock = Lock()
        self._look: Future[None] | None = None
        self._believed_until = 0.0
        self._items: dict[str, OwnItem] = {}

    def own_item(self, table: str) -> OwnItem:
        """Return the item of `CURSOR_KEY`, empty if the table has none; it is read again as long as there is none."""
        self._checked()
        if not self._items[table]:
            self._believed_until = 0.0
            self._checked()
        return self._items[table]

    def get_item(self, **request: Any) -> Any:
        """Read an item."""
        return self._read(self._client.get_item, request)

    def batch_get_item(self, **request: Any) -> Any:
        """Read several items."""
        return self._read(self._client.batch_get_item, request)

    def query(self, **request: Any) -> Any:
        """Read a part of a partition."""
        return self._read(self._client.query, request)

    def put_item(self, **request: Any) -> Any:
        """Write an item."""
        return self._write(self._client.put_item, request)

    def update_item(self, **request: Any) -> Any:
        """Change an item."""
        return self._write(self._client.update_item, request)

    def delete_item(self, **request: Any) -> Any:
        """Remove an item."""
        return self._write(self._client.delete_item, request)

    def transact_write_items(self, **request: Any) -> Any:
        """Write several items, or none."""
        return self._write(self._client.transact_write_items, request)

    def batch_write_item(self, **request: Any) -> Any:
        """Write several items."""
        return self._write(self._client.batch_write_item, request)

    def _read(self, operation: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        look = self._begun()
        answer = operation(**request)
        if look is not None:
            look.result()
        return answer

    def _write(self, operation: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        self._checked()
        return operation(**request)

    def _checked(self) -> None:
        look = self._begun()
        if look is not None:
            look.result()

    def _begun(self) -> "Future[None] | None":
        """Return the look that is under way, begun if need be; None while the last match is believed."""
        now = self._clock()
        if now < self._believed_until:
            return None
        with self._lock:
            if self._look is None or self._look.done():
                self._look = self._pool.submit(self._look_up, now)
            return self._look

    def _look_up(self, now: float) -> None:
        pk, sk = CURSOR_KEY
        key: Any = {"Keys": [{"pk": {"S": pk}, "sk": {"S": sk}}], "ConsistentRead": True}
        asked: Any = dict.fromkeys(self._tables, key)
        items: dict[str, OwnItem] = {table: {} for table in self._tables}
        # DynamoDB answers at least one of the keys, or refuses the call.
        for _ in self._tables:
            answer = self._client.batch_get_item(RequestItems=asked)
            items |= {table: found[0] for table, found in answer["Responses"].items() if found}
            asked = answer.get("UnprocessedKeys")
            if not asked:
                break
        else:
            raise ClientError({"Error": {"Code": "UnprocessedKeys", "Message": ""}}, "BatchGetItem")
        if not all(map(self._holds, items.values())):
            raise self._refused()
        self._items = items
        self._believed_until = now + BELIEVED_SECONDS
