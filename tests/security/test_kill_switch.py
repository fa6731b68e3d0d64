"""A client that was cut off is cut off: over HTTP, through the authorizer's real cache (ADR 17)."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import REVOCATION_DELAY
from careconnect_admin.clients.client_change import ClientChange
from careconnect_admin.clients.cut_off import disable_client, remove_client, update_client
from careconnect_admin.clients.registration import ClientRegistration, enable_client, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.clients.token_revocation import DynamoDbTokenRevocations
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.parts.dpop_proofs import dpop_proof
from careconnect_testing.stacks.deployed_tokens import claims_in

pytestmark = pytest.mark.integration

INACTIVE = {"active": False}
SCOPES = ("profile", "user/Organization.read", "patient/Patient.read")


class CutOff:
    """The operator's side of the stack, and a client of a name of its own, seen from outside."""

    def __init__(self, stack: LocalStack, http: httpx.Client, client_id: str, **changes: Any) -> None:
        dynamodb, outputs = stack.client("dynamodb"), stack.stack.outputs
        self.told: list[str] = []
        self.registry = DynamoDbClientRegistry(dynamodb, outputs["ClientTable"])
        self.revocations = DynamoDbTokenRevocations(
            dynamodb, outputs["TokenTable"], tell=self.told.append, clock=time.time, sleep=time.sleep
        )
        self.client_id = client_id
        self._http = http
        self.base_url = stack.base_url
        self._secret = self._register(client_id, scopes=SCOPES, **changes)
        self._server = self._register(f"{client_id}-server", resource_server=True)

    def _register(self, client_id: str, **given: Any) -> str:
        return str(register_client(self.registry, ClientRegistration(client_id, "x", **given), now=time.time()))

    def post(self, endpoint: str, headers: dict[str, str] | None = None, **form: str) -> httpx.Response:
        """Ask an endpoint as the client."""
        return self._http.post(f"/{endpoint}", data=form, auth=(self.client_id, self._secret), headers=headers)

    def get(self, path: str, headers: dict[str, str]) -> int:
        """Request a path and return the status."""
        return self._http.get(path, headers=headers).status_code

    def token(self) -> str:
        """Return an access token of the client."""
        answer = self.post("token", grant_type="client_credentials")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def read(self, token: str) -> int:
        """Read the directory and return the status."""
        headers = {"Authorization": f"Bearer {token}"}
        return self._http.get(f"{FHIR_PATH}/Organization?_count=1", headers=headers).status_code

    def introspected(self, token: str) -> Any:
        """Ask about a token as a resource server does."""
        answer = self._http.post("/introspect", data={"token": token}, auth=(f"{self.client_id}-server", self._server))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def disable(self) -> None:
        """Cut the client off."""
        disable_client(self.registry, self.revocations, self.client_id)

    def remove(self) -> None:
        """Remove the client."""
        remove_client(self.registry, self.revocations, self.client_id)

    def update(self, **changes: Any) -> bool:
        """Change the client's registration; return True if its tokens were ended."""
        return update_client(self.registry, self.revocations, self.client_id, ClientChange(**changes)).has_ended


@pytest.fixture
def cut_off(local_stack: LocalStack, http: httpx.Client) -> CutOff:
    """Register a client that is bound to a patient."""
    return CutOff(local_stack, http, f"cut-{time.monotonic_ns()}", patient="4")


ENDS: dict[str, Callable[[CutOff, str], object]] = {
    "disabled": lambda client, _: client.disable(),
    "removed": lambda client, _: client.remove(),
    "fewer scopes": lambda client, _: client.update(scopes=("profile", "patient/Patient.read")),
    "another patient": lambda client, _: client.update(patient="5"),
    "no patient": lambda client, _: client.update(patient=""),
    "revoked by client": lambda client, _: client.revocations.end_client(client.client_id),
    "revoked by patient": lambda client, _: client.revocations.end_patient("4"),
    "revoked by id": lambda client, token: client.revocations.end_token(claims_in(token)["jti"]),
}


EVERY_RUN = ("disabled", "revoked by patient", "revoked by id")
"""The emulator starts the authorizer anew after each refusal: the others are asked about in the long run."""


@pytest.mark.parametrize(
    "end", [pytest.param(end, id=why, marks=() if why in EVERY_RUN else pytest.mark.long) for why, end in ENDS.items()]
)
def test_a_token_that_the_gateway_has_not_seen_yet_is_refused_at_once(
    cut_off: CutOff, end: Callable[[CutOff, str], object]
) -> None:
    token, unused = cut_off.token(), cut_off.token()
    assert cut_off.introspected(token)["active"] is True

    end(cut_off, token)

    assert cut_off.read(token) == 401
    assert cut_off.introspected(token) == INACTIVE
    assert (cut_off.read(unused) == 401) is (end is not ENDS["revoked by id"])
    assert cut_off.told == []


@pytest.mark.parametrize(
    "why",
    ["revoked by id", *(pytest.param(f"revoked by {end}", marks=pytest.mark.long) for end in ("client", "patient"))],
)
def test_a_bound_token_ends_like_others(cut_off: CutOff, why: str) -> None:
    path = f"{FHIR_PATH}/Organization"

    def proof(method: str, path: str, token: str = "") -> dict[str, str]:
        url = cut_off.base_url + path
        return {"DPoP": dpop_proof(method, url, time.time(), token=token, jti=f"cut-{time.monotonic_ns()}")}

    def issued() -> str:
        answer = cut_off.post("token", proof("POST", "/token"), grant_type="client_credentials")
        assert answer.json()["token_type"] == "DPoP"
        return str(answer.json()["access_token"])

    def read(token: str) -> int:
        return cut_off.get(path, {"Authorization": f"DPoP {token}", **proof("GET", path, token)})

    token, seen = issued(), issued()
    assert read(seen) == 200

    ENDS[why](cut_off, token)

    assert read(token) == 401
    assert cut_off.introspected(token) == INACTIVE


def test_the_token_of_a_removed_client_introspects_as_inactive(cut_off: CutOff) -> None:
    token = cut_off.token()

    cut_off.remove()

    assert cut_off.introspected(token) == INACTIVE
    assert cut_off.post("introspect", token=token).status_code == 401


def test_a_disabled_client_may_still_revoke_its_own_token_and_nothing_else(cut_off: CutOff) -> None:
    token = cut_off.token()
    # Disabled without a revocation cutoff, so that the client's own request ends the token.
    cut_off.registry.enable(cut_off.client_id, enabled=False)
    assert cut_off.introspected(token)["active"] is True

    assert cut_off.post("token", grant_type="client_credentials").status_code == 401
    assert cut_off.post("introspect", token=token).status_code == 401
    assert cut_off.post("revoke", token=token).status_code == 200

    assert cut_off.introspected(token) == INACTIVE
    assert cut_off.read(token) == 401


@pytest.mark.parametrize("change", ["enabled again", "narrowed", "repeated"])
def test_a_token_of_afterwards_works_at_once(cut_off: CutOff, change: str) -> None:
    if change == "enabled again":
        cut_off.disable()
        enable_client(cut_off.registry, cut_off.client_id)
    else:
        for _ in range(2 if change == "repeated" else 1):
            assert cut_off.update(scopes=("profile", "patient/Patient.read"))

    token = cut_off.token()
    assert cut_off.read(token) == 200
    assert cut_off.introspected(token)["active"] is True


def test_scopes_that_are_only_added_leave_tokens_as_they_are(cut_off: CutOff) -> None:
    token = cut_off.token()

    assert not cut_off.update(scopes=(*SCOPES, "user/Practitioner.read"))

    assert cut_off.read(token) == 200
    assert cut_off.introspected(token)["scope"] == " ".join(SCOPES)
    assert "user/Practitioner.read" in cut_off.introspected(cut_off.token())["scope"]


def test_others_are_not_cut_off_with_it(cut_off: CutOff, local_stack: LocalStack, http: httpx.Client) -> None:
    other = CutOff(local_stack, http, f"{cut_off.client_id}-other", patient="5")
    token = other.token()

    cut_off.disable()
    cut_off.revocations.end_patient("4")

    assert other.read(token) == 200
    assert other.introspected(token)["active"] is True


def test_introspection_tells_the_patient_of_a_bound_token_alone(cut_off: CutOff) -> None:
    bound = cut_off.token()
    assert cut_off.introspected(bound)["patient"] == "4"

    cut_off.update(patient="")

    assert "patient" not in cut_off.introspected(cut_off.token())


@pytest.mark.long
def test_a_disabled_clients_token_whose_policy_is_cached_ends_within_the_stated_bound(cut_off: CutOff) -> None:
    token = cut_off.token()
    assert cut_off.read(token) == 200

    cut_off.disable()
    disabled = time.monotonic()

    assert cut_off.introspected(token) == INACTIVE
    while (began := time.monotonic()) and cut_off.read(token) != 401:
        assert began - disabled < REVOCATION_DELAY + 5
        time.sleep(1)
    assert cut_off.read(token) == 401
