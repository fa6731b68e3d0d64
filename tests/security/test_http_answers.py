"""What every answer says of itself over HTTP, and what it must not (`access.md`; RFC 9110; RFC 9111)."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect.resource_types import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.api import Api

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
        f"{FHIR_PATH}/zz{FHIR_PATH}/metadata",
        f"{FHIR_PATH}/zz{FHIR_PATH}/.well-known/smart-configuration",
    ],
)
def test_discovery_answers_its_own_paths_alone(api: Api, token: str, path: str) -> None:
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        answer = api.http.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("path", ["Patient/4", "Patient?_id=4", "Observation?patient=4", "Patient/4/$everything"])
def test_no_cache_keeps_a_patients_data(api: Api, token: str, path: str) -> None:
    for method in ("GET", "HEAD"):
        assert api.get(path, token, method).headers["Cache-Control"] == "no-store"
    etag = api.get("Patient/4", token).headers["ETag"]
    again = api.get("Patient/4", token, If_None_Match=etag)
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "no-store")
    assert api.get("Organization?_count=1", token).headers["Cache-Control"] == "private, no-cache"
