"""Read the audit events with the operator's own permissions, newest first."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from audit_archiver.days import end_of, is_in_place, start_of
from careconnect.audit.event import SHARDS, AuditEvent, event_key, event_of, partition_of
from careconnect.audit.kept_since import kept_since
from careconnect.audit.patient_index import query_patient
from careconnect.audit.told_retentions import RETENTIONS, told_by
from careconnect.storage.dynamodb import BATCH
from careconnect_records.multi_step.reading import read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FETCHED_FROM: Final = "export_sender"
"""The service of the events that say which file of a bulk export was fetched."""

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """An item of the audit trail with its id; `event` is None if this service did not write the item."""

    id: str
    event: AuditEvent | None


class AccessRecordReader:
    """Reader of the events of a patient or of whole days; DynamoDB errors pass through."""

    def __init__(self, client: "DynamoDBClient", audit_table: str) -> None:
        self._client = client
        self._table = audit_table

    def of_patient(self, patient: str, days: Sequence[str] = ()) -> Iterator[Recorded]:
        """Return a patient's events, all or those of consecutive days; the last second's may be missing.

        The index has no whole events: they are read by their keys, a hundred at a time, and what has expired in between
        is left out.
        """
        condition, values = "patient = :patient", {":patient": {"S": patient}}
        if days:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {
                ":first": {"S": f"{start_of(days[0]):012x}"},
                ":last": {"S": f"{end_of(days[-1]):012x}"},
            }
        items = self._by_keys(self._keys(condition, values))
        return _recorded(item for item in items if item.get("patient") == {"S": patient})

    def of_days(self, days: Sequence[str]) -> Iterator[Recorded]:
        """Return all events of the given days."""
        return _recorded(item for day in reversed(days) for item in self._of_day(day))

    def of_client(self, client_id: str, days: Sequence[str]) -> Iterator[Recorded]:
        """Return a client's events of the given days, and whatever no function wrote: all events are read for them."""
        return (each for each in self.of_days(days) if each.event is None or each.event.client_id == client_id)

    def of_jobs(self, jobs: Collection[str], days: Sequence[str]) -> Iterator[Recorded]:
        """Return the events of the files of bulk exports on the given days: all events are read for them."""
        for each in self.of_days(days):
            if each.event and each.event.service == FETCHED_FROM and each.event.job in jobs:
                yield each

    def of_id(self, event_id: str) -> Recorded | None:
        """Return the item with an event's id, or None."""
        key = event_key(event_id)
        values = {":pk": key["pk"], ":sk": key["sk"]}
        return next(_recorded(self._items("pk = :pk AND begins_with(sk, :sk)", values, ConsistentRead=True)), None)

    def kept_since(self, now: int, retention_days: int) -> str:
        """Return the first day of which the table has lost nothing yet, empty if it keeps all.

        `now` is in epoch milliseconds; `retention_days` is the deployment's own retention.
        """
        return kept_since(now, retention_days, told_by(self._items("pk = :pk", {":pk": {"S": RETENTIONS}})))

    def _of_day(self, day: str) -> Iterator[Item]:
        """Return a day's items lazily, one page of each shard at a time."""
        shards = (
            self._items("pk = :pk", {":pk": {"S": partition_of(day, shard)}}, ConsistentRead=True) for shard in SHARDS
        )
        return heapq.merge(*shards, key=lambda item: str(item["sk"]["S"]), reverse=True)

    def _keys(self, condition: str, values: Mapping[str, Any]) -> Iterator[Item]:
        """Yield the keys of the items that the index by patient has, newest first."""
        asked: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ProjectionExpression": "pk, sk",
            "ScanIndexForward": False,
        }
        while True:
            page = query_patient(self._client.query, **asked)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            asked["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _by_keys(self, keys: Iterator[Item]) -> Iterator[Item]:
        """Yield items in the order of their keys."""
        while batch := list(islice(keys, BATCH)):
            items = read_items(self._client, [(self._table, dict(each)) for each in batch])
            found = {_key(item): item for item in items}
            yield from (found[_key(each)] for each in batch if _key(each) in found)

    def _items(self, condition: str, values: Mapping[str, Any], **how: Any) -> Iterator[Item]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            **how,
        )
        return (item for page in pages for item in page["Items"])


def _key(item: Item) -> tuple[str, str]:
    return item["pk"]["S"], item["sk"]["S"]


def _recorded(items: Iterable[Item]) -> Iterator[Recorded]:
    """Yield the audit events of items, in the order given."""
    for item in items:
        yield Recorded(item["sk"]["S"], _event(item))


def _event(item: Item) -> AuditEvent | None:
    try:
        return event_of(item) if is_in_place(item["pk"]["S"], item["sk"]["S"]) else None
    except (KeyError, ValueError):
        return None
