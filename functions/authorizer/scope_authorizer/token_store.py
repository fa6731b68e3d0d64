"""The token table as the authorizer sees it."""

from typing import TYPE_CHECKING

from careconnect.access_token import revocation_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbRevokedTokens:
    """Looks up revoked token ids in the token table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def is_revoked(self, jti: str) -> bool:
        """Say whether `jti` was revoked: one consistent GetItem, so that a revocation counts at once."""
        answer = self._client.get_item(
            TableName=self._table,
            Key={"pk": {"S": revocation_key(jti)}},
            ConsistentRead=True,
            ProjectionExpression="pk",
        )
        return "Item" in answer
