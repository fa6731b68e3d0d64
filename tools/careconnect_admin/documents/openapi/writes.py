"""The writes of the FHIR API in the OpenAPI document, generated from the table of types, and their components.

They follow the contract (`write.md`, Interactions; `write.md`, What is refused).

A type's body, responses and links are components: each is described once, and the operations refer to it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from careconnect.fhir.interactions import (
    BATCH,
    CONDITIONAL_DELETE,
    CONDITIONAL_UPDATE,
    CREATE,
    DELETE,
    PATCH,
    UPDATE,
    VALIDATE,
    VALIDATE_ONE,
)
from careconnect.fhir.outcomes import Issue, invalid_resource
from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.request import MAX_BUNDLE_ENTRIES, MAX_BUNDLE_MEGABYTES
from careconnect.fhir.resource_types import RESOURCE_TYPES, ResourceType
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.errors import ApiError
from careconnect_admin.documents.capability_statement import CONDITION, JSON_PATCH
from careconnect_admin.documents.openapi.answer_examples import ANSWERED, JUDGED
from careconnect_admin.documents.openapi.components import (
    FHIR_ERRORS,
    XML,
    Json,
    Rows,
    errors,
    example_reference,
    fhir_answer,
    in_xml,
    query_parameter,
    refusal,
    text,
)
from careconnect_admin.documents.openapi.operations import LEVELS, example_of, id_parameter, operation
from record_writer import refusals

# The errors of a write that a read does not have, or that have another meaning than for a read.
_OWN_ERRORS: Final[Rows] = (
    (400, "BadWrite", "A body that cannot be read, of another type or id, a malformed header, or another criterion."),
    (409, "Conflict", "If-Match names another version than the current one, or what is deleted is still referred to."),
    (412, "ConditionNotMet", f"The condition is not one `{CONDITION}`, or several resources meet it."),
    (413, "ResourceTooLarge", "The resource is over 350 KB as JSON."),
    (415, "UnsupportedBody", "The body is in no format that is taken here."),
    (
        422,
        "InvalidResource",
        "Not valid STU3, a reference that leads nowhere, or too much to store, by `expression`.",
    ),
)
_OWN: Final = tuple(status for status, *_ in _OWN_ERRORS)
_WRITE_ERRORS: Final[Rows] = (*(row for row in FHIR_ERRORS if row[0] not in _OWN), *_OWN_ERRORS)

_FAULT: Final = Issue("required", "status is missing: every Observation needs one.", expression="Observation.status")
_EXAMPLES: Final[Mapping[str, Callable[[], ApiError]]] = {
    "BadWrite": refusals.another_type,
    "Conflict": refusals.another_version,
    "ConditionNotMet": refusals.several_match,
    "ResourceTooLarge": refusals.too_large,
    "UnsupportedBody": refusals.unsupported_body,
    "InvalidResource": lambda: invalid_resource([_FAULT]),
}
"""An error of each kind."""

# One text to split: `Location` is also a type's name, which only the table's module may contain as a literal.
_VERSION_HEADERS: Final = tuple("Location ETag Last-Modified".split())  # noqa: SIM905
_BATCH: Final = {
    "resourceType": "Bundle",
    "type": "batch",
    "entry": [{"request": {"method": "GET", "url": "Patient/4"}}],
}
_OF_BUNDLES: Final = (400, 409, 412, 415, 422)
"""The statuses with the meaning that they have for a write."""

BUNDLES: Final = "Bundles"
"""The tag of the path that takes them."""

_PATCH: Final = [{"op": "add", "path": "/language", "value": "en-GB"}]

_CONDITION: Final = (
    f"One `{CONDITION}`, nothing else. It takes the scope to search (`s`) besides, and is judged with the write, "
    "however many callers race."
)


def write_operations(served: ResourceType) -> dict[str, Json]:
    """Return the write operations of a type, by path; none for a read-only type."""
    if not served.writable:
        return {}
    root = f"{FHIR_PATH}/{served.name}"
    return {
        root: _create(served) | _conditional(served),
        f"{root}/{{id}}": _of_one(served),
        f"{root}/{VALIDATE.operation}": _validate(served, VALIDATE.name, "create"),
        f"{root}/{{id}}/{VALIDATE_ONE.operation}": _validate(
            served, f"{VALIDATE_ONE.name}One", "update", id_parameter(served.name)
        ),
    }


def _validate(served: ResourceType, verb: str, mode: str, *its_id: Json) -> Json:
    told = fhir_answer(
        f"All faults for which the {mode} would be refused, or one `information`.", "OperationOutcome", (), JUDGED
    )
    answers = {"200": told} | errors(_WRITE_ERRORS, without=(404, 409, 410, 412, 422))
    asked = [*its_id, query_parameter("mode", f"`create`, `update` or `delete`; by default `{mode}`."), *_SHOWN[1:]]
    summary = f"Say what a write of {served.with_article} would be refused for, and write nothing"
    return {"post": operation(served, verb, summary, VALIDATE.letters, asked, answers) | _body(served)}


def bundle_path() -> Json:
    """Return the path that takes Bundles."""
    bundle: Json = {"schema": {"$ref": "#/components/schemas/Bundle"}}
    answers = {
        "200": fhir_answer(
            "An entry for each of the Bundle's, in their order, with its status.", "Bundle", (), ANSWERED
        )
    }
    answers |= errors(FHIR_ERRORS, without=(410, *_OF_BUNDLES))
    answers |= errors(_OWN_ERRORS, without=tuple(status for status in _OWN if status not in _OF_BUNDLES))
    sent = {
        "tags": [BUNDLES],
        "operationId": "sendBundle",
        "summary": "Answer the entries of a batch one by one, or of a transaction all or none",
        "description": f"At most {MAX_BUNDLE_ENTRIES} entries and {MAX_BUNDLE_MEGABYTES} MB. The token needs a scope "
        "to write, and for each entry those that it would need alone.",
        "security": [
            {"clientCredentials": [f"{level}/*.{letter}"]} for level in LEVELS for letter in BATCH.letters.split("|")
        ],
        "parameters": [*_SHOWN],
        "requestBody": {
            "required": True,
            "content": {
                Format.JSON.value: bundle | {"example": _BATCH},
                Format.XML.value: {"schema": text(), "example": in_xml(json.dumps(_BATCH))},
            },
        },
        "responses": {status: answers[status] for status in sorted(answers)},
    }
    return {FHIR_PATH: {"post": sent}}


def _create(served: ResourceType) -> Json:
    asked = [_shared("If-None-Exist"), *_SHOWN] if served.condition else _SHOWN
    known = {"200": _written(served)} if served.condition else {}
    summary = f"Create {served.with_article}" + (", unless there is one" if served.condition else "")
    answers = known | {"201": _created(served)} | errors(_WRITE_ERRORS, without=(404, 409, 410))
    return {"post": operation(served, CREATE.name, summary, CREATE.letters, asked, answers) | _body(served)}


def _conditional(served: ResourceType) -> Json:
    """Return the conditional update and deletion, which find a resource by an identifier."""
    if served.condition is None:
        return {}
    name = served.condition.name
    condition = query_parameter(name, _CONDITION, required=True, **example_of(served, name))
    found = f"the {served.name} that an identifier finds"
    update = _updated(served) | errors(_WRITE_ERRORS, without=(410,))
    asked = [condition, _shared("If-Match"), *_SHOWN]
    return {
        "put": operation(
            served, "conditionalUpdate", f"Replace {found}, or create it", CONDITIONAL_UPDATE.letters, asked, update
        )
        | _body(served),
        "delete": operation(
            served, "conditionalDelete", f"Delete {found}", CONDITIONAL_DELETE.letters, asked[:2], _deleted(412)
        ),
    }


def _of_one(served: ResourceType) -> Json:
    its_id, one = id_parameter(served.name), served.with_article
    asked = [its_id, _shared("If-Match"), *_SHOWN]
    update = _updated(served) | errors(_WRITE_ERRORS, without=(410, 412))
    patch = {"200": _written(served)} | errors(_WRITE_ERRORS, without=(412,))
    return {
        "put": operation(
            served, UPDATE.name, f"Replace {one}, or create it under an id of your own", UPDATE.letters, asked, update
        )
        | _body(served),
        "patch": operation(served, PATCH.name, f"Change parts of {one}", PATCH.letters, asked, patch)
        | {"requestBody": {"$ref": "#/components/requestBodies/JsonPatch"}},
        "delete": operation(served, DELETE.name, f"Delete {one}", DELETE.letters, asked[:2], _deleted()),
    }


def _updated(served: ResourceType) -> Json:
    return {"200": _written(served), "201": _created(served)}


def _deleted(*more: int) -> Json:
    unasked = {404, 406, 410, 412, 413, 415, 422} - set(more)
    told = {"description": "Deleted, or not there in the first place."}
    return {"204": told} | errors(_WRITE_ERRORS, without=tuple(unasked))


def _body(served: ResourceType) -> Json:
    return {"requestBody": {"$ref": f"#/components/requestBodies/{served.name}"}}


def _written(served: ResourceType) -> Json:
    return {"$ref": f"#/components/responses/{served.name}Written"}


def _created(served: ResourceType) -> Json:
    return {"$ref": f"#/components/responses/{served.name}Created"}


def _shared(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


# ---------------------------------------------------------------- components

_SHOWN: Final[Sequence[Json]] = (_shared("PreferReturn"), *map(_shared, CREATE.takes))


def write_components() -> Json:
    """Return the parameters, bodies, responses and links that the writes refer to."""
    writable = [served for served in RESOURCE_TYPES if served.writable]
    responses = {name: refusal(meaning, _EXAMPLES[name]()) for _, name, meaning in _OWN_ERRORS}
    for served in writable:
        responses |= _answers(served)
    return {
        "parameters": _parameters(),
        "requestBodies": {served.name: _resource_body(served) for served in writable} | {"JsonPatch": _patch_body()},
        "responses": responses,
        "links": {name: link for served in writable for name, link in _links(served).items()},
    }


def _parameters() -> Json:
    return {
        "If-Match": _header("If-Match", "The version that the write is meant for, as its ETag has it.", 'W/"1"'),
        "If-None-Exist": _header(
            "If-None-Exist",
            "A query: the resource is created if nothing meets it, and what meets it is answered with 200. "
            + _CONDITION,
        ),
        "PreferReturn": _header(
            "Prefer",
            "What the answer's body is: `return=representation`, the resource, unless said otherwise; "
            "`return=minimal`, none; `return=OperationOutcome`. Without the scope to read (`r`) there is none.",
            "return=representation",
        ),
    }


def _header(name: str, description: str, example: str | None = None) -> Json:
    described: Json = {"name": name, "in": "header", "description": description, "schema": text()}
    return described | ({} if example is None else {"example": example})


def _resource_body(served: ResourceType) -> Json:
    schema = {"$ref": f"#/components/schemas/{served.name}"}
    return {
        "description": f"The {served.name}, in either format. An update's `id` is the path's, or that of what the "
        "condition finds; a create's is not regarded, nor are `meta.versionId` and `meta.lastUpdated`.",
        "required": True,
        "content": {
            Format.JSON.value: {"schema": schema, "examples": example_reference(served.name)},
            Format.XML.value: {"schema": text(), "examples": example_reference(served.name + XML)},
        },
    }


def _patch_body() -> Json:
    pointer = text("A JSON Pointer (RFC 6901).")
    operations = ["add", "remove", "replace", "move", "copy", "test"]
    one = {
        "type": "object",
        "required": ["op", "path"],
        "properties": {"op": {"type": "string", "enum": operations}, "path": pointer, "from": pointer, "value": {}},
    }
    return {
        "description": "A JSON Patch (RFC 6902).",
        "required": True,
        "content": {JSON_PATCH: {"schema": {"type": "array", "items": one}, "example": _PATCH}},
    }


def _answers(served: ResourceType) -> Json:
    schema = {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in (served.name, "OperationOutcome")]}
    answers = {}
    for outcome, meaning in (
        ("Written", f"The {served.name} as it now is: replaced, or as it was where nothing would change."),
        ("Created", f"The {served.name} was created; Location has its address and version."),
    ):
        answer = fhir_answer(meaning, served.name, _VERSION_HEADERS, served.name)
        answer["content"][Format.JSON.value]["schema"] = schema
        answers[served.name + outcome] = answer
    answers[f"{served.name}Created"]["links"] = {
        name: {"$ref": f"#/components/links/{name}"} for name in _links(served)
    }
    return answers


def _links(served: ResourceType) -> Json:
    """Return the links to the operations on a created resource, by its id."""
    by_id = {"parameters": {"id": "$response.body#/id"}}
    links: Json = {
        f"{verb}{served.name}": {"operationId": f"{verb}{served.name}", **by_id}
        for verb in ("read", "history", "update", "patch", "delete")
    }
    links[f"update{served.name}"]["requestBody"] = "$response.body"
    return links
