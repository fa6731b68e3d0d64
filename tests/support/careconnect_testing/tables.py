"""Tables with the keys that the template gives them."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from careconnect_admin.local.template import read_template
from careconnect_admin.project import TEMPLATE

_TYPE = "AWS::DynamoDB::Table"
_SCHEMA = ("KeySchema", "AttributeDefinitions", "GlobalSecondaryIndexes", "LocalSecondaryIndexes", "BillingMode")


def create_table(client: Any, resource: str, name: str) -> None:
    """Create a table by a name, with the schema of one of the template's resources (`RecordTable`)."""
    properties = _tables()[resource]
    client.create_table(TableName=name, **{part: properties[part] for part in _SCHEMA if part in properties})


@cache
def _tables() -> dict[str, Mapping[str, Any]]:
    resources = read_template(TEMPLATE)["Resources"]
    return {name: each["Properties"] for name, each in resources.items() if each["Type"] == _TYPE}
