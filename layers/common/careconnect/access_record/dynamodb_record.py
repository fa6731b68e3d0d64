"""Keep events in their table: put, and never read, changed or removed (`audit.md`, Append only)."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from careconnect.access_record.event import AccessEvent
from careconnect.access_record.record import RecordNotKeptError
from careconnect.aws import SERVICE_ERRORS, error_code, reasons_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MOST_AT_ONCE: Final = 100
"""Events that one transaction puts (DynamoDB's quota)."""

_NEW: Final = "attribute_not_exists(pk)"
_ALREADY_THERE: Final = ("ConditionalCheckFailedException", "ConditionalCheckFailed")


class DynamoDbAccessRecord:
    """Puts events into their table: the only thing that it may do there, and that it does.

    One event is one PutItem; several, as a page's, are one transaction for each hundred, which costs twice the units
    and is one call (ADR 27). `retention_days` is how long an event is kept, 0 for ever.
    """

    def __init__(self, client: "DynamoDBClient", table: str, retention_days: int = 0) -> None:
        self._client = client
        self._table = table
        self._retention_days = retention_days
        self._pool = ThreadPoolExecutor(max_workers=4)

    def begin(self, events: Sequence[AccessEvent]) -> "list[Future[None]]":
        """Begin to keep events beside what the caller does meanwhile."""
        groups = (events[start : start + MOST_AT_ONCE] for start in range(0, len(events), MOST_AT_ONCE))
        return [self._pool.submit(self._put, group) for group in groups]

    def keep(self, events: Sequence[AccessEvent]) -> None:
        """Keep events, at most a hundred here and now, more of them side by side; raises `RecordNotKeptError`."""
        if len(events) <= MOST_AT_ONCE:
            self._put(events)
            return
        for kept in self.begin(events):
            kept.result()

    def put_action(self, event: AccessEvent) -> dict[str, Any]:
        """Return the Put of an event, on condition that it is new."""
        item = event.item(self._retention_days)
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _NEW}}

    def _put(self, events: Sequence[AccessEvent]) -> None:
        actions: list[Any] = [self.put_action(event) for event in events]
        try:
            if len(events) == 1:
                self._client.put_item(**actions[0]["Put"])
            else:
                self._client.transact_write_items(TransactItems=actions)
        except SERVICE_ERRORS as error:
            # Nobody else has these ids: botocore sent a put again, and the first had arrived; or the event is there
            # with the write that it is of.
            reasons = reasons_of(error) or [error_code(error)]
            if not any(reason in _ALREADY_THERE for reason in reasons):
                raise RecordNotKeptError(error_code(error)) from error
            if rest := [event for event, reason in zip(events, reasons, strict=True) if reason not in _ALREADY_THERE]:
                self._put(rest)
