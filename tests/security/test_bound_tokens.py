"""Bound tokens over HTTP: gateway, authorizer and functions together (`bound-tokens.md`, At the FHIR base)."""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.dpop.proof import ProofFault
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.answer import GATEWAY_CHALLENGE
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.http.writes import JSON
from careconnect_testing.parts.dpop_proofs import ProofKey, dpop_proof, proof_key
from careconnect_testing.running.bundle_service import batch, entry
from careconnect_testing.stacks.deployed_tokens import deployed_claims, deployed_header, signed_by_the_issuer

pytestmark = pytest.mark.integration

SCOPES = "system/*.cruds system/AuditEvent.rs"


@dataclass
class BoundClient:
    """A client with a token that is bound to its key."""

    api: Api
    token: str
    key: ProofKey = field(default_factory=proof_key)

    def proof(self, method: str, path: str, **claims: Any) -> str:
        url = f"{self.api.stack.base_url}{FHIR_PATH}" + (f"/{path}" if path else "")
        claims = {"jti": secrets.token_hex(), "key": self.key, **claims}
        return dpop_proof(method, url, time.time(), token=self.token, **claims)

    def send(
        self, method: str, path: str, proof: str | None = "", body: Any = None, scheme: str = "DPoP"
    ) -> httpx.Response:
        """Send a request; without a `proof` it has a new one, None leaves it out."""
        headers = {"Authorization": f"{scheme} {self.token}", "Content-Type": JSON}
        if proof is not None:
            headers["DPoP"] = proof or self.proof(method, path)
        url = FHIR_PATH + (f"/{path}" if path else "")
        return self.api.http.request(method, url, headers=headers, json=body)


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: Path) -> Api:
    assert list(sample.glob("*.ndjson"))
    return Api(local_stack, http)


def issued(api: Api, **changes: Any) -> str:
    """Return a token with the issuer's signature and any claims."""
    changes = {"scope": SCOPES, **changes}
    return signed_by_the_issuer(api.stack, deployed_header(api.http), deployed_claims(api.stack, **changes))


@pytest.fixture(scope="module")
def bound(api: Api) -> BoundClient:
    return BoundClient(api, issued(api, client_id="bound", sub="bound", cnf={"jkt": proof_key().jkt}))


def fault_of(answer: httpx.Response) -> str:
    assert (answer.status_code, issue_code(answer)) == (401, "login")
    assert answer.headers["WWW-Authenticate"].startswith('DPoP realm="careconnect", error="')
    return str(answer.json()["issue"][0]["diagnostics"])


def test_each_function_takes_a_new_proof_and_takes_it_once(bound: BoundClient) -> None:
    person = {"resourceType": "Patient", "id": "bound-1", "active": True}
    for method, path, body, status in (
        ("GET", "Patient/4", None, 200),
        ("GET", "Organization?name=x", None, 200),
        ("PUT", "Patient/bound-1", person, 201),
        ("POST", "", batch(entry("GET", "Patient/4"), entry("DELETE", "Patient/bound-1")), 200),
        ("GET", "AuditEvent?patient=4", None, 200),
    ):
        proof = bound.proof(method, path)
        answer = bound.send(method, path, proof, body)
        assert answer.status_code == status, answer.text
        assert fault_of(bound.send(method, path, proof, body)) == ProofFault.USED
    assert fault_of(bound.send("GET", "Patient/4", None)) == ProofFault.MISSING
    assert bound.send("GET", "Patient/4", scheme="dPoP").status_code == 200


def test_the_proof_is_judged_before_the_path(bound: BoundClient) -> None:
    for path in ("Patient/no_id", "Patient/4/nothing", "Patient/absent"):
        assert fault_of(bound.send("GET", path, None)) == ProofFault.MISSING
    assert bound.send("GET", "Patient/%34").status_code == 200


def test_what_the_token_does_not_open_is_the_gateways_403_without_a_look_at_the_proof(api: Api) -> None:
    narrow = BoundClient(api, issued(api, scope="profile", cnf={"jkt": proof_key().jkt}))

    for proof in (None, "nonsense", ""):
        answer = narrow.send("GET", "Patient/4", proof)
        assert (answer.status_code, issue_code(answer)) == (403, "forbidden")
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="careconnect", error="insufficient_scope"'


def test_two_headers_are_never_200(bound: BoundClient) -> None:
    good, url = bound.proof("GET", "Patient/4"), f"{FHIR_PATH}/Patient/4"
    token = f"DPoP {bound.token}"

    def status(*headers: tuple[str, str]) -> int:
        return bound.api.http.get(url, headers=list(headers)).status_code

    for second in (good, bound.proof("GET", "Patient/4"), "nonsense", ""):
        for name in ("DPoP", "dpop"):
            assert status(("Authorization", token), ("DPoP", good), (name, second)) == 401
    for pair in ((token, token), (token, f"Bearer {bound.token}"), (token, "")):
        assert status(*(("Authorization", value) for value in pair), ("DPoP", good)) in (400, 401)
    assert bound.send("GET", "Patient/4", good).status_code == 200


Make = Callable[[Api], tuple[str, str]]


def _token(scheme: str, **claims: Any) -> Make:
    return lambda api: (scheme, issued(api, **claims))


OURS = {"jkt": proof_key().jkt}
REFUSED: dict[str, Make] = {
    "bound, as Bearer": _token("Bearer", cnf=OURS),
    "unbound, as DPoP": _token("DPoP"),
    "bound to a certificate too": _token("DPoP", cnf={**OURS, "x5t#S256": "a"}),
}


# The emulator starts the authorizer anew after each refusal.
@pytest.mark.parametrize(
    "why", [pytest.param(why, marks=() if number < 2 else pytest.mark.long) for number, why in enumerate(REFUSED)]
)
def test_a_token_with_another_scheme_or_binding_is_the_gateways_401(api: Api, why: str) -> None:
    scheme, token = REFUSED[why](api)
    client = BoundClient(api, token)

    for proof in ("", None):
        answer = client.send("GET", "Patient/4", proof, scheme=scheme)
        assert (answer.status_code, issue_code(answer)) == (401, "login")
        assert answer.headers["WWW-Authenticate"] == GATEWAY_CHALLENGE


@pytest.mark.long
def test_of_a_storm_of_one_proof_one_writes(bound: BoundClient) -> None:
    code = secrets.token_hex(4)
    person = {"resourceType": "Patient", "name": [{"family": f"Storm{code}"}]}
    proof = bound.proof("POST", "Patient")

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(lambda _: bound.send("POST", "Patient", proof, person), range(64)))

    assert Counter(each.status_code for each in answers) == {201: 1, 401: 63}
    assert {fault_of(each) for each in answers if each.status_code == 401} == {ProofFault.USED}
    written = bound.send("GET", f"Patient?name=storm{code}").json()
    assert written["total"] == 1
    assert bound.send("DELETE", f"Patient/{written['entry'][0]['resource']['id']}").status_code == 204
