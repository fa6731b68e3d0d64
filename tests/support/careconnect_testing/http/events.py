"""The events of `events/`, as API Gateway sends them, and events like them for other requests."""

import base64
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from careconnect.http.base_url import FHIR_PATH

FOLDER = Path(__file__).resolve().parents[4] / "events"
FORM = "application/x-www-form-urlencoded"

# The function of an event by the prefix of its name; a write goes to a writer.
FUNCTIONS = {
    "archiver-": "ArchiverFunction",
    "audit-": "AuditFunction",
    "console-": "ConsoleFunction",
    "authorizer-": "ReadAuthorizerFunction",
    "bundle-": "BundleFunction",
    "directory-create": "DirectoryWriterFunction",
    "directory-": "DirectoryFunction",
    "discovery-": "DiscoveryFunction",
    "export-file": "ExportFileFunction",
    "export-worker-": "ExportWorkerFunction",
    "export-": "ExportFunction",
    "patient-record-create": "RecordWriterFunction",
    "patient-record-delete": "RecordWriterFunction",
    "patient-record-patch": "RecordWriterFunction",
    "patient-record-update": "RecordWriterFunction",
    "patient-record-validate": "RecordWriterFunction",
    "patient-record-": "PatientRecordFunction",
    "recovery-": "RecoveryFunction",
    "token-": "TokenFunction",
    "verifier-": "VerifierFunction",
}

# The gateway hands bodies of these types over as bytes (the API's BinaryMediaTypes).
BINARY = frozenset(
    (
        *("application/fhir+json", "application/json", "application/json+fhir", "application/json-patch+json"),
        *("application/fhir+xml", "application/xml", "application/xml+fhir", "text/json", "text/xml"),
    )
)

Event = dict[str, Any]
Pairs = Sequence[tuple[str, str]]


def event(name: str) -> Event:
    """Return one of the events of `events/`, by its file's name without `.json`."""
    parsed: Event = json.loads(_text(name))
    return parsed


def function_of(name: str) -> str:
    """Return the logical id of the function that an event is sent to."""
    return next(function for prefix, function in FUNCTIONS.items() if name.startswith(prefix))


def event_names(*functions: str) -> list[str]:
    """Return the names of all events, or of those for the given functions."""
    names = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "local-env")
    return [name for name in names if not functions or function_of(name) in functions]


def rest_event(
    method: str,
    path: str,
    query: Pairs = (),
    *,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    source_ip: str = "",
    request_id: str = "",
    authorizer: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of a request; without `authorizer` it has no authorizer context.

    The body is text or base64, as the gateway makes it of the Content-Type.
    """
    sent = _shared_event("patient-record-read")
    given = {name: value for name, value in sent["headers"].items() if name not in ("Accept", "Authorization")}
    given |= headers or {}
    values: dict[str, list[str]] = {}
    for name, value in query:
        values.setdefault(name, []).append(value)
    data = body.encode(errors="surrogatepass") if isinstance(body, str) else body
    type_ = next((value for name, value in given.items() if name.lower() == "content-type"), "")
    is_binary = bool(data) and type_.partition(";")[0].strip().lower() in BINARY
    context = sent["requestContext"] | {"resourcePath": path, "httpMethod": method, "path": f"/live{path}"}
    context["requestId"] = request_id or context["requestId"]
    context["identity"] = context["identity"] | ({"sourceIp": source_ip} if source_ip else {})
    del context["authorizer"]
    if authorizer is not None:
        context["authorizer"] = {**authorizer, "principalId": "caller", "integrationLatency": 7}
    return sent | {
        "resource": path,
        "httpMethod": method,
        "path": path,
        "headers": given,
        "multiValueHeaders": {name: [value] for name, value in given.items()},
        "queryStringParameters": {name: several[-1] for name, several in values.items()} or None,
        "multiValueQueryStringParameters": values or None,
        "pathParameters": None,
        "requestContext": context,
        "body": data and (base64.b64encode(data).decode() if is_binary else data.decode(errors="replace")),
        "isBase64Encoded": is_binary,
    }


def form_event(
    path: str,
    form: Pairs | Mapping[str, str],
    *,
    query: Pairs = (),
    headers: Mapping[str, str] | None = None,
    source_ip: str = "",
) -> Event:
    """Return the event of a form post."""
    pairs = list(form.items()) if isinstance(form, Mapping) else list(form)
    typed = {"Content-Type": FORM, **(headers or {})}
    return rest_event("POST", path, query, headers=typed, body=urlencode(pairs), source_ip=source_ip)


def fhir_event(
    method: str,
    path: str,
    query: Pairs = (),
    *,
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    authorizer: Mapping[str, Any] | None = None,
) -> Event:
    """Return the event of a request below the FHIR base."""
    return rest_event(method, f"{FHIR_PATH}/{path}", query, headers=headers, body=body, authorizer=authorizer)


def authorizer_event(authorization: str, method: str = "GET", path: str = f"{FHIR_PATH}/Patient/4") -> Event:
    """Return the TOKEN authorizer's event for one request."""
    sent = event("authorizer-bearer")
    api = sent["methodArn"].partition("/")[0]
    return sent | {"authorizationToken": authorization, "methodArn": f"{api}/live/{method}{path}"}


@cache
def _shared_event(name: str) -> Event:
    """Return an event that nobody may change."""
    return event(name)


@cache
def _text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")
