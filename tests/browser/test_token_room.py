"""Getting a token as a person does it, and everything that is told about it then."""

import json
import re
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from playwright.sync_api import Route, expect

from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.client_record import AuthMethod
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.parts.dpop_proofs import claims_of
from careconnect_testing.stacks.deployed_tokens import expired_token

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
MAX_BYTES = 300_000
MAX_MILLISECONDS = 1000


@EACH_LOOK
def test_one_click_gets_a_token_and_shows_what_it_says_and_opens(visit: Visiting, scheme: str, width: int) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open()
    assert tab.violations() == []

    tab.sign_in()

    claims = page.get_by_role("region", name="What it says")
    assert claims.get_by_role("row", name=re.compile("^client_id explorer")).is_visible()
    assert claims.get_by_role("row", name=re.compile("^scope system")).is_visible()
    assert page.get_by_text(f"{len(RESOURCE_TYPES)} of {len(SERVED_TYPES)} types.").is_visible()
    patient = page.get_by_role("table", name="Interactions by type").get_by_role("row", name=re.compile("^Patient"))
    assert (
        re.sub(r"[^a-z]+", " ", patient.inner_text().partition("Patient")[2]).split() == ["open"] * 2 + ["closed"] * 3
    )
    assert re.fullmatch(r"(1 h 0 min|59:\d\d) left", page.get_by_test_id("countdown").inner_text())
    expect(page.get_by_role("heading", name="The token")).to_be_focused()
    expect(page.get_by_role("heading", name="The token")).to_be_in_viewport()
    expect(page.get_by_role("button", pressed=True)).to_have_text(["Demo client", re.compile("^Explorer")])
    expect(page.get_by_role("banner").get_by_text("Explorer", exact=True)).to_be_visible()
    assert page.get_by_role("banner").evaluate("header => header.offsetHeight") < 115
    assert not tab.is_too_wide()
    assert tab.violations() == []


@pytest.mark.timed
def test_the_first_load_is_small_and_quick(visit: Visiting, record_property: Callable[[str, object], None]) -> None:
    tab = visit()
    # What is measured is the page, and not the start of a function.
    visit().open()
    page = tab.open()
    begun = time.monotonic()
    tab.sign_in()
    figures = {**tab.loaded(), "seconds to the first token": round(time.monotonic() - begun, 2)}

    for name, figure in figures.items():
        record_property(name, figure)
    assert page.title() == "Get a token · Care Connect"
    assert figures["bytes"] < MAX_BYTES, figures
    assert figures["milliseconds"] < MAX_MILLISECONDS, figures


def test_the_page_asks_for_tokens_that_are_bound_to_a_key_which_cannot_leave_it(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    keys, token = set(), ""
    for client in ("Explorer", "Limited access"):
        with page.expect_response("**/token") as granted:
            tab.sign_in(client)
        body = granted.value.json()
        assert body["token_type"] == "DPoP"
        token = body["access_token"]
        keys.add(jwt.decode(token, options={"verify_signature": False})["cnf"]["jkt"])
    assert len(keys) == 2
    page.get_by_text("It is a DPoP token: bound to a key that cannot leave this page.").wait_for()

    tab.room("Explore")
    page.get_by_role("link", name=re.compile("^Organization")).click()
    with page.expect_response("**/Organization") as found:
        page.get_by_role("button", name="Search").click()
    assert found.value.status == 200
    sent = found.value.request.headers
    proof = claims_of(sent["dpop"])
    assert (proof["htm"], proof["htu"]) == ("GET", f"{tab.base}{FHIR_PATH}/Organization")
    assert sent["authorization"] == f"DPoP {token}"
    page.get_by_text("The copied request takes a Bearer token, as TOKEN").wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert page.evaluate("indexedDB.databases()") == []


@EACH_LOOK
def test_a_bearer_token_is_asked_for_by_a_switch(visit: Visiting, scheme: str, width: int) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open()
    page.get_by_label("Ask for a Bearer token, for copies to paste").check()
    with page.expect_response("**/token") as granted:
        tab.sign_in("Patient access")

    assert granted.value.json()["token_type"] == "Bearer"
    assert "dpop" not in granted.value.request.headers
    page.get_by_text("It is a Bearer token: whoever has a copy of it can use it until it ends.").wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []
    tab.room("Explore")
    page.get_by_role("main").get_by_role("link", name=re.compile("^Patient")).click()
    with page.expect_response("**/Patient") as found:
        page.get_by_role("button", name="Search").click()
    assert found.value.status == 200
    assert found.value.request.headers["authorization"].startswith("Bearer ey")
    assert "dpop" not in found.value.request.headers
    expect(page.get_by_text("The copied request takes a Bearer token")).to_have_count(0)


def test_a_client_that_has_to_send_nonces_reads_and_one_that_is_bound_gets_no_bearer_token(
    visit: Visiting, local_stack: LocalStack
) -> None:
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    registration = ClientRegistration(
        "browser-nonce", "A client with nonces", ("user/Organization.rs",), dpop_bound=True, dpop_nonce=True
    )
    secret = str(register_client(registry, registration, now=time.time()))
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Client id").fill("browser-nonce")
    page.get_by_label("Client secret").fill(secret)
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("heading", name="What it opens").wait_for()
    tab.room("Explore")
    page.get_by_role("link", name=re.compile("^Organization")).click()
    with page.expect_response("**/Organization") as found:
        page.get_by_role("button", name="Search").click()
    assert found.value.status == 200
    assert claims_of(found.value.request.headers["dpop"])["nonce"]
    # One request more, for the first nonce.
    assert len([each for each in tab.requests if each.url.endswith("/token")]) == 2

    tab.room("Get a token")
    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Ask for a Bearer token").check()
    page.get_by_label("Client id").fill("browser-nonce")
    page.get_by_label("Client secret").fill(secret)
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("heading", name="The proof of the token's key is not accepted.").wait_for()
    page.get_by_text("A DPoP proof is required.").wait_for()


def test_the_server_is_asked_what_it_knows_and_reported_to_end_it(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in("Limited access")

    page.get_by_role("button", name="Introspect").click()
    known = page.get_by_label("Answer of the introspection")
    assert json.loads(known.inner_text())["active"] is True

    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked. The gateway keeps its last decision").wait_for()
    expect(known).to_have_count(0)
    expect(page.get_by_test_id("countdown")).to_have_text("Revoked")
    expect(page.get_by_role("banner")).to_contain_text("Limited accessrevoked")
    expect(page.get_by_role("button", name="Limited access", pressed=True)).to_have_count(0)
    expect(page.get_by_role("heading", name="What it opened")).to_be_visible()
    assert tab.violations() == []
    page.get_by_role("button", name="Introspect").click()
    page.get_by_text('"active": false').wait_for()


def test_a_private_key_signs_in_the_page_and_is_not_stored_as_text(visit: Visiting, local_stack: LocalStack) -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    jwk: dict[str, Any] = ECAlgorithm.to_jwk(key, as_dict=True)
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    for each in (jwk, public):
        each.pop("key_ops", None)
    public |= {"kid": "of-the-browser", "alg": "ES384", "use": "sig"}
    register_client(
        DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"]),
        ClientRegistration(
            client_id="browser-key",
            name="A client with a key",
            scopes=("user/Patient.read",),
            auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}),
            jwks=json.dumps({"keys": [public]}),
        ),
        now=time.time(),
    )
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Private key").click()
    page.get_by_label("Client id").fill("browser-key")
    page.get_by_label("Private key, as a JWK").fill(json.dumps(jwk))
    page.get_by_label("Key id").fill("of-the-browser")
    page.get_by_role("button", name="Get a token").click()

    page.get_by_role("heading", name="What it opens").wait_for()
    assert jwk["d"] not in tab.remembered()
    # The key signs again, for a second token and for what follows.
    page.get_by_role("button", name="Introspect").click()
    page.get_by_text('"active": true').wait_for()
    assert not [each for each in tab.requests if jwk["d"] in (each.post_data or "")]


def test_a_token_that_is_there_already_is_used_and_one_that_has_expired_is_said_to(
    visit: Visiting, local_stack: LocalStack
) -> None:
    expired = expired_token(local_stack, "user/Patient.read")
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Access token").click()
    field = page.get_by_label("An access token that you have")
    field.fill("no token")
    page.get_by_role("button", name="Use this token").click()
    fault = page.get_by_role("alert").inner_text()
    assert fault.startswith("This is no access token")
    expect(field).to_have_accessible_description(fault)

    field.fill(f"Bearer {expired}")
    page.get_by_role("button", name="Use this token").click()

    page.get_by_text(f"1 of {len(SERVED_TYPES)} types.").wait_for()
    assert page.get_by_test_id("countdown").inner_text() == "Expired"
    expect(page.get_by_role("button", name="Renew")).to_have_count(0)
    assert page.get_by_role("button", name="Introspect").is_disabled()
    assert tab.violations() == []


def test_a_list_of_clients_that_comes_late_changes_nothing_that_was_chosen(visit: Visiting) -> None:
    tab = visit()
    held: list[Route] = []
    tab.page.route("**/local/demo-clients", lambda route: held.append(route))
    with tab.page.expect_request("**/local/demo-clients"):
        page = tab.open()
    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Client id").fill("half-typ")

    expect(page.get_by_role("button", name="Demo client")).to_have_count(0)
    held[0].continue_()
    page.get_by_role("button", name="Demo client").wait_for()
    expect(page.get_by_label("Client id")).to_have_value("half-typ")


def test_what_is_refused_is_said_with_what_to_do(visit: Visiting, explorer: DemoClient) -> None:
    tab = visit(scheme="dark")
    page = tab.open()
    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Client id").fill(explorer.client_id)
    page.get_by_label("Client secret").fill("wrong")
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("heading", name="The server does not accept this client.").wait_for()
    assert tab.violations() == []
    page.get_by_role("button", name="Demo client").click()
    expect(page.get_by_role("region", name="Problem")).to_have_count(0)

    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Client id").fill(explorer.client_id)
    page.get_by_label("Client secret").fill(explorer.secret)
    page.get_by_text("Ask for certain scopes").click()
    page.get_by_label("Scopes, with spaces").fill("system/*.cruds")
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("heading", name="A scope was refused.").wait_for()

    page.get_by_label("Scopes, with spaces").fill("system/Patient.r")
    page.get_by_role("button", name="Get a token").click()
    page.get_by_text(f"1 of {len(SERVED_TYPES)} types.").wait_for()


def test_a_server_that_stops_is_said_and_the_page_lives_on(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Explorer").wait_for()
    page.context.set_offline(True)
    page.get_by_role("button", name="Explorer").click()
    page.get_by_role("heading", name="The server does not answer.").wait_for()
    page.context.set_offline(False)

    tab.sign_in()

    # What Chromium says of a connection that is none.
    tab.faults = [each for each in tab.faults if "ERR_INTERNET_DISCONNECTED" not in each]


def test_nothing_secret_is_left_after_signing_out_nor_ever_stored(visit: Visiting, explorer: DemoClient) -> None:
    tab = visit()
    page = tab.open()
    with page.expect_response("**/token") as granted:
        tab.sign_in()
    token = granted.value.json()["access_token"]
    page.get_by_role("button", name="Requests").click()
    page.locator(".log-list summary").first.click()
    before = tab.remembered()
    assert token not in before
    assert explorer.secret not in before
    page.get_by_label("Show secrets and tokens").check()
    expect(page.locator(".log-list")).to_contain_text(token)
    assert token in tab.remembered()

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="No token").wait_for()

    after = tab.remembered()
    assert token not in after
    assert explorer.secret not in after
    assert page.context.cookies() == []


def test_the_keyboard_alone_is_enough(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Explorer").wait_for()

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(12):
        page.keyboard.press("Tab")
        if "Explorer" in page.evaluate("document.activeElement.textContent"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="What it opens").wait_for()
    assert page.get_by_role("status").inner_text().startswith("A token was granted.")


def test_a_copied_request_is_one_that_works_and_holds_no_secret(visit: Visiting) -> None:
    tab = visit()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = tab.open()
    tab.sign_in()
    page.get_by_role("button", name="Requests").click()
    page.locator(".log-list summary").filter(has_text="POST /token").click()
    page.get_by_role("group", name="Copy this request").get_by_role("button", name="curl").click()
    page.get_by_role("button", name="Copied").wait_for()

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -sS '{tab.base}/token'")
    assert "'Authorization: Basic '\"$BASIC\"" in copied
