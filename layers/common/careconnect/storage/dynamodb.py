"""DynamoDB requests for a FHIR request: errors become the 503 outcome, and a batch is read until it is complete.

Each table stores its format number in the item of `CURSOR_KEY`. `FormatCheckedClient` reads it at the same time as the
requests, and discards any answer of a table with another format. A table without a number is accepted: nothing was ever
written to it (ADR 31).
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Protocol

from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from careconnect.storage.keys import CURSOR_KEY, FORMAT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

BATCH: Final = 100
"""Items of one request (DynamoDB's quota for BatchGetItem)."""

_ATTEMPTS: Final = 5
_FIRST_PAUSE: Final = 0.01


class BatchReader(Protocol):
    """A client that reads batches of items."""

    def batch_get_item(self, *, RequestItems: Any) -> Any:  # noqa: N803 - botocore's own name
        """Read several items."""


def call(operation: Callable[..., Any], **request: Any) -> Any:
    """Return the answer of an operation; raises the 503 outcome if the service fails or does not answer."""
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
    """Yield the existing items of (table, key) pairs, in any order: one BatchGetItem for each hundred.

    Raises the 503 outcome, also if keys are left unprocessed again and again.
    """
    rest = iter(keys)
    while batch := list(islice(rest, BATCH)):
        asked: dict[str, Any] = {}
        for table, key in batch:
            options = {"ConsistentRead": True} if consistent else {}
            asked.setdefault(table, {"Keys": [], **options})["Keys"].append(key)
        for attempt in range(_ATTEMPTS):
            if attempt:
                # Keys are left over by a throttled partition, or by an answer that reached its 16 MB.
                sleep(_FIRST_PAUSE * 2 ** (attempt - 1))
            answer = call(client.batch_get_item, RequestItems=asked)
            for items in answer["Responses"].values():
                yield from items
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                break
        else:
            raise outcomes.unavailable("UnprocessedKeys")


BELIEVED_SECONDS: Final = 30.0
"""How long a successful format check of a table remains valid.

A request takes at most 26 s more (the longest of the functions' timeouts). Both together are less than the 60 s for
which `careconnect reindex` waits before it changes anything.
"""

_READS: Final = ("get_item", "batch_get_item", "query")

OwnItem = Mapping[str, Any]
Operation = Callable[..., Any]


def is_of_this_release(item: OwnItem) -> bool:
    """Return True if a table with this item of `CURSOR_KEY` has the format of this release."""
    return "format" not in item or item["format"] == {"N": str(FORMAT)}


class FormatCheckedClient:
    """A DynamoDB client that discards the answers of tables with another format.

    A table's number is read at the same time as the first request to that table, and again when `BELIEVED_SECONDS` are
    over. A request that writes waits for it first. Only a match is cached. Raises the error that `refused` returns if a
    requested table has another number, and otherwise botocore's errors. A request to other `tables` is not affected.
    `clock` returns epoch seconds: a monotonic clock may stand still while Lambda has frozen the instance.
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

    def __getattr__(self, name: str) -> Operation:
        """Return an operation of the client, with its check; what is not known to read is taken to write."""
        operation = getattr(self._client, name)
        if not callable(operation):
            raise AttributeError(name)  # noqa: TRY004 - as for an attribute that is not there
        return partial(self._read if name in _READS else self._write, operation)

    def own_item(self, table: str) -> OwnItem:
        """Return the item of `CURSOR_KEY`, empty if the table has none; an absent item is never cached."""
        item = self._look(table).result()
        if not item:
            self._believed_until[table] = 0.0
            item = self._look(table).result()
        return item

    def _read(self, operation: Callable[..., Any], /, **request: Any) -> Any:
        looks = self._looks_at(request)
        try:
            answer = operation(**request)
        finally:
            # No check may outlive the request: Lambda freezes the instance then.
            failures = [look.exception() for look in looks]
        for failure in filter(None, failures):
            raise failure
        return answer

    def _write(self, operation: Callable[..., Any], /, **request: Any) -> Any:
        # All checks start before the first is waited for.
        for look in self._looks_at(request):
            look.result()
        return operation(**request)

    def _looks_at(self, request: Mapping[str, Any]) -> "list[Future[OwnItem]]":
        # Always in the same order: a set's own order differs from process to process.
        return [self._look(table) for table in sorted(_tables_of(request) & self._believed_until.keys())]

    def _look(self, table: str) -> "Future[OwnItem]":
        """Return the last format check of a table, or start a new one if that has failed or expired."""
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
    """Return the tables that a request names, in the form of any operation."""
    if "TableName" in request:
        return {request["TableName"]}
    if "RequestItems" in request:
        return set(request["RequestItems"])
    return {each["TableName"] for action in request["TransactItems"] for each in action.values()}
