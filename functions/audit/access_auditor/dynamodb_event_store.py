"""The auditor's access to the table of events: queries and look-ups by key, never a DynamoDB scan."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from access_auditor.event_store import CONCURRENT, EventPart, PartRequest
from careconnect.audit.event import AuditEvent, event_key, event_of, is_event_id
from careconnect.audit.kept_since import first_told, kept_since
from careconnect.audit.patient_index import query_patient
from careconnect.audit.told_retentions import RETENTIONS, told_by
from careconnect.fhir import outcomes
from careconnect.storage.dynamodb import batch_get, call

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LINK_KEY: Final = {"pk": {"S": "$cursor"}, "sk": {"S": "$cursor"}}
"""The item with the key of `next` links: in a partition that no event can be in."""
_LINK_KEY_BYTES: Final = 32
_THERE_ALREADY: Final = "DuplicateItem"
_HOUR: Final = 3_600_000
_NOT_PROJECTED: Final = {"interaction": {"S": ""}}
"""What each event has, and the index by patient does not hold."""


class DynamoDbEventStore:
    """Read events, and store the key of `next` links; the table keeps an event for `retention_days`, 0 for ever.

    Reads of the table miss no stored event. Reads of its index by patient may: an event is in the index a moment after
    it was stored.
    """

    def __init__(self, client: "DynamoDBClient", event_table: str, retention_days: int = 0) -> None:
        self._client = client
        self._event_table = event_table
        self._retention_days = retention_days
        self._kept_since = (-1, "")
        self._link_key = b""
        self._pool = ThreadPoolExecutor(max_workers=CONCURRENT)

    def events(self, event_ids: Sequence[str]) -> list[AuditEvent]:
        """Return events by their ids: one BatchGetItem for each hundred, and one more for those that it lacks.

        An event never changes, so an eventually consistent read, at half the units, has it as it is or not yet.
        """
        found = self._read(event_ids, consistent=False)
        lacking = set(event_ids).difference(event.id for event in found)
        if lacking:
            found += self._read(lacking, consistent=True)
        return sorted(found, key=lambda event: event.id, reverse=True)

    def parts(self, asked: Sequence[PartRequest]) -> list[EventPart]:
        """Return parts of sources: one query for each."""
        return list(self._pool.map(self._part, asked))

    def link_key(self) -> bytes:
        """Return the key of `next` links: one GetItem per instance, and one insert if the table has no key yet."""
        if not self._link_key:
            self._link_key = self._link_key_for() or self._new_link_key()
        return self._link_key

    def kept_since(self, now: int) -> str:
        """Return the first day of which the table has lost nothing: one Query an hour and instance."""
        hour = now // _HOUR
        if hour != self._kept_since[0]:
            self._kept_since = hour, kept_since(now, self._retention_days, self._told(now))
        return self._kept_since[1]

    def _read(self, event_ids: Collection[str], *, consistent: bool) -> list[AuditEvent]:
        keys = ((self._event_table, event_key(each)) for each in event_ids)
        found = map(_event_of, batch_get(self._client, keys, consistent=consistent))
        return [event for event in found if event is not None]

    def _told(self, now: int) -> list[tuple[str, int]]:
        answer = call(
            self._client.query,
            TableName=self._event_table,
            KeyConditionExpression="pk = :pk AND sk >= :first",
            ExpressionAttributeValues={
                ":pk": {"S": RETENTIONS},
                ":first": {"S": first_told(now, self._retention_days) or "0"},
            },
        )
        # They are in one answer: a megabyte holds those of many years.
        return told_by(answer["Items"])

    def _link_key_for(self) -> bytes:
        answer = call(self._client.get_item, TableName=self._event_table, Key=_LINK_KEY, ConsistentRead=True)
        return bytes(answer["Item"]["key"]["B"]) if "Item" in answer else b""

    def _new_link_key(self) -> bytes:
        key = secrets.token_bytes(_LINK_KEY_BYTES)
        statement: Any = {
            "Statement": f"INSERT INTO \"{self._event_table}\" VALUE {{'pk':?,'sk':?,'key':?}}",
            "Parameters": [_LINK_KEY["pk"], _LINK_KEY["sk"], {"B": key}],
        }
        answer = call(self._client.batch_execute_statement, Statements=[statement])
        code = answer["Responses"][0].get("Error", {}).get("Code", "")
        if code == _THERE_ALREADY:
            # Another instance was first.
            return self._link_key_for()
        if code:
            raise outcomes.unavailable(code)
        return key

    def _part(self, asked: PartRequest) -> EventPart:
        source = asked.source
        query = self._client.query
        answer = call(
            partial(query_patient, query) if source.is_patient else partial(query, ConsistentRead=True),
            TableName=self._event_table,
            KeyConditionExpression="#partition = :partition AND sk BETWEEN :low AND :before",
            ExpressionAttributeNames={"#partition": "patient" if source.is_patient else "pk"},
            ExpressionAttributeValues={
                ":partition": {"S": source.partition},
                ":low": {"S": asked.low},
                ":before": {"S": asked.before},
            },
            ScanIndexForward=False,
            # A sort key takes one condition, and BETWEEN includes both ends: the item at the upper end is dropped.
            Limit=asked.limit + 1,
        )
        items = [item for item in answer["Items"] if item["sk"]["S"] < asked.before]
        last = answer.get("LastEvaluatedKey", {})
        absent = _NOT_PROJECTED if source.is_patient else {}
        events = [event for item in items if (event := _event_of({**absent, **item}))]
        return EventPart(events, last["sk"]["S"] if last else "")


def _event_of(item: Mapping[str, Any]) -> AuditEvent | None:
    """Return the event that an item holds, or None if the item cannot come from a function.

    A forged item must not prevent reading the trail. The verification reports it.
    """
    try:
        event = event_of(item)
    except (KeyError, ValueError):
        return None
    return event if is_event_id(event.id) and event_key(event.id)["pk"] == item["pk"] else None
