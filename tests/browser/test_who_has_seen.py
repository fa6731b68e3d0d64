"""The list of accesses to a record in the record room: its readers, its wording, and how far back it goes."""

import re
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import MEDICATION_ACCESS, DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.page.record_visits import SAMPLE_NAME, bearer_of, go_to_record, sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
TITLE = "Who has seen this record"
PAGE = 20
SEARCH = re.compile(r"/AuditEvent(/_search$|\?)")
"""A first page is posted, and a later one is the link that was answered."""


@EACH_LOOK
def test_the_auditor_is_shown_who_asked_for_what_when_and_what_came_of_it(
    visit: Visiting, http: httpx.Client, explorer: DemoClient, scheme: str, width: int
) -> None:
    others, reading = bearer_of(http, MEDICATION_ACCESS), bearer_of(http, explorer)
    asked = ("Patient/6", "Patient/6/Observation?code=29463-7", "Patient?_id=6&name=x", "Patient/6/$everything")
    for path in asked:
        assert http.get(f"{FHIR_PATH}/{path}", headers=reading).is_success
    assert http.get(f"{FHIR_PATH}/Patient/6/$everything?_type=Practitioner", headers=others).status_code == 400

    tab = visit(scheme=scheme, width=width)
    page = _as_auditor(tab, "6")
    expect(page.get_by_role("region", name="Patient", exact=True)).to_contain_text("system/Patient.read")
    expect(_seen(page).get_by_role("heading", level=3).first).to_have_text("Today")
    refused, looked = _sentences(page)[:2]
    name, _, _ = MEDICATION_ACCESS.name.partition(":")
    why = "was refused: the whole record (the request was wrong)"
    assert re.fullmatch(rf"{re.escape(name)} {re.escape(why)}, \d\d:\d\d( to \d\d:\d\d)?( \(\d+ requests\))?", refused)
    # One look, of whatever number of requests, is one entry.
    assert re.fullmatch(r"Explorer .+, \d\d:\d\d( to \d\d:\d\d)? \(\d+ requests\)", looked)
    for deed in ("patient’s details", "record’s observations", "whole record", "found this patient in a search"):
        assert looked.count(deed) == 1
    assert not tab.is_too_wide()
    assert tab.violations() == []

    look = _seen(page).locator(".accesses section > ul > li").filter(has_text="found this patient in a search").first
    look.locator("summary").click()
    newest_first = ("read the whole record", "Patient?_id=6&name=***", "code=29463-7", "read the patient’s details")
    for request, told in zip(look.get_by_role("listitem").all(), newest_first, strict=False):
        expect(request).to_contain_text(told)
    expect(look).to_contain_text("which is not recorded")
    _seen(page).locator("summary").first.click()
    assert not tab.is_too_wide()
    assert tab.violations() == []
    _seen(page).get_by_role("link", name="Audit event").first.click()
    page.get_by_role("heading", name="RESTful Operation").wait_for()
    expect(page.get_by_text(MEDICATION_ACCESS.client_id).first).to_be_visible()


def test_older_ones_are_reached_by_the_keyboard_until_there_are_no_more(
    visit: Visiting, http: httpx.Client, explorer: DemoClient
) -> None:
    reading = bearer_of(http, explorer)
    for _ in range(PAGE + 5):
        assert http.get(f"{FHIR_PATH}/Patient/7", headers=reading).is_success
    tab = visit(width=320)
    page = _as_auditor(tab, "7")
    assert len(_accesses(page)) == PAGE
    # One look is one entry, with the number of its requests.
    expect(_seen(page).locator("summary").first).to_contain_text("read the patient’s details, ")
    expect(_seen(page).locator("summary").first).to_contain_text(f"({PAGE} requests)")
    expect(_seen(page).get_by_role("heading", name=TITLE)).to_have_text(f"{TITLE} 1")
    expect(_seen(page)).to_contain_text("Not all has been read yet.")

    held: list[Route] = []
    page.route(SEARCH, lambda route: held.append(route))
    older = _seen(page).get_by_role("button", name="Older")
    _seen(page).locator("summary").last.focus()
    page.keyboard.press("Tab")
    expect(older).to_be_focused()
    page.keyboard.press("Enter")
    _seen(page).get_by_role("button", name="Stop").click()
    expect(_seen(page).get_by_role("button", name="Stop")).to_have_count(0)
    assert len(held) == 1
    page.unroute(SEARCH)

    while older.count():
        older.focus()
        page.keyboard.press("Enter")
        expect(_seen(page).locator(".spinner")).to_have_count(0)
    ids = _accesses(page)
    assert len(set(ids)) == len(ids) >= PAGE + 5
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
    expect(_seen(page)).not_to_contain_text("Not all has been read yet.")
    expect(page.get_by_role("status").first).to_have_text(re.compile(rf"^{TITLE}: \d+ visits?\.$"))
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_a_token_that_does_not_open_it_is_reported_so_and_nothing_is_asked(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in()
    go_to_record(page, "4")
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    expect(_seen(page)).to_contain_text("closed This token does not open AuditEvent.")
    expect(_seen(page)).to_contain_text("It takes a scope such as system/AuditEvent.read.")
    expect(_seen(page)).not_to_contain_text("recorded")
    go_to_record(page, "nobody")
    page.get_by_role("heading", name="There is no Patient/nobody.").wait_for()
    expect(_seen(page)).to_have_count(0)
    assert [each.url for each in tab.requests if "AuditEvent" in each.url] == []


def test_who_asked_for_what_is_not_there_is_shown_too_and_asked_for_once(
    visit: Visiting, local_stack: LocalStack
) -> None:
    tab = visit()
    page = sign_in_with(
        tab, local_stack, client_id="reads-all-and-who", scopes=("system/*.read", "system/AuditEvent.read", "profile")
    )
    go_to_record(page, "4")
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    _wait_for_accesses(page)
    page.get_by_role("region", name="Time line").wait_for()
    assert tab.violations() == []

    before = len(tab.requests)
    go_to_record(page, "never-there")
    page.get_by_role("heading", name="There is no Patient/never-there.").wait_for()
    _wait_for_accesses(page)
    assert len([each for each in tab.requests[before:] if "AuditEvent/_search" in each.url]) == 1
    page.get_by_role("link", name="Another patient").click()
    page.get_by_role("heading", name="Whose record?").wait_for()
    go_to_record(page, "never-there")
    _seen(page).locator("summary").first.wait_for()


def test_a_token_of_one_patient_is_shown_that_record_alone(visit: Visiting, local_stack: LocalStack) -> None:
    tab = visit()
    page = sign_in_with(
        tab, local_stack, client_id="who-saw-patient-4", scopes=("patient/AuditEvent.read",), patient="4"
    )
    tab.room("Patient record")
    expect(page.get_by_role("region", name="Patient", exact=True)).to_contain_text("patient/Patient.read")
    _wait_for_accesses(page)
    go_to_record(page, "5")
    expect(_seen(page)).to_contain_text("is bound to Patient/4, and is told who has seen that record alone.")
    assert [each.url for each in tab.requests if "patient=5" in (each.post_data or each.url)] == []
    assert tab.violations() == []


def test_where_the_audit_trail_does_not_answer_it_can_be_asked_again(visit: Visiting) -> None:
    tab = visit(scheme="dark", width=320)
    page = _with_the_trail_alone(tab)
    page.route(SEARCH, lambda route: route.fulfill(status=503, content_type="application/fhir+json", body="{}"))
    go_to_record(page, "not-asked-for")
    _seen(page).get_by_role("heading", name="The service is not available for the moment.").wait_for()
    expect(_seen(page)).not_to_contain_text("recorded")
    assert tab.violations() == []
    page.unroute(SEARCH)
    _seen(page).get_by_role("button", name="Try again").click()
    expect(_seen(page)).to_contain_text("No access to it is recorded.")


def _as_auditor(tab: Visit, patient: str) -> Page:
    """Open a record by a token that opens nothing of it but who has seen it."""
    page = _with_the_trail_alone(tab)
    go_to_record(page, patient)
    _seen(page).locator("summary").first.wait_for()
    return page


def _with_the_trail_alone(tab: Visit) -> Page:
    page = tab.open()
    page.get_by_text("Ask for certain scopes").click()
    page.get_by_label("Scopes, with spaces").fill("system/AuditEvent.read")
    tab.sign_in("Auditor")
    return page


def _seen(page: Page) -> Locator:
    return page.get_by_role("region", name=TITLE)


def _wait_for_accesses(page: Page) -> None:
    """Wait until the list of accesses is shown, or the sentence that there are none."""
    _seen(page).get_by_text("No access to it is recorded.").or_(_seen(page).locator("summary")).first.wait_for()


def _sentences(page: Page) -> list[str]:
    return [re.sub(r"\s+", " ", each).strip("✓⊘✗? ") for each in _seen(page).locator("summary .wrap").all_inner_texts()]


def _accesses(page: Page) -> list[str]:
    """Return the ids of all accesses that are listed, in the order of the entries."""
    entries = _seen(page).locator("details[data-ids]").all()
    return [id_ for each in entries for id_ in (each.get_attribute("data-ids") or "").split()]
