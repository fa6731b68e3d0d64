"""The issuer's access to the token table: revoked tokens, used assertions, failed authentications.

Every item has an `expires_at` (epoch seconds). DynamoDB deletes it some time after that.
"""

import hashlib
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from careconnect.oauth.access_token import KEPT_AFTER_EXPIRY, REVOCATION_KEPT_AFTER_EXPIRY, revocation_key
from careconnect.oauth.revocation import DynamoDbRevocations, RevocationsUnknownError
from careconnect.oauth.token_verification import AccessToken
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from token_issuer.clients.throttle import Counters
from token_issuer.errors import unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CONDITION_FAILED: Final = "ConditionalCheckFailedException"


class DynamoDbTokenStore:
    """Read and write the token table; `now` returns epoch seconds."""

    def __init__(self, client: "DynamoDBClient", table: str, *, now: Callable[[], float]) -> None:
        self._client = client
        self._table = table
        self._now = now
        self._revocations = DynamoDbRevocations(client, table)

    def record_failure(self, failures: Counters) -> int:
        """Add one to the window's failures and return their count."""
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": failures.current}},
                UpdateExpression="SET expires_at = :expires_at ADD failures :one",
                ExpressionAttributeValues={
                    ":expires_at": {"N": str(failures.expires_at)},
                    ":one": {"N": "1"},
                },
                ReturnValues="UPDATED_NEW",
            )
        except SERVICE_ERRORS as error:
            raise unavailable(error_code(error)) from error
        return int(answer["Attributes"]["failures"]["N"])

    def use_assertion(self, client_id: str, jti: str, expires_at: int) -> bool:
        """Store an assertion's id unless it is stored already; of two concurrent writers one succeeds.

        A write that timed out may have happened, and boto3 repeats it. The item's `use` distinguishes our own write
        from another's.
        """
        use = str(uuid.uuid4())
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": _assertion_key(client_id, jti)},
                    "use": {"S": use},
                    "expires_at": {"N": str(expires_at + KEPT_AFTER_EXPIRY)},
                },
                ConditionExpression="attribute_not_exists(pk) OR expires_at < :now",
                ExpressionAttributeValues={":now": {"N": str(int(self._now()))}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except SERVICE_ERRORS as error:
            if error_code(error) != _CONDITION_FAILED:
                raise unavailable(error_code(error)) from error
            return _use_of(error) == use
        return True

    def revoke(self, jti: str, expires_at: int) -> None:
        """Store a revoked token until neither it nor a job that it started can be accepted any more."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": revocation_key(jti)},
                    "expires_at": {"N": str(expires_at + REVOCATION_KEPT_AFTER_EXPIRY)},
                },
            )
        except SERVICE_ERRORS as error:
            raise unavailable(error_code(error)) from error

    def is_revoked(self, token: AccessToken) -> bool:
        """Return True if a token was revoked, by its id or by a cutoff of its client or patient."""
        try:
            return self._revocations.is_revoked(token)
        except (*SERVICE_ERRORS, RevocationsUnknownError) as error:
            raise unavailable(error_code(error)) from error


def _assertion_key(client_id: str, jti: str) -> str:
    text = f"{client_id}\0{jti}"
    return "assertion#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _use_of(error: Exception) -> str:
    response: Any = getattr(error, "response", {})
    return str(response.get("Item", {}).get("use", {}).get("S", ""))
