"""The requests of a bulk export: it is started, asked for and removed (`export.md`)."""

import json
from typing import Final

from careconnect.fhir.interactions import KICK_OFF
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.documents.postman.items import Json, folder, request
from careconnect_admin.documents.postman.scripts import header, outcome, status, test

_EXPORT: Final = f"{FHIR_PATH}/{KICK_OFF.operation}"
_JOB: Final = f"{_EXPORT}/{{{{exportJob}}}}"
_ASYNC: Final = ("Prefer", "respond-async")


def export_folder() -> Json:
    """Return the folder of the requests. The job is removed before its files are ready, which takes half a minute."""
    started = test(
        "has the job's URL",
        "const job = pm.response.headers.get('Content-Location');",
        f"pm.expect(job).to.include({json.dumps(_EXPORT)});",
        "pm.collectionVariables.set('exportJob', job.split('/').pop());",
    )
    return folder(
        "Bulk export",
        [
            request("Without respond-async", _EXPORT, [*status(400), *outcome("required")]),
            request("Another method", _EXPORT, [*status(405), *header("Allow", "GET, POST")], method="PUT"),
            request(
                "Start an export of two types",
                _EXPORT,
                [*status(202), *outcome("informational"), *started],
                query=(("_type", "Patient,Condition"),),
                headers=(_ASYNC,),
            ),
            request("How far it is", _JOB, [*status(202), *header("X-Progress", "%")]),
            request("Remove it", _JOB, status(202), method="DELETE"),
            request("It is gone", _JOB, [*status(404), *outcome("not-found")]),
        ],
    )
