"""A client of a `Database`, in boto3's place."""

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError
from botocore.hooks import HierarchicalEmitter

from careconnect_testing.dynamodb.database import Database
from careconnect_testing.dynamodb.errors import EXCEPTIONS

REGION: Final = "eu-west-2"
_OPERATIONS: Final = frozenset(
    (
        *("get_item", "batch_get_item", "transact_get_items", "query", "scan"),
        *("put_item", "update_item", "delete_item", "batch_write_item", "transact_write_items"),
        *("execute_statement", "batch_execute_statement"),
    )
)

Before = Callable[[str, Mapping[str, Any]], None]
"""Is called with each operation's name as AWS has it (`GetItem`) and its request, before it is done."""


class _Meta:
    """Like a client's `meta`; its events are botocore's, and cost nothing until someone asks for them."""

    region_name = REGION
    endpoint_url = "https://dynamodb.in-memory"

    def __init__(self) -> None:
        self.used_events: HierarchicalEmitter | None = None

    @property
    def events(self) -> HierarchicalEmitter:
        """The emitter, whose events come before a call has its parameters, before it, as it is sent, and after it."""
        self.used_events = self.used_events or HierarchicalEmitter()
        return self.used_events


def _emit(events: HierarchicalEmitter, event: str, operation: str, **given: Any) -> list[tuple[Any, Any]]:
    model = SimpleNamespace(name=operation)
    answers: list[tuple[Any, Any]] = events.emit(f"{event}.dynamodb.{operation}", model=model, context={}, **given)
    return answers


def _announced(events: HierarchicalEmitter, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Emit the events before a call; return the request, or the one that a handler provides in its place."""
    for _, provided in _emit(events, "provide-client-params", operation, params=request):
        request = provided or request
    _emit(events, "before-parameter-build", operation, params=request)
    _emit(events, "before-call", operation, params=request, request_signer=None)
    _emit(events, "before-send", operation, request=None)
    return request


class InMemoryClient:
    """Has the methods of boto3's DynamoDB client for items and their tables.

    A `before` that raises makes the call fail. There are no retries.
    """

    exceptions = EXCEPTIONS

    def __init__(self, database: Database, before: Before | None = None) -> None:
        self.database = database
        self.before = before
        self.meta = _Meta()

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        """Return an operation on items."""
        if name not in _OPERATIONS:
            raise AttributeError(name)
        aws_name = name.title().replace("_", "")

        def call(**request: Any) -> dict[str, Any]:
            events = self.meta.used_events
            if events:
                request = _announced(events, aws_name, request)
            if self.before is not None:
                self.before(aws_name, request)
            try:
                answer = self.database.execute(name, request)
            except ClientError as error:
                if events:
                    _emit(events, "after-call", aws_name, parsed=error.response)
                raise
            answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
            if events:
                _emit(events, "after-call", aws_name, parsed=answer)
            return answer

        # The next look-up finds it without this method.
        self.__dict__[name] = call
        return call

    def create_table(self, **request: Any) -> dict[str, Any]:
        """Create a table."""
        self.database.create_table(**request)
        return self.describe_table(TableName=request["TableName"])

    def delete_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        """Delete a table."""
        self.database.delete_table(TableName)
        return {}

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803 - boto3's own name
        """Return a table's keys and indexes, as it was created."""
        table = self.database.table(TableName)
        arn = f"arn:aws:dynamodb:{REGION}:123456789012:table/{TableName}"
        return {"Table": {**table.request, "TableStatus": "ACTIVE", "TableArn": arn}}

    def get_paginator(self, operation: str) -> Any:
        """Return the pages of a query or a scan."""

        def paginate(**request: Any) -> Iterator[dict[str, Any]]:
            while True:
                page = getattr(self, operation)(**request)
                yield page
                if "LastEvaluatedKey" not in page:
                    return
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

        return SimpleNamespace(paginate=paginate)
