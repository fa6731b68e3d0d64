"""The versions that others have replaced, as they lie beside the current one (ADR 23)."""

from collections.abc import Iterator, Mapping
from typing import Any

from careconnect.fhir.resource_types import Home, ResourceType
from careconnect.storage.dynamodb import call
from careconnect.storage.keys import JSON_ITEM, resource_key, version_item
from careconnect.storage.table_format import FormatCheckedClient
from fhir_reader.store.stored import StoredResource


class DynamoDbVersions:
    """Reads versions from the tables that this function's role may read; a version that is kept never changes."""

    def __init__(self, client: FormatCheckedClient, tables: Mapping[Home, str]) -> None:
        self._client = client
        self._tables = tables

    def read(self, type_: ResourceType, resource_id: str, version: int) -> StoredResource | None:
        """Return a replaced version, None if it is not kept: one GetItem."""
        answer = call(
            self._client.get_item,
            TableName=self._tables[type_.home],
            Key=item_key(type_, resource_id, version_item(JSON_ITEM, version)),
            ConsistentRead=True,
        )
        item = answer.get("Item")
        return stored_resource(item) if item else None

    def backwards(
        self, type_: ResourceType, resource_id: str, highest: int, lowest: int, expected: int
    ) -> Iterator[StoredResource]:
        """Stream the versions from the highest to the lowest: a Query for each megabyte of them."""
        query = self._query(type_, resource_id, highest, lowest)
        query |= {"ScanIndexForward": False, "Limit": expected}
        while True:
            answer = call(self._client.query, **query)
            for version in map(stored_resource, answer["Items"]):
                yield version
                if version.version == lowest:
                    return
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _query(self, type_: ResourceType, resource_id: str, highest: int, lowest: int) -> dict[str, Any]:
        return {
            "TableName": self._tables[type_.home],
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": resource_key(type_.name, resource_id)},
                ":low": {"S": version_item(JSON_ITEM, lowest)},
                ":high": {"S": version_item(JSON_ITEM, highest)},
            },
            "ConsistentRead": True,
        }


def item_key(type_: ResourceType, resource_id: str, item: str) -> dict[str, Any]:
    """Return the key of one of a resource's items."""
    return {"pk": {"S": resource_key(type_.name, resource_id)}, "sk": {"S": item}}


def stored_resource(item: Mapping[str, Any]) -> StoredResource:
    """Return what a body's item holds."""
    return StoredResource(
        body=item.get("body", {}).get("S", ""),
        version=int(item["version"]["N"]),
        updated=int(item["updated"]["N"]),
        patients=tuple(item.get("patient", {}).get("S", "").split()),
        gone=bool(item.get("gone", {}).get("BOOL", False)),
        method=item["method"]["S"],
        status=int(item["status"]["S"]),
    )
