"""The headers that every answer over HTTP must and must not have (`access.md`; RFC 9110; RFC 9111)."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: Path) -> Api:
    return Api(local_stack, http)


@pytest.fixture(scope="module")
def token(bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient) -> str:
    return bearer(explorer)["Authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize(
    "path",
    [
        f"{FHIR_PATH}/zz/.well-known/jwks.json",
        f"{FHIR_PATH}/zz/.well-known/oauth-authorization-server",
        f"{FHIR_PATH}/zz/openapi.json",
        f"{FHIR_PATH}/zz/llms.txt",
        f"{FHIR_PATH}/zz{FHIR_PATH}/metadata",
        f"{FHIR_PATH}/zz{FHIR_PATH}/.well-known/smart-configuration",
    ],
)
def test_discovery_answers_its_own_paths_alone(api: Api, token: str, path: str) -> None:
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        answer = api.http.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.json()["resourceType"] == "OperationOutcome"


HEADED = [
    f"{FHIR_PATH}/Patient/4",
    f"{FHIR_PATH}/Patient/4?_format=xml",
    f"{FHIR_PATH}/Organization?_count=2",
    f"{FHIR_PATH}/Patient/4/$everything?_count=2",
    f"{FHIR_PATH}/Patient/nobody",
    f"{FHIR_PATH}/Patient?birthdate=never",
    f"{FHIR_PATH}/Nonsense/1",
    f"{FHIR_PATH}/metadata",
    f"{FHIR_PATH}/.well-known/smart-configuration",
    "/.well-known/jwks.json",
    "/openapi.json",
    "/llms.txt",
]


@pytest.mark.parametrize("path", HEADED)
def test_rfc_9110_8_6_heads_content_length_is_that_of_get(api: Api, token: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    got, headed = (api.http.request(method, path, headers=headers) for method in ("GET", "HEAD"))

    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert int(got.headers["Content-Length"]) == len(got.content) > 0
    assert headed.headers["Content-Length"] == got.headers["Content-Length"]


@pytest.mark.parametrize("path", [f"{FHIR_PATH}/Patient/4", "/nowhere", f"{FHIR_PATH}/Patient/4/"])
def test_where_the_gateway_answers_a_head_it_says_no_other_length_than_gets(api: Api, path: str) -> None:
    got, headed = (
        api.http.request(method, path, headers={"Accept-Encoding": "identity"}) for method in ("GET", "HEAD")
    )

    assert (headed.status_code, headed.content) == (got.status_code, b"")
    assert headed.headers.get("Content-Length") in (None, got.headers["Content-Length"])


@pytest.mark.parametrize("path", ["Patient/4", "Patient?_id=4", "Observation?patient=4", "Patient/4/$everything"])
def test_no_cache_keeps_a_patients_data(api: Api, token: str, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert api.get(path, token, method).headers["Cache-Control"] == "no-store"
    etag = api.get("Patient/4", token).headers["ETag"]
    again = api.get("Patient/4", token, If_None_Match=etag)
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-store")
    assert api.get("Organization?_count=1", token).headers["Cache-Control"] == "private, no-cache"


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize("path", [f"{FHIR_PATH}/Patient/4", f"{FHIR_PATH}/metadata", "/token"])
def test_a_trace_and_a_request_id_are_echoed_if_they_are_plain(api: Api, token: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "traceparent": TRACE, "X-Request-Id": "mine-1"}
    answer = api.http.get(path, headers=headers)

    assert answer.headers["traceparent"] == TRACE
    assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"] == "mine-1"
    odd = {"traceparent": f"{TRACE}<script>", "X-Request-Id": "<script>", "X-Odd": "<script>", "Origin": "<script>"}
    echoed = api.http.get(path, headers={**headers, **odd})
    assert "traceparent" not in echoed.headers
    assert "<script>" not in str(echoed.headers)
    assert "<script>" not in echoed.text


def test_a_trace_is_logged_beside_the_other_ids(api: Api, token: str) -> None:
    api.get("Patient/4", token, traceparent=TRACE)

    assert any(f'"traceparent":"{TRACE}"' in line for line in api.stack.function_log("PatientRecordFunction"))
