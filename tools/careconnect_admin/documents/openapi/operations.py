"""The common parts of every operation on a type, with examples from the project's sample."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.oauth.scopes import PROFILE, READING, Letter
from careconnect_admin.documents.openapi.components import Json, path_parameter
from careconnect_admin.documents.search_examples import search_examples

LEVELS: Final = ("user", "patient", "system")


def examples_of(type_name: str) -> Mapping[str, Any]:
    """Return a type's examples; none for a type that the sample does not have.

    They are the `id` of a resource, and its values by search parameter (not encoded).
    """
    return _examples().get(type_name, {})


def example_of(served: ResourceType, parameter: str) -> Json:
    """Return the `example` member of a search parameter, or an empty object without an example."""
    examples: Mapping[str, Any] = examples_of(served.name).get("parameters", {})
    return {"example": examples[parameter]} if parameter in examples else {}


@cache
def _examples() -> Mapping[str, Mapping[str, Any]]:
    return {
        each.type.name: {
            "id": each.resource_id,
            "parameters": each.together,
        }
        for each in search_examples()
    }


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
    choices = [[letters]] if letters == "read" else [list(choice) for choice in letters.split("|")]
    name = served.name if served.by_name_only else "*"
    scopes = [[f"{level}/{name}.{each}" for each in needed] for level in LEVELS for needed in choices]
    if served.table is Table.DIRECTORY and (
        letters == "read" or READING.issuperset(map(Letter, letters.replace("|", "")))
    ):
        scopes.insert(0, [PROFILE])
    return {
        "tags": [served.name],
        "operationId": f"{verb}{served.name}",
        "summary": summary,
        "security": [{"clientCredentials": each} for each in scopes],
        "parameters": list(asked),
        "responses": {status: responses[status] for status in sorted(responses)},
    }
