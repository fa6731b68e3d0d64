"""The quota table: one counter per client and minute, which DynamoDB deletes some time after it expires."""

from typing import TYPE_CHECKING, Final

from careconnect.storage.dynamodb import call
from careconnect.storage.quota import WINDOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEPT_AFTER: Final = 2 * WINDOW


class DynamoDbUsageCounters:
    """Store the usage counters in a table. This function may update its items, and nothing else."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, client_id: str, window: int, units: int) -> int:
        """Add units to a client's usage counter of a window and return the new value: one UpdateItem."""
        answer = call(
            self._client.update_item,
            TableName=self._table,
            Key={"pk": {"S": f"{client_id}#{window}"}},
            UpdateExpression="SET expires_at = :expires_at ADD units :units",
            ExpressionAttributeValues={
                ":expires_at": {"N": str((window + 1) * WINDOW + _KEPT_AFTER)},
                ":units": {"N": str(units)},
            },
            ReturnValues="UPDATED_NEW",
        )
        return int(answer["Attributes"]["units"]["N"])
