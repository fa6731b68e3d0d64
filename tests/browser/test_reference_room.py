"""The reference at `/docs`: every call to be read and tried, with the token of the first room."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.page.browser import EACH_LOOK, Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]


@EACH_LOOK
def test_the_reference_is_drawn_at_its_own_address(visit: Visiting, scheme: str, width: int) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open("/docs")

    page.get_by_role("heading", name="Reference").wait_for()
    page.get_by_role("heading", level=2, name="Observation").wait_for()
    assert page.get_by_text("most calls do").is_visible()
    assert not tab.is_too_wide()
    assert tab.violations() == []


@EACH_LOOK
def test_calls_that_are_opened_break_no_rule_either(visit: Visiting, scheme: str, width: int) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open("/docs")
    for group, call in (
        ("OAuth", "Obtain an access token by client credentials"),
        ("Patient", "Search Patient"),
        ("Patient", "Replace a Patient, or create it"),
        ("Observation", "Search Observation by a form"),
        ("Bundles", "Answer the entries of a batch"),
    ):
        block = opened(page, group, call)
        for name in ("more parameters", "Schema: "):
            for folded in block.locator("summary").filter(has_text=name).all():
                folded.click()
    page.get_by_text("Elements of name").first.click()

    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_a_call_of_the_reference_carries_the_token_of_this_page(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    tab.room("Reference")
    assert page.url == f"{tab.base}/docs"

    block = opened(page, "Patient", "Read a Patient")
    block.get_by_label("id path, required").fill("4")
    with page.expect_response(f"**{FHIR_PATH}/Patient/4*") as answered:
        block.get_by_role("button", name="Send GET").click()

    assert answered.value.status == 200
    assert answered.value.request.headers["authorization"].startswith("DPoP ey")
    expect(block.get_by_label("Answer to Read a Patient")).to_contain_text('"resourceType": "Patient"')
    block.get_by_text("The request, to be copied").click()
    block.get_by_label("Request and answer").wait_for()
    assert tab.violations() == []
    page.get_by_role("button", name="Requests").click()
    assert page.locator(".log-list summary").first.inner_text().count(f"GET {FHIR_PATH}/Patient/4") == 1


def test_signing_out_forgets_what_was_answered(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    tab.room("Reference")
    block = opened(page, "Patient", "Read a Patient")
    block.get_by_role("button", name="Send GET").click()
    answer = page.get_by_label("Answer to Read a Patient")
    answer.wait_for()

    page.get_by_role("button", name="Sign out").click()

    expect(answer).to_have_count(0)


def test_a_body_is_tried_with_the_examples_of_the_document(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in("Editor")
    tab.room("Reference")
    block = opened(page, "Observation", "Say what a write of an Observation would be refused for")

    block.get_by_label("Body as").select_option("application/fhir+xml")
    expect(block.get_by_label("Body application/fhir+xml")).to_have_value(re.compile("<Observation "))
    with page.expect_response(f"**{FHIR_PATH}/Observation/$validate") as answered:
        block.get_by_role("button", name="Send POST").click()

    assert answered.value.request.headers["content-type"] == "application/fhir+xml"
    assert answered.value.status == 200


def test_calls_are_found_by_words(visit: Visiting) -> None:
    page = visit().open("/docs")
    page.get_by_label("Find a call").fill("patch observation")

    expect(page.get_by_role("status").filter(has_text="call")).to_have_text("One call")
    expect(page.get_by_role("heading", level=3)).to_have_text(["Change parts of an Observation"])


def test_the_token_goes_along_from_room_to_room_and_the_browsers_buttons_work(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    tab.room("Reference")
    page.get_by_text("Calls below are made with the token of explorer").wait_for()
    page.go_back()
    page.get_by_role("heading", name="What it opens").wait_for()
    page.go_forward()
    page.get_by_role("heading", level=1, name="Reference").wait_for()


def opened(page: Page, group: str, call: str) -> Locator:
    """Open a call of a group, and the group if it is closed; return the call."""
    around = page.locator(".calls").filter(has=page.get_by_role("heading", level=2, name=group, exact=True))
    if around.get_attribute("open") is None:
        around.locator("summary").first.click()
    block = around.locator(".call").filter(has=page.get_by_role("heading", level=3, name=call)).first
    block.locator("summary").first.click()
    # What is below is drawn a moment after.
    block.get_by_role("heading", level=4, name="Answers").wait_for()
    return block
