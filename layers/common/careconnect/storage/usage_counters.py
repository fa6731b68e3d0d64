"""The quota table: one counter per client and minute, which DynamoDB deletes some time after it expires."""

from typing import TYPE_CHECKING, Final

from careconnect.fhir import outcomes
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from careconnect.storage.quota import WINDOW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_KEPT_AFTER: Final = 2 * WINDOW


class DynamoDbUsageCounters:
    """Store the usage counters in a table. This function may update its items, and nothing else."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def add(self, client_id: str, window: int, units: int, limit: int) -> int | None:
        """Add units to a client's usage counter of a window that is below `limit`: one UpdateItem.

        Returns the new value, None if the counter is not below it. Nothing is added then.
        """
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"{client_id}#{window}"}},
                UpdateExpression="SET expires_at = :expires_at ADD units :units",
                ConditionExpression="attribute_not_exists(units) OR units < :limit",
                ExpressionAttributeValues={
                    ":expires_at": {"N": str((window + 1) * WINDOW + _KEPT_AFTER)},
                    ":units": {"N": str(units)},
                    ":limit": {"N": str(limit)},
                },
                ReturnValues="UPDATED_NEW",
            )
        except SERVICE_ERRORS as error:
            if error_code(error) == "ConditionalCheckFailedException":
                return None
            raise outcomes.unavailable(error_code(error)) from error
        return int(answer["Attributes"]["units"]["N"])
