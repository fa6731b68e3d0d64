"""Scopes with a suffix over HTTP: registered, granted, told, and enforced (`access.md`, Granular scopes)."""

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


def test_a_client_with_a_suffix_reads_and_finds_what_it_opens_and_nothing_else(api: Api, http: httpx.Client) -> None:
    labs_of_4 = f"Observation?patient=4&category={CATEGORY}%7Claboratory&_count=100"
    limited = f"user/Observation.rs?category={CATEGORY}|laboratory user/Patient.rs user/Encounter.rs?status=planned"
    lab = WritingClient(http, api.register("narrow-reader", limited))
    whole = WritingClient(http, api.register("whole-reader", "user/*.rs"))
    opened, every = whole.ids(labs_of_4), whole.ids("Observation?patient=4&_count=100")
    hidden = next(each for each in every if each not in opened)

    # A search, in the compartment too, and its pages.
    for path in ("Observation?patient=4&", "Patient/4/Observation?"):
        page = lab.get(f"{path}_count=100").json()
        assert [entry["resource"]["id"] for entry in page["entry"]] == opened != every
        assert lab.get(f"{path}_summary=count").json()["total"] == len(opened)
    first = lab.get("Observation?patient=4&_count=1").json()
    second = http.get(
        next(link["url"] for link in first["link"] if link["relation"] == "next"),
        headers={"Authorization": f"Bearer {lab.token}"},
    ).json()
    assert [entry["resource"]["id"] for page in (first, second) for entry in page["entry"]] == opened[:2]
    assert lab.ids(f"Observation?_id={opened[0]},{hidden}") == [opened[0]]
    # Reads: what is hidden is as absent.
    read = lab.get(f"Observation/{opened[0]}")
    assert (read.status_code, read.json()) == (200, whole.get(f"Observation/{opened[0]}").json())
    for below in ("", "/_history", "/_history/1"):
        answers = [lab.get(f"Observation/{id_}{below}") for id_ in (hidden, "never")]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content
        assert lab.get(f"Observation/{opened[0]}{below}").status_code == 200
    # What else a request brings along.
    included = lab.get("Patient?_id=4&_revinclude=Observation:patient&_revinclude=Encounter:patient").json()["entry"]
    assert [entry["resource"]["id"] for entry in included if entry["search"]["mode"] == "include"] == opened
    record = lab.get("Patient/4/$everything?_count=100&_type=Observation,Encounter").json()
    assert {entry["resource"]["id"] for entry in record["entry"] if entry["search"]["mode"] == "match"} == set(opened)
    refused = lab.get("Patient?_has:Observation:patient:code=8867-4")
    assert (refused.status_code, 'scope="user/Observation.s"' in refused.headers["WWW-Authenticate"]) == (403, True)
