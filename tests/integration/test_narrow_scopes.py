"""Scopes with a suffix over HTTP: registered, granted, told, and enforced at writes (`access.md`, Narrow scopes)."""

import time
from typing import Any, Final

import httpx
import pytest

from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import WritingClient, observation

pytestmark = pytest.mark.integration

CATEGORY: Final = "http://hl7.org/fhir/observation-category"
LAB: Final = f"user/Observation.cruds?category={CATEGORY}|laboratory"
NARROWER: Final = f"user/Observation.r?status=final&category={CATEGORY}|laboratory"


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: object) -> Api:
    return Api(local_stack, http)


def of(category: str) -> dict[str, Any]:
    return observation("Patient/4", category=[{"coding": [{"system": CATEGORY, "code": category}]}])


def test_a_scope_with_a_suffix_is_granted_and_told_as_it_was_asked_for(
    local_stack: LocalStack, http: httpx.Client
) -> None:
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    secret = str(register_client(registry, ClientRegistration("narrow", "x", (LAB, "profile")), now=time.time()))

    def asked(scope: str) -> httpx.Response:
        form = {"grant_type": "client_credentials", "scope": scope}
        return http.post("/token", data=form, auth=("narrow", secret))

    assert asked("").json()["scope"] == f"{LAB} profile"
    granted = asked(NARROWER).json()
    assert granted["scope"] == NARROWER
    introspected = http.post("/introspect", data={"token": granted["access_token"]}, auth=("narrow", secret)).json()
    assert (introspected["active"], introspected["scope"]) == (True, NARROWER)
    refused = asked("user/Observation.r")
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")


def test_a_client_with_a_suffix_writes_what_it_opens_and_nothing_else(api: Api, http: httpx.Client) -> None:
    lab = WritingClient(http, api.register("narrow-writer", LAB))
    whole = WritingClient(http, api.register("whole-writer", "user/*.cruds"))
    vital = whole.made(of("vital-signs"))
    made = lab.made(of("laboratory"))

    assert lab.create(of("vital-signs")).status_code == 403
    assert lab.update({**of("vital-signs"), "id": made["id"]}).status_code == 403
    for id_ in (vital["id"], "never"):
        assert lab.update({**of("laboratory"), "id": id_}).status_code == 404
        assert lab.delete(f"Observation/{id_}").status_code == 204
    assert lab.create(of("laboratory"), If_None_Exist="identifier=urn:x%7C1").status_code == 403
    assert lab.update({**of("laboratory"), "id": made["id"], "comment": "x"}).json()["meta"]["versionId"] == "2"
    assert lab.delete(f"Observation/{made['id']}").status_code == 204
    assert whole.get(f"Observation/{vital['id']}").status_code == 200
    assert whole.get(f"Observation/{made['id']}").status_code == 410
