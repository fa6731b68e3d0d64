"""Whether a table is laid out as this release reads and writes it: one number in the table, looked at in passing.

The number is in the item of `CURSOR_KEY`. A table without one is right: nothing was ever written to it (ADR 31).
"""

import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from careconnect.storage.keys import CURSOR_KEY, FORMAT

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

    A table's number is read beside the first call of that table, and again when `BELIEVED_SECONDS` are over; a call
    that writes waits for it first. Only a match is kept. Raises what `refused` returns if a table that is called has
    another number, and otherwise what botocore raises; a call of other `tables` is not affected. `clock` gives epoch
    seconds: a monotonic clock may stand still while Lambda has frozen the instance.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Collection[str],
        refused: Callable[[], Exception],
        *,
        holds: Callable[[OwnItem], bool] = is_of_this_release,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._refused = refused
        self._holds = holds
        self._clock = clock
        self._pool = ThreadPoolExecutor(max_workers=len(tables))
        self._lock = Lock()
        self._believed_until = dict.fromkeys(tables, 0.0)
        self._looks: dict[str, Future[OwnItem]] = {}

    def own_item(self, table: str) -> OwnItem:
        """Return the item of `CURSOR_KEY`, empty if the table has none; it is read again as long as there is none."""
        item = self._look(table).result()
        if not item:
            self._believed_until[table] = 0.0
            item = self._look(table).result()
        return item

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
        looks = self._looks_at(request)
        answer = operation(**request)
        for look in looks:
            look.result()
        return answer

    def _write(self, operation: Callable[..., Any], request: Mapping[str, Any]) -> Any:
        for look in self._looks_at(request):
            look.result()
        return operation(**request)

    def _looks_at(self, request: Mapping[str, Any]) -> "list[Future[OwnItem]]":
        return [self._look(table) for table in _tables_of(request) & self._believed_until.keys()]

    def _look(self, table: str) -> "Future[OwnItem]":
        """Return the last look at a table, or a new one if that has failed or is no longer believed."""
        now = self._clock()
        with self._lock:
            last = self._looks.get(table)
            if last is None or (last.done() and now >= self._believed_until[table]):
                last = self._looks[table] = self._pool.submit(self._look_up, table, now)
            return last

    def _look_up(self, table: str, now: float) -> OwnItem:
        pk, sk = CURSOR_KEY
        answer = self._client.get_item(TableName=table, Key={"pk": {"S": pk}, "sk": {"S": sk}}, ConsistentRead=True)
        item: OwnItem = answer.get("Item", {})
        if not self._holds(item):
            raise self._refused()
        self._believed_until[table] = now + BELIEVED_SECONDS
        return item


def _tables_of(request: Mapping[str, Any]) -> set[str]:
    """Return the tables that a request names, in whichever operation's form."""
    if "TableName" in request:
        return {request["TableName"]}
    if "RequestItems" in request:
        return set(request["RequestItems"])
    return {each["TableName"] for action in request["TransactItems"] for each in action.values()}
