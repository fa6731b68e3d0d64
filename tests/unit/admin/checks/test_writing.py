"""The smoke test's write: it leaves no resource behind, whatever happens, and reports its findings."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import httpx
import jwt
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.checks.service import Service
from careconnect_admin.checks.smoke import Check, Result, run_check
from careconnect_admin.checks.writing import write_and_delete

BASE = "https://api.example"
WHOLE = "system/*.cruds"


class OneResource:
    """A service that holds one resource at most, as the contract says; `wrong` has it answer otherwise."""

    def __init__(self, scope: str = WHOLE, wrong: Mapping[str, httpx.Response] = MappingProxyType({})) -> None:
        self.scope = scope
        self.wrong = wrong
        self.versions: list[dict[str, Any] | None] = []
        self.created: list[dict[str, Any]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            token = jwt.encode({"scope": self.scope}, "k" * 64, algorithm="HS256")
            return httpx.Response(200, json={"access_token": token})
        assert request.headers["Authorization"].startswith("Bearer ")
        answer = self._answer(request, json.loads(request.content) if request.content else {})
        return self.wrong.get(f"{request.method} {len(self.versions)}", answer)

    def _answer(self, request: httpx.Request, body: dict[str, Any]) -> httpx.Response:
        match request.method:
            case "POST":
                self.created.append(body)
                self.versions.append({**body, "id": "new"})
                return self._current(201)
            case "PUT" if request.headers["If-Match"] != self._etag():
                return outcome(409, "conflict")
            case "PUT":
                self.versions.append(body)
                return self._current(200)
            case "DELETE":
                self.versions.append(None)
                return httpx.Response(204)
        if request.url.path.endswith("/_history"):
            tags = [f'W/"{number}"' for number in range(len(self.versions), 0, -1)]
            return httpx.Response(200, json={"entry": [{"response": {"etag": tag}} for tag in tags]})
        return self._current(200) if self.is_live else outcome(410, "not-found")

    @property
    def is_live(self) -> bool:
        return bool(self.versions and self.versions[-1])

    def _etag(self) -> str:
        return f'W/"{len(self.versions)}"'

    def _current(self, status: int) -> httpx.Response:
        body = self.versions[-1]
        assert body
        url = f"{BASE}{FHIR_PATH}/{body['resourceType']}/new"
        headers = {"ETag": self._etag(), "Location": f"{url}/_history/{len(self.versions)}"}
        return httpx.Response(status, json=body, headers=headers)


def outcome(status: int, code: str) -> httpx.Response:
    return httpx.Response(status, json={"resourceType": "OperationOutcome", "issue": [{"code": code}]})


def tried(served: OneResource) -> tuple[Result, str]:
    with httpx.Client(transport=httpx.MockTransport(served)) as http:
        return run_check(Check("writes", write_and_delete), Service(BASE, "me", "s", http))


def test_a_resource_comes_changes_and_goes() -> None:
    served = OneResource()

    assert tried(served) == (Result.OK, "")
    assert len(served.versions) == 3
    assert not served.is_live


@pytest.mark.parametrize(
    ("scope", "type_name"),
    [
        (WHOLE, "Location"),
        ("system/Patient.cruds system/Organization.crud", "Organization"),
        ("user/Practitioner.cru user/Practitioner.d", "Practitioner"),
        ("user/Patient.* profile", "Patient"),
    ],
)
def test_it_takes_the_least_sensitive_type_that_the_client_may_do_all_with(scope: str, type_name: str) -> None:
    served = OneResource(scope)

    assert tried(served)[0] is Result.OK
    assert [each["resourceType"] for each in served.created] == [type_name]


@pytest.mark.parametrize(
    "scope", ["system/*.read profile", "system/*.write", "system/*.crus", "system/Condition.cruds"]
)
def test_a_client_that_may_not_do_all_of_it_tries_nothing(scope: str) -> None:
    served = OneResource(scope)

    result, why = tried(served)

    assert result is Result.SKIPPED
    assert (
        why == "this client may not create, read, update and delete Location or Organization or Practitioner or Patient"
    )
    assert not served.created


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"GET 1": httpx.Response(200, headers={"ETag": 'W/"7"'})}, 'ETag is W/"7" instead of version 1'),
        ({"PUT 2": httpx.Response(500)}, "500 instead of 200"),
        ({"GET 2": httpx.Response(200, json={"entry": []})}, "the history is not of two versions"),
    ],
)
def test_what_fails_is_reported_and_the_resource_is_deleted_all_the_same(wrong: dict[str, Any], why: str) -> None:
    served = OneResource(wrong=wrong)

    assert tried(served) == (Result.FAILED, why)
    assert not served.is_live


def test_a_creation_without_its_address_is_reported() -> None:
    created = httpx.Response(201, json={"id": "new"}, headers={"ETag": 'W/"1"'})
    served = OneResource(wrong={"POST 1": created})

    assert tried(served) == (Result.FAILED, "Location does not name the version that was created")
    assert not served.is_live


def test_a_resource_that_cannot_be_created_is_reported() -> None:
    assert tried(OneResource(wrong={"POST 1": httpx.Response(403)})) == (Result.FAILED, "403 instead of 201")


def test_a_resource_that_stays_is_reported() -> None:
    assert tried(OneResource(wrong={"GET 3": httpx.Response(200)})) == (Result.FAILED, "200 instead of 410")
