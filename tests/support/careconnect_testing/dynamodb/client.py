"""A client of a `Database`, in boto3's place."""

from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any, Final

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


class InMemoryClient:
    """Has the methods of boto3's DynamoDB client for items and their tables.

    A `before` that raises makes the call fail. There are no retries.
    """

    exceptions = EXCEPTIONS

    def __init__(self, database: Database, before: Before | None = None) -> None:
        self.database = database
        self.before = before
        self.meta = SimpleNamespace(region_name=REGION, endpoint_url="https://dynamodb.in-memory")

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        """Return an operation on items."""
        if name not in _OPERATIONS:
            raise AttributeError(name)
        aws_name = name.title().replace("_", "")

        def call(**request: Any) -> dict[str, Any]:
            if self.before is not None:
                self.before(aws_name, request)
            answer = self.database.execute(name, request)
            answer["ResponseMetadata"] = {"HTTPStatusCode": 200, "HTTPHeaders": {}, "RetryAttempts": 0}
            return answer

        # The next look-up finds it without this method.
        self.__dict__[name] = call
        return call

    def create_table(self, **request: Any) -> dict[str, Any]:
        """Create a table."""
        self.database.create_table(**request)
        return self.describe_table(TableName=request["TableName"])

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
