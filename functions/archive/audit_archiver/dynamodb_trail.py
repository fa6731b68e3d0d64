"""The verifier's access to the audit trail: queries of its table, never a DynamoDB scan."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from audit_archiver.check_heartbeat import HEARTBEAT_SHARD
from audit_archiver.retentions import HEARTBEAT
from careconnect.audit.event import SHARDS, day_of, partition_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryOutputTypeDef

Item = Mapping[str, Any]


class DynamoDbTrail:
    """Read items of the trail with strong consistency; DynamoDB errors propagate.

    A page is asked for while the one before is taken: a region's day has thousands.
    """

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def items(self, day: str) -> Iterator[Item]:
        """Return the items of a day, shard by shard."""
        for shard in SHARDS:
            yield from self._query("pk = :pk", {":pk": {"S": partition_of(day, shard)}})

    def last_heartbeat(self, since: int, before: int) -> Item | None:
        """Return the item of the last heartbeat in a time range (epoch milliseconds), or None."""
        for day in dict.fromkeys((day_of(before - 1), day_of(since))):
            values = {
                ":pk": {"S": partition_of(day, HEARTBEAT_SHARD)},
                ":since": {"S": f"{since:012x}"},
                ":before": {"S": f"{before:012x}"},
                ":heartbeat": {"S": HEARTBEAT},
            }
            found = self._query(
                "pk = :pk AND sk BETWEEN :since AND :before",
                values,
                FilterExpression="interaction = :heartbeat",
                ScanIndexForward=False,
            )
            for item in found:
                return item
        return None

    def _query(self, condition: str, values: Mapping[str, Any], **how: Any) -> Iterator[Item]:
        request: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            **how,
        }
        with ThreadPoolExecutor(1) as pool:
            asked: Future[QueryOutputTypeDef] | None = pool.submit(self._client.query, **request)
            while asked is not None:
                answer = asked.result()
                next_key = answer.get("LastEvaluatedKey")
                asked = pool.submit(self._client.query, **request, ExclusiveStartKey=next_key) if next_key else None
                yield from answer["Items"]
