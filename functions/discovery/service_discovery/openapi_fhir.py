"""The FHIR API's paths in the OpenAPI document, made from the one table of types and parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from careconnect.resource_types import COMMON_PARAMETERS, FHIR_PATH, Follow, Home, ResourceType
from careconnect.result_parameters import RECORD_PARAMETERS, SEARCH_PARAMETERS, VIEW_PARAMETERS
from careconnect.scopes import PROFILE
from service_discovery.openapi_components import (
    FHIR_ERRORS,
    Json,
    errors,
    fhir_answer,
    form,
    parameters,
    query_parameter,
)

_LEVELS: Final = ("user", "patient", "system")
_READ: Final = (*VIEW_PARAMETERS, "Accept", "If-None-Match", "If-Modified-Since")
_RECORD: Final = (*RECORD_PARAMETERS, "Accept")
_SEARCH: Final = (*SEARCH_PARAMETERS, "Accept", "Prefer")


def type_paths(served: ResourceType) -> Json:
    """Return the paths of one type: its searches, its reads and its operations."""
    name, root = served.name, f"{FHIR_PATH}/{served.name}"
    read = errors(FHIR_ERRORS, without=(415,))
    search = errors(FHIR_ERRORS, without=(410, 415))
    posted = errors(FHIR_ERRORS, without=(410,))
    one = {
        "200": fhir_answer(f"The {name}.", name, ("ETag", "Last-Modified")),
        "304": {"description": "Not modified since."},
    }
    bundle = {"200": fhir_answer("The matches, a page at a time.", "Bundle")}
    asked = _search_parameters(served)
    fields = form({each["name"]: each["schema"] for each in asked}, required=False)
    numbered = f"Read the current version of a {name} by its number"
    whole = f"Read a {name}'s whole record, as far as the scopes go"
    return {
        root: {"get": _operation(served, "search", f"Search {name}", [*asked, *parameters(*_SEARCH)], bundle | search)},
        f"{root}/_search": {
            "post": _operation(
                served, "searchByPost", f"Search {name} by a form", parameters("Accept", "Prefer"), bundle | posted
            )
            | {"requestBody": fields}
        },
        f"{root}/{{id}}": {"get": _operation(served, "read", f"Read a {name}", parameters("id", *_READ), one | read)},
        f"{root}/{{id}}/_history/{{vid}}": {
            "get": _operation(served, "vread", numbered, parameters("id", "vid", *_READ), one | read)
        },
    } | {
        f"{root}/{{id}}/{each}": {
            "get": _operation(served, each.removeprefix("$"), whole, parameters("id", *_RECORD), bundle | read)
        }
        for each in served.operations
    }


def opening_scopes(served: ResourceType) -> tuple[str, ...]:
    """Return the SMART v1 scopes each of which opens a type for reading and searching."""
    own = tuple(f"{level}/{name}.read" for name in served.scope_names for level in _LEVELS)
    return (PROFILE, *own) if served.home is Home.DIRECTORY else own


def _operation(
    served: ResourceType, verb: str, summary: str, asked: Sequence[Json], responses: Mapping[str, Any]
) -> Json:
    return {
        "tags": [served.name],
        "operationId": f"{verb}{served.name}",
        "summary": summary,
        "security": [{"clientCredentials": [scope]} for scope in opening_scopes(served)],
        "parameters": list(asked),
        "responses": dict(responses),
    }


def _search_parameters(served: ResourceType) -> list[Json]:
    follows = (("_include", served.includes), ("_revinclude", served.reverse_includes))
    return [
        *(query_parameter(each.name, each.description) for each in (*COMMON_PARAMETERS, *served.searchable)),
        *(
            query_parameter(each.chain, f"A chain: it takes the other parameters of {', '.join(each.targets)} too.")
            for each in served.followed(Follow.CHAIN)
        ),
        *(
            query_parameter(
                name,
                "References to follow.",
                explode=True,
                schema={"type": "array", "items": {"type": "string", "enum": list(values)}},
            )
            for name, values in follows
            if values
        ),
    ]
