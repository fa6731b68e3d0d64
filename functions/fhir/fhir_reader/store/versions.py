"""Read the replaced versions of a resource (ADR 23)."""

from collections.abc import Iterator, Mapping
from typing import Any

from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.storage.dynamodb import FormatCheckedClient, call
from careconnect.storage.keys import JSON_ITEM, resource_key, version_item
from fhir_reader.budget import RequestBudget
from fhir_reader.store.stored import StoredResource, item_key, stored_resource


class DynamoDbVersions:
    """Read replaced versions, which never change. A `budget`, if given, counts each call and each version."""

    def __init__(
        self, client: FormatCheckedClient, tables: Mapping[Table, str], budget: RequestBudget | None = None
    ) -> None:
        self._client = client
        self._tables = tables
        self._budget = budget

    def read(self, type_: ResourceType, resource_id: str, version: int) -> StoredResource | None:
        """Return a replaced version, or None if there is none: one GetItem."""
        if self._budget:
            self._budget.call()
        answer = call(
            self._client.get_item,
            TableName=self._tables[type_.table],
            Key=item_key(type_, resource_id, version_item(JSON_ITEM, version)),
            ConsistentRead=True,
        )
        item = answer.get("Item")
        return stored_resource(item) if item else None

    def backwards(
        self, type_: ResourceType, resource_id: str, highest: int, lowest: int, expected: int
    ) -> Iterator[StoredResource]:
        """Yield the versions from the highest to the lowest: one Query for each megabyte."""
        if self._budget:
            self._budget.call()
        return self._backwards(self._query(type_, resource_id, highest, lowest), lowest, expected)

    def _backwards(self, query: dict[str, Any], lowest: int, expected: int) -> Iterator[StoredResource]:
        query |= {"ScanIndexForward": False, "Limit": expected}
        while True:
            answer = call(self._client.query, **query)
            for version in map(stored_resource, answer["Items"]):
                if self._budget:
                    self._budget.examine()
                yield version
                if version.version == lowest:
                    return
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def _query(self, type_: ResourceType, resource_id: str, highest: int, lowest: int) -> dict[str, Any]:
        return {
            "TableName": self._tables[type_.table],
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": resource_key(type_.name, resource_id)},
                ":low": {"S": version_item(JSON_ITEM, lowest)},
                ":high": {"S": version_item(JSON_ITEM, highest)},
            },
            "ConsistentRead": True,
        }
