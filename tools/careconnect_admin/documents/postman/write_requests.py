"""The requests of a client that writes: it creates, changes and deletes a patient and an observation.

They show every write interaction (`write.md`, Interactions) and some errors, and leave nothing behind.
"""

import json
from collections.abc import Iterable
from itertools import chain
from typing import Any, Final

from careconnect.fhir.interactions import VALIDATE
from careconnect.fhir.resource_types import ID_PATTERN
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import EDITOR
from careconnect_admin.documents.postman.items import FHIR_JSON, Json, bearer, folder, request
from careconnect_admin.documents.postman.oauth_requests import needed_token_request
from careconnect_admin.documents.postman.scripts import header, outcome, status, test

_TOKEN: Final = "editorToken"

_PATIENTS: Final = f"{FHIR_PATH}/Patient"
_PATIENT: Final = f"{_PATIENTS}/{{{{writtenPatient}}}}"
_OBSERVATIONS: Final = f"{FHIR_PATH}/Observation"
_OBSERVATION: Final = f"{_OBSERVATIONS}/{{{{writtenObservation}}}}"

# A new identifier for each run: it never matches an existing patient.
_SYSTEM: Final = "https://records.example.org/Id/postman"
_IDENTIFIER: Final = f"{_SYSTEM}|{{{{writeKey}}}}"
_NEW_KEY: Final = ["pm.collectionVariables.set('writeKey', require('uuid').v4());"]

_CREATED: Final[Json] = {
    "resourceType": "Patient",
    "identifier": [{"system": _SYSTEM, "value": "{{writeKey}}"}],
    "name": [{"use": "official", "family": "Postman", "given": ["Pat"]}],
    "gender": "female",
}
_UPDATED: Final[Json] = _CREATED | {"id": "{{writtenPatient}}", "birthDate": "1971-08-23"}
_OBSERVED: Final[Json] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
    "subject": {"reference": "Patient/{{writtenPatient}}"},
}


def write_folder() -> Json:
    """Return the folder of the requests. Without the secret of a client that writes, the run ends here."""
    token = needed_token_request(
        "Token", "editor", _TOKEN, EDITOR, "reads and writes every type", r"/\*\.(cr?ud|write|\*)"
    )
    parts = (_creates(), _updates(), _versions(), _bundles(), _refused(), _deletes())
    return folder("Writing", [token, *chain.from_iterable(parts)], bearer(_TOKEN))


def _creates() -> list[Json]:
    none_exist = ("If-None-Exist", f"identifier={_IDENTIFIER}")
    return [
        _write(
            "Create a patient, unless there is one with this identifier",
            "POST",
            _PATIENTS,
            [
                *status(201),
                *_version(1),
                *header("Location", "/Patient/"),
                *test(
                    "has an id of the server's",
                    f"pm.expect(pm.response.json().id).to.match(/^{ID_PATTERN}$/);",
                    "pm.collectionVariables.set('writtenPatient', pm.response.json().id);",
                ),
            ],
            _CREATED,
            headers=(none_exist,),
            before=_NEW_KEY,
        ),
        _write(
            "The same again: it is there already",
            "POST",
            _PATIENTS,
            [*status(200), *_version(1), *_is_the_patient(), *header("Location", "/_history/1")],
            _CREATED,
            headers=(none_exist,),
        ),
        request("Read it", _PATIENT, [*status(200), *_version(1), *_is_the_patient()]),
        request(
            "Find it at once",
            f"{_PATIENTS}/_search",
            [
                *status(200),
                *test(
                    "finds it alone",
                    "const ids = pm.response.json().entry.map(entry => entry.resource.id);",
                    "pm.expect(ids).to.eql([pm.collectionVariables.get('writtenPatient')]);",
                ),
            ],
            method="POST",
            form=(("identifier", _IDENTIFIER),),
            headers=(("Cache-Control", "no-cache"),),
        ),
    ]


def _updates() -> list[Json]:
    patch = [
        {"op": "test", "path": "/gender", "value": "female"},
        {"op": "replace", "path": "/gender", "value": "other"},
    ]
    return [
        _write("Update version 1", "PUT", _PATIENT, [*status(200), *_version(2)], _UPDATED, headers=(_if_match(1),)),
        _write(
            "Update it with what it is: nothing is written", "PUT", _PATIENT, [*status(200), *_version(2)], _UPDATED
        ),
        _write(
            "Update version 1, which was replaced",
            "PUT",
            _PATIENT,
            [*status(409), *outcome("conflict")],
            _UPDATED | {"active": False},
            headers=(_if_match(1),),
        ),
        _write(
            "Patch version 2",
            "PATCH",
            _PATIENT,
            [
                *status(200),
                *_version(3),
                *test("has changed", "pm.expect(pm.response.json().gender).to.equal('other');"),
            ],
            patch,
            headers=(_if_match(2),),
            media_type="application/json-patch+json",
        ),
    ]


def _versions() -> list[Json]:
    return [
        request("Its history", f"{_PATIENT}/_history", [*status(200), *_history("PUT", "PUT", "POST")]),
        request(
            "Version 1, as it was",
            f"{_PATIENT}/_history/1",
            [
                *status(200),
                *_version(1),
                *test("is as it was", "pm.expect(pm.response.json().gender).to.equal('female');"),
            ],
        ),
    ]


def _bundles() -> list[Json]:
    read = {"method": "GET", "url": "Patient/{{writtenPatient}}"}
    absent = {"method": "GET", "url": "Patient/no-such-patient"}
    find = {"method": "POST", "url": "Patient", "ifNoneExist": f"identifier={_IDENTIFIER}"}
    urn = "urn:uuid:8a7b3f0e-51c5-4d0c-9a53-4b2f0d6a7e19"
    linked = [
        {"fullUrl": urn, "resource": _CREATED, "request": find},
        {
            "resource": _OBSERVED | {"subject": {"reference": urn}},
            "request": {"method": "POST", "url": "Observation"},
        },
    ]
    return [
        _write(
            "A batch: each entry is answered as alone",
            "POST",
            FHIR_PATH,
            [
                *status(200),
                *test(
                    "answers each entry",
                    "const entries = pm.response.json().entry;",
                    "pm.expect(entries.map(entry => entry.response.status)).to.eql(['200 OK', '404 Not Found']);",
                    "pm.expect(entries[0].resource.id).to.equal(pm.collectionVariables.get('writtenPatient'));",
                ),
            ],
            {"resourceType": "Bundle", "type": "batch", "entry": [{"request": read}, {"request": absent}]},
        ),
        _write(
            "A transaction: an observation of the patient with this identifier",
            "POST",
            FHIR_PATH,
            [
                *status(200),
                *test(
                    "finds the patient, and creates the observation",
                    "const entries = pm.response.json().entry;",
                    "pm.expect(entries.map(entry => entry.response.status)).to.eql(['200 OK', '201 Created']);",
                    "const subject = entries[1].resource.subject.reference;",
                    "pm.expect(subject).to.equal(`Patient/${pm.collectionVariables.get('writtenPatient')}`);",
                    "pm.collectionVariables.set('writtenObservation', entries[1].resource.id);",
                ),
            ],
            {"resourceType": "Bundle", "type": "transaction", "entry": linked},
        ),
    ]


def _refused() -> list[Json]:
    without_status = {name: value for name, value in _OBSERVED.items() if name != "status"}
    dangling = _OBSERVED | {"subject": {"reference": "Patient/no-such-patient"}}
    return [
        _write(
            "Ask what such a write would be refused for",
            "POST",
            f"{_OBSERVATIONS}/{VALIDATE.operation}",
            [*status(200), *outcome("required"), *_at("Observation.status")],
            without_status,
        ),
        _write(
            "An observation without a status",
            "POST",
            _OBSERVATIONS,
            [*status(422), *outcome("required"), *_at("Observation.status")],
            without_status,
        ),
        _write(
            "An observation of nobody",
            "POST",
            _OBSERVATIONS,
            [*status(422), *outcome("not-found"), *_at("Observation.subject")],
            dangling,
        ),
    ]


def _deletes() -> list[Json]:
    return [
        request(
            "Delete the patient, which the observation refers to",
            _PATIENT,
            [
                *status(409),
                *outcome("conflict"),
                *test(
                    "names the type that refers to it",
                    "pm.expect(pm.response.json().issue[0].diagnostics).to.include('Observation');",
                ),
            ],
            method="DELETE",
        ),
        request("Delete the observation", _OBSERVATION, status(204), method="DELETE"),
        request("Delete the patient", _PATIENT, status(204), method="DELETE"),
        request("Read it: it is gone", _PATIENT, [*status(410), *outcome("not-found")]),
        request("Delete it again", _PATIENT, status(204), method="DELETE"),
        request("Its history stays", f"{_PATIENT}/_history", [*status(200), *_history("DELETE", "PUT", "PUT", "POST")]),
        request(
            "Delete by the identifier, which nothing has any more",
            _PATIENTS,
            status(204),
            query=(("identifier", _IDENTIFIER),),
            method="DELETE",
        ),
    ]


def _write(
    name: str,
    method: str,
    path: str,
    tests: Iterable[str],
    body: Any,
    *,
    headers: tuple[tuple[str, str], ...] = (),
    media_type: str = FHIR_JSON,
    before: Iterable[str] = (),
) -> Json:
    """Return a request with a JSON body."""
    return request(
        name,
        path,
        tests,
        method=method,
        headers=(("Content-Type", media_type), *headers),
        body=json.dumps(body, indent=2),
        before=before,
    )


def _if_match(version: int) -> tuple[str, str]:
    return "If-Match", f'W/"{version}"'


def _version(number: int) -> list[str]:
    return test(
        f"is version {number}",
        f"pm.expect(pm.response.headers.get('ETag')).to.equal('W/\"{number}\"');",
        f"pm.expect(pm.response.json().meta.versionId).to.equal('{number}');",
    )


def _is_the_patient() -> list[str]:
    return test(
        "is the patient", "pm.expect(pm.response.json().id).to.equal(pm.collectionVariables.get('writtenPatient'));"
    )


def _history(*methods: str) -> list[str]:
    """Return a test of the versions that requests made, newest first; a deletion has no resource."""
    return test(
        f"tells of {len(methods)} versions",
        "const bundle = pm.response.json();",
        "pm.expect(bundle.type).to.equal('history');",
        f"pm.expect(bundle.total).to.equal({len(methods)});",
        f"pm.expect(bundle.entry.map(entry => entry.request.method)).to.eql({json.dumps(methods)});",
        f"pm.expect(bundle.entry[0].response.etag).to.equal('W/\"{len(methods)}\"');",
        "bundle.entry.forEach(entry => pm.expect('resource' in entry).to.equal(entry.request.method !== 'DELETE'));",
    )


def _at(place: str) -> list[str]:
    return test(
        f"is at {place}", f"pm.expect(pm.response.json().issue[0].expression[0]).to.include({json.dumps(place)});"
    )
