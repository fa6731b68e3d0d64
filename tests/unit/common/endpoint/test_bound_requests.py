"""Requests with a bound token below the FHIR base: each function judges the proof first (`bound-tokens.md`)."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.audit.event import Outcome
from careconnect.endpoint.proofs import load
from careconnect.http.origin import Origin
from careconnect.oauth.dpop.proof import ProofFault
from careconnect.storage.quota import UNCOUNTED_UNITS, UNITS_PER_EVENT
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.bound_event import TOKEN
from careconnect_testing.parts.access_tokens import ABSENT, segment
from careconnect_testing.parts.bound_requests import PROOFS, BoundRequests, with_proof_table
from careconnect_testing.parts.dpop_proofs import proof_key
from careconnect_testing.parts.record_writers import Writer, writer_in_memory
from careconnect_testing.parts.stores import BASE
from careconnect_testing.running.bundle_service import batch, entry, transaction

PATIENT = {"resourceType": "Patient", "id": "4", "active": True}
ALGORITHMS = 'algs="ES256 PS256 EdDSA"'


@pytest.fixture(scope="module")
def written() -> Iterator[Writer]:
    with writer_in_memory() as writer:
        with_proof_table(writer)
        writer.made(PATIENT)
        yield writer


@pytest.fixture
def bound(written: Writer) -> Iterator[BoundRequests]:
    written.observer.clear()
    yield BoundRequests(written)
    written.faults.clear()


def remembered(bound: BoundRequests) -> int:
    """Return how many proofs are stored as used."""
    items = bound.writer.reader.client.scan(TableName=PROOFS)["Items"]
    return sum(item["pk"]["S"].startswith("proof#") for item in items)


def challenge(fault: ProofFault, error: str = "invalid_dpop_proof") -> str:
    return f'DPoP realm="careconnect", error="{error}", error_description="{fault}", {ALGORITHMS}'


def text_of(answer: Answer) -> str:
    (issue,) = answer.json["issue"]
    assert issue["code"] == "login"
    return str(issue["diagnostics"])


REQUESTS: dict[str, tuple[str, str, Any]] = {
    "a read": ("GET", "Patient/4", None),
    "a read of the directory": ("GET", "Organization", None),
    "a HEAD": ("HEAD", "Patient/4", None),
    "a posted search": ("POST", "Patient/_search", None),
    "a write": ("PUT", "Patient/4", PATIENT),
    "a batch": ("POST", "", batch(entry("GET", "Patient/4"), entry("GET", "Organization"))),
    "a transaction": ("POST", "", transaction(entry("PUT", "Patient/4", PATIENT), entry("GET", "Patient/4"))),
    "a look at the trail": ("GET", "AuditEvent", None),
}


@pytest.mark.parametrize("request_", REQUESTS)
def test_each_function_takes_a_proof_once(bound: BoundRequests, request_: str) -> None:
    method, path, body = REQUESTS[request_]
    proof, before = bound.proof(method, path), remembered(bound)

    first = bound.send(method, path, proof, body)
    assert first.status == 200, first.text
    assert "DPoP-Nonce" not in first.headers
    if path == "" and body is not None:
        # A Bundle is one request: its entries have no proof.
        assert {each["response"]["status"][:3] for each in first.json["entry"]} == {"200"}
    second = bound.send(method, path, proof, body)

    assert (second.status, second.headers["WWW-Authenticate"]) == (401, challenge(ProofFault.USED))
    assert bound.writer.observer.counts.count("DpopReplayed") == 1
    assert remembered(bound) == before + 1


@pytest.mark.parametrize("request_", REQUESTS)
def test_without_a_proof_nothing_is_answered(bound: BoundRequests, request_: str) -> None:
    method, path, body = REQUESTS[request_]

    answer = bound.send(method, path, None, body)

    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, challenge(ProofFault.MISSING))
    assert answer.headers["Cache-Control"] == "no-store"
    if method != "HEAD":
        assert text_of(answer) == "A DPoP proof is required."


Faulty = Callable[[BoundRequests], str | None]
_OTHER = proof_key("another")


def changed(header: dict[str, Any] | None = None, **claims: Any) -> Faulty:
    return lambda bound: bound.proof("GET", "Patient/4", header=header, **claims)


def _unsigned(bound: BoundRequests) -> str:
    head, claims, _ = bound.proof("GET", "Patient/4").split(".")
    return f"{head}.{claims}.{segment({'not': 'a signature'})}"


FAULTS: dict[ProofFault, tuple[Faulty, str]] = {
    ProofFault.MISSING: (lambda _bound: None, "invalid_dpop_proof"),
    ProofFault.FORM: (lambda bound: f"{bound.proof('GET', 'Patient/4')},a.b.c", "invalid_dpop_proof"),
    ProofFault.TYPE: (changed({"typ": "JWT"}), "invalid_dpop_proof"),
    ProofFault.ALGORITHM: (changed({"alg": "RS256"}), "invalid_dpop_proof"),
    ProofFault.JWK: (changed({"jwk": {"kty": "oct", "k": "AA"}}), "invalid_dpop_proof"),
    ProofFault.SIGNATURE: (_unsigned, "invalid_dpop_proof"),
    ProofFault.METHOD: (changed(htm="get"), "invalid_dpop_proof"),
    ProofFault.URL: (changed(htu=f"{BASE}/careconnect-ri/STU3/Patient/5"), "invalid_dpop_proof"),
    ProofFault.ID: (changed(jti=""), "invalid_dpop_proof"),
    ProofFault.ISSUED_AT: (changed(iat=0), "invalid_dpop_proof"),
    ProofFault.PERIOD: (changed(exp=1), "invalid_dpop_proof"),
    ProofFault.TOKEN_HASH: (changed(ath=ABSENT), "invalid_dpop_proof"),
    ProofFault.KEY: (lambda bound: bound.proof("GET", "Patient/4", key=_OTHER), "invalid_token"),
    ProofFault.NONCE: (changed(nonce="unknown"), "use_dpop_nonce"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_its_words_and_recorded_and_does_not_use_the_proof_up(
    bound: BoundRequests, fault: ProofFault
) -> None:
    make, error = FAULTS[fault]
    before = remembered(bound)

    answer = bound.send("GET", "Patient/4", make(bound))

    assert (answer.status, text_of(answer)) == (401, fault)
    assert answer.headers["WWW-Authenticate"] == challenge(fault, error)
    assert ("DPoP-Nonce" in answer.headers) == (fault is ProofFault.NONCE)
    (event,) = bound.kept.events
    assert (event.outcome, event.why, event.status, event.client_id) == (Outcome.REFUSED, "proof", 401, "client-1")
    assert (event.interaction, event.ids, event.patient) == ("read", ("Patient/4",), "4")
    signed_by = _OTHER if fault is ProofFault.KEY else bound.key
    is_signed = list(ProofFault).index(fault) > list(ProofFault).index(ProofFault.SIGNATURE)
    assert event.jkt == (signed_by.jkt if is_signed else "")
    (line,) = bound.writer.observer.lines
    assert (line["action"], line["client_id"]) == ("Patient.read", "client-1")
    assert line["reason"].startswith("proof: ")
    assert bound.writer.observer.counts == []
    assert remembered(bound) == before


def test_the_order_of_the_table_is_that_of_the_answers() -> None:
    assert [*FAULTS, ProofFault.USED] == list(ProofFault)


def test_a_replay_is_one_event_refused(bound: BoundRequests) -> None:
    proof = bound.proof("GET", "Patient/4")

    assert [bound.send("GET", "Patient/4", proof).status for _ in range(2)] == [200, 401]

    allowed, refused = bound.kept.events
    assert (allowed.outcome, allowed.jkt) == (Outcome.ALLOWED, "")
    assert (refused.outcome, refused.why, refused.patient, refused.jkt) == (
        *(Outcome.REFUSED, "proof", "4"),
        bound.key.jkt,
    )


def test_the_answer_is_in_the_requested_format(bound: BoundRequests) -> None:
    answer = bound.send("GET", "Patient/4", None, Accept="application/fhir+xml")

    assert answer.headers["Content-Type"].startswith("application/fhir+xml")
    assert ProofFault.MISSING in answer.text


def test_a_token_without_its_key_uses_up_nothing_of_its_clients_quota(bound: BoundRequests) -> None:
    """The audit trail looks up an NHS number before it is in an event, which a client pays for."""
    charges = bound.writer.reader.counters.charges

    def charged(proof: str | None) -> int:
        before = len(charges)
        for _ in range(UNCOUNTED_UNITS // UNITS_PER_EVENT + 1):
            bound.send("GET", "Patient/9434765919", proof)
        return sum(charges[before:])

    assert not charged(None)
    assert charged("")


def test_the_proof_is_judged_before_path_letters_body_and_conditions(bound: BoundRequests) -> None:
    bound.scope = "user/Organization.r"
    for method, path, body in (
        ("GET", "Nothing/4", None),
        ("GET", "Patient/4", None),
        ("GET", "Patient//4", None),
        ("PUT", "Patient/5", "no resource"),
        ("POST", "", {"resourceType": "Patient"}),
    ):
        assert text_of(bound.send(method, path, None, body)) == ProofFault.MISSING, path

    assert bound.send("GET", "Patient/4").status == 403


def test_a_token_that_expired_meanwhile_is_told_before_its_proof(bound: BoundRequests) -> None:
    bound.lifetime = 0

    answer = bound.send("GET", "Patient/4", None)

    assert (answer.status, answer.json["issue"][0]["code"]) == (401, "expired")
    assert answer.headers["WWW-Authenticate"] == f'DPoP realm="careconnect", error="invalid_token", {ALGORITHMS}'


def test_a_403_tells_a_bound_token_of_its_own_scheme(bound: BoundRequests) -> None:
    bound.scope = "user/Organization.r"

    answer = bound.send("GET", "Patient/4")

    needed = 'error="insufficient_scope", scope="user/Patient.r"'
    assert answer.headers["WWW-Authenticate"] == f'DPoP realm="careconnect", {needed}, {ALGORITHMS}'


def test_a_proof_counts_once_at_all_functions_whatever_the_request_came_to(bound: BoundRequests) -> None:
    proof = bound.proof("GET", "Patient/absent", jti="one-for-all")
    assert bound.send("GET", "Patient/absent", proof).status == 404

    for method, path in (("GET", "Organization"), ("PUT", "Patient/4"), ("POST", ""), ("GET", "AuditEvent")):
        again = bound.proof(method, path, jti="one-for-all")
        assert text_of(bound.send(method, path, again, PATIENT)) == ProofFault.USED, path
    other = replace(bound, key=_OTHER)
    assert other.send("GET", "Patient/4", other.proof("GET", "Patient/4", jti="one-for-all")).status == 200


def test_a_next_link_takes_a_proof_of_its_path(bound: BoundRequests) -> None:
    event = bound.event("GET", "Patient", bound.proof("GET", "Patient?_count=1&_cursor=x#fragment"))

    assert bound.answer(event | {"multiValueQueryStringParameters": {"_count": ["1"]}}).status == 200


@pytest.mark.parametrize("spelling", ["Patient/%34", "%50atient/4"])
def test_an_encoded_path_is_decoded_once(bound: BoundRequests, spelling: str) -> None:
    assert bound.send("GET", "Patient/4", bound.proof("GET", spelling)).status == 200


@pytest.mark.parametrize("name", ["Host", "Forwarded", "X-Forwarded-Host", "X-Forwarded-Proto"])
def test_no_header_says_where_a_request_was_sent_to(bound: BoundRequests, name: str) -> None:
    elsewhere = bound.proof("GET", "Patient/4", htu="https://other.example/careconnect-ri/STU3/Patient/4")

    assert text_of(bound.send("GET", "Patient/4", elsewhere, **{name: "other.example"})) == ProofFault.URL
    assert bound.send("GET", "Patient/4", **{name: "other.example"}).status == 200


@pytest.mark.parametrize("hand_on", ["by one name", "by two names", "joined", "one name alone"])
def test_two_proofs_are_not_one_jwt_however_they_are_handed_on(bound: BoundRequests, hand_on: str) -> None:
    first, second = bound.proof("GET", "Patient/4"), bound.proof("GET", "Patient/4")
    event = bound.event("GET", "Patient/4", first)
    single, several = dict(event["headers"]), dict(event["multiValueHeaders"])
    match hand_on:
        case "by one name":
            single["DPoP"], several["DPoP"] = second, [first, second]
        case "by two names":
            single["dpop"], several["dpop"] = second, [second]
        case "joined":
            single["DPoP"], several["DPoP"] = f"{first}, {second}", [f"{first}, {second}"]
        case _:
            single["dpop"], several = second, {}

    assert text_of(bound.answer(event | {"headers": single, "multiValueHeaders": several})) == ProofFault.FORM


@pytest.mark.parametrize("second", [f"DPoP {TOKEN}", f"Bearer {TOKEN}", ""])
def test_two_authorization_headers_are_never_answered(bound: BoundRequests, second: str) -> None:
    event = bound.event("GET", "Patient/4")
    several = {**event["multiValueHeaders"], "Authorization": [f"DPoP {TOKEN}", second]}

    assert text_of(bound.answer(event | {"multiValueHeaders": several})) == ProofFault.TOKEN_HASH


def test_a_bearer_token_asks_nothing_of_the_header(bound: BoundRequests) -> None:
    event = bound.event("GET", "Patient/4", "nonsense", headers={"Authorization": f"Bearer {TOKEN}"})
    del event["requestContext"]["authorizer"]["jkt"]
    before = len(bound.writer.calls)

    assert bound.answer(event).status == 200
    assert "PutItem" not in bound.writer.calls[before:]


@pytest.fixture
def nonced(bound: BoundRequests) -> BoundRequests:
    """The same for a client whose tokens have the claim `dpop_nonce`."""
    bound.dpop_nonce = True
    return bound


def nonce_for(nonced: BoundRequests) -> str:
    return nonced.send("GET", "Patient/4", None).headers["DPoP-Nonce"]


def test_each_proof_of_a_client_with_nonces_needs_one(nonced: BoundRequests) -> None:
    answer = nonced.send("GET", "Patient/4")

    assert (answer.status, text_of(answer)) == (401, ProofFault.NONCE)
    assert answer.headers["WWW-Authenticate"] == challenge(ProofFault.NONCE, "use_dpop_nonce")
    nonce = answer.headers["DPoP-Nonce"]
    for _ in range(2):
        assert nonced.send("GET", "Patient/4", nonced.proof("GET", "Patient/4", nonce=nonce)).status == 200


def test_with_a_nonce_no_clock_is_compared_until_it_ends(nonced: BoundRequests) -> None:
    nonce, now = nonce_for(nonced), nonced.writer.now.now

    assert nonced.send("GET", "Patient/4", nonced.proof("GET", "Patient/4", nonce=nonce, iat=1)).status == 200
    for seconds, status in ((299, 200), (301, 401)):
        nonced.writer.now.now = now + seconds
        proof = nonced.proof("GET", "Organization", nonce=nonce)
        assert nonced.send("GET", "Organization", proof).status == status
    nonced.writer.now.now = now


def test_every_answer_to_a_token_with_nonces_has_one(nonced: BoundRequests) -> None:
    nonce = nonce_for(nonced)

    def answer(method: str, path: str, body: Any = None, **headers: str) -> Answer:
        return nonced.send(method, path, nonced.proof(method, path, nonce=nonce), body, **headers)

    etag = answer("GET", "Patient/4").headers["ETag"]
    answers = {
        200: answer("HEAD", "Patient/4"),
        304: answer("GET", "Patient/4", **{"If-None-Match": etag}),
        404: answer("GET", "Patient/absent"),
        405: answer("PUT", "Patient/4/_history", PATIENT),
        400: answer("POST", "", {"resourceType": "Patient"}),
    }
    for status, each in answers.items():
        assert (each.status, "DPoP-Nonce" in each.headers) == (status, True)
    batched = answer("POST", "", batch(entry("GET", "Patient/4")))
    assert "DPoP-Nonce" in batched.headers
    assert "Nonce" not in batched.text


def test_an_expired_token_an_error_and_a_request_past_the_front_get_a_nonce_too(nonced: BoundRequests) -> None:
    nonce = nonce_for(nonced)
    expired = replace(nonced, lifetime=0)
    assert "DPoP-Nonce" in expired.send("GET", "Patient/4").headers

    def fail(operation: str) -> None:
        if operation != "PutItem":
            raise KeyError

    nonced.writer.faults.append(fail)
    failed = nonced.send("GET", "Patient/4", nonced.proof("GET", "Patient/4", nonce=nonce))
    nonced.writer.faults.clear()
    nonced.apps["reader"] = replace(nonced.apps["reader"], origin=Origin("of-the-front"))
    past = nonced.send("GET", "Patient/4")

    assert (failed.status, past.status) == (500, 403)
    assert "DPoP-Nonce" in failed.headers
    assert "DPoP-Nonce" in past.headers


def _fails(operation: str) -> None:
    if operation in ("PutItem", "GetItem"):
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": "secret"}}, operation)


@pytest.mark.parametrize("dpop_nonce", [False, True])
def test_while_the_table_is_down_a_proof_is_not_judged(bound: BoundRequests, dpop_nonce: bool) -> None:
    bound.dpop_nonce = dpop_nonce
    bound.writer.faults.append(_fails)

    answer = bound.send("GET", "Patient/4")

    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json["issue"][0]["code"] == "transient"
    assert "WWW-Authenticate" not in answer.headers
    (event,) = bound.kept.events
    assert (event.outcome, event.patient) == (Outcome.FAILED, "4")


def test_a_function_without_proofs_answers_no_bound_token(bound: BoundRequests) -> None:
    bound.apps["reader"] = replace(bound.apps["reader"], proofs=None)

    assert bound.send("GET", "Patient/4").status == 503


def test_a_snapshot_holds_what_the_first_proof_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "careconnect.oauth.dpop.public_key"
    monkeypatch.delitem(sys.modules, name, raising=False)

    load()

    assert name in sys.modules


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "Patient/4", 200), ("POST", "Patient", 201)])
def test_of_a_storm_of_one_proof_one_succeeds(bound: BoundRequests, method: str, path: str, status: int) -> None:
    body = {"resourceType": "Patient", "gender": "male"} if method == "POST" else None
    proof = bound.proof(method, path)

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(lambda _: bound.send(method, path, proof, body), range(64)))

    assert Counter(each.status for each in answers) == {status: 1, 401: 63}
    assert {text_of(each) for each in answers if each.status == 401} == {ProofFault.USED}
    if method == "POST":
        assert bound.answer(bound.event("GET", "Patient", query=[("gender", "male")])).json["total"] == 1
