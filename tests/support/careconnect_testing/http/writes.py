"""Writing over HTTP: requests with a client's token, and the resources that tests create."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from careconnect.http.base_url import FHIR_PATH

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
JSON = "application/fhir+json"
XML = "application/fhir+xml"
PATCH = "application/json-patch+json"

Resource = dict[str, Any]

LONG_TEXT: Resource = {
    "status": "generated",
    "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 30_000}</div>',
}
"""A narrative long enough that the resource may have a hundred index entries of a few kilobytes (`write.md`)."""


@dataclass(frozen=True)
class WritingClient:
    """One client of the deployed API, with its token."""

    http: httpx.Client
    token: str

    def send(self, method: str, path: str, body: Any = None, *, type_: str = JSON, **headers: str) -> httpx.Response:
        """Send a request below the FHIR base; a `body` of text or bytes is sent as it is, any other as JSON."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given["Authorization"] = f"Bearer {self.token}"
        content = None
        if body is not None:
            text = body if isinstance(body, str | bytes) else json.dumps(body)
            content = text if isinstance(text, bytes) else text.encode()
            given.setdefault("Content-Type", type_)
        return self.http.request(method, f"{FHIR_PATH}/{path}", content=content, headers=given)

    def create(self, resource: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Create a resource."""
        return self.send("POST", resource["resourceType"], resource, **headers)

    def update(self, resource: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Update a resource, or create it under its own id."""
        return self.send("PUT", f"{resource['resourceType']}/{resource['id']}", resource, **headers)

    def patch(self, path: str, *operations: Mapping[str, Any], **headers: str) -> httpx.Response:
        """Patch a resource."""
        return self.send("PATCH", path, list(operations), type_=PATCH, **headers)

    def delete(self, path: str, **headers: str) -> httpx.Response:
        """Delete a resource, or the resources that a condition finds."""
        return self.send("DELETE", path, **headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Read, search, or request a history."""
        return self.send("GET", path, **headers)

    def ids(self, search: str) -> list[str]:
        """Return the ids that a complete search finds."""
        answer = self.get(search, Cache_Control="no-cache")
        assert answer.status_code == 200, answer.text
        return [entry["resource"]["id"] for entry in answer.json().get("entry", ())]

    def made(self, resource: Mapping[str, Any]) -> Resource:
        """Create a resource and return it as it is stored."""
        answer = self.create(resource)
        assert answer.status_code == 201, answer.text
        stored: Resource = answer.json()
        return stored


def new_code() -> str:
    """Return an identifier's value that no resource has."""
    return uuid.uuid4().hex


def patient(*identifiers: str, **elements: Any) -> Resource:
    """Return a patient without an id."""
    known = [{"system": NHS_NUMBER, "value": value} for value in identifiers]
    return {"resourceType": "Patient", **({"identifier": known} if known else {}), **elements}


def observation(subject: str, **elements: Any) -> Resource:
    """Return an observation of a patient (`Patient/4`), without an id."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": subject},
        **elements,
    }


def at_every_limit(letter: str) -> Resource:
    """Return a patient with as many identifiers, index entries and bytes as one may have, all of them of a letter."""
    identifiers = [{"system": "urn:x", "value": f"{number}{letter * 60}"} for number in range(50)]
    names = [{"family": f"{number}{letter * 365}"} for number in range(95)]
    large = {**patient(), "id": "own", "identifier": identifiers, "name": names}
    text = "x" * (348_000 - len(json.dumps(large)))
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'
    return {**large, "text": {"status": "generated", "div": div}}


def issues(answer: httpx.Response) -> list[tuple[str, tuple[str, ...]]]:
    """Return the code and the expressions of each issue of an OperationOutcome in JSON."""
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    return [(issue["code"], tuple(issue.get("expression", ()))) for issue in outcome["issue"]]
