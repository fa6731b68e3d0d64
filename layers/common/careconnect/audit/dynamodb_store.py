"""The store of events in DynamoDB: they are inserted, never read, changed or removed (`audit.md`, Append only)."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError

from careconnect.audit.event import AuditEvent
from careconnect.audit.store import EventNotStoredError
from careconnect.runtime.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

MAX_AT_ONCE: Final = 25
"""Statements of one request (DynamoDB's quota for BatchExecuteStatement)."""

_NEW: Final = "attribute_not_exists(pk)"
_ALREADY_THERE: Final = "DuplicateItem"
_ATTEMPTS: Final = 2
_PAUSE_SECONDS: Final = 0.05
_SIDE_BY_SIDE: Final = 8

# The codes of a whole request, and of one of its statements. Any other code concerns the event, and fails closed.
DOWN: Final = frozenset(
    (
        *("AccessDenied", "AccessDeniedException", "ResourceNotFound", "ResourceNotFoundException"),
        *("ThrottlingError", "ThrottlingException", "RequestLimitExceeded", "TransactionConflict"),
        *("ProvisionedThroughputExceeded", "ProvisionedThroughputExceededException"),
        *("InternalServerError", "ServiceUnavailable", "ServiceUnavailableException"),
        *("ExpiredTokenException", "UnrecognizedClientException"),
    )
)
"""The error codes of a store that accepts no event at all."""


class DynamoDbAuditStore:
    """Inserts events into their table, 25 in a request; each costs the unit of a put (ADR 33).

    An insert neither overwrites nor reads. If it meets its own event, which botocore has sent before, the event is
    stored. `retention_days` is how long an event is stored, 0 for ever.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        retention_days: int = 0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._table = table
        self._retention_days = retention_days
        self._sleep = sleep
        self._pool = ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE)

    def begin(self, events: Sequence[AuditEvent]) -> "list[Future[None]]":
        """Start storing events, one request for each 25 of them."""
        groups = (events[start : start + MAX_AT_ONCE] for start in range(0, len(events), MAX_AT_ONCE))
        return [self._pool.submit(self._insert, group) for group in groups]

    def keep(self, events: Sequence[AuditEvent]) -> None:
        """Store events, one request after the other for each 25 of them; raises `EventNotStoredError`."""
        for start in range(0, len(events), MAX_AT_ONCE):
            self._insert(events[start : start + MAX_AT_ONCE])

    def keep_row(self, row: Mapping[str, Any]) -> None:
        """Store a row that is no event, if it is not there; raises `EventNotStoredError`."""
        self._insert_items([row])

    def put_action(self, event: AuditEvent) -> dict[str, Any]:
        """Return the Put of an event, on condition that it is new."""
        item = event.item(self._retention_days)
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": _NEW}}

    def _insert(self, events: Sequence[AuditEvent]) -> None:
        self._insert_items([event.item(self._retention_days) for event in events])

    def _insert_items(self, items: Sequence[Mapping[str, Any]]) -> None:
        statements = [self._statement(item) for item in items]
        code = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._sleep(_PAUSE_SECONDS)
            try:
                answer = self._client.batch_execute_statement(Statements=statements)
            except SERVICE_ERRORS as error:
                # botocore has already retried.
                code = error_code(error)
                raise EventNotStoredError(code, is_down=code in DOWN or isinstance(error, BotoCoreError)) from error
            codes = [_code(response) for response in answer["Responses"]]
            statements = [one for one, code in zip(statements, codes, strict=True) if code]
            if not statements:
                return
            code = next((code for code in codes if code and code not in DOWN), next(filter(None, codes)))
        raise EventNotStoredError(code, is_down=code in DOWN)

    def _statement(self, item: Mapping[str, Any]) -> Any:
        members = ",".join(f"'{name}':?" for name in item)
        # The names are fixed in our code; every value is a parameter.
        return {"Statement": f'INSERT INTO "{self._table}" VALUE {{{members}}}', "Parameters": list(item.values())}


def _code(response: Any) -> str:
    """Return the error code of a statement, empty if it succeeded or its event was already stored."""
    code = str(response.get("Error", {}).get("Code", ""))
    return "" if code == _ALREADY_THERE else code
