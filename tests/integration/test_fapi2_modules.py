"""The OpenID Foundation's modules for FAPI 2.0 clients without users, as tests (`oauth.md`, The profile fapi2).

Each test is named after a module of `fapi2-security-profile-final-test-plan` with `private_key_jwt`, `dpop` and
`fapi_client_credentials_grant`. It sends what the module sends, and asserts what the module checks, warnings included.
Left out are the checks of TLS and of https URLs, since a local run has none, and all that is about users.
"""

import json
import math
import re
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import jwt
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.client_record import FAPI2, AuthMethod
from careconnect.oauth.dpop.proof import ProofFault
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.sample.records import SAMPLE
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_testing.parts.access_tokens import ABSENT, encoded, segment
from careconnect_testing.parts.dpop_proofs import ProofKey, dpop_proof, proof_key
from careconnect_testing.parts.issuer import ASSERTION_TYPE, P256_KEY, RSA_KEY, public_jwk

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.slow]

FRONT = "https://fapi.example"
DISCOVERY = "/.well-known/oauth-authorization-server"
SCOPE = "system/Patient.rs"

Headers = Sequence[tuple[str, str]]


class _Front(httpx.HTTPTransport):
    """A front with TLS before a local run: passes path and query on, under a name of its own."""

    def __init__(self, upstream: str) -> None:
        super().__init__()
        self._upstream = httpx.URL(upstream)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        assert str(request.url).startswith(FRONT)
        request.url = request.url.copy_with(
            scheme=self._upstream.scheme, host=self._upstream.host, port=self._upstream.port
        )
        return super().handle_request(request)


@dataclass
class Client:
    """One of the plan's two clients: `key` signs its assertions, `dpop` its proofs."""

    client_id: str
    key: Any
    algorithm: str
    dpop: ProofKey
    nonces: dict[str, str] = field(default_factory=dict)
    """The last nonce of each endpoint, by its URL."""

    @property
    def kid(self) -> str:
        return f"of {self.client_id}"

    def assertion(self, issuer: str, *, algorithm: str = "", key: Any = None, kid: str = "", **changes: Any) -> str:
        now = int(time.time())
        content = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": issuer,
            "jti": secrets.token_urlsafe(15),
            "iat": now,
            "exp": now + 60,
            **changes,
        }
        content = {name: value for name, value in content.items() if value is not ABSENT}
        return jwt.encode(content, key or self.key, algorithm or self.algorithm, headers={"kid": kid or self.kid})

    def proof(self, method: str, url: str, token: str = "", **changes: Any) -> str:
        """Return a proof with the endpoint's last nonce, if it has given one."""
        given = {"nonce": self.nonces[url]} if url in self.nonces else {}
        claims = {"jti": secrets.token_urlsafe(15), **given, **changes}
        return dpop_proof(method, url, time.time(), key=claims.pop("key", self.dpop), token=token, **claims)


@dataclass(frozen=True)
class Suite:
    """The plan's configuration: where discovery is, and the two clients. All other addresses are discovered."""

    http: httpx.Client
    base: str
    first: Client
    second: Client

    @property
    def server(self) -> Mapping[str, Any]:
        """The authorization server's metadata, fetched anew by each module."""
        answer = self.http.get(self.base + DISCOVERY)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
        found: dict[str, Any] = answer.json()
        assert {"issuer", "token_endpoint"} <= found.keys()
        return found

    @property
    def resource(self) -> str:
        return f"{self.base}{FHIR_PATH}/Patient/4"

    def request_token(
        self, client: Client, *, form: Mapping[str, str] | None = None, proven: bool = True, **changes: Any
    ) -> httpx.Response:
        """Ask for a token; `form` takes the place of client authentication, `changes` are of the proof."""
        server = self.server
        url = server["token_endpoint"]

        def send() -> httpx.Response:
            authentication = _asserted(client.assertion(server["issuer"])) if form is None else form
            body = {"grant_type": "client_credentials", "scope": SCOPE, **authentication}
            proof = client.proof("POST", url, **changes) if proven else ""
            return self.http.post(url, data=body, headers={"DPoP": proof} if proof else {})

        answer = send()
        if answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce":
            client.nonces[url] = answer.headers["DPoP-Nonce"]
            answer = send()
        return answer

    def token(self, client: Client, **changes: Any) -> str:
        """Return an access token, from an answer that is as every module wants it."""
        answer = self.request_token(client, **changes)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert not body.keys() & {"error", "refresh_token", "id_token"}
        assert body["token_type"] == "DPoP"
        assert type(body["expires_in"]) is int
        assert body["expires_in"] > 0
        token = str(body["access_token"])
        assert len(token) >= 22
        assert _entropy(token) > 96
        return token

    def read(
        self,
        client: Client,
        token: str,
        *,
        scheme: str = "DPoP",
        headers: Callable[[str], Headers] | None = None,
        accept: str = "application/json",
        **changes: Any,
    ) -> httpx.Response:
        """Read the resource; `headers` makes those of a proof, `changes` are of the proof."""

        def send() -> httpx.Response:
            proof = client.proof("GET", self.resource, token, **changes)
            sent = [("DPoP", proof)] if headers is None else headers(proof)
            authorization = [("Authorization", f"{scheme} {token}"), ("Accept", accept)]
            return self.http.get(self.resource, headers=[*authorization, *sent])

        answer = send()
        if 'error="use_dpop_nonce"' in answer.headers.get("WWW-Authenticate", ""):
            client.nonces[self.resource] = answer.headers["DPoP-Nonce"]
            answer = send()
        return answer

    def read_well(self, client: Client, token: str, **changes: Any) -> None:
        answer = self.read(client, token, **changes)
        assert answer.status_code == 200, answer.text
        assert "Date" in answer.headers


def _asserted(assertion: str) -> dict[str, str]:
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _entropy(text: str) -> float:
    """Return Shannon's entropy of a text in bits."""
    shares = [count / len(text) for count in Counter(text).values()]
    return -sum(share * math.log2(share) for share in shares) * len(text)


def refused(answer: httpx.Response, *errors: str) -> None:
    """Assert that an answer of the token endpoint is a well-formed error, one of `errors` (RFC 6749 §5.2)."""
    assert answer.headers["Content-Type"].partition(";")[0] == "application/json"
    body = answer.json()
    assert body["error"] in errors, body
    assert answer.status_code == 400 or (answer.status_code, body["error"]) == (401, "invalid_client")
    for name in ("error", "error_description"):
        assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", body[name])
    assert "error_uri" not in body


def _client(registry: DynamoDbClientRegistry, name: str, key: Any, algorithm: str, *, dpop_nonce: bool) -> Client:
    client = Client(f"{name}-{secrets.token_hex(4)}", key, algorithm, proof_key(name))
    registration = ClientRegistration(
        client.client_id,
        "Of the plan",
        (SCOPE,),
        auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
        jwks=json.dumps({"keys": [public_jwk(key, client.kid, alg=algorithm, use="sig")]}),
        dpop_bound=True,
        dpop_nonce=dpop_nonce,
        security_profile=FAPI2,
    )
    register_client(registry, registration, now=time.time())
    return client


def _suite(stack: LocalStack, http: httpx.Client, base: str) -> Suite:
    registry = DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"])
    first = _client(registry, "fapi-one", RSA_KEY, "PS256", dpop_nonce=False)
    second = _client(registry, "fapi-two", P256_KEY, "ES256", dpop_nonce=True)
    return Suite(http, base, first, second)


@pytest.fixture(scope="module")
def suite(local_stack: LocalStack, sample: object) -> Iterator[Suite]:
    """The plan's configuration at the run's own stack, with the sample loaded."""
    with httpx.Client(timeout=30, trust_env=False) as http:
        yield _suite(local_stack, http, local_stack.base_url)


def test_discovery_end_point_verification(suite: Suite) -> None:
    server = suite.server

    assert server["issuer"] + DISCOVERY == suite.base + DISCOVERY
    assert {"PS256", "ES256", "EdDSA"} & set(server["dpop_signing_alg_values_supported"])
    assert "private_key_jwt" in server["token_endpoint_auth_methods_supported"]
    assert {"PS256", "ES256", "EdDSA"} & set(server["token_endpoint_auth_signing_alg_values_supported"])
    assert "client_credentials" in server["grant_types_supported"]
    token_endpoint = urlsplit(server["token_endpoint"])
    assert token_endpoint.scheme == urlsplit(suite.base).scheme
    assert token_endpoint.netloc
    assert "registration_endpoint" not in server
    assert not {"mtls_endpoint_aliases", "tls_client_certificate_bound_access_tokens"} & server.keys()


def test_happy_flow(suite: Suite) -> None:
    assert SCOPE in suite.server["scopes_supported"]
    token = suite.token(suite.first)
    suite.read_well(suite.first, token)
    in_query = suite.http.get(
        suite.resource,
        params={"access_token": token},
        headers={"DPoP": suite.first.proof("GET", suite.resource, token), "Accept": "application/json"},
    )
    assert in_query.status_code in (400, 401)
    suite.read_well(suite.first, token, accept="application/json;charset=UTF-8")
    suite.read_well(suite.first, token, accept="application/json, application/*+json, */*")

    of_second = suite.token(suite.second)
    suite.read_well(suite.second, of_second)

    by_first = suite.read(suite.first, of_second)
    assert by_first.status_code == 401
    assert 'error="invalid_token"' in by_first.headers["WWW-Authenticate"]


def test_access_token_type_header_case_sensitivity(suite: Suite) -> None:
    suite.read_well(suite.first, suite.token(suite.first), scheme="DPoP".swapcase())


def test_check_dpop_proof_nbf_exp(suite: Suite) -> None:
    def times() -> dict[str, int]:
        return {"nbf": int(time.time()), "exp": int(time.time()) + 300}

    suite.read_well(suite.first, suite.token(suite.first, **times()), **times())


def test_ensure_dpopproof_with_iat_10seconds_before_succeeds(suite: Suite) -> None:
    token = suite.token(suite.first, iat=int(time.time()) - 10)

    suite.read_well(suite.first, token, iat=int(time.time()) - 10)


def test_ensure_dpopproof_with_iat_10seconds_after_succeeds(suite: Suite) -> None:
    token = suite.token(suite.first, iat=int(time.time()) + 10)

    suite.read_well(suite.first, token, iat=int(time.time()) + 10)


def _without_alg(proof: str) -> str:
    header, rest = jwt.get_unverified_header(proof), proof.partition(".")[2]
    return f"{segment({'alg2' if name == 'alg' else name: value for name, value in header.items()})}.{rest}"


def _unsigned(proof: str) -> str:
    return f"{segment({'alg': 'none', 'typ': 'dpop+jwt'})}.{proof.split('.')[1]}."


def _badly_signed(proof: str) -> str:
    signing_input, _, signature = proof.rpartition(".")
    return f"{signing_input}.{encoded(bytes(0x5A ^ byte for byte in jwt.utils.base64url_decode(signature)))}"


def _upper(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(parts.scheme, parts.scheme.upper()).replace(parts.hostname or "", (parts.hostname or "").upper())


def _with_port(url: str) -> str:
    parts = urlsplit(url)
    return (
        url if parts.port else f"{parts.scheme}://{parts.hostname}:{443 if parts.scheme == 'https' else 80}{parts.path}"
    )


def test_dpop_negative_tests(suite: Suite) -> None:
    """The module asks for 400 or 401; the fault that is told shows that it is the proof's only one."""
    client, url = suite.first, suite.resource
    token = suite.token(client)
    private = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(client.dpop.private))  # type: ignore[arg-type]
    hour = 3600
    jti = secrets.token_urlsafe(15)

    def sent(*changes: Callable[[str], str]) -> dict[str, Any]:
        return {"headers": lambda proof: [("DPoP", change(proof)) for change in changes]}

    def again(_proof: str) -> str:
        return client.proof("GET", url, token)

    accepted: list[dict[str, Any]] = [
        {"headers": lambda proof: [("DPOP", proof)]},
        {"htu": f"{url}?name=value#fragment"},
        {"htu": url},
        {"jti": jti},
        {"header": {"unknown": 1}, "unknown": 1},
        {"htu": _upper(url)},
        {"htu": _with_port(url)},
    ]
    refusals: list[tuple[ProofFault, dict[str, Any]]] = [
        (ProofFault.FORM, sent(str, again)),
        (ProofFault.FORM, sent(lambda proof: proof.rpartition(".")[0])),
        (ProofFault.TYPE, {"header": {"typ": ABSENT}}),
        (ProofFault.ALGORITHM, sent(_without_alg)),
        (ProofFault.JWK, {"header": {"jwk": ABSENT}}),
        (ProofFault.ID, {"jti": ABSENT}),
        (ProofFault.METHOD, {"htm": ABSENT}),
        (ProofFault.URL, {"htu": ABSENT}),
        (ProofFault.ISSUED_AT, {"iat": ABSENT}),
        (ProofFault.TOKEN_HASH, {"ath": ABSENT}),
        (ProofFault.TYPE, {"header": {"typ": "dpop+jwt+other"}}),
        (ProofFault.ALGORITHM, {"header": {"alg": "RS256"}, "key": proof_key("fapi-one", "PS256")}),
        # An empty signature is no compact JWS of an access token's strictness.
        (ProofFault.FORM, sent(_unsigned)),
        (ProofFault.SIGNATURE, sent(_badly_signed)),
        (ProofFault.JWK, {"header": {"jwk": private}}),
        (ProofFault.METHOD, {"htm": "PUT"}),
        (ProofFault.URL, {"htu": f"{url}0"}),
        (ProofFault.ISSUED_AT, {"iat": int(time.time()) + hour}),
        (ProofFault.ISSUED_AT, {"iat": int(time.time()) - hour}),
        (ProofFault.USED, {"jti": jti}),
        (ProofFault.TOKEN_HASH, {"ath": encoded(b"0" * 32)}),
        (ProofFault.KEY, {"key": proof_key("another")}),
        (ProofFault.MISSING, sent()),
    ]

    suite.read_well(client, token)
    for changes in accepted:
        suite.read_well(client, token, **changes)
    for fault, changes in refusals:
        answer = suite.read(client, token, **changes)
        assert (answer.status_code, answer.json()["issue"][0]["diagnostics"]) == (401, fault)
    assert suite.read(client, token, **sent(), scheme="Bearer").status_code == 401
    suite.read_well(client, token)


def test_ensure_client_id_in_token_endpoint(suite: Suite) -> None:
    first, second = suite.first, suite.second
    by_first = {"key": first.key, "algorithm": first.algorithm, "kid": first.kid}
    assertion = second.assertion(suite.server["issuer"], **by_first)

    answer = suite.request_token(first, form={"client_id": second.client_id, **_asserted(assertion)})

    refused(answer, "invalid_client", "invalid_grant")


def test_ensure_holder_of_key_required(suite: Suite) -> None:
    for client in (suite.first, suite.second):
        answer = suite.request_token(client, proven=False)

        refused(answer, "invalid_request", "invalid_grant", "invalid_dpop_proof")
        assert answer.json()["error"] == "invalid_dpop_proof"


def test_ensure_signed_client_assertion_with_rs256_fails(suite: Suite) -> None:
    assertion = suite.first.assertion(suite.server["issuer"], algorithm="RS256")

    refused(suite.request_token(suite.first, form=_asserted(assertion)), "invalid_client")


def test_ensure_client_assertion_in_token_endpoint(suite: Suite) -> None:
    answer = suite.request_token(suite.first, form={"client_id": suite.first.client_id})

    refused(answer, "invalid_client", "invalid_request")


def test_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails(suite: Suite) -> None:
    assertion = suite.first.assertion(suite.server["issuer"], exp=int(time.time()) - 300)

    refused(suite.request_token(suite.first, form=_asserted(assertion)), "invalid_client", "invalid_request")


def test_ensure_client_assertion_with_wrong_aud_fails(suite: Suite) -> None:
    for audience in ("https://rs.example/api/userinfo", suite.server["token_endpoint"]):
        assertion = suite.first.assertion(audience)

        refused(suite.request_token(suite.first, form=_asserted(assertion)), "invalid_client", "invalid_request")


def test_ensure_client_assertion_with_no_sub_fails(suite: Suite) -> None:
    assertion = suite.first.assertion(suite.server["issuer"], sub=ABSENT)

    refused(suite.request_token(suite.first, form=_asserted(assertion)), "invalid_client", "invalid_request")


_MODULES = (
    test_discovery_end_point_verification,
    test_happy_flow,
    test_access_token_type_header_case_sensitivity,
    test_check_dpop_proof_nbf_exp,
    test_ensure_dpopproof_with_iat_10seconds_before_succeeds,
    test_ensure_dpopproof_with_iat_10seconds_after_succeeds,
    test_dpop_negative_tests,
    test_ensure_client_id_in_token_endpoint,
    test_ensure_holder_of_key_required,
    test_ensure_signed_client_assertion_with_rs256_fails,
    test_ensure_client_assertion_in_token_endpoint,
    test_ensure_client_assertion_with_exp_is_5_minutes_in_past_fails,
    test_ensure_client_assertion_with_wrong_aud_fails,
    test_ensure_client_assertion_with_no_sub_fails,
)


@pytest.mark.long
def test_the_modules_pass_behind_a_front_with_a_name_of_its_own(tmp_path: "Path") -> None:
    with (
        LocalStack(log_folder=tmp_path, parameters={"BaseUrl": FRONT}) as stack,
        httpx.Client(timeout=30, transport=_Front(stack.base_url)) as http,
    ):
        tables = RecordTables(stack.client("dynamodb"), *(stack.stack.outputs[name] for name in OUTPUTS))
        load_paths([SAMPLE / "Patient.ndjson"], tables, base_url=FRONT)
        suite = _suite(stack, http, FRONT)
        for module in _MODULES:
            module(suite)
