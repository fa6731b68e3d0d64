"""A whole session that searches for people: no URL, no header and no audit event holds whom it searched for."""

import base64
import re
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import parse_qs, unquote_plus, urlsplit

import httpx
import pytest
from playwright.sync_api import Locator, Page, Request, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.writes import patient
from careconnect_testing.http.writing_desk import Making
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.record_visits import SAMPLE_NAME, bearer_of, go_to_record, sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]

CLIENT: Final = "searches-for-people"
NUMBER: Final = "999 000 0042"
MALFORMED_DATE: Final = "summer of 1971"
# What is typed of the sample's Patient/4 and others, as it would stand in a URL or an event, spaces aside.
PERSONAL: Final = ("9990000042", "llewellyn", "muñoz", "1971-08-23", "summer", "xb16yy", "harrowbeck", "07700900004")


def test_a_whole_session_that_searches_for_people_leaves_their_values_in_no_url_header_or_event(
    visit: Visiting, local_stack: LocalStack, http: httpx.Client, clients: tuple[DemoClient, ...]
) -> None:
    tab = visit()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    scopes = ("system/*.read", "system/AuditEvent.read", "profile")
    page = sign_in_with(tab, local_stack, client_id=CLIENT, scopes=scopes)
    _find_in_the_records_box(tab)
    page.go_back()
    page.get_by_role("heading", name="Whose record?").wait_for()
    _search_in_explore(tab)
    _make_a_report(tab)
    _try_the_reference(tab)
    page.reload()
    page.get_by_role("link", name="No token").wait_for()

    asked = [each for each in tab.requests if FHIR_PATH in each.url]
    # What is looked for in URLs and headers was sent all the same.
    forms = _plain(" ".join(each.post_data or "" for each in asked))
    assert [each for each in PERSONAL if each not in forms] == []
    assert [shown for each in tab.requests for shown in _revealing(each)] == []
    assert {name for each in asked for name in parse_qs(urlsplit(each.url).query)} == {"_count", "_cursor"}
    auditor = next(each for each in clients if each.client_id == "auditor")
    events = list(_events(http, auditor))
    assert len([each for each in events if "Patient?" in each]) >= 8
    assert [each for each in events if _shows(each)] == []


def test_correcting_printing_and_reporting_leave_personal_values_in_no_url_or_header(
    visit: Visiting, made: Making
) -> None:
    about = made(patient())
    made(
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": {"text": "Nuts"},
            "patient": {"reference": about},
        }
    )
    reason = "Muñoz of Harrowbeck, XB1 6YY, said so in the summer"
    editing = visit()
    editing.page.add_init_script(_NO_PRINTER)
    page = editing.open()
    editing.sign_in("Editor")
    _find(editing, "Patient record", NUMBER).click()
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    for part in ("summary", "whole record"):
        page.get_by_role("button", name=f"Print the {part}").click()
    page.wait_for_function("window.printed === 2")
    go_to_record(page, about.removeprefix("Patient/"))
    page.get_by_role("region", name="Allergies").get_by_role("button", name="Nuts").click()
    page.get_by_role("button", name="Correct", exact=True).click()
    form = page.get_by_role("form", name=re.compile("^Correct it"))
    form.get_by_label("Reason").fill(reason)
    form.get_by_role("textbox").first.fill("Llewellyn")
    form.get_by_role("button", name="Save the correction").click()
    page.get_by_role("main").get_by_text(re.compile("^Corrected")).first.wait_for()

    auditing = visit()
    auditing.page.add_init_script(_NO_PRINTER)
    page = auditing.open()
    auditing.sign_in("Auditor")
    _find(auditing, "Disclosure report", "Munoz 23/08/1971").wait_for()
    _find(auditing, "Disclosure report", NUMBER).click()
    page.get_by_label("From", exact=True).fill("2020-01-01")
    page.get_by_label("To", exact=True).fill("2099-12-31")
    page.keyboard.press("Enter")
    with page.expect_download():
        page.get_by_role("link", name="Save as CSV").click()
    page.get_by_role("button", name="Print").click()
    page.wait_for_function("window.printed === 1")

    requests = [*editing.requests, *auditing.requests]
    sent = _plain(" ".join(each.post_data or "" for each in requests))
    assert [each for each in ("9990000042", "harrowbeck", "summer", "1971-08-23") if each not in sent] == []
    assert [shown for each in requests for shown in _revealing(each)] == []


_NO_PRINTER: Final = "window.printed = 0; window.print = () => { window.printed += 1; };"


def _find(tab: Visit, room: str, typed: str) -> Locator:
    """Search in a room for the sample's Patient/4, and return the link to it."""
    tab.room(room)
    box = tab.page.get_by_label("Name, date of birth, NHS number or id")
    box.fill(typed)
    box.press("Enter")
    tab.page.get_by_text(re.compile(f"found for “{re.escape(typed)}”")).wait_for()
    return tab.page.get_by_role("link", name="Patient/4", exact=False).first


def _find_in_the_records_box(tab: Visit) -> None:
    """Search by everything that the box takes, turn a page, and open a record."""
    page = tab.page
    tab.room("Patient record")
    box = page.get_by_label("Name, date of birth, NHS number or id")
    for typed in ("Llewellyn", "23/08/1971", NUMBER, NUMBER.replace(" ", ""), f"Patient/{NUMBER.replace(' ', '')}"):
        box.fill(typed)
        page.keyboard.press("Enter")
        page.get_by_text(re.compile(f"found for “{re.escape(typed)}”")).wait_for()
        expect(page.get_by_role("link", name="Patient/4", exact=False).first).to_be_visible()
    box.fill("Mr")
    page.keyboard.press("Enter")
    page.get_by_text("12 of the patients found for “Mr”").wait_for()
    page.get_by_role("button", name="More patients").click()
    page.get_by_text("24 of the patients found for “Mr”").wait_for()
    box.fill(NUMBER)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="MUÑOZ, Sofía Elena").click()
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()


def _search_in_explore(tab: Visit) -> None:
    """Search by single parameters, copy, be refused, try again, turn pages, and go back and forth."""
    page = tab.page
    tab.room("Explore")
    page.get_by_role("main").get_by_role("link", name=re.compile(r"^Patient( |$)")).click()
    page.get_by_role("heading", name="Search Patient").wait_for()
    identifier, birthdate = _row(page, "identifier"), _row(page, "birthdate")
    identifier.get_by_label("Code").fill(NUMBER)
    page.context.set_offline(True)
    _search(page)
    page.get_by_role("heading", name="The server does not answer.").wait_for()
    page.context.set_offline(False)
    # Chromium's error for a missing connection.
    tab.faults = [each for each in tab.faults if "ERR_INTERNET_DISCONNECTED" not in each]
    page.get_by_role("button", name="Try again").click()
    _is_found(page)
    for language in ("curl", "Python", "JavaScript"):
        page.get_by_role("region", name="Last request").get_by_role("button", name=language).click()
        copied = page.evaluate("navigator.clipboard.readText()")
        (url,) = re.findall(r"https?://[^'\"\s]+", copied)
        assert url == f"{tab.base}{FHIR_PATH}/Patient/_search"
        assert not _shows(url)
    identifier.get_by_role("button", name="Remove").click()
    birthdate.get_by_label("or type it").fill(MALFORMED_DATE)
    _search(page)
    expect(birthdate.get_by_role("alert")).to_contain_text("not a date")
    birthdate.get_by_role("button", name="Remove").click()

    for name, field, value in (
        ("address-postalcode", "Value", "XB1 6YY"),
        ("phone", "Code", "07700 900004"),
        ("family", "Value", "Muñoz"),
    ):
        row = _add(page, name)
        row.get_by_label(field, exact=True).fill(value)
        _search(page)
        _is_found(page)
        row.get_by_role("button", name="Remove").click()
    found = page.get_by_role("region", name="Found")
    _add(page, "address-city").get_by_label("Value").fill("Harrowbeck")
    page.get_by_text("Includes, order and page").click()
    page.get_by_label("On a page (_count)").select_option("5")
    _search(page)
    found.get_by_text(re.compile(r"^Page 1: 5 matches")).wait_for()
    page.get_by_role("button", name="Next page").click()
    found.get_by_text(re.compile(r"^Page 2: ")).wait_for()
    page.get_by_role("button", name="Previous page").click()
    found.get_by_text(re.compile(r"^Page 1: 5 matches")).wait_for()
    page.get_by_role("region", name="Matches").get_by_role("rowheader").first.get_by_role("link").click()
    page.get_by_role("link", name="Close").wait_for()
    page.go_back()
    page.get_by_role("link", name="Close").wait_for(state="detached")


def _make_a_report(tab: Visit) -> None:
    """Open the disclosure report of a patient, found by NHS number."""
    page = tab.page
    tab.room("Disclosure report")
    page.get_by_label("Name, date of birth, NHS number or id").fill(NUMBER)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="MUÑOZ, Sofía Elena").click()
    page.get_by_role("button", name="Show who saw Patient/4").click()
    page.get_by_role("heading", name="Who saw MUÑOZ, Sofía Elena").wait_for()
    page.get_by_role("link", name="Save as CSV").wait_for()


def _try_the_reference(tab: Visit) -> None:
    """Call a search by GET as the reference offers it, and see it go, and be told, as a form."""
    page = tab.page
    tab.room("Reference")
    page.get_by_label("Find a call").fill("get search patient")
    block = page.locator(".call").filter(has=page.get_by_role("heading", name="Search Patient", exact=True))
    block.locator("summary").first.click()
    block.get_by_text("more parameters").click()
    block.get_by_label("family query", exact=True).fill("Muñoz")
    with page.expect_response(f"**{FHIR_PATH}/Patient/_search") as answered:
        block.get_by_role("button", name="Send GET").click()
    assert answered.value.status == 200
    assert answered.value.json()["entry"]
    block.get_by_text("The request, to be copied").click()
    expect(block.get_by_label("Request and answer")).to_contain_text(f"POST {tab.base}{FHIR_PATH}/Patient/_search")


def _row(page: Page, parameter: str) -> Any:
    return page.get_by_role("group", name=re.compile(f"^{parameter} "))


def _add(page: Page, parameter: str) -> Any:
    page.get_by_label("Another parameter").select_option(parameter)
    page.get_by_role("button", name="Add").click()
    return _row(page, parameter)


def _search(page: Page) -> None:
    page.get_by_role("button", name="Search", exact=True).click()


def _is_found(page: Page) -> None:
    page.get_by_role("region", name="Found").get_by_role("cell", name=NUMBER).wait_for()


def _revealing(request: Request) -> Iterator[str]:
    """Yield the URL and the headers of a request that hold a personal value."""
    said = [request.url, *(f"{name}: {value}" for name, value in request.all_headers().items())]
    return (each for each in said if _shows(each))


def _events(http: httpx.Client, auditor: DemoClient) -> Iterator[str]:
    """Yield what the events of this session's client hold, each as a text with its queries in plain."""
    headers = bearer_of(http, auditor)
    link: str | None = f"{FHIR_PATH}/AuditEvent?user={CLIENT}&_count=100"
    while link:
        answer = http.get(link, headers=headers).raise_for_status().json()
        for entry in answer.get("entry", []):
            event = entry["resource"]
            queries = [each["query"] for each in event.get("entity", []) if "query" in each]
            yield " ".join([str(event), *(base64.b64decode(each).decode() for each in queries)])
        link = next((each["url"] for each in answer["link"] if each["relation"] == "next"), None)


def _shows(text: str) -> bool:
    return any(each in _plain(text) for each in PERSONAL)


def _plain(text: str) -> str:
    return re.sub(r"\s", "", unquote_plus(text)).lower()
