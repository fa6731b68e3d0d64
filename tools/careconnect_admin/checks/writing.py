"""The smoke check of writes on any deployment: it deletes the resource that it creates."""

import json
import uuid
from contextlib import suppress
from typing import Any, Final

import httpx

from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.oauth.scopes import Letter
from careconnect_admin.checks.expectations import CheckError, SkippedError, expect, expect_outcome, json_of
from careconnect_admin.checks.service import Service

_SYSTEM: Final = "urn:careconnect:smoke"
_WHOLE: Final = (Letter.CREATE, Letter.READ, Letter.UPDATE, Letter.DELETE)

# Types for which this little is a valid resource without a patient, the least sensitive first.
_BODIES: Final[dict[str, dict[str, Any]]] = {
    "Location": {"name": "Smoke test, may be deleted"},
    "Organization": {"name": "Smoke test, may be deleted"},
    "Practitioner": {"name": [{"text": "Smoke test, may be deleted"}]},
    "Patient": {"name": [{"text": "Smoke test, may be deleted"}]},
}


def write_and_delete(service: Service) -> None:
    """Create a resource, read it, update it, find both versions and delete it.

    No live resource is left. Raises `CheckError`, or `SkippedError` if the client may not do all of this with any type.
    """
    served = _writable(service)
    identifier = str(uuid.uuid4())
    body = {
        "resourceType": served.name,
        "identifier": [{"system": _SYSTEM, "value": identifier}],
        **_BODIES[served.name],
    }
    created = _send(service, "POST", f"{service.fhir}/{served.name}", body)
    expect(created, 201)
    url = f"{service.fhir}/{served.name}/{json_of(created)['id']}"
    try:
        _read_and_update(service, url, created)
    except CheckError:
        # The first failure is the one to report. If the deletion fails too, the resource's name says it may be deleted.
        with suppress(CheckError):
            _send(service, "DELETE", url)
        raise
    expect(_send(service, "DELETE", url), 204)
    expect_outcome(_send(service, "GET", url), 410, "not-found")


def _writable(service: Service) -> ResourceType:
    for name in _BODIES:
        served = resource_type(name)
        if served and served.writable and all(service.grants.permits(name, each) for each in _WHOLE):
            return served
    raise SkippedError(f"this client may not create, read, update and delete {' or '.join(_BODIES)}")


def _read_and_update(service: Service, url: str, created: httpx.Response) -> None:
    if not created.headers.get("Location", "").startswith(f"{url}/_history/"):
        raise CheckError("Location does not name the version that was created")
    _expect_version(created, 1)
    _expect_version(_send(service, "GET", url), 1)
    body = json_of(created) | {"language": "en"}
    updated = _send(service, "PUT", url, body, {"If-Match": created.headers["ETag"]})
    expect(updated, 200)
    _expect_version(updated, 2)
    expect_outcome(_send(service, "PUT", url, body, {"If-Match": created.headers["ETag"]}), 409, "conflict")
    history = _send(service, "GET", f"{url}/_history")
    expect(history, 200)
    if [each["response"]["etag"] for each in json_of(history)["entry"]] != ['W/"2"', 'W/"1"']:
        raise CheckError("the history is not of two versions")


def _expect_version(answer: httpx.Response, number: int) -> None:
    if answer.headers.get("ETag") != f'W/"{number}"':
        raise CheckError(f"ETag is {answer.headers.get('ETag')} instead of version {number}")


def _send(
    service: Service, method: str, url: str, body: Any = None, headers: dict[str, str] | None = None
) -> httpx.Response:
    content = {} if body is None else {"Content-Type": Format.JSON.value}
    return service.call(
        url,
        method=method,
        headers={**service.authorization(), **content, **(headers or {})},
        body=None if body is None else json.dumps(body),
    )
