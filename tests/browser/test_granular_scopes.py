"""Scopes with a suffix on the page: what they limit is said to be a part, and what is refused is told."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.page.record_visits import SAMPLE_NAME, go_to_record, sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
CONDITION = "category is http://hl7.org/fhir/observation-category|laboratory"
SCOPES = ("user/Patient.rs", "user/Observation.rs?category=http://hl7.org/fhir/observation-category|laboratory")


@EACH_LOOK
def test_what_a_suffix_limits_is_said_to_be_a_part(
    visit: Visiting, local_stack: LocalStack, scheme: str, width: int
) -> None:
    tab = visit(scheme=scheme, width=width)
    page = sign_in_with(tab, local_stack, client_id=f"narrow-{width}", scopes=SCOPES)
    row = page.get_by_role("table", name="Interactions by type").get_by_role("row", name=re.compile("^Observation"))
    assert f"read, search only where {CONDITION}" in row.inner_text()
    assert re.findall("open in part|open|closed", row.inner_text())[:2] == ["open in part"] * 2
    assert not tab.is_too_wide()
    assert tab.violations() == []

    go_to_record(page, "4")
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    values = page.get_by_role("region", name="Latest values")
    values.get_by_text(f"Of Observation this token opens a part: read, search only where {CONDITION}.").wait_for()
    assert "No value is recorded." not in values.inner_text()
    expect(page.get_by_text("INCOMPLETE")).to_contain_text("of Observation only the part that this client may see")
    assert not tab.is_too_wide()
    assert tab.violations() == []

    tab.room("Explore")
    page.get_by_role("main").get_by_role("link", name=re.compile("^Observation")).click()
    page.get_by_text(f"This token searches Observation only where {CONDITION}: others are not found.").wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_what_a_suffix_refuses_is_told_in_the_servers_words(
    visit: Visiting, local_stack: LocalStack, explorer: DemoClient
) -> None:
    tab = visit()
    page = sign_in_with(tab, local_stack, client_id="narrow-refused", scopes=SCOPES)
    tab.room("Explore")
    page.get_by_role("main").get_by_role("link", name=re.compile("^Patient")).click()
    page.get_by_label("Another parameter").select_option("")
    page.get_by_role("button", name="Add").click()
    written = page.get_by_role("group", name=re.compile("^written out "))
    written.get_by_label("Name").fill("_has:Observation:patient:code")
    written.get_by_label("Value").fill("x")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("main").get_by_text("It takes user/Observation.s.").wait_for()

    tab.room("Get a token")
    page.get_by_role("button", name="Id and secret").click()
    page.get_by_label("Client id").fill(explorer.client_id)
    page.get_by_label("Client secret").fill(explorer.secret)
    page.get_by_text("Ask for certain scopes").click()
    page.get_by_label("Scopes, with spaces").fill("system/Patient.rs?active=true")
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("main").get_by_text("system/Patient.rs takes no suffix").wait_for()

    page.get_by_label("Scopes, with spaces").fill("system/Condition.r?clinical-status=active")
    page.get_by_role("button", name="Get a token").click()
    page.get_by_text("read only where clinical-status is active").wait_for()
