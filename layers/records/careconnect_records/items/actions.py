"""Build the actions of DynamoDB's transactions."""

import re
from collections.abc import Mapping
from typing import Any, Final

Item = dict[str, Any]
"""A DynamoDB item in its attribute form (`{"S": …}`)."""

_NAME: Final = re.compile(r"#\w+")


def table_action(
    table: str,
    key: Item,
    *,
    names: Mapping[str, str],
    update: str = "",
    condition: str = "",
    values: Mapping[str, Any] | None = None,
) -> Item:
    """Return the Update of an item, or its ConditionCheck if `update` is empty. Unused `names` are left out."""
    action: Item = {"TableName": table, "Key": key}
    if update:
        action["UpdateExpression"] = update
    if condition:
        action["ConditionExpression"] = condition
    # DynamoDB refuses names that no expression uses.
    used = set(_NAME.findall(f"{update} {condition}"))
    action["ExpressionAttributeNames"] = {name: attribute for name, attribute in names.items() if name in used}
    if values:
        action["ExpressionAttributeValues"] = dict(values)
    return {"Update": action} if update else {"ConditionCheck": action}


def put(table: str, item: Item) -> Item:
    """Return the Put of an item."""
    return {"Put": {"TableName": table, "Item": item}}


def delete(table: str, key: tuple[str, str]) -> Item:
    """Return the Delete of the item with a (pk, sk)."""
    return {"Delete": {"TableName": table, "Key": {"pk": {"S": key[0]}, "sk": {"S": key[1]}}}}
