"""Tables with the keys that the template gives them."""

import copy
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends

from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_testing.stacks.whole_template import new_table

_SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingMode")

_EMPTY: dict[tuple[str, str], Any] = {}
"""moto's empty tables, by resource and name."""


def create_table(client: Any, resource: str, name: str) -> None:
    """Create a table by a name, with the schema of one of the template's resources (`RecordTable`).

    moto copies a table of the same resource and name that was created before: creating one anew takes longer than many
    tests.
    """
    if not client.meta.endpoint_url.endswith(".amazonaws.com"):
        _create(client, resource, name)
        return
    backend: DynamoDBBackend = dynamodb_backends[DEFAULT_ACCOUNT_ID][client.meta.region_name]
    if (resource, name) not in _EMPTY:
        _create(client, resource, name)
        _EMPTY[resource, name] = copy.deepcopy(backend.tables[name])
    backend.tables[name] = copy.deepcopy(_EMPTY[resource, name])


def begin_table_with_fixed_key(client: Any, table: str) -> None:
    """Put a table's format number, and a key that seals the same `next` links in each run."""
    pk, sk = CURSOR_KEY
    item = {"pk": {"S": pk}, "sk": {"S": sk}, "key": {"B": b"k" * 32}, "format": {"N": str(FORMAT)}}
    client.put_item(TableName=table, Item=item)


def _create(client: Any, resource: str, name: str) -> None:
    properties = new_table(resource)
    client.create_table(TableName=name, **{part: properties[part] for part in _SCHEMA if part in properties})
