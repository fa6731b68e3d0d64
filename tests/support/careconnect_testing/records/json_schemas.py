"""Checking resources against the schemas of the served OpenAPI document."""

import json
from functools import cache
from typing import Any

from jsonschema import Draft7Validator

from service_discovery.built_documents import OPENAPI


def schema_faults(resource: dict[str, Any]) -> list[tuple[list[str | int], str]]:
    """Return the place and the message of each fault of a resource, by the schema of its type."""
    return [
        (list(each.absolute_path), each.message) for each in _validator(resource["resourceType"]).iter_errors(resource)
    ]


@cache
def _validator(name: str) -> Draft7Validator:
    return Draft7Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": _schemas()}})


@cache
def _schemas() -> Any:
    return _nullable(json.loads(OPENAPI.read_text(encoding="utf-8"))["components"]["schemas"])


def _nullable(node: Any) -> Any:
    """Return an OpenAPI 3.0 schema as JSON Schema, where null is a type."""
    if isinstance(node, list):
        return [_nullable(each) for each in node]
    if not isinstance(node, dict):
        return node
    found = {name: _nullable(each) for name, each in node.items() if name != "nullable"}
    return found | {"type": [node["type"], "null"]} if "nullable" in node else found
