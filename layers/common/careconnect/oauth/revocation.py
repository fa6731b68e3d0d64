"""Decide whether a verified token was ended before its time, by its own id or by a mark (ADR 17).

The authorizer and introspection both ask here, so that a token ends at both at once. What the issuer and the
operator's tools write is read in one call.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from careconnect.oauth.access_token import client_cutoff_key, patient_cutoff_key, revocation_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from careconnect.oauth.token_verification import AccessToken


class RevocationsUnknownError(Exception):
    """DynamoDB left some of the keys unanswered, so the token cannot be judged."""


class DynamoDbRevocations:
    """Asks the token table about tokens; errors of DynamoDB pass through."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def is_revoked(self, token: "AccessToken") -> bool:
        """Say whether a token was ended: one consistent BatchGetItem, so that an end counts at once.

        Raises `RevocationsUnknownError` when a key was left unanswered: an absent mark and an unread one look
        the same.
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


def _ends(token: "AccessToken", items: Iterable[Mapping[str, Any]]) -> bool:
    """Say whether one of a token's own items ends it.

    A mark's second is ended whole: within it nobody can tell a token from before the change from one after.
    """
    return any("before" not in item or token.issued_at <= int(item["before"]["N"]) for item in items)
