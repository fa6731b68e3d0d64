"""The project's template and its included files, read once a process."""

from functools import cache
from typing import Any

from careconnect_admin.local.deploy.template import read_template
from careconnect_admin.project import TEMPLATE


@cache
def whole_template() -> dict[str, Any]:
    """Return the template; do not change it."""
    return read_template(TEMPLATE)


def new_table(resource: str) -> dict[str, Any]:
    """Return the properties of one of the template's tables, with the indexes that a new stack's has."""
    properties: dict[str, Any] = dict(whole_template()["Resources"][resource]["Properties"])
    if indexes := properties.get("GlobalSecondaryIndexes"):
        # Another is there only while a stack is upgraded.
        properties["GlobalSecondaryIndexes"] = [each for each in indexes if "Fn::If" not in each]
    return properties
