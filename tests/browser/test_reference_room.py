"""The reference at `/docs`: the viewer under the page's own policy, with the token of the first room."""

from collections.abc import Callable

import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.page.browser import EACH_LOOK, Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]

VIEWERS_OWN = (
    "heading-order",
    "landmark-main-is-top-level",
    "landmark-no-duplicate-main",
    "landmark-unique",
    "select-name",
)
"""The rules of axe-core that Swagger UI breaks by itself: its headings and landmarks, and the list of servers."""


@EACH_LOOK
def test_the_reference_is_drawn_at_its_own_address(visit: Visiting, scheme: str, width: int) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open("/docs")

    page.get_by_role("heading", name="Reference").wait_for()
    page.locator(".opblock-tag", has_text="Observation").wait_for()
    assert page.get_by_text("most calls do").is_visible()
    assert not tab.is_too_wide()
    assert tab.violations(VIEWERS_OWN) == []


def test_a_call_of_the_reference_carries_the_token_of_this_page(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    tab.room("Reference")
    assert page.url == f"{tab.base}/docs"

    page.locator(".opblock-tag", has_text="Observation").wait_for()
    page.locator('.opblock-tag[data-tag="Patient"]').click()
    block = page.locator(".opblock").filter(has=page.locator(f'[data-path="{FHIR_PATH}/Patient/{{id}}"]')).first
    block.locator(".opblock-summary-control").click()
    block.get_by_placeholder("id").fill("4")
    with page.expect_response(f"**{FHIR_PATH}/Patient/4*") as answered:
        block.get_by_role("button", name="Execute").click()

    assert answered.value.status == 200
    assert answered.value.request.headers["authorization"].startswith("Bearer ey")
    page.get_by_role("button", name="Requests").click()
    assert page.locator(".log-list summary").first.inner_text().count(f"GET {FHIR_PATH}/Patient/4") == 1


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
