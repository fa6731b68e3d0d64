"""The token doctor: its diagnosis of pasted texts, and how it sends or wipes them."""

import json
import re
import time
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import Request, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.dpop.proof import ProofFault
from careconnect_admin.clients.demo import PATIENT_ACCESS
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.doctor import GOOD, JWKS, KEY, ROOM, assertion, field, verdict, verdict_on
from careconnect_testing.parts.access_tokens import segment
from careconnect_testing.parts.dpop_proofs import dpop_proof, proof_key

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_assertion_is_reported_the_first_thing_that_is_wrong_and_what_to_do(visit: Visiting, scheme: str) -> None:
    tab = visit(scheme=scheme, width=320)
    page = tab.open(ROOM)
    now = int(time.time())
    long_name = {"sub": "x" * 120, "iss": "x" * 120}

    wrong = assertion(tab.base, {"aud": tab.base + FHIR_PATH, "exp": now + 720, **long_name})
    assert verdict_on(page, wrong, JWKS) == "aud: It is the FHIR base."
    told = page.get_by_role("region", name="Verdict")
    assert f"It must be the token endpoint: {tab.base}/token" in told.inner_text()
    assert "One more thing is wrong, told below." in told.inner_text()
    expect(page.get_by_role("status")).to_have_text("aud: It is the FHIR base.")
    checks = page.get_by_role("list", name="Checks, in the server's order")
    assert re.search("exp\\s+wrong\\s+It is 12 minutes ahead, 5 allowed", checks.inner_text())
    assert "only the server knows" in checks.inner_text()
    assert page.get_by_role("heading", name="Judged as a client assertion").is_visible()
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert not tab.is_too_wide()
        assert tab.violations() == []


def test_the_key_id_is_compared_with_the_registered_keys(visit: Visiting) -> None:
    tab = visit()
    page = tab.open(ROOM)
    unregistered = assertion(tab.base, header={"kid": "other"})

    assert verdict_on(page, unregistered) == GOOD
    page.get_by_text("which are not seen from here").wait_for()
    keys = page.get_by_label("registered public keys")
    keys.fill(JWKS)
    expect(verdict(page)).to_have_text("kid: It is not in your registered keys: other is none of the keys: registered.")
    keys.fill("[]")
    page.get_by_role("alert").get_by_text("no JWK Set").wait_for()
    expect(verdict(page)).to_have_text(GOOD)
    private = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    keys.fill(private)
    page.get_by_role("alert").get_by_text("private key").wait_for()
    expect(keys).to_have_value("")


def test_the_sessions_token_is_judged_and_the_server_asked(visit: Visiting) -> None:
    tab = visit(width=320, scheme="dark")
    page = tab.open("/")
    with page.expect_response("**/token") as granted:
        tab.sign_in("Limited access")
    token = granted.value.json()["access_token"]
    tab.room("Token doctor")
    page.get_by_role("button", name="Look at the token of this session").click()
    expect(verdict(page)).to_have_text(GOOD)
    assert token not in tab.remembered()

    page.get_by_role("button", name="Ask the server").click()
    page.get_by_role("main").get_by_text("The server takes it: it is active.").wait_for()
    page.get_by_role("button", name="Make one call with it").click()
    page.get_by_role("main").get_by_text("The API takes it.").wait_for()
    assert page.get_by_label("Request and answer").inner_text().startswith(f"GET {tab.base}{FHIR_PATH}/Organization")
    assert not tab.is_too_wide()
    assert tab.violations() == []

    # Another client's token: the server reveals nothing about it, and the API accepts it.
    field(page).fill(_token(tab, "explorer"))
    expect(verdict(page)).to_have_text(GOOD)
    page.get_by_role("button", name="Ask the server").click()
    page.get_by_role("main").get_by_text("or it is another client's").wait_for()


def test_a_proof_is_judged_with_its_request_in_the_contracts_words(visit: Visiting) -> None:
    tab = visit(width=320, scheme="dark")
    page = tab.open(ROOM)
    key, url = proof_key(), f"{tab.base}{FHIR_PATH}/Patient/4"
    now = int(time.time())
    token = segment({"typ": "at+jwt"}) + "." + segment({"cnf": {"jkt": key.jkt}, "scope": "user/Patient.r"}) + ".AA"
    judged = page.get_by_role("region", name="Judgement of the proof").get_by_role("heading")

    field(page).fill(
        f"GET {url}\nAuthorization: DPoP {token}\nDPoP: {dpop_proof('GET', url, now, key=key, token=token)}"
    )
    expect(judged).to_have_text(GOOD)
    expect(page.get_by_role("heading", name="Judged as an access token")).to_be_visible()
    expect(page.get_by_role("button", name="Make one call with it")).to_be_disabled()
    page.get_by_text("It is bound to a key that this page does not have").wait_for()
    expect(page.get_by_role("region", name="What the proof says")).to_contain_text("htu")
    for width in (320, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert not tab.is_too_wide()
        assert tab.violations() == []

    field(page).fill(f"DPoP: {dpop_proof('GET', url, now - 90, key=key, token=token)}")
    expect(judged).to_have_text(f"iat: {ProofFault.ISSUED_AT}")
    page.get_by_label("Method").select_option("HEAD")
    expect(judged).to_have_text(f"htm: {ProofFault.METHOD}")
    page.get_by_label("Method").select_option("GET")
    page.get_by_label("URL").fill(f"{url}/_history")
    expect(judged).to_have_text(f"htu: {ProofFault.URL}")
    page.get_by_label("URL").fill(url)
    page.get_by_label("Its access token").fill(token + "A")
    expect(page.get_by_text(ProofFault.TOKEN_HASH)).to_be_visible()
    expect(judged).to_have_text(f"iat: {ProofFault.ISSUED_AT}")


def _token(tab: Visit, client_id: str) -> str:
    """Return a new token of a demo client."""
    (listed,) = (
        each
        for each in tab.context.request.get(f"{tab.base}/local/demo-clients").json()["clients"]
        if each["id"] == client_id
    )
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": listed["secret"]}
    return str(tab.context.request.post(f"{tab.base}/token", form=form).json()["access_token"])


def test_what_is_pasted_wrongly_is_read_or_named(visit: Visiting) -> None:
    tab = visit()
    page = tab.open(ROOM)
    token = _token(tab, "explorer")
    answer = json.dumps({"access_token": token, "token_type": "Bearer"})
    for text, note in (
        (f"Authorization: Bearer {token}", "Without the Bearer before it."),
        (f'"{token[:80]}\n{token[80:]}"', "Without the spaces and line breaks in it"),
        (answer, "Taken out of the JSON around it."),
    ):
        assert verdict_on(page, text) == GOOD
        assert note in page.get_by_role("list", name="How it was read").inner_text()
    for text, title in (
        (PATIENT_ACCESS.secret, "This is no token"),
        ('{"refresh_token": "x"}', "This is a refresh token."),
        (JWKS, "This is a public key"),
    ):
        field(page).fill(text)
        page.get_by_role("heading", name=title).wait_for()
        expect(verdict(page)).to_have_count(0)


@pytest.mark.parametrize("kind", ["private key", "id and secret"])
def test_what_must_not_be_pasted_is_wiped_at_once(visit: Visiting, kind: str) -> None:
    tab = visit(scheme="dark", width=320)
    with tab.page.expect_response("**/jwks.json"):
        page = tab.open(ROOM)
    asked = len(tab.requests)
    pem = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    text = pem if kind == "private key" else "Basic c29tZWJvZHk6c2VjcmV0"
    for _ in range(2):
        field(page).fill(text)
        page.get_by_role("heading", name=kind).wait_for()
        expect(field(page)).to_have_value("")
    assert text.splitlines()[-2 if kind == "private key" else 0] not in tab.remembered()
    assert len(tab.requests) == asked
    assert tab.violations() == []


def test_a_pasted_token_is_sent_only_when_asked_and_goes_when_cleared(visit: Visiting) -> None:
    tab = visit()
    page = tab.open(ROOM)
    token = _token(tab, "explorer")
    assert verdict_on(page, token) == GOOD
    assert not [each for each in tab.requests if _carries(each, token)]
    assert token not in page.url
    page.get_by_role("button", name="Make one call with it").click()
    page.get_by_role("main").get_by_text("The API takes it.").wait_for()
    assert len([each for each in tab.requests if _carries(each, token)]) == 1

    page.get_by_role("button", name="Clear").click()
    expect(verdict(page)).to_have_count(0)
    expect(page.get_by_role("button", name="Clear")).to_be_focused()
    page.get_by_role("button", name="Requests").click()
    page.get_by_label("Show secrets and tokens").check()
    for each in page.locator(".log-list summary").all():
        each.click()
    assert token not in tab.remembered()
    assert page.locator(".log-list summary").count() == 2


def _carries(request: Request, token: str) -> bool:
    return token in request.url or token in (request.post_data or "") or token in json.dumps(request.headers)


def test_a_server_that_does_not_answer_is_said_and_asked_again(visit: Visiting) -> None:
    tab = visit()
    page = tab.open("/")
    page.get_by_role("button", name="Explorer").wait_for()
    page.route("**/.well-known/**", lambda route: route.abort("connectionrefused"))
    tab.room("Token doctor")
    page.get_by_role("heading", name="The server does not answer.").wait_for()
    page.unroute("**/.well-known/**")
    page.get_by_role("button", name="Try again").click()

    assert verdict_on(page, _token(tab, "explorer")) == GOOD
    tab.faults = [each for each in tab.faults if "ERR_CONNECTION_REFUSED" not in each]


def test_a_clock_that_goes_wrong_is_reported_and_the_servers_judges(visit: Visiting) -> None:
    tab = visit()
    tab.page.clock.install(time=time.time() + 180)
    page = tab.open(ROOM)
    now = int(time.time())

    assert verdict_on(page, assertion(tab.base, {"exp": now + 200}), JWKS) == GOOD
    page.get_by_text("This machine's clock is 3 minutes ahead of the server's. Times are judged by").wait_for()
    # By this machine's clock, five minutes ahead are eight.
    assert verdict_on(page, assertion(tab.base, {"exp": now + 480}), JWKS) == "exp: It is 8 minutes ahead, 5 allowed."
    told = page.get_by_role("region", name="Verdict")
    assert "This machine's clock is 3 minutes ahead" in told.inner_text()
