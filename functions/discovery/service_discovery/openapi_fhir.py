"""The FHIR API's paths in the OpenAPI document, made from the one table of types and parameters.

Its examples are of the project's sample: `openapi_examples.json`, which `make docs` writes.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from careconnect.resource_types import COMMON_PARAMETERS, FHIR_PATH, Home, ResourceType
from careconnect.result_parameters import RECORD_PARAMETERS, SEARCH_PARAMETERS, VIEW_PARAMETERS
from careconnect.scopes import PROFILE
from service_discovery.openapi_components import (
    FHIR_ERRORS,
    Json,
    errors,
    fhir_answer,
    form,
    parameters,
    path_parameter,
    query_parameter,
)

EXAMPLES: Final = Path(__file__).with_name("openapi_examples.json")
"""By type, the `id` of a resource and its values by search parameter, not yet encoded."""

_LEVELS: Final = ("user", "patient", "system")

_READ: Final = (*VIEW_PARAMETERS, "If-None-Match", "If-Modified-Since")
_SEARCH: Final = (*SEARCH_PARAMETERS, "Prefer")


def type_paths(served: ResourceType) -> Json:
    """Return the paths of one type: its searches, its reads and its operations."""
    name, root = served.name, f"{FHIR_PATH}/{served.name}"
    read = errors(FHIR_ERRORS, without=(415,))
    one = {
        "200": fhir_answer(f"The {name}.", name, ("ETag", "Last-Modified")),
        "304": {"description": "Not modified since."},
    }
    its_id = path_parameter("id", f"The {name}'s id.", _examples().get(name, {}).get("id"))
    numbered = f"Read the current version of {served.with_article} by its number"
    whole = f"Read {served.with_article}'s whole record, as far as the scopes go"
    return (
        _searches(served)
        | {
            f"{root}/{{id}}": {
                "get": _operation(
                    served, "read", f"Read {served.with_article}", "r", [its_id, *parameters(*_READ)], one | read
                )
            },
            f"{root}/{{id}}/_history/{{vid}}": {
                "get": _operation(served, "vread", numbered, "r", [its_id, *parameters("vid", *_READ)], one | read)
            },
        }
        | {
            f"{root}/{{id}}/{each}": {
                "get": _operation(
                    served,
                    each.removeprefix("$"),
                    whole,
                    "read",
                    [its_id, *parameters(*RECORD_PARAMETERS)],
                    _bundle() | read,
                )
            }
            for each in served.operations
        }
    )


def _searches(served: ResourceType) -> Json:
    """Return the paths of a type's searches: of all of it, and of one patient's record."""
    name = served.name
    asked = _search_parameters(served)
    paths = _searches_at(served, f"{FHIR_PATH}/{name}", "search", f"Search {name}", [], asked)
    reference = served.patient_parameter
    if reference is None:
        return paths
    # What the path says need not be said again.
    said = {one.name for one in served.parameters if reference.name in (one.name, one.within)}
    rest = [each for each in asked if each["name"].partition(".")[0] not in said]
    for owner in reference.targets:
        its_id = path_parameter("id", f"The {owner}'s id.", _examples().get(owner, {}).get("id"))
        root = f"{FHIR_PATH}/{owner}/{{id}}/{name}"
        summary = f"Search {name} in a {owner.lower()}'s record"
        paths |= _searches_at(served, root, f"search{owner}", summary, [its_id], rest)
    return paths


def _searches_at(
    served: ResourceType, root: str, verb: str, summary: str, its_id: Sequence[Json], asked: Sequence[Json]
) -> Json:
    fields = form({each["name"]: _field(each) for each in asked}, required=False)
    search = _bundle() | errors(FHIR_ERRORS, without=(410, 415))
    posted = _bundle() | errors(FHIR_ERRORS, without=(410,))
    return {
        root: {"get": _operation(served, verb, summary, "s", [*its_id, *asked, *parameters(*_SEARCH)], search)},
        f"{root}/_search": {
            "post": _operation(
                served, f"{verb}ByPost", f"{summary} by a form", "s", [*its_id, *parameters("Prefer")], posted
            )
            | {"requestBody": fields}
        },
    }


def _bundle() -> Json:
    return {"200": fhir_answer("The matches, a page at a time.", "Bundle")}


def type_tag(served: ResourceType) -> Json:
    """Return what groups a type's operations, and which scopes open them."""
    names = ", ".join(f"`{name}`" for name in served.scope_names)
    profile = f", and so does the plain scope `{PROFILE}`" if served.home is Home.DIRECTORY else ""
    return {
        "name": served.name,
        "description": f"In a scope (`user/{served.name}.rs`) {names} or `*` opens it{profile}.",
    }


def scopes_by_pattern() -> dict[str, str]:
    """Return the scopes for every type with what they mean: a type's own are spelt like them."""
    meanings = {"read": "Read and search", "r": "Read", "s": "Search"}
    of_levels = {
        f"{level}/*.{suffix}": f"{meaning} every type; with its name for `*`, one type"
        for level in _LEVELS
        for suffix, meaning in meanings.items()
    }
    return {PROFILE: "Read and search the directory", **of_levels}


def _operation(
    served: ResourceType,
    verb: str,
    summary: str,
    suffix: str,
    asked: Sequence[Json],
    responses: Mapping[str, Any],
) -> Json:
    scopes = [f"{level}/*.{suffix}" for level in _LEVELS]
    if served.home is Home.DIRECTORY:
        scopes.insert(0, PROFILE)
    return {
        "tags": [served.name],
        "operationId": f"{verb}{served.name}",
        "summary": summary,
        "security": [{"clientCredentials": [scope]} for scope in scopes],
        "parameters": list(asked),
        "responses": dict(responses),
    }


@cache
def _examples() -> Mapping[str, Any]:
    return dict(json.loads(EXAMPLES.read_text(encoding="utf-8")))


def _field(parameter: Json) -> Json:
    """Return what a form says of a query's parameter."""
    schema: Json = dict(parameter["schema"])
    return schema | ({"example": parameter["example"]} if "example" in parameter else {})


def _search_parameters(served: ResourceType) -> list[Json]:
    follows = (("_include", served.includes), ("_revinclude", served.reverse_includes))
    examples = _examples().get(served.name, {}).get("parameters", {})
    return [
        *(
            query_parameter(
                each.name, each.description, **({"example": examples[each.name]} if each.name in examples else {})
            )
            for each in (*COMMON_PARAMETERS, *served.searchable)
        ),
        *(
            query_parameter(
                each.chain,
                f"A chain: it takes the other parameters of {', '.join(each.targets)} too.",
            )
            for each in served.chained
        ),
        *(
            query_parameter(
                name,
                f"References to follow, `*` for all; `{name}:iterate` follows them from what was included, too.",
                explode=True,
                schema={"type": "array", "items": {"type": "string", "enum": [*values, "*"]}},
            )
            for name, values in follows
            if values
        ),
    ]
