"""The errors that every function's endpoint words: all endpoints say the same."""

import json
from typing import Any, cast

import pytest

from access_auditor.app import AuditEndpoint
from careconnect.endpoint.pipeline import Endpoint
from careconnect.fhir.resource_types import Table
from careconnect.http.messages import parse_request
from fhir_reader.app import FhirEndpoint
from record_writer.app import WriterEndpoint
from service_console.app import ConsoleEndpoint
from service_discovery.app import DiscoveryEndpoint
from token_issuer.app import OAuthEndpoint

# None of the endpoints uses its parts here.
NOTHING = cast("Any", None)
ENDPOINTS: list[tuple[Endpoint, str]] = [
    (FhirEndpoint(NOTHING, Table.RECORD, NOTHING), "forbidden"),
    (WriterEndpoint(NOTHING, Table.RECORD), "forbidden"),
    (AuditEndpoint(NOTHING, NOTHING), "forbidden"),
    (DiscoveryEndpoint(NOTHING), "forbidden"),
    (ConsoleEndpoint(NOTHING, is_on=True), "forbidden"),
    (OAuthEndpoint(NOTHING, NOTHING, NOTHING, NOTHING, 3600, NOTHING), "access_denied"),
]


@pytest.mark.parametrize(("endpoint", "code"), ENDPOINTS, ids=[type(one).__name__ for one, _ in ENDPOINTS])
def test_who_comes_around_the_edge_is_reported_the_same_everywhere(endpoint: Endpoint, code: str) -> None:
    answer = endpoint.errors.render(endpoint.errors.bypassed_edge(), parse_request({}))

    assert (answer.status, answer.headers["Cache-Control"]) == (403, "no-store")
    body = json.loads(answer.body)
    said = body["issue"][0] if "issue" in body else {"code": body["error"], "diagnostics": body["error_description"]}
    assert (said["code"], said["diagnostics"]) == (code, "This address takes no requests: use the service's own.")


@pytest.mark.parametrize(("endpoint", "_code"), ENDPOINTS, ids=[type(one).__name__ for one, _ in ENDPOINTS])
def test_where_no_event_can_be_stored_all_say_that_it_is_worth_another_try(endpoint: Endpoint, _code: str) -> None:
    refusal = endpoint.errors.unavailable("ThrottlingException")

    assert (refusal.status, refusal.reason, refusal.headers["Retry-After"]) == (503, "ThrottlingException", "2")
    assert "ThrottlingException" not in refusal.text
