"""The table of events and the list of sealed days, as the auditor reads them: queries alone, never a scan."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from access_auditor.event_store import Asked, Part
from careconnect import outcomes
from careconnect.access_record.chain import HEADS
from careconnect.audit.event import PATIENT_INDEX, WITNESS, AuditEvent, event_key, event_of, is_event_id
from careconnect.aws import SERVICE_ERRORS, error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SIDE_BY_SIDE: Final = 16
"""Queries at once: as many as a day has shards."""


class DynamoDbEventStore:
    """Reads events, and on which days there are any.

    What the table of events says itself is strongly consistent; what its index by patient says is not: an event is in
    it a moment after it was kept.
    """

    def __init__(self, client: "DynamoDBClient", event_table: str, seal_table: str) -> None:
        self._client = client
        self._event_table = event_table
        self._seal_table = seal_table
        self._pool = ThreadPoolExecutor(max_workers=_SIDE_BY_SIDE)

    def events(self, event_ids: Sequence[str]) -> list[AuditEvent]:
        """Return events by their ids: a query for each."""
        return [event for event in self._pool.map(self._event, event_ids) if event is not None]

    def parts(self, asked: Sequence[Asked]) -> list[Part]:
        """Return parts of sources: a query for each."""
        return list(self._pool.map(self._part, asked))

    def sealed_day_before(self, day: str) -> str:
        """Return the last sealed day before another: one query of one item."""
        answer = _ask(
            self._client.query,
            TableName=self._seal_table,
            KeyConditionExpression="pk = :days AND sk < :day",
            ExpressionAttributeValues={":days": {"S": HEADS}, ":day": {"S": day}},
            ScanIndexForward=False,
            Limit=1,
            ConsistentRead=True,
        )
        return next((str(item["sk"]["S"]) for item in answer["Items"]), "")

    def _event(self, event_id: str) -> AuditEvent | None:
        key = event_key(event_id)
        answer = _ask(
            self._client.query,
            TableName=self._event_table,
            KeyConditionExpression="pk = :pk AND sk = :sk",
            ExpressionAttributeValues={":pk": key["pk"], ":sk": key["sk"]},
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


def _event_of(item: Mapping[str, Any]) -> AuditEvent | None:
    """Return the event that an item holds, or None of a seal's witness and of what no function has put there.

    A forged item must not keep the record from being read: it is for the verification to name.
    """
    if WITNESS in item:
        return None
    try:
        event = event_of(item)
    except (KeyError, ValueError):
        return None
    return event if is_event_id(event.id) else None


def _ask(operation: Callable[..., Any], **arguments: Any) -> Any:
    """Call DynamoDB; raises the 503 outcome for what it refuses or does not answer."""
    try:
        return operation(**arguments)
    except SERVICE_ERRORS as error:
        raise outcomes.unavailable(error_code(error)) from error
