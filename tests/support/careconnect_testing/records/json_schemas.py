"""Checking resources against the schemas of the OpenAPI document."""

from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from service_discovery.openapi_schemas import schemas


def schema_faults(resource: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    """Return the place and the message of each fault of a resource, by the schema of its type."""
    return [
        (list(each.absolute_path), each.message) for each in _validator(resource["resourceType"]).iter_errors(resource)
    ]


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": _nullable(schemas())}})


def _nullable(node: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema, where null is a type."""
    if isinstance(node, list):
        return [_nullable(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _nullable(each) for name, each in node.items() if name != "nullable"}
    return found | {"type": [node["type"], "null"]} if "nullable" in node else found
