"""The paths of bulk exports in the OpenAPI document (`export.md`)."""

from collections.abc import Mapping
from typing import Any, Final

from careconnect.audit.query import PATIENT
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import KICK_OFF
from careconnect.fhir.rendering.formats import Format
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.documents.openapi.components import FHIR_ERRORS, Json, errors, query_parameter, refusal, text

EXPORTS: Final = "Bulk export"
"""The tag of these paths."""

NDJSON: Final = "application/fhir+ndjson"

_MEANINGS: Final[Mapping[str, tuple[str, str]]] = {
    "_outputFormat": ("The files' format.", NDJSON),
    "_since": ("What was changed or deleted after this instant.", "2026-01-01T00:00:00Z"),
    "_until": ("What was changed before this instant.", "2027-01-01T00:00:00Z"),
    "_type": ("Comma-separated types.", "Patient,Condition"),
    "_elements": ("Comma-separated top-level elements, `Type.element` for one type.", "Patient.name"),
    "_typeFilter": ("A search that the resources of its type have to match.", "Condition?clinical-status=active"),
}
"""What each parameter of a kick-off means, and an example."""

_MANIFEST: Final = {
    "transactionTime": "2026-12-01T08:00:00.000Z",
    "request": "https://care.example/careconnect-ri/STU3/$export",
    "requiresAccessToken": True,
    "output": [{"type": PATIENT.name, "url": "https://care.example/careconnect-ri/STU3/$export/…/…", "count": 2}],
    "deleted": [],
    "error": [],
}
_SENT: Final = {
    "resourceType": "Parameters",
    "parameter": [{"name": "_type", "valueCode": next(iter(PATIENT.members))}],
}
_COHORT: Final = [{"name": "patient", "valueReference": {"reference": "Patient/4"}}]


def export_paths() -> Json:
    """Return the paths of kick-offs, jobs and files."""
    job, file = (_in_path(name) for name in ("job", "file"))
    base = f"{FHIR_PATH}/{KICK_OFF.operation}"
    told = errors(FHIR_ERRORS, without=(406, 410, 413, 415))
    status = {
        "200": _json("The manifest: the files, which expire at Expires.", _MANIFEST, "Expires"),
        "202": _told("The job runs.", "Retry-After", "X-Progress"),
    }
    # Without a schema: generators of clients know no type of lines, and leave such a path out.
    lines = {"description": f"{NDJSON}: a resource a line."}
    removed = {"202": _outcome("Removed.")} | errors(FHIR_ERRORS, without=(400, 406, 410, 413, 415))
    return {
        base: _kick_off("system", "Export all types", _SENT),
        f"{FHIR_PATH}/Patient/{KICK_OFF.operation}": _kick_off(
            "patient", "Export patients' records", _SENT | {"parameter": [*_SENT["parameter"], *_COHORT]}
        ),
        f"{base}/{{job}}": {
            "get": _operation("exportStatus", "Say how far a job is, or list its files", status | told, [job]),
            "delete": _operation("cancelExport", "Cancel a job, or remove its files", removed, [job]),
        },
        f"{base}/{{job}}/{{file}}": {
            "get": _operation("exportFile", "Get a file", {"200": lines} | told, [job, file]),
        },
    }


def export_components() -> Json:
    """Return the parameters and answers that both kick-offs share."""
    return {
        "parameters": {
            "Export" + name: query_parameter(name, meaning, example=example)
            for name, (meaning, example) in _MEANINGS.items()
        }
        | {
            "PreferAsync": {
                "name": "Prefer",
                "in": "header",
                "required": True,
                "description": "`respond-async`; `handling=lenient` beside it ignores what is not offered.",
                "schema": text(),
                "example": "respond-async",
            }
        },
        "responses": {
            "Started": _outcome("Started: Content-Location is the job.", "Content-Location"),
            "Unprocessable": refusal("A patient that does not exist.", outcomes.not_found()),
        },
    }


def _kick_off(of: str, summary: str, sent: Json) -> Json:
    answers = {
        "202": {"$ref": "#/components/responses/Started"},
        "422": {"$ref": "#/components/responses/Unprocessable"},
    } | errors(FHIR_ERRORS, without=(404, 410))
    asked = [
        {"$ref": f"#/components/parameters/{each}"} for each in ("PreferAsync", *map("Export{}".format, _MEANINGS))
    ]
    body = {"requestBody": {"content": {Format.JSON.value: {"schema": {"type": "object"}, "example": sent}}}}
    return {
        "get": _operation(f"{of}Export", summary, answers, asked),
        "post": _operation(f"{of}ExportByPost", f"{summary}, by Parameters", answers, asked[:1]) | body,
    }


def _operation(operation_id: str, summary: str, answers: Mapping[str, Any], asked: list[Json]) -> Json:
    return {
        "tags": [EXPORTS],
        "operationId": operation_id,
        "summary": summary,
        "security": [{"clientCredentials": ["system/*.r", "system/*.s"]}],
        "parameters": asked,
        "responses": {status: answers[status] for status in sorted(answers)},
    }


def _in_path(name: str) -> Json:
    return {"name": name, "in": "path", "required": True, "schema": text()}


def _told(meaning: str, *headers: str) -> Json:
    return {"description": meaning, "headers": {name: {"schema": text()} for name in headers}}


def _json(meaning: str, example: Json, *headers: str) -> Json:
    return _told(meaning, *headers) | {
        "content": {"application/json": {"schema": {"type": "object"}, "example": example}}
    }


def _outcome(meaning: str, *headers: str) -> Json:
    issue = {"severity": "information", "code": "informational"}
    told = {"resourceType": "OperationOutcome", "issue": [issue]}
    content = {Format.JSON.value: {"schema": {"$ref": "#/components/schemas/OperationOutcome"}, "example": told}}
    return _told(meaning, *headers) | {"content": content}
