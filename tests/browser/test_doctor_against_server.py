"""The token doctor against the server: it names a fault exactly where `/token` or the API refuses."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import expect

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.client_record import AuthMethod
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.doctor import GOOD, JWKS, ROOM, assertion, field, verdict, verdict_on
from careconnect_testing.parts.issuer import ASSERTION_TYPE
from careconnect_testing.stacks.deployed_tokens import deployed_claims, deployed_header, signed_by_the_issuer
from careconnect_testing.stacks.refused_tokens import REFUSED

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
Spoil = Callable[[str, str], str]
OTHER_KEY = ec.generate_private_key(ec.SECP384R1())


@pytest.fixture(scope="module")
def http(local_stack: LocalStack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=local_stack.base_url, timeout=30, trust_env=False) as client:
        yield client


def _with(claims: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None, **more: Any) -> Spoil:
    return lambda root, id_: assertion(root, {"sub": id_, "iss": id_, **(claims or {})}, header, **more)


def _in(seconds: int) -> int:
    return int(time.time()) + seconds


def _cut(root: str, id_: str) -> str:
    return _with()(root, id_)[:-4]


def _changed(root: str, id_: str) -> str:
    head, _, signature = _with()(root, id_).split(".")
    return f"{head}.{_with({'jti': 'another'})(root, id_).split('.')[1]}.{signature}"


SPOILT: Mapping[str, Spoil] = {
    "✓ right": _with(),
    "✓ without iat": _with({"iat": None}),
    "✓ its own type": _with(header={"typ": "client-authentication+jwt"}),
    "✓ the issuer as audience": lambda root, id_: _with({"aud": root})(root, id_),
    "✓ one of two audiences": lambda root, id_: _with({"aud": ["x", f"{root}/token"]})(root, id_),
    "✓ issued in 50 s": lambda root, id_: _with({"iat": _in(50)})(root, id_),
    "cut": _cut,
    "changed": _changed,
    "another key": _with(key=OTHER_KEY),
    "another kid": _with(header={"kid": "other"}),
    "crit": _with(header={"crit": ["x"], "x": 1}),
    "an access token's type": _with(header={"typ": "at+jwt"}),
    "no type of its": _with(header={"typ": "jwt"}),
    "another issuer": _with({"iss": "somebody"}),
    "no issuer": _with({"iss": None}),
    "the FHIR base as audience": lambda root, id_: _with({"aud": root + FHIR_PATH})(root, id_),
    "another audience": _with({"aud": "https://other.example/token"}),
    "a slash too many": lambda root, id_: _with({"aud": f"{root}/token/"})(root, id_),
    "no audience": _with({"aud": None}),
    "no expiry": _with({"exp": None}),
    "expiry as text": lambda root, id_: _with({"exp": str(_in(60))})(root, id_),
    "expiry in milliseconds": lambda root, id_: _with({"exp": _in(60) * 1000})(root, id_),
    "expired": lambda root, id_: _with({"exp": _in(-30)})(root, id_),
    "12 minutes": lambda root, id_: _with({"exp": _in(720)})(root, id_),
    "issued tomorrow": lambda root, id_: _with({"iat": _in(86_400)})(root, id_),
    "not before tomorrow": lambda root, id_: _with({"nbf": _in(86_400)})(root, id_),
    "iat as text": _with({"iat": "now"}),
    "no jti": _with({"jti": None}),
    "empty jti": _with({"jti": ""}),
    "long jti": _with({"jti": "x" * 256}),
    "jti as number": _with({"jti": 7}),
}
"""Assertions by what is wrong with them; those with a tick are right."""


def test_the_doctor_names_a_fault_exactly_where_token_refuses(
    visit: Visiting, local_stack: LocalStack, http: httpx.Client
) -> None:
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    tab = visit()
    page = tab.open(ROOM)
    refused = {}
    found = {}
    for place, (name, make) in enumerate(SPOILT.items()):
        # Each its own client, as failures of one are counted.
        client_id = f"doctor-{place}"
        registration = ClientRegistration(
            client_id=client_id,
            name=name,
            scopes=("user/Patient.read",),
            auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
            jwks=JWKS,
        )
        register_client(registry, registration, now=time.time())
        text = make(tab.base, client_id)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": text,
        }
        # Judged at one moment: the verdict first, so that what has just expired has for both.
        headline = verdict_on(page, text, JWKS)
        answer = http.post("/token", data=form)
        assert answer.status_code in (200, 401), (name, answer.text)
        refused[name] = answer.status_code == 401
        found[name] = headline != GOOD

    assert found == refused
    assert {name for name, is_refused in refused.items() if not is_refused} == {n for n in SPOILT if n.startswith("✓")}


def test_the_doctor_names_a_fault_exactly_where_the_api_refuses(
    visit: Visiting, local_stack: LocalStack, http: httpx.Client
) -> None:
    tab = visit()
    page = tab.open(ROOM)
    good = signed_by_the_issuer(local_stack, deployed_header(http), deployed_claims(local_stack))
    texts = {"right": good} | {name: make(local_stack, http) for name, make in REFUSED.items()}
    refused, headlines = {}, {}
    for name, text in texts.items():
        answer = http.get(f"{FHIR_PATH}/Patient/4", headers={"Authorization": f"Bearer {text}"})
        refused[name] = answer.status_code == 401
        field(page).fill("")
        expect(verdict(page)).to_have_count(0)
        field(page).fill(text)
        told = verdict(page).or_(page.get_by_role("region", name="What this is").get_by_role("heading"))
        headlines[name] = told.inner_text()

    assert {name for name, headline in headlines.items() if headline == GOOD} == {"right", "S9 revoked"}
    assert [name for name, is_refused in refused.items() if not is_refused] == ["right"]
    assert headlines["S1 forged signature"].startswith("signature:")
    assert headlines["S2 the client as audience"].startswith("aud:")
    assert headlines["S8 expired"].startswith("exp:")
