"""Answer DynamoDB's reads of the record and directory tables of a population, without storing its records.

The tables are called like a boto3 client, or through one (`answered_by`). Only what the readers use is known: any other
condition raises. The directory is the sample's, of a few practices and practitioners.
"""

import base64
import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from io import BytesIO
from typing import Any, Final

import boto3
from benchmarks.scale.partitions import Partition, RecordItems, StoredPartition
from benchmarks.scale.population import Population
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from careconnect.fhir.resource_types import Table, resource_type
from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_admin.sample.records import sample_resources
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import item_size
from careconnect_records.writes.plan import plan_version
from careconnect_records.writes.target import Target

TABLES: Final = {Table.RECORD: "records", Table.DIRECTORY: "directory"}
LINK_KEY: Final = bytes(32)
"""The key that seals `next` links."""

_QUERY_BYTES: Final = 1 << 20
_LOADED: Final = 1_714_557_600_000


class ProceduralTables:
    """The tables of a population, called like a client of DynamoDB."""

    def __init__(self, population: Population) -> None:
        self.records = RecordItems(population)

    def items(self, table: Table) -> Iterator[Item]:
        """Yield all items of a table, for a population that is small."""
        yield _own_item()
        if table is Table.DIRECTORY:
            for partition in _directory().values():
                yield from partition.values()
        else:
            yield from self.records.items()

    def get_item(self, **request: Any) -> dict[str, Any]:
        """Return an item, if there is one."""
        found = self._item(request["TableName"], request["Key"])
        return {"Item": found} if found else {}

    def batch_get_item(self, **request: Any) -> dict[str, Any]:
        """Return the items that there are."""
        responses = {
            table: [item for key in of["Keys"] if (item := self._item(table, key))]
            for table, of in request["RequestItems"].items()
        }
        return {"Responses": responses, "UnprocessedKeys": {}}

    def query(self, **request: Any) -> dict[str, Any]:
        """Return the items of a range of a partition: at most `Limit`, and at most a megabyte."""
        partition = self._partition(request["TableName"], request["ExpressionAttributeValues"][":pk"]["S"])
        low, high = _bounds(partition, request)
        is_forward = request.get("ScanIndexForward", True)
        positions = range(low, high) if is_forward else range(high - 1, low - 1, -1)
        items: list[Item] = []
        size, limit = 0, request.get("Limit", len(positions) + 1)
        last: Item | None = None
        for position in positions:
            item = partition.item(position)
            size += item_size(item)
            if size > _QUERY_BYTES:
                last = items[-1]
                break
            items.append(item)
            if len(items) == limit:
                # DynamoDB does not look whether anything follows.
                last = item
                break
        answer: dict[str, Any] = {"Items": [_projected(item, request) for item in items], "Count": len(items)}
        if last:
            answer["LastEvaluatedKey"] = {name: last[name] for name in ("pk", "sk")}
        return answer

    def _item(self, table: str, key: Item) -> Item | None:
        partition, sort_key = key["pk"]["S"], key["sk"]["S"]
        if (partition, sort_key) == CURSOR_KEY:
            return _own_item()
        if table == TABLES[Table.RECORD]:
            return self.records.item(partition, sort_key)
        return _directory().get(partition, {}).get(sort_key)

    def _partition(self, table: str, key: str) -> Partition:
        if table == TABLES[Table.RECORD]:
            return self.records.partition(key)
        return StoredPartition(_directory().get(key, {}))


def answered_by(tables: ProceduralTables) -> Any:
    """Return a boto3 client that gets its answers from tables instead of a socket. The same call is computed once."""
    client = boto3.session.Session("testing", "testing", region_name="eu-west-2").client(
        "dynamodb", config=Config(retries={"total_max_attempts": 1})
    )
    known: dict[tuple[str, bytes], bytes] = {}

    def answer(request: Any, event_name: str, **_: Any) -> Any:
        operation, body = event_name.rpartition(".")[2], request.body
        if (operation, body) not in known:
            call = {
                "GetItem": tables.get_item,
                "BatchGetItem": tables.batch_get_item,
                "Query": tables.query,
            }[operation]
            known[operation, body] = json.dumps(call(**json.loads(body)), default=_base64).encode()
        headers = HTTPHeaders.from_dict({"content-type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 200, headers, _Raw(known[operation, body]))

    client.meta.events.register("before-send.dynamodb", answer)
    return client


class _Raw(BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self.getvalue()


def _bounds(partition: Partition, request: Mapping[str, Any]) -> tuple[int, int]:
    """Return the first position of a query's range and the one after its last."""
    values = request["ExpressionAttributeValues"]
    match request["KeyConditionExpression"]:
        case "pk = :pk AND sk BETWEEN :low AND :high":
            low, high = bisect_left(partition, values[":low"]["S"]), bisect_right(partition, values[":high"]["S"])
        case "pk = :pk AND sk > :after":
            low, high = bisect_right(partition, values[":after"]["S"]), len(partition)
        case other:
            raise ValueError(f"not known: {other}")
    if start := request.get("ExclusiveStartKey"):
        if request.get("ScanIndexForward", True):
            low = max(low, bisect_right(partition, start["sk"]["S"]))
        else:
            high = min(high, bisect_left(partition, start["sk"]["S"]))
    return low, max(low, high)


def _projected(item: Item, request: Mapping[str, Any]) -> Item:
    if "ProjectionExpression" not in request:
        return item
    names = request.get("ExpressionAttributeNames", {})
    asked = [names.get(name, name) for name in request["ProjectionExpression"].split(", ")]
    return {name: item[name] for name in asked if name in item}


def _own_item() -> Item:
    pk, sk = CURSOR_KEY
    return {"pk": {"S": pk}, "sk": {"S": sk}, "key": {"B": LINK_KEY}, "format": {"N": str(FORMAT)}}


@cache
def _directory() -> Mapping[str, Mapping[str, Item]]:
    """Return the items of the sample's directory, by partition and sort key."""
    partitions: dict[str, dict[str, Item]] = defaultdict(dict)
    for resource in sample_resources():
        type_ = resource_type(resource["resourceType"])
        assert type_ is not None
        if type_.table is Table.DIRECTORY:
            plan = plan_version(Target(type_, resource["id"]), resource, 1, _LOADED)
            for item in (*plan.bodies, plan.index, *plan.entries.values()):
                partitions[item["pk"]["S"]][item["sk"]["S"]] = item
    return partitions


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
