"""The common parts of every operation on a type, with examples from the project's sample data.

The examples are in `openapi_examples.json`, which `make docs` writes.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.oauth.scopes import PROFILE, READING, Interaction
from service_discovery.openapi_components import Json, path_parameter

EXAMPLES: Final = Path(__file__).with_name("openapi_examples.json")
"""By type: the `id` of a resource, its values by search parameter (not encoded), and the resource in both formats."""

LEVELS: Final = ("user", "patient", "system")


def examples_of(type_name: str) -> Mapping[str, Any]:
    """Return a type's examples; none for a type that the file does not have yet."""
    return dict(_examples().get(type_name, {}))


def example_of(served: ResourceType, parameter: str) -> Json:
    """Return the `example` member of a search parameter, or an empty object without an example."""
    examples: Mapping[str, Any] = examples_of(served.name).get("parameters", {})
    return {"example": examples[parameter]} if parameter in examples else {}


@cache
def _examples() -> Mapping[str, Any]:
    return dict(json.loads(EXAMPLES.read_text(encoding="utf-8")))


def id_parameter(type_name: str) -> Json:
    """Return the path parameter for a resource's id."""
    return path_parameter("id", f"The {type_name}'s id.", examples_of(type_name).get("id"))


def operation(
    served: ResourceType,
    verb: str,
    summary: str,
    letters: str,
    asked: Sequence[Json],
    responses: Mapping[str, Any],
) -> Json:
    """Return an operation on a type that a token with these letters permits, at any level, or with `read`."""
    needed = [letters] if letters == "read" else list(letters)
    name = served.name if served.by_name_only else "*"
    scopes = [[f"{level}/{name}.{each}" for each in needed] for level in LEVELS]
    if served.table is Table.DIRECTORY and (letters == "read" or READING.issuperset(map(Interaction, letters))):
        scopes.insert(0, [PROFILE])
    return {
        "tags": [served.name],
        "operationId": f"{verb}{served.name}",
        "summary": summary,
        "security": [{"clientCredentials": each} for each in scopes],
        "parameters": list(asked),
        "responses": {status: responses[status] for status in sorted(responses)},
    }
