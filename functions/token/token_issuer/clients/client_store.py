"""The client table and the failure counters, read in one call."""

from typing import TYPE_CHECKING, Any

from careconnect.oauth.client_record import client_record
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from token_issuer.clients.authenticate_client import FoundClient
from token_issuer.clients.throttle import Counters
from token_issuer.errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class DynamoDbClientStore:
    """Read clients from the client table and their failures from the token table."""

    def __init__(self, client: "DynamoDBClient", client_table: str, token_table: str) -> None:
        self._client = client
        self._client_table = client_table
        self._token_table = token_table

    def find(self, client_id: str, failures: Counters) -> FoundClient:
        """Read client and counters with one consistent BatchGetItem: disabling a client takes effect immediately."""
        try:
            answer = self._client.batch_get_item(
                RequestItems={
                    self._client_table: {"Keys": [{"client_id": {"S": client_id}}], "ConsistentRead": True},
                    self._token_table: {
                        "Keys": [{"pk": {"S": failures.current}}, {"pk": {"S": failures.previous}}],
                        "ConsistentRead": True,
                    },
                }
            )
        except SERVICE_ERRORS as error:
            raise unavailable(error_code(error)) from error
        if answer.get("UnprocessedKeys"):
            # Authentication needs both the counters and the client.
            raise unavailable("UnprocessedKeys")
        items = answer["Responses"].get(self._client_table, [])
        counts: dict[str, int] = {
            item["pk"]["S"]: _count(item) for item in answer["Responses"].get(self._token_table, [])
        }
        return FoundClient(
            record=client_record(items[0]) if items else None,
            failures=counts.get(failures.current, 0),
            failures_before=counts.get(failures.previous, 0),
        )


def _count(item: Any) -> int:
    return int(item["failures"]["N"])
