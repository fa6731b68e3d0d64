"""Searching, reading and following references as a person does it, with the errors met along the way."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.stacks.deployed_tokens import expired_token

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]


def _row(page: Page, parameter: str) -> Locator:
    return page.get_by_role("group", name=re.compile(f"^{parameter} "))


def _add(page: Page, parameter: str) -> Locator:
    page.get_by_label("Another parameter").select_option(parameter)
    page.get_by_role("button", name="Add").click()
    return _row(page, parameter or "written out")


def _search(page: Page) -> None:
    page.get_by_role("button", name="Search", exact=True).click()


def _found(page: Page) -> Locator:
    return page.get_by_role("region", name="Found")


def _asked(tab: Visit, type_name: str) -> list[tuple[str, str]]:
    """Return the parameters of the last search of a type, as the server has got them."""
    return parse_qsl(
        next(each.post_data or "" for each in reversed(tab.requests) if each.url.endswith(f"/{type_name}/_search"))
    )


def _type(tab: Visit, name: str) -> Page:
    """Go to a type's search from wherever the tab is."""
    tab.room("Explore")
    tab.page.get_by_role("main").get_by_role("link", name=re.compile(f"^{name}( |$)")).click()
    tab.page.get_by_role("heading", name=f"Search {name}").wait_for()
    return tab.page


@EACH_LOOK
def test_a_search_is_filled_in_and_what_it_finds_is_looked_at_with_what_came_with_it(
    visit: Visiting, scheme: str, width: int
) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open()
    tab.sign_in()
    tab.room("Explore")
    expect(page.get_by_role("region", name="Directory").get_by_role("link")).to_have_count(5)
    expect(page.get_by_role("link", name="Observation read, search")).to_be_visible()
    assert not tab.is_too_wide()
    assert tab.violations() == []

    page.get_by_role("link", name="Observation").click()
    _row(page, "patient").get_by_label("Id").fill("4")
    _row(page, "date").get_by_label("Comparison").select_option("ge")
    _row(page, "date").get_by_label("or type it").fill("2024-06")
    page.get_by_text("Includes, order and page").click()
    page.get_by_label("Observation:patient").check()
    page.get_by_label("Observation:performer").check()
    page.get_by_text("POST Observation/_search", exact=True).wait_for()
    query = "patient=4&date=ge2024-06&_include=Observation:patient&_include=Observation:performer"
    page.get_by_text(query, exact=True).wait_for()
    _search(page)

    matches = page.get_by_role("region", name="Matches")
    row = matches.get_by_role("row", name=re.compile(r"Blood pressure")).first
    assert "128 mmHg / 76 mmHg" in row.inner_text()
    # An included resource is shown by its name.
    assert row.get_by_role("link", name="Ms Sofía Elena Muñoz").get_attribute("href") == "/#/explore/Patient/4"
    expect(page.get_by_role("heading", name="Found")).to_be_focused()
    row.get_by_role("rowheader").get_by_role("link").click()
    page.get_by_role("heading", name="Blood pressure").wait_for()
    included = page.get_by_role("region", name="Included with it")
    included.get_by_text("Ms Sofía Elena Muñoz").click()
    expect(included.get_by_text("999 000 0042")).to_be_visible()
    assert not tab.is_too_wide()
    assert tab.violations() == []

    page.get_by_role("button", name="XML").click()
    assert page.get_by_role("region", name="Resource as XML").inner_text().startswith("<?xml")
    page.get_by_role("button", name="JSON", exact=True).click()
    page.get_by_role("region", name="Resource as JSON").get_by_role("link", name='"Patient/4"').click()
    page.get_by_role("heading", name="Ms Sofía Elena Muñoz").wait_for()
    page.get_by_text('ETag W/"1"').wait_for()
    assert page.url.endswith("/#/explore/Patient/4")
    assert not tab.is_too_wide()

    page.go_back()
    page.get_by_role("heading", name="Blood pressure").wait_for()
    assert _row(page, "patient").get_by_label("Id").input_value() == "4"
    assert (
        matches.get_by_role("link", name=page.url.rpartition("/")[2], exact=True).get_attribute("aria-current")
        == "true"
    )


def test_every_kind_of_parameter_is_asked_as_the_server_takes_it(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    _type(tab, "Observation")
    code = _row(page, "code")
    code.get_by_label("Code").fill("29463-7,85354-9")
    code.get_by_label("System", exact=True).fill("http://loinc.org")
    weight = _add(page, "value-quantity")
    expect(weight.get_by_label("Comparison")).to_be_focused()
    weight.get_by_label("Comparison").select_option("gt")
    weight.get_by_label("Number").fill("69")
    weight.get_by_label("Unit", exact=True).fill("kg")
    _add(page, "context").get_by_label("Comparison").select_option("missing:false")
    performer = _add(page, "performer")
    performer.get_by_label("Type").select_option("Practitioner")
    performer.get_by_label("Id").fill("gp-1-2")
    chain = _add(page, "")
    chain.get_by_label("Name").fill("patient.family:exact")
    chain.get_by_label("Value").fill("Muñoz")
    _row(page, "patient").get_by_role("button", name="Remove").click()
    expect(page.get_by_label("Another parameter")).to_be_focused()
    page.get_by_text("Includes, order and page").click()
    page.get_by_label("Order by (_sort)").select_option("date")
    page.get_by_label("Direction").select_option("-")
    page.get_by_label("On a page (_count)").select_option("5")
    page.get_by_label("Of each (_summary)").select_option("data")
    _search(page)

    _found(page).get_by_role("rowheader").first.wait_for()
    assert _asked(tab, "Observation") == [
        ("code", "http://loinc.org|29463-7,http://loinc.org|85354-9"),
        ("value-quantity", "gt69||kg"),
        ("context:missing", "false"),
        ("performer", "Practitioner/gp-1-2"),
        ("patient.family:exact", "Muñoz"),
        ("_sort", "-date"),
        ("_count", "5"),
        ("_summary", "data"),
    ]
    values = [
        each.inner_text() for each in _found(page).get_by_role("cell").filter(has_text=re.compile(r"^[\d.]+ kg$")).all()
    ]
    assert values
    assert all(float(each.split()[0]) > 69 for each in values)

    page.get_by_role("button", name="Begin anew").click()
    expect(page.get_by_text("GET Observation", exact=True)).to_be_visible()


def test_pages_are_followed_there_and_back_and_the_keyboard_keeps_its_place(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    _type(tab, "Condition")
    page.get_by_text("Includes, order and page").click()
    page.get_by_label("On a page (_count)").select_option("50")
    _search(page)
    _found(page).get_by_text(re.compile(r"^Page 1: 50 matches of \d+\.")).wait_for()
    first = _found(page).get_by_role("rowheader").all_inner_texts()

    page.get_by_role("button", name="Next page").click()
    _found(page).get_by_text(re.compile(r"^Page 2: \d+ matches of \d+\.")).wait_for()
    second = _found(page).get_by_role("rowheader").all_inner_texts()
    assert not set(first) & set(second)
    expect(page.get_by_role("heading", name="Found")).to_be_focused()
    assert page.get_by_role("button", name="Next page").is_disabled()
    page.get_by_role("button", name="Previous page").click()
    _found(page).get_by_text("Page 1: 50 matches").wait_for()
    assert _found(page).get_by_role("rowheader").all_inner_texts() == first

    _found(page).get_by_role("rowheader").nth(2).get_by_role("link").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Close").wait_for()
    expect(page.get_by_role("link", name=first[2], exact=True)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text(re.compile(f"^Condition {re.escape(first[2])} is shown"))
    page.get_by_role("link", name="Close").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name=first[2], exact=True)).to_be_focused()
    assert page.url.endswith("/#/explore/Condition")


def test_the_request_is_shown_as_it_went_and_its_copy_holds_no_token(visit: Visiting) -> None:
    tab = visit()
    tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = tab.open()
    tab.sign_in()
    _type(tab, "Patient")
    _row(page, "name").get_by_label("Value").fill("muñoz")
    _search(page)

    last = page.get_by_role("region", name="Last request")
    url = f"{tab.base}{FHIR_PATH}/Patient/_search"
    last.get_by_text(f"POST {url}", exact=True).wait_for()
    last.get_by_text("name=mu%C3%B1oz", exact=True).wait_for()
    last.get_by_text("200", exact=True).wait_for()
    last.get_by_role("button", name="curl").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -sS '{url}'")
    assert "--data-raw 'name=mu%C3%B1oz'" in copied
    assert 'Bearer \'"$TOKEN"' in copied


def test_nothing_found_and_what_the_server_ignores_are_said(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    _type(tab, "Organization")
    _row(page, "name").get_by_label("Value").fill("no such place")
    _search(page)
    _found(page).get_by_text("Nothing matches: no Organization that this token opens is like that.").wait_for()

    _row(page, "name").get_by_label("Value").fill("")
    written = _add(page, "")
    written.get_by_label("Name").fill("nmae")
    written.get_by_label("Value").fill("x")
    _search(page)
    page.get_by_role("list", name="Hints of the server").get_by_text("The nearest is name.").wait_for()
    assert _found(page).get_by_role("rowheader").count() > 5
    assert tab.violations() == []


def test_what_is_malformed_is_said_in_the_servers_words_and_what_was_typed_stays(visit: Visiting) -> None:
    tab = visit(scheme="dark")
    page = tab.open()
    tab.sign_in()
    _type(tab, "Patient")
    _search(page)
    _found(page).get_by_role("rowheader").first.wait_for()
    born = _row(page, "birthdate").get_by_label("or type it")
    born.fill("last summer")
    _search(page)

    expect(_row(page, "birthdate").get_by_role("alert")).to_contain_text("not a date such as 2017")
    expect(born).to_be_focused()
    expect(born).to_have_value("last summer")
    expect(born).to_have_attribute("aria-invalid", "true")
    # The results of an earlier search are no longer shown.
    assert not _found(page).is_visible()
    assert tab.violations() == []

    # As it is typed in the United Kingdom, and as the calendar gives it.
    born.fill("23/08/1971")
    expect(page.get_by_role("alert")).to_have_count(0)
    _search(page)
    _found(page).get_by_role("cell", name="23 Aug 1971").wait_for()
    assert _asked(tab, "Patient") == [("birthdate", "1971-08-23")]
    _row(page, "birthdate").get_by_label("Day").fill("1971-08-24")
    expect(born).to_have_value("1971-08-24")
    page.get_by_text("birthdate=1971-08-24", exact=True).wait_for()


def test_a_closed_type_is_said_to_be_closed_and_the_servers_refusal_is_reported(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in("Limited access")
    tab.room("Explore")
    expect(page.get_by_role("link", name="Practitioner read, search")).to_be_visible()
    expect(page.get_by_role("link", name="Procedure closed takes user/Procedure.rs")).to_be_visible()
    _type(tab, "Procedure")
    expect(page.get_by_text("This token does not open searching Procedure")).to_be_visible()
    _row(page, "patient").get_by_label("Id").fill("15")
    _search(page)
    page.get_by_role("heading", name="This token does not open that.").wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []

    page.get_by_role("region", name="Problem").get_by_role("link", name="Get a token").click()
    page.get_by_role("button", name="Explorer").click()
    page.get_by_role("heading", name="Search Procedure").wait_for()
    expect(page.get_by_role("region", name="Problem")).to_have_count(0)
    assert _row(page, "patient").get_by_label("Id").input_value() == "15"
    _search(page)
    _found(page).get_by_role("cell", name="Electrocardiographic procedure").first.wait_for()


def test_without_a_token_there_is_all_but_an_answer_and_the_form_stays_for_when_there_is_one(visit: Visiting) -> None:
    tab = visit()
    page = tab.open("/#/explore/Practitioner")
    _row(page, "name").get_by_label("Value").fill("murg")
    expect(page.get_by_text("Every search and every read needs a token.")).to_be_visible()
    _search(page)
    page.get_by_role("heading", name="The token is not accepted.").wait_for()
    assert tab.violations() == []

    tab.room("Get a token")
    tab.sign_in()
    page = _type(tab, "Practitioner")
    _search(page)

    _found(page).get_by_role("cell", name="MURGATROYD, Niamh (Dr)").wait_for()


def test_who_saw_a_patient_is_shown_to_the_auditor_alone(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in()
    tab.room("Explore")
    record = page.get_by_role("region", name="Access record")
    expect(record.get_by_role("link")).to_have_text(["AuditEventclosed takes system/AuditEvent.rs"])
    assert tab.violations() == []
    page.goto(f"{tab.base}/#/explore/Patient/4")
    page.get_by_role("heading", name="Ms Sofía Elena Muñoz").wait_for()
    expect(page.get_by_role("button", name="Versions")).to_be_visible()

    tab.room("Get a token")
    tab.sign_in("Auditor")
    page.get_by_text(f"2 of {len(SERVED_TYPES)} types.").wait_for()
    page = _type(tab, "AuditEvent")
    _row(page, "patient").get_by_label("Id").fill("4")
    _search(page)
    row = _found(page).get_by_role("row").filter(has=page.get_by_role("cell", name="explorer")).first
    expect(row.get_by_role("link", name="Patient/4")).to_be_visible()
    row.get_by_role("rowheader").get_by_role("link").click()

    page.get_by_role("button", name="Read by itself").click()
    page.get_by_role("button", name="Read again").wait_for()
    # A resource that never changes has no versions.
    expect(page.get_by_role("button", name="Versions")).to_have_count(0)
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_a_token_that_has_expired_is_said_to_and_what_was_typed_stays(visit: Visiting, local_stack: LocalStack) -> None:
    expired = expired_token(local_stack, "user/Patient.read")
    tab = visit()
    page = tab.open()
    _type(tab, "Patient")
    _row(page, "name").get_by_label("Value").fill("muñoz")
    page.get_by_role("main").get_by_role("link", name="Get a token").click()
    page.get_by_role("button", name="Access token").click()
    page.get_by_label("An access token that you have").fill(expired)
    page.get_by_role("button", name="Use this token").click()
    page.get_by_role("heading", name="The session has expired").wait_for()
    expect(page.get_by_role("heading", name="Search Patient")).to_have_count(0)

    page.get_by_role("link", name="Get a token, and come back").click()
    page.get_by_role("button", name="Demo client").click()
    page.get_by_role("button", name="Explorer").click()
    page.get_by_role("heading", name="Search Patient").wait_for()
    assert _row(page, "name").get_by_label("Value").input_value() == "muñoz"


def test_a_server_that_stops_is_said_and_one_goes_on_where_one_was(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    _type(tab, "Location")
    page.context.set_offline(True)
    _search(page)
    page.get_by_role("heading", name="The server does not answer.").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    _found(page).get_by_role("rowheader").first.wait_for()

    # Chromium's error for a missing connection.
    tab.faults = [each for each in tab.faults if "ERR_INTERNET_DISCONNECTED" not in each]


def test_what_was_searched_for_is_in_no_address_and_forgotten_at_signing_out(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    _type(tab, "Patient")
    number = _row(page, "identifier")
    number.get_by_label("System", exact=True).fill("https://fhir.nhs.uk/Id/nhs-number")
    number.get_by_label("Code").fill("9990000042")
    _search(page)
    _found(page).get_by_role("cell", name="999 000 0042").wait_for()
    assert page.url.endswith("/#/explore/Patient")

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="No token").wait_for()
    _type(tab, "Patient")

    remembered = tab.remembered()
    assert "9990000042" not in remembered
    assert "999 000 0042" not in remembered
    assert "Muñoz" not in remembered.title()


def test_an_address_leads_to_its_resource_and_a_wrong_one_says_so(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    page.evaluate("location.hash = '#/explore/Organization/SAMPLE-GP1'")
    page.get_by_text("Organization/SAMPLE-GP1").first.wait_for()
    page.get_by_role("button", name="Read again").wait_for()
    page.get_by_role("button", name="Versions").click()
    page.get_by_role("region", name="Versions of Organization/SAMPLE-GP1").get_by_text("1 version.").wait_for()

    page.evaluate("location.hash = '#/explore/Organization/nowhere'")
    page.get_by_role("heading", name="There is nothing here.").wait_for()
    expect(page.get_by_role("navigation", name="Place")).to_be_focused()
    page.evaluate("location.hash = '#/explore/Nothing'")
    page.get_by_text("The server serves no type of this name.").wait_for()
    page.get_by_role("link", name="All types").click()
    page.get_by_role("region", name="Records").wait_for()


def _fulfilled(page: Page, pattern: str, resource: dict[str, Any]) -> None:
    def answer(route: Route) -> None:
        route.fulfill(status=200, content_type="application/fhir+json", body=json.dumps(resource))

    page.route(re.compile(pattern), answer)


def test_a_hundred_long_names_stay_in_their_own_region_on_a_phone(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in()
    _type(tab, "Patient")
    name = {"family": "Featherstonehaugh-Cholmondeley-Wriothesley" + "x" * 120, "given": ["Bartholomew"] * 6}
    patients = [{"resourceType": "Patient", "id": "p" * 60 + str(each), "name": [name]} for each in range(100)]
    entries = [{"resource": each, "search": {"mode": "match"}} for each in patients]
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 100_000, "entry": entries}
    _fulfilled(page, r"/STU3/Patient$", bundle)
    _search(page)

    _found(page).get_by_text("Page 1: 100 matches of 100,000.").wait_for()
    assert not tab.is_too_wide()
    cell = _found(page).get_by_role("cell").first.bounding_box()
    assert cell is not None
    assert cell["width"] < 320
    _found(page).get_by_role("rowheader").nth(40).get_by_role("link").click()
    page.get_by_role("link", name="Close").wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_a_huge_resource_is_shown_in_part_and_its_narrative_is_text(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    contacts = [{"system": "phone", "value": f"0115 496 {each:04}"} for each in range(2000)]
    div = "<div xmlns='http://www.w3.org/1999/xhtml'><p>Of &lt;them&gt;</p><img src='x' onerror='window.ran=1'/></div>"
    _fulfilled(
        page,
        r"/STU3/Patient/huge$",
        {
            "resourceType": "Patient",
            "id": "huge",
            "text": {"status": "generated", "div": div},
            "telecom": contacts,
            "photo": [{"data": "A" * 500_000}],
        },
    )
    page.evaluate("location.hash = '#/explore/Patient/huge'")
    page.get_by_text("0115 496 0019").wait_for()
    assert not page.get_by_text("0115 496 0020").is_visible()
    page.get_by_text("Narrative, as text").click()
    expect(page.get_by_text("Of <them>")).to_be_visible()
    assert page.evaluate("window.ran") is None
    page.get_by_role("button", name="Show all 2000 values").click()
    expect(page.get_by_text("0115 496 1999")).to_be_visible()

    page.get_by_role("button", name="JSON", exact=True).click()
    source = page.get_by_role("region", name="Resource as JSON")
    assert source.inner_text().count("\n") < 410
    page.get_by_role("button", name=re.compile(r"Show all \d+ lines")).click()
    expect(source.get_by_text('"0115 496 1999"')).to_be_visible()
    assert "(500002 characters; the copy has them all)" in source.inner_text()
