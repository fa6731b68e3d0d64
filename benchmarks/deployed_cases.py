"""The requests that functions are measured with beside the warm ones: dearer pages, and functions that call nobody."""

import json
from collections.abc import Sequence
from math import inf
from typing import Final

from benchmarks.warm_requests import Case, cases

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.events import Event, event, fhir_event
from careconnect_testing.http.writes import JSON, patient

_CALLER: Final = {
    "client_id": "benchmark",
    "scope": "system/*.cruds system/AuditEvent.read",
    "expires_at": "99999999999",
    "jti": "a-jti",
}


def all_cases(stack: LocalStack, client: DemoClient) -> list[Case]:
    """Return the cases; the stack holds the sample, and `client` may read all of it."""
    return [
        *cases(stack, client),
        _read("search: page of 20 patients", "PatientRecordFunction", "fhir_reader", "Patient", [("_count", "20")]),
        _read("search: page of the directory", "DirectoryFunction", "fhir_reader", "Practitioner", [("_count", "20")]),
        _read(
            "search of the access record", "AuditFunction", "access_auditor", "AuditEvent",
            [("patient", "4"), ("_count", "20")],
        ),
        _read("metadata", "DiscoveryFunction", "service_discovery", "metadata"),
        Case("the page", "ConsoleFunction", "service_console", event("console-page"), inf),
    ]  # fmt: skip


def a_write() -> Event:
    """Return a write that can be made again and again: from the second time on it changes nothing."""
    body = json.dumps({**patient("9990000000"), "id": "warm"})
    return fhir_event("PUT", "Patient/warm", headers={"Content-Type": JSON}, body=body, authorizer=_CALLER)


def _read(name: str, function: str, package: str, path: str, query: Sequence[tuple[str, str]] = ()) -> Case:
    return Case(name, function, package, fhir_event("GET", path, query, authorizer=_CALLER), inf)
