"""The table of events as the auditor reads it: queries and lookups by key, never a scan."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from access_auditor.event_store import Asked, Part
from careconnect import outcomes
from careconnect.access_record.event import PATIENT_INDEX, AccessEvent, event_key, event_of, is_event_id
from careconnect.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SIDE_BY_SIDE: Final = 16
"""Queries at once: as many as a day has shards."""

_LINK_KEY: Final = {"pk": {"S": "$cursor"}, "sk": {"S": "$cursor"}}
"""Where the key of `next` links is kept: in a partition that no event can be in."""
_LINK_KEY_BYTES: Final = 32
_THERE_ALREADY: Final = "ConditionalCheckFailedException"


class DynamoDbEventStore:
    """Reads events and their corrections, and keeps the key of `next` links.

    What the table of events says itself is strongly consistent; what its index by patient says is not: an event is in
    it a moment after it was kept.
    """

    def __init__(self, client: "DynamoDBClient", event_table: str) -> None:
        self._client = client
        self._event_table = event_table
        self._link_key = b""
        self._pool = ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE)

    def events(self, event_ids: Sequence[str]) -> list[AccessEvent]:
        """Return events by their ids: a query for each, of the event and of its correction."""
        return [event for event in self._pool.map(self._event, event_ids) if event is not None]

    def parts(self, asked: Sequence[Asked]) -> list[Part]:
        """Return parts of sources: a query for each."""
        return list(self._pool.map(self._part, asked))

    def link_key(self) -> bytes:
        """Return the key of `next` links: one GetItem an instance, and a put at the first need ever."""
        if not self._link_key:
            self._link_key = self._kept_link_key() or self._new_link_key()
        return self._link_key

    def _kept_link_key(self) -> bytes:
        answer = _ask(self._client.get_item, TableName=self._event_table, Key=_LINK_KEY, ConsistentRead=True)
        return bytes(answer["Item"]["key"]["B"]) if "Item" in answer else b""

    def _new_link_key(self) -> bytes:
        key = secrets.token_bytes(_LINK_KEY_BYTES)
        try:
            self._client.put_item(
                TableName=self._event_table,
                Item={**_LINK_KEY, "key": {"B": key}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except SERVICE_ERRORS as error:
            if error_code(error) != _THERE_ALREADY:
                raise outcomes.unavailable(error_code(error)) from error
            # Another instance was first.
            return self._kept_link_key()
        return key

    def _event(self, event_id: str) -> AccessEvent | None:
        first, last = event_key(event_id), event_key(event_id, is_correction=True)
        answer = _ask(
            self._client.query,
            TableName=self._event_table,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :first AND :last",
            ExpressionAttributeValues={":pk": first["pk"], ":first": first["sk"], ":last": last["sk"]},
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return next((event for item in answer["Items"] if (event := _event_of(item))), None)

    def _part(self, asked: Asked) -> Part:
        source = asked.source
        how = {"IndexName": PATIENT_INDEX} if source.is_patient else {"ConsistentRead": True}
        answer = _ask(
            self._client.query,
            TableName=self._event_table,
            KeyConditionExpression="#partition = :partition AND sk BETWEEN :low AND :before",
            ExpressionAttributeNames={"#partition": "patient" if source.is_patient else "pk"},
            ExpressionAttributeValues={
                ":partition": {"S": source.partition},
                ":low": {"S": asked.low},
                ":before": {"S": asked.before},
            },
            ScanIndexForward=False,
            # A sort key takes one condition, and BETWEEN has both its ends: the one at which to stop is dropped.
            Limit=asked.limit + 1,
            **how,
        )
        items = [item for item in answer["Items"] if item["sk"]["S"] < asked.before]
        last = answer.get("LastEvaluatedKey", {})
        return Part([event for item in items if (event := _event_of(item))], last["sk"]["S"] if last else "")


def _event_of(item: Mapping[str, Any]) -> AccessEvent | None:
    """Return the event that an item holds, or None of what no function has put there.

    A forged item must not keep the trail from being read: it is for the verification to name.
    """
    try:
        event = event_of(item)
    except (KeyError, ValueError):
        return None
    return event if is_event_id(event.id) and event_key(event.id)["pk"] == item["pk"] else None


def _ask(operation: Callable[..., Any], **arguments: Any) -> Any:
    """Call DynamoDB; raises the 503 outcome for what it refuses or does not answer."""
    try:
        return operation(**arguments)
    except SERVICE_ERRORS as error:
        raise outcomes.unavailable(error_code(error)) from error
