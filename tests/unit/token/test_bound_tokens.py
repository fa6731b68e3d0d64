"""Tokens that are bound to the key of a DPoP proof (RFC 9449 §5; `bound-tokens.md`, At /token)."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jwt
import pytest
from botocore.exceptions import ReadTimeoutError

from careconnect.oauth.client_record import AuthMethod
from careconnect.oauth.dpop.nonces import Nonces
from careconnect.oauth.dpop.proof import ProofFault
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import form_event
from careconnect_testing.parts.audit_trails import StoredEvents
from careconnect_testing.parts.dpop_proofs import ProofKey, dpop_proof, proof_key
from careconnect_testing.parts.issuer import BASE, PROOF_TABLE, RSA_KEY, Issuer, basic, public_jwk
from careconnect_testing.running.cases import each_of

URL = f"{BASE}/token"
GRANT = {"grant_type": "client_credentials"}
NONCE = "DPoP-Nonce"


@pytest.fixture
def stored() -> StoredEvents:
    return StoredEvents()


@pytest.fixture
def issuer(issuer: Issuer, stored: StoredEvents) -> Issuer:
    return replace(issuer, auditing=stored.auditing())


def proof(issuer: Issuer, **changes: Any) -> str:
    return dpop_proof("POST", changes.pop("url", URL), issuer.clock(), **changes)


def ask(issuer: Issuer, secret: str, proof: str | None, *, client: str = "client-1", **form: str) -> Answer:
    headers = basic(client, secret) | ({} if proof is None else {"DPoP": proof})
    return issuer.post("/token", {**GRANT, **form}, headers=headers)


def claims_of(answer: Answer) -> dict[str, Any]:
    assert answer.status == 200, answer.text
    claims: dict[str, Any] = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
    return claims


def refusal(answer: Answer) -> tuple[int, str, str]:
    assert set(answer.json) == {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert "WWW-Authenticate" not in answer.headers
    return answer.status, answer.error, answer.json["error_description"]


def refused(fault: ProofFault) -> tuple[int, str, str]:
    return 400, "use_dpop_nonce" if fault is ProofFault.NONCE else "invalid_dpop_proof", fault.value


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_a_request_with_a_proof_gets_a_token_bound_to_its_key(issuer: Issuer, secret: str, algorithm: str) -> None:
    key = proof_key(algorithm=algorithm)

    answer = ask(issuer, secret, proof(issuer, key=key))

    assert answer.json["token_type"] == "DPoP"
    assert claims_of(answer)["cnf"] == {"jkt": key.jkt}
    assert "dpop_nonce" not in claims_of(answer)
    assert NONCE not in answer.headers


def test_a_request_without_a_proof_gets_a_bearer_token(issuer: Issuer, secret: str) -> None:
    answer = ask(issuer, secret, None)

    assert answer.json["token_type"] == "Bearer"
    assert "cnf" not in claims_of(answer)


@each_of(
    ("fault", "changes"),
    [
        (ProofFault.FORM, {"iat": "x" * 5_000}),
        (ProofFault.TYPE, {"header": {"typ": "JWT"}}),
        (ProofFault.ALGORITHM, {"header": {"alg": "RS256"}}),
        (ProofFault.JWK, {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}}),
        (ProofFault.SIGNATURE, {"header": {"jwk": dict(proof_key("another").jwk)}}),
        (ProofFault.METHOD, {"htm": "GET"}),
        (ProofFault.URL, {"htu": f"{BASE}/introspect"}),
        (ProofFault.ID, {"jti": ""}),
        (ProofFault.ISSUED_AT, {"iat": 0}),
        (ProofFault.PERIOD, {"exp": 1}),
        (ProofFault.NONCE, {"nonce": "x"}),
    ],
)
def test_a_fault_of_a_proof_is_told_and_recorded(
    issuer: Issuer, secret: str, stored: StoredEvents, fault: ProofFault, changes: Mapping[str, Any]
) -> None:
    stored.events.clear()

    answer = ask(issuer, secret, proof(issuer, **changes), scope="user/Nonsense.read")

    assert refusal(answer) == refused(fault)
    assert (NONCE in answer.headers) is (fault is ProofFault.NONCE)
    (event,) = stored.events
    assert (event.interaction, event.client_id, event.outcome.value, event.why) == ("token", "client-1", "4", "proof")
    faults = list(ProofFault)
    assert event.jkt == (proof_key().jkt if faults.index(fault) > faults.index(ProofFault.SIGNATURE) else "")
    assert not event.jti


@each_of("header", ["", "a,b", "a.b.c"])
def test_a_header_that_is_no_proof_is_not_a_missing_one(issuer: Issuer, secret: str, header: str) -> None:
    assert refusal(ask(issuer, secret, header)) == refused(ProofFault.FORM)


def test_two_headers_are_refused(issuer: Issuer, secret: str) -> None:
    event = form_event("/token", GRANT, headers=basic("client-1", secret))
    event["multiValueHeaders"] |= {"DPoP": [proof(issuer, jti="a")], "dpop": [proof(issuer, jti="b")]}

    assert refusal(issuer.send(event)) == refused(ProofFault.FORM)


@each_of(
    ("form", "expected"),
    [
        ({"client_id": "another"}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_other_faults_of_the_request_come_first(
    issuer: Issuer, secret: str, form: Mapping[str, str], expected: str
) -> None:
    assert ask(issuer, secret, "no proof", **form).error == expected


def test_the_grant_is_judged_before_the_proof(issuer: Issuer) -> None:
    secret = issuer.register("client-2", grant_types=frozenset())

    assert ask(issuer, secret, "no proof", client="client-2").error == "unauthorized_client"


def test_a_proof_counts_once_whatever_the_request_comes_to(issuer: Issuer, secret: str) -> None:
    used = proof(issuer, jti="a")

    assert ask(issuer, secret, used, scope="user/Nonsense.read").error == "invalid_scope"
    assert refusal(ask(issuer, secret, used)) == refused(ProofFault.USED)
    assert issuer.observer.counts.count("DpopReplayed") == 1


def test_a_refused_proof_does_not_use_its_jti_up(issuer: Issuer, secret: str) -> None:
    assert refusal(ask(issuer, secret, proof(issuer, htm="GET", jti="b"))) == refused(ProofFault.METHOD)
    assert ask(issuer, secret, proof(issuer, jti="b")).status == 200


def test_of_64_concurrent_requests_with_one_proof_one_gets_a_token(issuer: Issuer, secret: str) -> None:
    once = proof(issuer)

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda _: ask(issuer, secret, once), range(64)))

    assert [answer.status for answer in answers].count(200) == 1
    assert {refusal(answer) for answer in answers if answer.status != 200} == {refused(ProofFault.USED)}


def test_the_issuers_url_counts_and_no_header_that_names_another(issuer: Issuer, secret: str) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Forwarded": "host=evil.example"}
    evil = dpop_proof("POST", "https://evil.example/token", issuer.clock())

    answer = issuer.post("/token", GRANT, headers={**basic("client-1", secret), **headers, "DPoP": evil})

    assert refusal(answer) == refused(ProofFault.URL)
    behind = issuer.rebuilt(base="https://other.example/stage")
    assert ask(behind, secret, proof(issuer, url="https://other.example/stage/token")).status == 200


def test_a_fault_of_a_proof_is_no_failed_authentication(issuer: Issuer, secret: str) -> None:
    for _ in range(30):
        assert ask(issuer, secret, "no proof").status == 400

    assert ask(issuer, secret, None).status == 200
    assert issuer.items() == []


def test_a_fault_of_a_proof_uses_the_assertion_up(issuer: Issuer) -> None:
    jwks = json.dumps({"keys": [public_jwk(RSA_KEY, "key-1")]})
    issuer.register("keyed", jwks=jwks, auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}))
    form = {
        **GRANT,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": issuer.assertion("keyed"),
    }

    assert issuer.post("/token", form, headers={"DPoP": "no proof"}).error == "invalid_dpop_proof"
    again = issuer.post("/token", form, headers={"DPoP": proof(issuer)})
    assert again.json["error_description"] == "The client assertion was used before: make a new one for each request."


# --- clients that are registered for bound tokens


@pytest.mark.parametrize("registered", [{"dpop_bound_access_tokens": True}, {"security_profile": "fapi2"}])
def test_a_client_of_bound_tokens_gets_no_other(
    issuer: Issuer, stored: StoredEvents, registered: Mapping[str, Any]
) -> None:
    secret = issuer.register("bound", **registered)

    answer = ask(issuer, secret, None, client="bound")

    assert refusal(answer) == refused(ProofFault.MISSING)
    (event,) = stored.events
    assert (event.client_id, event.outcome.value, event.why, event.jkt) == ("bound", "4", "proof", "")
    assert claims_of(ask(issuer, secret, proof(issuer), client="bound"))["cnf"] == {"jkt": proof_key().jkt}


@pytest.fixture
def nonce_secret(issuer: Issuer) -> str:
    return issuer.register("bound", dpop_bound_access_tokens=True, dpop_nonce=True)


def test_a_client_of_nonces_is_given_one_and_needs_it(issuer: Issuer, nonce_secret: str) -> None:
    first = ask(issuer, nonce_secret, proof(issuer), client="bound")
    assert refusal(first) == refused(ProofFault.NONCE)

    second = ask(issuer, nonce_secret, proof(issuer, nonce=first.headers[NONCE], iat=0), client="bound")
    claims = claims_of(second)
    assert (claims["cnf"], claims["dpop_nonce"]) == ({"jkt": proof_key().jkt}, True)

    # For any number of proofs, until it ends.
    issuer.clock.now += 299
    again = proof(issuer, nonce=first.headers[NONCE], jti="again")
    assert ask(issuer, nonce_secret, again, client="bound").status == 200
    issuer.clock.now += 1
    late = proof(issuer, nonce=first.headers[NONCE], jti="late")
    assert refusal(ask(issuer, nonce_secret, late, client="bound")) == refused(ProofFault.NONCE)


@each_of(
    ("form", "status"),
    [
        ({}, 200),
        ({"scope": "user/Nonsense.read"}, 400),
        ({"grant_type": "password"}, 400),
        ({"client_id": "another"}, 400),
    ],
)
def test_every_answer_to_a_client_of_nonces_has_one(
    issuer: Issuer, nonce_secret: str, form: Mapping[str, str], status: int
) -> None:
    nonce = Nonces(issuer.endpoint.binding.proofs.nonce_key).give(issuer.clock())

    answer = ask(issuer, nonce_secret, proof(issuer, nonce=nonce, jti=str(form)), client="bound", **form)

    assert answer.status == status
    found = [value for name, value in answer.headers.items() if name.lower() == "dpop-nonce"]
    assert [Nonces(issuer.endpoint.binding.proofs.nonce_key).end_of(each, issuer.clock()) for each in found] == [
        issuer.clock() + 300
    ]


def test_a_503_and_a_429_to_a_client_of_nonces(issuer: Issuer, nonce_secret: str) -> None:
    nonce = ask(issuer, nonce_secret, None, client="bound").headers[NONCE]
    fault = ReadTimeoutError(endpoint_url="https://internal.example")

    def broken(**_: Any) -> None:
        raise fault

    issuer.kms.meta.events.register("before-call.*.Sign", broken)

    failed = ask(issuer, nonce_secret, proof(issuer, nonce=nonce), client="bound")
    assert failed.status == 503
    assert failed.headers[NONCE]
    # A client that is not authenticated is given none.
    strangers = [ask(issuer, "wrong", None, client="bound") for _ in range(21)]
    assert {answer.status for answer in strangers} == {401, 429}
    assert not any(NONCE in answer.headers for answer in strangers)


def test_others_are_given_a_nonce_with_its_demand_alone(issuer: Issuer, secret: str) -> None:
    demanded = ask(issuer, secret, proof(issuer, nonce=None))
    assert refusal(demanded) == refused(ProofFault.NONCE)

    granted = ask(issuer, secret, proof(issuer, nonce=demanded.headers[NONCE], iat=1))
    assert granted.status == 200
    assert NONCE not in granted.headers


@each_of("path", ["/introspect", "/revoke"])
def test_introspection_and_revocation_take_no_proof_and_give_no_nonce(
    issuer: Issuer, nonce_secret: str, path: str
) -> None:
    answer = issuer.post(path, {"token": "x"}, headers={**basic("bound", nonce_secret), "DPoP": "no proof"})

    assert answer.status == 200
    assert NONCE not in answer.headers


# --- around the token


def test_an_issued_bound_token_is_an_event_with_its_key(issuer: Issuer, secret: str, stored: StoredEvents) -> None:
    answer = ask(issuer, secret, proof(issuer))

    (event,) = stored.events
    assert (event.outcome.value, event.jti, event.jkt) == ("0", claims_of(answer)["jti"], proof_key().jkt)


def test_introspection_tells_the_key(issuer: Issuer, secret: str) -> None:
    token = ask(issuer, secret, proof(issuer)).json["access_token"]

    answer = issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret))

    assert (answer.json["token_type"], answer.json["cnf"]) == ("DPoP", {"jkt": proof_key().jkt})


def test_introspection_of_a_bearer_token_tells_of_none(issuer: Issuer, secret: str) -> None:
    token = ask(issuer, secret, None).json["access_token"]

    answer = issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret))

    assert answer.json["token_type"] == "Bearer"
    assert "cnf" not in answer.json


def test_a_bound_token_is_revoked_as_any(issuer: Issuer, secret: str) -> None:
    token = ask(issuer, secret, proof(issuer)).json["access_token"]

    issuer.post("/revoke", {"token": token}, headers=basic("client-1", secret))

    assert issuer.post("/introspect", {"token": token}, headers=basic("client-1", secret)).json == {"active": False}


def test_a_request_with_a_proof_makes_one_call_more(issuer: Issuer, secret: str) -> None:
    ask(issuer, secret, None)
    issuer.calls.clear()
    ask(issuer, secret, None)
    bearer = list(issuer.calls)
    issuer.calls.clear()

    ask(issuer, secret, proof(issuer))

    assert sorted(issuer.calls) == sorted([*bearer, "PutItem"])
    assert len(issuer.items(PROOF_TABLE)) == 1


@pytest.mark.parametrize("operation", ["PutItem", "GetItem"])
def test_a_proof_that_cannot_be_judged_is_503_and_a_bearer_token_needs_no_table(
    issuer: Issuer, secret: str, operation: str
) -> None:
    def broken(**_: Any) -> None:
        raise ReadTimeoutError(endpoint_url="https://internal.example")

    issuer.dynamodb.meta.events.register(f"before-call.*.{operation}", broken)

    answer = ask(issuer, secret, proof(issuer, **({"nonce": "x" * 30} if operation == "GetItem" else {})))

    assert refusal(answer)[:2] == (503, "temporarily_unavailable")
    assert answer.headers["Retry-After"] == "2"
    assert ask(issuer, secret, None).status == 200


def test_neither_proof_nor_nonce_is_logged(issuer: Issuer, nonce_secret: str) -> None:
    key: ProofKey = proof_key()
    nonce = ask(issuer, nonce_secret, None, client="bound").headers[NONCE]
    for jti in ("the-jti", "the-jti"):
        ask(issuer, nonce_secret, proof(issuer, nonce=nonce, jti=jti), client="bound")

    lines = json.dumps(issuer.observer.lines)
    assert issuer.observer.lines[-1]["reason"] == "proof: used"
    assert not any(text in lines for text in ("the-jti", nonce, key.jkt, key.jwk["x"]))


def test_the_longest_bound_token_can_be_signed(issuer: Issuer) -> None:
    """The limits of a registration keep the signing input below KMS's maximum."""
    client_id, scopes = "c" * 128, ["profile"]
    systems = tuple(f"urn:{number}" for number in range(8))
    for type_name in ("Patient", "Condition", "Observation", "Encounter", "Procedure", "Immunization", "EpisodeOfCare"):
        for letters in ("c", "r", "u", "d", "s", "rs", "cr", "cu", "cd", "cs", "ru", "rd", "us", "ds", "cru"):
            if len(" ".join([*scopes, f"user/{type_name}.{letters}", *systems])) <= 2048:
                scopes.append(f"user/{type_name}.{letters}")
    bound = {"dpop_bound_access_tokens": True, "dpop_nonce": True}
    registered = {"name": '"' * 100, "scopes": tuple(scopes), "patient": "p" * 64, "identifier_systems": systems}
    secret = issuer.register(client_id, **registered, **bound)
    issuer = issuer.rebuilt(base="https://" + "a" * 60 + ".execute-api.eu-west-2.amazonaws.com/live")
    nonce = ask(issuer, secret, None, client=client_id).headers[NONCE]

    answer = ask(issuer, secret, proof(issuer, url=f"{issuer.base}/token", nonce=nonce), client=client_id)

    token = answer.json["access_token"]
    assert 3000 < len(token.rpartition(".")[0]) <= 4096
