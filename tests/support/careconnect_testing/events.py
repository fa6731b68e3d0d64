"""The events of `events/`, as API Gateway sends them, and events like them for other requests."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from careconnect.resource_types import FHIR_PATH

FOLDER = Path(__file__).resolve().parents[3] / "events"

Event = dict[str, Any]
Pairs = Sequence[tuple[str, str]]


def event(name: str) -> Event:
    """Return one of the events of `events/`, by its file's name without `.json`."""
    parsed: Event = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return parsed


def event_names(function: str = "") -> list[str]:
    """Return the names of all events, or of those whose names begin with a function's."""
    return sorted(path.stem for path in FOLDER.glob(f"{function}*.json") if path.stem != "local-env")


def fhir_event(
    method: str,
    path: str,
    query: Pairs = (),
    *,
    headers: Mapping[str, str] | None = None,
    body: str | None = None,
    authorizer: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of a request below the FHIR base; without `authorizer` it carries no context of one."""
    sent = event("patient-record-read")
    given = {name: value for name, value in sent["headers"].items() if name not in ("Accept", "Authorization")}
    given |= headers or {}
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    full = f"{FHIR_PATH}/{path}"
    context = sent["requestContext"] | {"httpMethod": method, "path": f"/live{full}"}
    del context["authorizer"]
    if authorizer is not None:
        context["authorizer"] = {**authorizer, "principalId": "caller", "integrationLatency": 7}
    return sent | {
        "httpMethod": method,
        "path": full,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": {name: several[-1] for name, several in values.items()} or None,
        "multiValueQueryStringParameters": values or None,
        "pathParameters": None,
        "requestContext": context,
        "body": body,
    }


def authorizer_event(authorization: str, method: str = "GET", path: str = f"{FHIR_PATH}/Patient/4") -> Event:
    """Return the event that asks the TOKEN authorizer about one request."""
    sent = event("authorizer-bearer")
    api = sent["methodArn"].partition("/")[0]
    return sent | {"authorizationToken": authorization, "methodArn": f"{api}/live/{method}{path}"}
