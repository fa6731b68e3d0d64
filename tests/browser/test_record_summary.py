"""Show a patient's summary, keep the layout still while entries open, and print the record."""

import json
import re
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from playwright.sync_api import Locator, Route, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.record_visits import bearer_of, go_to_record, open_record, sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
NAME: Final = re.compile("^ANTIĆ, Goran")
# The place of each part of the record that is outside the entry under test, in the page and not in the window.
PLACES: Final = """opened => {
  const all = document.querySelectorAll(
    ".record h2, .record h3, .record .entry, .record figure, .record .values-latest > li, .record .changes > li"
  );
  const column = opened.closest(".record-column");
  return [...all].filter((one) => !opened.contains(one) && one.checkVisibility()).map((one) => {
    const { x, y } = one.getBoundingClientRect();
    const own = one.closest(".record-column");
    const isAbove = one.compareDocumentPosition(opened) & Node.DOCUMENT_POSITION_FOLLOWING;
    const isBeside = own !== column && own?.parentElement === column.parentElement;
    const isFixed = isAbove || (isBeside && innerWidth >= 1120);
    return [one.textContent.slice(0, 60), x + scrollX, isFixed ? y + scrollY : null];
  });
}"""


@pytest.mark.parametrize(("width", "height", "screens"), [(1440, 900, 1), (390, 844, 2)])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_clinicians_five_questions_are_answered_at_the_top(
    visit: Visiting,
    local_stack: LocalStack,
    http: httpx.Client,
    explorer: DemoClient,
    scheme: str,
    width: int,
    height: int,
    screens: int,
) -> None:
    assert http.get(f"{FHIR_PATH}/Patient/5", headers=bearer_of(http, explorer)).is_success
    tab = visit(scheme=scheme, width=width, height=height)
    client = f"clinician-{width}-{scheme}"
    scopes = ("system/*.read", "system/AuditEvent.read", "profile")
    page = sign_in_with(tab, local_stack, client_id=client, scopes=scopes)
    go_to_record(page, "5")
    page.get_by_role("region", name="Time line").wait_for()
    values, changes = (page.get_by_role("region", name=name) for name in ("Latest values", "Recent changes"))
    allergies = page.get_by_role("region", name=NAME).get_by_role("group", name="Allergies").get_by_role("listitem")
    medicines = page.get_by_role("region", name="Medication").locator(".entries").first.get_by_role("listitem")
    looked = page.get_by_role("region", name="Last looked at").get_by_role("paragraph").filter(has_text="Explorer read")
    looked.wait_for()

    answers = {
        allergies.first: r"Allergy to penicillin ▲ high criticality",
        allergies.last: r"Allergy to peanut",
        medicines.first: r"Simvastatin 40mg tablets.*one tablet, once a day",
        medicines.last: r"Metformin 500mg tablets.*one tablet, twice a day.*since 19 Jul 2023.*before that one tablet",
        values.get_by_role("listitem").first: r"HbA1c.*▲ high.*52 mmol/mol \(6\.93%\).*was 55 mmol/mol.*range 20 to 42",
        changes.get_by_role("listitem").first: r"8 Jun 2024.*Readings Blood pressure 133/78 mmHg, Weight 88\.1 kg",
        changes.get_by_role("listitem").nth(1): r"2 Jun 2024.*Simvastatin 40mg tablets started",
        looked: r"^\d+ \w+ \d{4}, \d\d:\d\d: Explorer read .*$",
    }
    bar = page.get_by_label("Requests").bounding_box()
    assert bar is not None
    lowest = (screens - 1) * height + bar["y"]
    for answer, words in answers.items():
        assert re.search(words, _text(answer))
        assert _bottom(answer) <= lowest, words
    if width < 700:
        changes.get_by_role("button", name="Show all 6 changes").click()
    assert "2 Nov 2023 Omeprazole 20mg gastro-resistant capsules completed" in _text(changes)
    # Each look at the accesses is one of them.
    assert len([each for each in tab.requests if "AuditEvent/_search" in each.url]) == 1
    assert not tab.is_too_wide()
    assert tab.violations() == []

    page.get_by_role("button", name="All accesses").press("Enter")
    assert page.evaluate("document.activeElement.textContent").startswith("Who has seen this record")


@pytest.mark.parametrize("width", [1440, 820, 390])
def test_an_entry_that_is_opened_moves_nothing_beside_or_above_it(visit: Visiting, width: int) -> None:
    tab = visit(width=width, height=900)
    page = open_record(tab, "5")
    page.get_by_role("img", name=re.compile("^HbA1c")).wait_for()
    # While the record is still read, a line above it says so.
    page.get_by_text("Reading the record").wait_for(state="detached")
    for section, name in (
        ("Problems", "Chronic obstructive lung disease"),
        ("Medication", "Metformin 500mg tablets"),
        ("Allergies", "Allergy to penicillin"),
        ("Immunisations", "Pneumococcal vaccination"),
        ("Encounters", "Encounter for check up"),
    ):
        button = page.get_by_role("button", name=name)
        entry = page.get_by_role("region", name=section).locator(".entry").filter(has=button).first
        before = entry.evaluate(PLACES)
        entry.get_by_role("button").first.press("Enter")
        if section == "Medication":
            expect(entry.locator(".entry")).to_have_count(4)
        else:
            entry.get_by_text(re.compile(r"^\d+ versions?\.$|^One version")).first.wait_for()
        assert entry.evaluate(PLACES) == before
        assert not tab.is_too_wide()
        assert [each for each in before if each[2] is not None]
    assert tab.violations() == []


def test_a_medicine_is_one_line_and_one_course_on_the_time_line(visit: Visiting) -> None:
    page = open_record(visit(), "5")
    line = page.get_by_role("region", name="Time line")
    assert line.get_by_role("button", name="Metformin 500mg tablets").count() == 2
    line.get_by_role("button", name="Metformin 500mg tablets").first.click()
    for name in ("MedicationRequest/5-metformin-twice", "MedicationStatement/5-metformin-twice"):
        line.get_by_text(name, exact=True).first.wait_for()
    medication = page.get_by_role("region", name="Medication")
    medication.get_by_role("button", name="Metformin 500mg tablets").click()
    kinds = [each.inner_text() for each in medication.locator(".entry .entry .badge:first-child").all()]
    assert kinds == ["prescription", "statement", "prescription", "statement"]
    line.get_by_role("checkbox", name="Medication").uncheck()
    assert line.get_by_role("button", name="Metformin 500mg tablets").count() == 0


def test_a_table_of_values_is_cards_on_a_phone(visit: Visiting) -> None:
    tab = visit(width=390, height=844)
    page = open_record(tab, "5")
    page.get_by_text("All 10 values of HbA1c as a table").click()
    table = page.get_by_role("region", name="Values of HbA1c").get_by_role("row")
    expect(table).to_have_count(11)
    rows = table.all()[1:]
    for row in rows:
        date, value = (_box(row.get_by_role(role)) for role in ("rowheader", "cell"))
        assert value["y"] >= date["y"] + date["height"]
        assert value["x"] >= 0
        assert value["x"] + value["width"] <= 390
    assert _text(rows[0].get_by_role("cell")) == "52 mmol/mol (6.93%) ▲ high"
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_no_allergy_and_no_access_is_reported_before_it_is_known(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    held: list[Route] = []
    page.route("**/$everything?_count*", lambda route: _answer(route, [_PATIENT], f"{tab.base}/next$everything?page=2"))
    page.route("**/next$everything*", lambda route: held.append(route))
    go_to_record(page, "in-parts")
    allergies = page.get_by_role("group", name="Allergies")
    expect(allergies).to_have_text("AllergiesReading…")
    # The section at the foot says what would open it.
    expect(page.get_by_role("region", name="Last looked at")).to_have_count(0)
    while not held:
        page.wait_for_timeout(50)
    _answer(held[0], [], "")
    expect(allergies).to_contain_text("Nothing is recorded: neither an allergy, nor that there is none.")
    seen = page.get_by_role("region", name="Who has seen this record")
    expect(seen).to_contain_text("This token does not open AuditEvent")
    assert [each.url for each in tab.requests if "AuditEvent" in each.url] == []


# What a browser would print at the moment in which it is told to.
_NOTE_PRINTS: Final = """() => {
  window.print = () => {
    dispatchEvent(new Event("beforeprint"));
    window.printed = document.querySelector(".record").innerText;
    dispatchEvent(new Event("afterprint"));
  };
}"""


def test_a_printed_summary_is_black_on_white_signed_and_two_pages_at_most(visit: Visiting) -> None:
    page = open_record(visit(scheme="dark"), "5")
    page.get_by_role("img", name=re.compile("^HbA1c")).wait_for()
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    head = page.locator(".printed-by")
    expect(head).to_have_text(
        re.compile(
            r"^ANTIĆ, Goran \(Mr\)NHS number 999 000 0050, born 11 Feb 1958 \(\d\d years\) "
            r"Summary, printed by Explorer on \d+ \w+ \d{4}, \d\d:\d\d\.$"
        )
    )
    # What browsers repeat on each page.
    assert head.evaluate("one => getComputedStyle(one).display") == "table-header-group"
    for hidden in (page.get_by_role("navigation"), page.get_by_label("Requests"), page.get_by_text("Sign out")):
        expect(hidden.first).to_be_hidden()
    for left_out in ("Time line", "Encounters", "Last looked at", "Who has seen this record"):
        expect(page.get_by_role("region", name=left_out)).to_have_count(0)
    assert [_text(each) for each in page.locator("button:visible:not(.entry-title, .value-open)").all()] == []
    expect(page.get_by_role("region", name="Latest values").get_by_text("8 Apr 2024")).to_be_visible()
    expect(page.get_by_text("Practice", exact=True)).to_be_visible()
    expect(page.get_by_text("Details, correct")).to_be_hidden()
    black_on_white = "one => [getComputedStyle(one).color, getComputedStyle(one).backgroundColor]"
    assert page.locator("body").evaluate(black_on_white) == ["rgb(0, 0, 0)", "rgb(255, 255, 255)"]
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 2
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    expect(page.get_by_text("Practice", exact=True)).to_be_hidden()
    expect(head).to_be_hidden()


def test_the_whole_record_is_printed_on_request(visit: Visiting) -> None:
    page = open_record(visit(), "5")
    page.get_by_role("img", name=re.compile("^HbA1c")).wait_for()
    page.evaluate(_NOTE_PRINTS)
    page.emulate_media(media="print")
    # By the page's script, as nothing to click is printed.
    page.get_by_role("button", name="Print the summary", include_hidden=True).evaluate("one => one.click()")
    page.wait_for_function("() => window.printed")
    summary = page.evaluate("window.printed")
    assert "Stopped or completed: 2" in summary
    assert "Omeprazole 20mg gastro-resistant capsules\n" not in summary
    page.get_by_role("button", name="Print the whole record", include_hidden=True).evaluate("one => one.click()")
    page.wait_for_function("before => window.printed !== before", arg=summary)
    whole = page.evaluate("window.printed")
    assert "Whole record, printed by Explorer" in whole
    for part in ("Omeprazole 20mg gastro-resistant capsules\n", "Encounters", "Time line", "13 Apr 2022, 08:18"):
        assert part in whole
    # All that is cut short on the screen.
    assert not re.search(r"Show all|in the whole record|\d+ of \d+ \w+ are printed", whole)
    page.emulate_media(media="screen")
    expect(page.get_by_role("button", name="Print the whole record")).to_be_visible()
    expect(page.get_by_role("region", name="Time line").get_by_text("13 Apr 2022, 08:18")).to_have_count(0)


_PATIENT: Final = {"resourceType": "Patient", "id": "in-parts", "name": [{"text": "Read in parts"}]}


def _answer(route: Route, resources: list[dict[str, Any]], following: str) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in resources],
        "link": [{"relation": "next", "url": following}] if following else [],
    }
    route.fulfill(content_type="application/fhir+json", body=json.dumps(bundle))


def _text(one: Locator) -> str:
    return re.sub(r"\s+", " ", one.inner_text()).strip()


def _box(one: Locator) -> dict[str, float]:
    box = one.bounding_box()
    assert box is not None
    return dict(box)  # type: ignore[arg-type]


def _bottom(one: Locator) -> float:
    box = _box(one)
    return box["y"] + box["height"] + float(one.page.evaluate("scrollY"))
