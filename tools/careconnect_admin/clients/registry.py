"""The operator's access to the client table."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from careconnect.oauth.client_record import ClientRecord, SecretDigest, client_item, client_record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef, UpdateItemInputTypeDef

_CHANGEABLE: Final = (
    *("name", "auth_methods", "grant_types", "scope", "patient", "identifier_systems", "resource_server"),
    *("dpop_bound_access_tokens", "dpop_nonce", "security_profile"),
    *("salt", "secrets", "jwks", "jwks_uri"),
)

_LATER: Final = ("identifier_systems", "dpop_bound_access_tokens", "dpop_nonce", "security_profile")
"""The attributes that an item lacks if its client was registered before there were any."""


class DynamoDbClientRegistry:
    """The client registry in DynamoDB; DynamoDB errors pass through, except failed conditions of its own writes."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def find(self, client_id: str) -> ClientRecord | None:
        """Return a client, or None."""
        answer = self._client.get_item(TableName=self._table, Key={"client_id": {"S": client_id}}, ConsistentRead=True)
        return client_record(answer["Item"]) if "Item" in answer else None

    def every(self) -> "Sequence[ClientRecord]":
        """Return all clients, by id."""
        pages = self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
        records = [client_record(item) for page in pages for item in page["Items"]]
        return sorted(records, key=lambda record: record.client_id)

    def create(self, record: ClientRecord) -> bool:
        """Write a new client; False if its id is taken."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item=client_item(record),
                ConditionExpression="attribute_not_exists(client_id)",
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True

    def change_secrets(self, record: ClientRecord, secrets: tuple[SecretDigest, ...]) -> bool:
        """Replace a client's digests; False if they have changed since `record` was read."""
        return self._update(
            record.client_id,
            "SET secrets = :new",
            {
                ":new": client_item(replace(record, secrets=secrets))["secrets"],
                ":old": client_item(record)["secrets"],
            },
            condition="secrets = :old",
        )

    def change(self, record: ClientRecord, changed: ClientRecord) -> bool:
        """Replace a client's registration; False if it has changed since `record` was read."""
        before, after = client_item(record), client_item(changed)
        conditions = {name: f"#{name} = :old_{name}" for name in _CHANGEABLE}
        for name in _LATER:
            conditions[name] += f" OR attribute_not_exists(#{name})"
        return self._update(
            record.client_id,
            "SET " + ", ".join(f"#{name} = :new_{name}" for name in _CHANGEABLE),
            {
                **{f":new_{name}": after[name] for name in _CHANGEABLE},
                **{f":old_{name}": before[name] for name in _CHANGEABLE},
            },
            condition=" AND ".join(f"({each})" for each in conditions.values()),
            # Some of the names are reserved words in DynamoDB.
            names={f"#{name}": name for name in _CHANGEABLE},
        )

    def enable(self, client_id: str, *, enabled: bool) -> bool:
        """Enable or disable a client; False if there is none."""
        return self._update(
            client_id,
            "SET enabled = :enabled",
            {":enabled": {"BOOL": enabled}},
            condition="attribute_exists(client_id)",
        )

    def remove(self, client_id: str) -> bool:
        """Delete a client; False if there is none."""
        answer = self._client.delete_item(
            TableName=self._table, Key={"client_id": {"S": client_id}}, ReturnValues="ALL_OLD"
        )
        return bool(answer.get("Attributes"))

    def _update(
        self,
        client_id: str,
        update: str,
        values: "dict[str, AttributeValueTypeDef]",
        *,
        condition: str,
        names: "dict[str, str] | None" = None,
    ) -> bool:
        request: UpdateItemInputTypeDef = {
            "TableName": self._table,
            "Key": {"client_id": {"S": client_id}},
            "UpdateExpression": update,
            "ExpressionAttributeValues": values,
            "ConditionExpression": condition,
        }
        if names:
            request["ExpressionAttributeNames"] = names
        try:
            self._client.update_item(**request)
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        return True
