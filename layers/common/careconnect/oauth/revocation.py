"""The revocation check of a verified token, by the token's id and by the revocation cutoffs (ADR 17).

The authorizer, introspection and bulk export all use it, so that a revoked token ends at all of them at once, and
with it the jobs that it started. It reads the items written by the issuer and by the operator's tools in one request.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from careconnect.oauth.access_token import client_cutoff_key, patient_cutoff_key, revocation_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class IssuedToken(Protocol):
    """What a revocation of a token is found by: its id, or its client or patient and the second of its issue."""

    @property
    def client_id(self) -> str:
        """The client's id."""

    @property
    def issued_at(self) -> int:
        """The time of issue, in epoch seconds."""

    @property
    def jti(self) -> str:
        """The token's id."""

    @property
    def patient(self) -> str:
        """The id of the patient that it is bound to, or empty."""


class RevocationsUnknownError(Exception):
    """DynamoDB left some of the keys unprocessed, so the token may or may not be revoked."""


class DynamoDbRevocations:
    """Looks tokens up in the token table; errors of DynamoDB pass through."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def is_revoked(self, token: IssuedToken) -> bool:
        """Return True if a token was revoked; one consistent BatchGetItem, so that a revocation counts at once.

        Raises `RevocationsUnknownError` if a key was left unprocessed: an unread cutoff looks like an absent one.
        """
        keys = [revocation_key(token.jti), client_cutoff_key(token.client_id)]
        if token.patient:
            keys.append(patient_cutoff_key(token.patient))
        answer = self._client.batch_get_item(
            RequestItems={self._table: {"Keys": [{"pk": {"S": key}} for key in keys], "ConsistentRead": True}}
        )
        if answer.get("UnprocessedKeys"):
            raise RevocationsUnknownError
        return _ends(token, answer["Responses"].get(self._table, ()))


def _ends(token: IssuedToken, items: Iterable[Mapping[str, Any]]) -> bool:
    """Return True if one of the items found for a token revokes it.

    A cutoff covers its whole second, since within it a token issued before the change looks like one issued after.
    """
    return any("before" not in item or token.issued_at <= int(item["before"]["N"]) for item in items)
