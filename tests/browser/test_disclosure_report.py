"""The disclosure report on the page: from a name by the keyboard alone to a table, a CSV and a print."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.audit_trail.disclosure_report import FROM_ARCHIVE, report_disclosures
from careconnect_admin.audit_trail.read_events import AccessRecordReader
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.commands.audit_report import csv_lines
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.page.record_visits import sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
PATIENT = "9"
SEARCH = re.compile(r"/AuditEvent(/_search$|\?)")
NAME = "Llewellyn 08/05/1936"
MOST_KEYS = 60


@pytest.fixture(scope="module")
def seen_by(local_stack: LocalStack, http: httpx.Client, sample: Path) -> str:
    """A client that has seen a record, and was refused something of it."""
    client_id = "saw-patient-9"
    registration = ClientRegistration(
        client_id=client_id, name="Ward 7: nurses", scopes=("system/Patient.read", "system/Observation.read")
    )
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])
    secret = register_client(registry, registration, now=time.time())
    grant = http.post("/token", data={"grant_type": "client_credentials"}, auth=(client_id, str(secret)))
    headers = {"Authorization": f"Bearer {grant.json()['access_token']}"}
    for path, status in (
        (f"Patient/{PATIENT}", 200),
        (f"Patient/{PATIENT}/_history", 200),
        (f"Observation?patient={PATIENT}&_count=1", 200),
        (f"Patient/{PATIENT}/$everything", 200),
        (f"Patient/{PATIENT}/$everything?_type=Practitioner", 400),
    ):
        assert http.get(f"{FHIR_PATH}/{path}", headers=headers).status_code == status, path
    return client_id


def test_a_report_is_had_by_the_keyboard_alone_from_a_name_to_a_csv_and_a_print(
    visit: Visiting, local_stack: LocalStack, seen_by: str
) -> None:
    tab = visit()
    tab.page.add_init_script("window.print = () => { window.printed = document.querySelector('.report').innerText; };")
    page = tab.open()
    tab.sign_in("Auditor")
    tab.room("Disclosure report")
    box = page.get_by_label("Name, date of birth, NHS number or id")
    _tab_to(page, box)
    page.keyboard.press("Enter")
    # Whoever is listed has that search in the audit trail.
    assert [each.url for each in tab.requests if f"{FHIR_PATH}/Patient" in each.url] == []
    page.keyboard.type(NAME)
    page.keyboard.press("Enter")
    found = page.get_by_role("link", name=f"Patient/{PATIENT}")
    found.wait_for()
    _tab_to(page, found)
    page.keyboard.press("Enter")
    now = datetime.now(UTC)
    day = now.date().isoformat()
    for end in ("From", "To"):
        _tab_to(page, page.get_by_label(end, exact=True))
        page.keyboard.type(f"{now:%m%d%Y}")
    page.keyboard.press("Enter")

    report = page.locator(".report")
    expect(report.get_by_role("heading", level=2)).to_be_focused()
    expect(report).to_contain_text(re.compile(r"NHS number \d{3} \d{3} \d{4}, born "))
    client = page.get_by_label("Client", exact=True)
    _tab_to(page, client)
    page.keyboard.type("Ward 7")
    expect(report).to_contain_text(f"of Ward 7 ({seen_by}) alone")
    visits, refusals = (page.get_by_role("table", name=title) for title in ("Visits: 1", "Refused or failed"))
    expect(visits.get_by_role("row")).to_have_count(2)
    expect(visits).to_contain_text("read the patient’s details, the record’s observations and the whole record")
    expect(refusals).to_contain_text("was refused: the whole record (the request was wrong)")
    _tab_to(page, visits.locator("summary"))
    page.keyboard.press("Enter")
    expect(visits.get_by_role("listitem")).to_have_count(4)
    _tab_to(page, page.get_by_role("link", name="Save as CSV"), key="Shift+Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == f"who-saw-patient-{PATIENT}-{day}-to-{day}.csv"
    saved = Path(download.value.path()).read_text(encoding="utf-8-sig")
    assert saved == _by_the_command_line(local_stack, day, seen_by)
    _tab_to(page, page.get_by_role("button", name="Print"))
    page.keyboard.press("Enter")
    printed = page.evaluate("window.printed")
    assert "Ward 7" in printed
    assert [each.url for each in tab.requests if "llewellyn" in each.url.lower() or "1936" in each.url] == []


@EACH_LOOK
def test_a_report_is_read_by_all_on_any_screen_and_on_paper(
    visit: Visiting, seen_by: str, scheme: str, width: int
) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open()
    tab.sign_in("Auditor")
    tab.room("Disclosure report")
    page.get_by_label("Name, date of birth, NHS number or id").fill(NAME)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="NHS number").first.wait_for()
    assert tab.violations() == []
    _go(page, f"#/audit/{PATIENT}")
    page.get_by_label("From", exact=True).fill("2026-12-24")
    page.get_by_label("To", exact=True).fill("2026-12-23")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This is before the first day.")
    assert tab.violations() == []
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("To", exact=True).fill("2099-12-31")
    page.keyboard.press("Enter")
    report = page.locator(".report")
    report.get_by_role("link", name="Save as CSV").wait_for()
    expect(report).to_contain_text("Not verified: this page cannot tell whether the audit trail is as it was archived.")
    command = f"careconnect audit report --patient {PATIENT} --from 2020-01-01 --to 2099-12-31 --csv"
    expect(report.locator("code").last).to_have_text(command)
    report.locator("summary").first.click()
    report.get_by_role("link", name="Audit event").first.wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []

    page.emulate_media(media="print")
    expect(report.get_by_text(re.compile(r"^Made by Auditor on \d+ \w+ \d{4}, [\d:]{8} \(UTC\)\.$"))).to_be_visible()
    for hidden in (page.get_by_label("From", exact=True), report.get_by_role("button"), report.locator("summary")):
        expect(hidden.first).to_be_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_of_a_time_that_is_gone_the_report_says_so_on_the_screen_and_on_paper(visit: Visiting, seen_by: str) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in("Auditor")
    text = "Events before 2026-09-02 (UTC) may be missing: they are in the archive."
    issue = {"severity": "warning", "code": "informational", "diagnostics": text}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}

    def say(route: Route) -> None:
        answer = route.fetch()
        found = answer.json()
        found["entry"] = [{"resource": outcome, "search": {"mode": "outcome"}}, *found.get("entry", ())]
        route.fulfill(response=answer, json=found)

    page.route(SEARCH, say)
    tab.room("Disclosure report")
    _go(page, f"#/audit/{PATIENT}")
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("To", exact=True).fill("2020-12-31")
    page.keyboard.press("Enter")

    report = page.locator(".report")
    hints = report.get_by_role("list", name="Hints of the server")
    expect(hints).to_have_text(text)
    expect(report).to_contain_text("No visit was read.")
    assert not tab.is_too_wide()
    assert tab.violations() == []
    page.emulate_media(media="print")
    expect(hints).to_be_visible()


def test_a_long_period_is_read_page_by_page_and_what_is_missing_is_said(visit: Visiting, seen_by: str) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in("Auditor")
    held: list[Route] = []
    pages: list[str] = []

    def first_page_of_two(route: Route) -> None:
        """Answer the first page as the server does, of one event; hold the next one."""
        if "_cursor" in route.request.url:
            held.append(route)
            return
        pages.append(route.request.post_data or "")
        route.continue_(post_data=(route.request.post_data or "").replace("_count=100", "_count=1"))

    page.route(SEARCH, first_page_of_two)
    _go(page, f"#/audit/{PATIENT}/2020-01-01/2099-12-31")
    page.get_by_text("Reading the audit trail: 1 request, back to").wait_for()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("This report is not whole.")).to_be_visible()
    expect(page.get_by_text("Nothing was refused in this period.")).to_have_count(0)
    assert tab.violations() == []
    page.unroute(SEARCH)
    page.get_by_role("button", name="Read on").click()
    page.get_by_role("table", name="Refused or failed").wait_for()
    expect(page.get_by_text("This report is not whole.")).to_have_count(0)
    told = page.get_by_role("status").first
    expect(told).to_have_text(re.compile(r"^The report is read: \d+ visits?, \d+ refused\.$"))
    assert [each for each in pages if f"patient={PATIENT}" in each] == pages
    assert not tab.is_too_wide()


def test_a_token_without_the_trail_or_of_another_patient_is_told_so(visit: Visiting, local_stack: LocalStack) -> None:
    tab = visit()
    page = tab.open()
    tab.room("Disclosure report")
    page.get_by_text("The audit trail is opened by a token.").wait_for()
    tab.room("Get a token")
    tab.sign_in()
    tab.room("Disclosure report")
    page.get_by_text("This token does not open the audit trail.").wait_for()
    assert tab.violations() == []
    bound = sign_in_with(
        tab, local_stack, client_id="reports-patient-4", scopes=("patient/AuditEvent.read",), patient="4"
    )
    tab.room("Disclosure report")
    bound.get_by_role("button", name="Show who saw Patient/4").click()
    bound.locator(".report").get_by_text("Not verified").wait_for()
    _go(bound, "#/audit/5/2020-01-01/2099-12-31")
    bound.get_by_text("This token is bound to Patient/4, and is told who has seen that record alone.").wait_for()
    assert [each.url for each in tab.requests if "patient=5" in (each.post_data or each.url)] == []


def _by_the_command_line(local_stack: LocalStack, day: str, client_id: str) -> str:
    """Return the CSV of `careconnect audit report`, with the page's words in the column `archive`."""
    reader = AccessRecordReader(local_stack.client("dynamodb"), local_stack.stack.outputs["AuditTable"])
    lines = csv_lines(report_disclosures(reader, PATIENT, [day], client_id), [], {}, ())
    return "".join(f"{line.replace(FROM_ARCHIVE, 'not verified')}\n" for line in lines)


def _tab_to(page: Page, target: Locator, key: str = "Tab") -> None:
    """Press a key until the target has the focus, as somebody without a mouse has to."""
    for _ in range(MOST_KEYS):
        if target.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press(key)
    pytest.fail(f"no {key} leads to {target}")


def _go(page: Page, address: str) -> None:
    page.evaluate("hash => { location.hash = hash; }", address)
