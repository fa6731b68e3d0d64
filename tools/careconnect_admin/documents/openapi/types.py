"""The FHIR API's paths in the OpenAPI document, generated from the table of types and parameters."""

import json
from collections.abc import Sequence
from functools import cache
from typing import Final

from careconnect.fhir.interactions import (
    EVERYTHING,
    HISTORY,
    POSTED_SEARCH,
    READ,
    SEARCH,
    VREAD,
    interactions_of,
)
from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES, ResourceType, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.scopes import PROFILE, READING, Letter, grants_of
from careconnect_admin.documents.capability_statement import with_all
from careconnect_admin.documents.openapi.answer_examples import MATCHES, RECORD, VERSIONS
from careconnect_admin.documents.openapi.components import (
    FHIR_ERRORS,
    XML,
    Json,
    errors,
    example_reference,
    fhir_answer,
    form,
    in_xml,
    parameters,
    query_parameter,
)
from careconnect_admin.documents.openapi.operations import LEVELS, example_of, id_parameter, operation
from careconnect_admin.documents.openapi.writes import write_operations

_FOUND: Final = "Found"
"""What follows a type's name in the name of a read's answer."""
_CACHED: Final = ("If-None-Match", "If-Modified-Since")


def type_paths(served: ResourceType) -> Json:
    """Return the paths of one type: its searches, reads, operations and writes."""
    paths = _searches(served) | _reads(served)
    for path, operations in write_operations(served).items():
        paths.setdefault(path, {}).update(operations)
    return paths


def _reads(served: ResourceType) -> Json:
    """Return the paths of the reads by a resource's id."""
    name, one = f"{FHIR_PATH}/{served.name}/{{id}}", served.with_article
    its_id = id_parameter(served.name)
    below = errors(FHIR_ERRORS, without=(415,))
    # A deleted resource has a history, too.
    versions = _answer(served, VERSIONS) | errors(FHIR_ERRORS, without=(410, 415))
    read = {**_answer(served, _FOUND), "304": {"description": "Not modified since."}} | below
    told = {
        READ: ("", (), f"Read {one}", read, _CACHED),
        HISTORY: ("/_history", (), f"List the versions of {one}, newest first", versions, ()),
        VREAD: ("/_history/{vid}", ("vid",), f"Read any version of {one} by its number", read, _CACHED),
        EVERYTHING: (
            f"/{EVERYTHING.operation}",
            (),
            f"Read {one}'s whole record, as far as the scopes go",
            _answer(served, RECORD) | below,
            (),
        ),
    }
    paths: Json = {
        name + rest: {
            "get": operation(
                served,
                row.name,
                summary,
                "read" if row.operation else row.letters,
                [its_id, *parameters(*named, *row.takes, *headers)],
                answers,
            )
        }
        for row, (rest, named, summary, answers, headers) in told.items()
        if row in interactions_of(served)
    }
    if EVERYTHING in interactions_of(served):
        rest, _, summary, _, _ = told[EVERYTHING]
        answers = _answer(served, RECORD) | errors(FHIR_ERRORS)
        posted = operation(
            served,
            f"{EVERYTHING.name}ByPost",
            f"{summary}, by Parameters",
            "read",
            [its_id, *parameters("Prefer")],
            answers,
        )
        paths[name + rest]["post"] = posted | _parameters_body(served)
    return paths


def _parameters_body(served: ResourceType) -> Json:
    """Return a body of Parameters, which have the parameters that the query may have."""
    example = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "start", "valueDate": "2017-01-01"},
            {"name": "_type", "valueCode": next(iter(served.members))},
        ],
    }
    content = {
        Format.JSON.value: {"schema": {"type": "object"}, "example": example},
        Format.XML.value: {"schema": {"type": "string"}, "example": in_xml(json.dumps(example))},
    }
    return {"requestBody": {"required": False, "content": content}}


def _searches(served: ResourceType) -> Json:
    """Return the paths of a type's searches: of the whole type, and of one patient's record."""
    name = served.name
    asked = _search_parameters(served)
    paths = _searches_at(served, f"{FHIR_PATH}/{name}", "search", f"Search {name}", [], asked)
    reference = served.patient_parameter
    if reference is None:
        return paths
    # The path already contains these parameters.
    said = {one.name for one in served.parameters if reference.name in (one.name, one.parent)}
    rest = [each for each in asked if each["name"].partition(".")[0] not in said]
    for owner in served.owners:
        its_id = id_parameter(owner)
        root = f"{FHIR_PATH}/{owner}/{{id}}/{name}"
        summary = f"Search {name} in a {owner.lower()}'s record"
        paths |= _searches_at(served, root, f"search{owner}", summary, [its_id], rest)
    return paths


def _searches_at(
    served: ResourceType, root: str, verb: str, summary: str, its_id: Sequence[Json], asked: Sequence[Json]
) -> Json:
    fields = form({each["name"]: _field(each) for each in asked}, required=False)
    search = _answer(served, MATCHES) | errors(FHIR_ERRORS, without=(410, 415))
    posted = _answer(served, MATCHES) | errors(FHIR_ERRORS, without=(410,))
    return {
        root: {
            "get": operation(
                served,
                verb,
                summary,
                SEARCH.letters,
                [*its_id, *map(_referred, asked), *parameters(*SEARCH.takes, "Prefer")],
                search,
            )
        },
        f"{root}/_search": {
            "post": operation(
                served,
                f"{verb}ByPost",
                f"{summary} by a form",
                POSTED_SEARCH.letters,
                [*its_id, *parameters("Prefer")],
                posted,
            )
            | {"requestBody": fields}
        },
    }


def _referred(parameter: Json) -> Json:
    """Return a reference to a search parameter if it is described once for several types, else the parameter."""
    name = parameter["name"]
    return parameters(name)[0] if _alike().get(name) == parameter else parameter


@cache
def _alike() -> Json:
    """Return the search parameters that several types have and describe alike, by name."""
    of_types = [each for served in SERVED_TYPES for each in _search_parameters(served)]
    first = {each["name"]: each for each in reversed(of_types)}
    return {name: each for name, each in first.items() if of_types.count(each) > 1}


def _answer(served: ResourceType, kind: str) -> Json:
    return {"200": {"$ref": f"#/components/responses/{served.name}{kind}"}}


def read_components() -> Json:
    """Return the answers of reads and searches, which the operations refer to."""
    page = "The matches, a page at a time."
    answers: Json = {}
    for served in SERVED_TYPES:
        name = served.name
        offered = interactions_of(served)
        answers[name + _FOUND] = fhir_answer(f"The {name}.", name, ("ETag", "Last-Modified"), name)
        found = fhir_answer(page, "Bundle", example=name + MATCHES)
        # One page in XML is enough: its resources are those of the reads.
        found["content"][Format.XML.value]["examples"] = example_reference(RESOURCE_TYPES[0].name + MATCHES + XML)
        answers[name + MATCHES] = found
        if HISTORY in offered:
            meaning = "The versions, a page at a time; a deletion has no resource."
            answers[name + VERSIONS] = fhir_answer(meaning, "Bundle", example=VERSIONS)
        if EVERYTHING in offered:
            answers[name + RECORD] = fhir_answer(page, "Bundle", example=name + RECORD)
    return {"responses": answers, "parameters": _alike()}


def type_tag(served: ResourceType) -> Json:
    """Return the tag that groups a type's operations, with a description of the scopes that permit them."""
    names = _quoted(served.scope_names)
    profile = f", and so does the plain scope `{PROFILE}`, for reading" if served.table is Table.DIRECTORY else ""
    if served.by_name_only:
        opened = f"In a scope (`user/{served.name}.rs`) {names} alone opens it, and `*` does not"
        bound = "one at the level patient opens it to a client that is bound to a patient"
        return {
            "name": served.name,
            "description": f"{opened}; {bound}.",
        }
    return {
        "name": served.name,
        "description": f"In a scope (`user/{served.name}.rs`) {names} or `*` opens it{profile}."
        + _writing_names(served),
    }


def _writing_names(served: ResourceType) -> str:
    """Return a sentence with the scope names that permit writing a type, if other names permit reading it too."""
    own = [each for each in served.scope_names if grants_of(f"user/{each}.c").permits(served.name, Letter.CREATE)]
    if not own or own == list(served.scope_names):
        return ""
    return f" For writing (`user/{served.name}.cud`) it is {_quoted(own)} or `*` alone."


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def scopes_by_pattern() -> dict[str, str]:
    """Return the scopes for every type, with their meanings: the scopes of one type have the same form."""
    meanings = {
        "read": "Read and search",
        "write": "Create, update and delete",
        "c": "Create",
        "r": "Read",
        "u": "Update",
        "d": "Delete",
        "s": "Search",
    }
    named = [served for served in SERVED_TYPES if served.by_name_only]
    but = f" but {', '.join(served.name for served in named)}"
    of_levels = {
        f"{level}/*.{suffix}": f"{meaning} every type{but}; with its name for `*`, one type"
        for level in LEVELS
        for suffix, meaning in meanings.items()
    }
    by_name = {
        f"{level}/{served.name}.{suffix}": f"{meanings[suffix]} {served.name}"
        for served in named
        for level in LEVELS
        for suffix in sorted(READING)
    }
    return {PROFILE: "Read and search the directory", **of_levels, **by_name}


def _field(parameter: Json) -> Json:
    """Return the schema of a form field for a query parameter."""
    schema: Json = dict(parameter["schema"])
    return schema | ({"example": parameter["example"]} if "example" in parameter else {})


def _search_parameters(served: ResourceType) -> list[Json]:
    follows = (("_include", served.includes), ("_revinclude", served.reverse_includes))
    return [
        *(
            query_parameter(each.name, each.description, **example_of(served, each.name))
            for each in (*served.common, *served.searchable)
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
                f"References to follow, `*` or `Type:*` for all; `{name}:iterate` follows included resources, too.",
                explode=True,
                schema={"type": "array", "items": {"type": "string", "enum": [*with_all(values), "*"]}},
            )
            for name, values in follows
            if values
        ),
    ]
