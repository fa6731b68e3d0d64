"""Revoke access tokens in the token table, which the API and introspection read (ADR 17)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from careconnect.oauth.access_token import (
    KEPT_AFTER_EXPIRY,
    MAX_LIFETIME,
    REVOCATION_KEPT_AFTER_EXPIRY,
    client_cutoff_key,
    patient_cutoff_key,
    revocation_key,
)
from careconnect.runtime.aws import SERVICE_ERRORS, error_code
from careconnect_admin.clients.errors import TokensLiveOnError
from careconnect_admin.service_clock import dated_by, seconds_off

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SECOND: Final = 1.0
_KEPT: Final = MAX_LIFETIME + REVOCATION_KEPT_AFTER_EXPIRY
"""Seconds for which a token issued now, or a job that it starts, can be accepted at most."""

_BOUND_KEPT: Final = MAX_LIFETIME + KEPT_AFTER_EXPIRY
"""The same for tokens that are bound to a patient, which start no jobs: the patient's id is stored no longer."""

_LATER_MARK: Final = "ConditionalCheckFailedException"


class DynamoDbTokenRevocations:
    """Token revocation in DynamoDB; raises `TokensLiveOnError` if DynamoDB does not accept a write.

    `clock` is this machine's, in epoch seconds. `tell` gets a warning if it is far off DynamoDB's clock.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        tell: Callable[[str], None],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._table = table
        self._tell = tell
        self._clock = clock
        self._sleep = sleep

    def end_client(self, client_id: str) -> None:
        """Revoke all tokens of a client, registered or not; returns when the cutoff's second is over."""
        self._end_tokens_of(client_cutoff_key(client_id), _KEPT)

    def end_patient(self, patient: str) -> None:
        """Revoke all tokens that are bound to a patient; returns when the cutoff's second is over."""
        self._end_tokens_of(patient_cutoff_key(patient), _BOUND_KEPT)

    def end_token(self, jti: str) -> None:
        """Revoke one token by its id, for as long as any token and its jobs may live: its own expiry is unknown."""
        key = revocation_key(jti)
        try:
            expires_at = self._service_time(key) + _KEPT
            self._client.put_item(TableName=self._table, Item={"pk": {"S": key}, "expires_at": {"N": str(expires_at)}})
        except SERVICE_ERRORS as error:
            raise TokensLiveOnError(error_code(error)) from error

    def _end_tokens_of(self, key: str, kept: int) -> None:
        try:
            before = self._service_time(key)
            self._move(key, before, kept)
        except SERVICE_ERRORS as error:
            raise TokensLiveOnError(error_code(error)) from error
        # The cutoff was read during its second. One whole second from now, that second is over on every clock.
        self._sleep(_SECOND)

    def _move(self, key: str, before: int, kept: int) -> None:
        """Move a revocation cutoff forward; a later cutoff stays, because it covers these tokens too."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": key}},
                UpdateExpression="SET #before = :before, expires_at = :expires_at",
                ConditionExpression="attribute_not_exists(pk) OR #before < :before",
                ExpressionAttributeNames={"#before": "before"},
                ExpressionAttributeValues={
                    ":before": {"N": str(before)},
                    ":expires_at": {"N": str(before + kept)},
                },
            )
        except SERVICE_ERRORS as error:
            if error_code(error) != _LATER_MARK:
                raise

    def _service_time(self, key: str) -> int:
        """Return the epoch second in the Date header of DynamoDB's response, or this machine's if it has none."""
        answer: Any = self._client.get_item(TableName=self._table, Key={"pk": {"S": key}}, ConsistentRead=True)
        here = self._clock()
        dated = dated_by(answer)
        if dated is None:
            return int(here)
        if off := seconds_off(dated, here):
            self._tell(f"this machine's clock is {off:.0f} s off DynamoDB's, which was taken: set it right")
        return dated
