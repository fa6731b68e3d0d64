"""Read the events of the access record with the operator's own rights, the newest first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from careconnect.access_record.chain import end_of, event_id_of, is_in_place, is_witness, start_of
from careconnect.access_record.chain_store import DynamoDbAccessChain
from careconnect.audit.event import PATIENT_INDEX, AuditEvent, event_key, event_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded under an id; no `event` if it is none that this service has recorded."""

    id: str
    event: AuditEvent | None


class AccessRecordReader:
    """Reads the events of a patient, or of whole days; errors of DynamoDB pass through."""

    def __init__(self, client: "DynamoDBClient", audit_table: str, seal_table: str) -> None:
        self._client = client
        self._table = audit_table
        self._chain = DynamoDbAccessChain(client, audit_table, seal_table)

    def of_patient(self, patient: str, days: Sequence[str] = ()) -> Iterator[Recorded]:
        """Return a patient's events, of consecutive days or all; those of the last second may be missing."""
        condition, values = "patient = :patient", {":patient": {"S": patient}}
        if days:
            condition += " AND sk BETWEEN :first AND :last"
            values |= {
                ":first": {"S": f"{start_of(days[0]):012x}"},
                ":last": {"S": f"{end_of(days[-1]):012x}"},
            }
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=PATIENT_INDEX,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
        )
        return _recorded(item for page in pages for item in page["Items"])

    def of_days(self, days: Sequence[str]) -> Iterator[Recorded]:
        """Return all events of some days."""
        return _recorded(item for day in reversed(days) for item in self._chain.items(day, backward=True))

    def of_id(self, event_id: str) -> Recorded | None:
        """Return what is recorded under an event's id, or nothing."""
        key = event_key(event_id)
        answer = self._client.query(
            TableName=self._table,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={":pk": key["pk"], ":sk": key["sk"]},
            ScanIndexForward=False,
            ConsistentRead=True,
        )
        return next(_recorded(answer["Items"]), None)


def _recorded(items: Iterable[Item]) -> Iterator[Recorded]:
    """Return what items tell, newest first."""
    for item in items:
        if not is_witness(item):
            yield Recorded(event_id_of(item["sk"]["S"]), _event(item))


def _event(item: Item) -> AuditEvent | None:
    try:
        return event_of(item) if is_in_place(item) else None
    except (KeyError, ValueError):
        return None
