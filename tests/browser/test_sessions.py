"""End sessions: hide the record, and return to the same place with a new token."""

import re
from collections.abc import Callable
from typing import Final

import pytest
from playwright.sync_api import Page, expect

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.record_visits import SAMPLE_NAME, go_to_record
from careconnect_testing.stacks.deployed_tokens import expired_token

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE


def _tab_to(page: Page, words: str) -> None:
    """Press Tab until the text of the focused element begins with `words`."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").strip().startswith(words):
            return
    pytest.fail(f"the Tab key does not reach {words}")


def test_a_token_that_was_missing_comes_back_to_the_record(visit: Visiting) -> None:
    tab = visit(width=390, height=844)
    page = tab.open("/#/record/4")
    page.get_by_role("main").get_by_role("link", name="Get a token").click()
    expect(page.get_by_text("With a token, the page goes back to where you were")).to_be_visible()
    assert tab.violations() == []
    page.get_by_role("button", name="Explorer").click()

    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    assert page.url.endswith("/#/record/4")
    assert page.get_by_role("banner").evaluate("header => header.offsetHeight") < 100
    sign_out = page.get_by_role("button", name="Sign out").bounding_box()
    assert sign_out is not None
    assert sign_out["height"] < 40


def test_a_token_that_does_not_open_it_is_changed_for_one_that_does(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in("Limited access")
    page.evaluate("location.hash = '#/explore/Patient/4'")
    page.get_by_role("heading", name="This token does not open that.").wait_for()
    page.get_by_role("main").get_by_role("link", name="Get a token").click()
    page.get_by_role("button", name="Access token").click()
    page.get_by_role("button", name="Demo client").click()
    page.get_by_role("button", name="Explorer").click()

    page.get_by_role("heading", name="Ms Sofía Elena Muñoz").wait_for()
    assert page.url.endswith("/#/explore/Patient/4")
    # The room itself is looked at without being led away again.
    tab.room("Get a token")
    tab.sign_in("Auditor")
    assert page.url.endswith("/#/token")


@pytest.mark.parametrize(("place", "shown"), [("record/4", SAMPLE_NAME), ("explore/Patient/4", "Ms Sofía Elena Muñoz")])
def test_an_expired_session_hides_the_record_and_is_renewed_at_the_same_place(
    visit: Visiting, clients: tuple[DemoClient, ...], place: str, shown: str
) -> None:
    (secret,) = (each.secret for each in clients if each.client_id == "explorer")
    tab = visit(scheme="dark", width=390, height=844)
    tab.page.clock.install()
    page = tab.open()
    tab.sign_in()
    page.evaluate("hash => { location.hash = hash; }", f"#/{place}")
    page.get_by_role("heading", name=shown).first.wait_for()
    expect(page.locator(".spinner")).to_have_count(0)

    page.clock.fast_forward(HOUR - MINUTE)
    page.keyboard.press("Shift")
    page.clock.fast_forward(MINUTE + 1000)
    expect(page.get_by_role("heading", name="The session has expired")).to_be_visible()
    expect(page.get_by_role("heading", name=shown)).to_have_count(0)
    assert "muñoz" not in page.get_by_role("main").inner_text().lower()
    expect(page.get_by_role("banner")).to_contain_text("expired")
    assert tab.violations() == []
    # Whoever passes finds no secret in the page, and no call that told of the record.
    assert secret not in tab.remembered()
    expect(page.get_by_role("button", name="Requests")).to_contain_text("0")
    expect(page.get_by_role("button", name="Renew as Explorer")).to_be_disabled()
    page.get_by_label("Client secret of Explorer").fill(secret)
    page.get_by_role("button", name="Renew as Explorer").click()

    page.get_by_role("heading", name=shown).first.wait_for()
    assert page.url.endswith(f"/#/{place}")


@pytest.mark.parametrize(("address", "room"), [("/#/record/4", "Patient record"), ("/docs", "Reference")])
def test_a_page_that_is_loaded_anew_says_that_its_session_ended_and_comes_back(
    visit: Visiting, address: str, room: str
) -> None:
    tab = visit()
    page = tab.open()
    expect(page.get_by_text("The page was loaded anew")).to_have_count(0)
    tab.sign_in()
    page.goto(tab.base + address)
    page.reload()

    expect(page.get_by_text("The page was loaded anew, which ends a session")).to_be_visible()
    assert tab.violations() == []
    page.get_by_role("main").get_by_role("link", name="Get a token").first.click()
    page.get_by_role("button", name="Explorer").click()
    page.get_by_role("heading", level=1, name=room).wait_for()
    assert page.url == tab.base + address
    expect(page.get_by_text("The page was loaded anew")).to_have_count(0)


def test_a_session_without_its_credential_gets_another_token_and_comes_back(
    visit: Visiting, local_stack: LocalStack
) -> None:
    expired = expired_token(local_stack, "user/Patient.read")
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Access token").click()
    page.get_by_label("An access token that you have").fill(expired)
    page.get_by_role("button", name="Use this token").click()
    page.get_by_role("heading", name="What it opened").wait_for()
    go_to_record(page, "4")
    page.get_by_role("heading", name="The session has expired").wait_for()
    expect(page.get_by_role("button", name="Renew")).to_have_count(0)
    page.get_by_role("link", name="Get a token, and come back").click()
    page.get_by_role("button", name="Explorer").click()

    page.get_by_role("region", name=SAMPLE_NAME).wait_for()


def test_the_keyboard_alone_gets_a_token_reads_a_record_and_signs_out(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    page.get_by_role("button", name="Explorer").wait_for()
    _tab_to(page, "Explorer")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="The token")).to_be_focused()
    page.get_by_role("link", name="Patient record").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Patient record")).to_be_focused()
    page.get_by_role("link", name=re.compile("^ANTIĆ")).wait_for()
    _tab_to(page, "ANTIĆ")
    page.keyboard.press("Enter")
    page.get_by_role("region", name=re.compile("^ANTIĆ")).wait_for()
    page.get_by_role("link", name="Skip to the content").focus()
    _tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="No token").wait_for()
    assert "antić" not in tab.remembered().lower()
    page.go_back()
    expect(page.get_by_text("A record is opened by a token.")).to_be_visible()
    assert "antić" not in tab.remembered().lower()
