"""A patient's record as a person reads it: choice, banner, charts, sections, time line and versions."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.page.record_visits import SAMPLE_NAME, bearer_of, go_to_record, open_record, writing

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
MAX_SECONDS = 10
# How much of a canvas is drawn on: pixels that are not transparent.
DRAWN = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let drawn = 0;
  for (let place = 3; place < data.length; place += 4) if (data[place] > 0) drawn++;
  return drawn;
}"""


@pytest.mark.timed
@EACH_LOOK
def test_a_few_clicks_draw_the_charts_of_a_patient(
    visit: Visiting,
    http: httpx.Client,
    explorer: DemoClient,
    record_property: Callable[[str, object], None],
    scheme: str,
    width: int,
) -> None:
    # What is measured is the page, and not the start of the functions.
    reading = bearer_of(http, explorer)
    for path in ("Patient?_count=1", "Patient/5/$everything?_count=1"):
        assert http.get(f"{FHIR_PATH}/{path}", headers=reading).is_success
    tab = visit(scheme=scheme, width=width)
    begun = time.monotonic()
    page = tab.open()
    tab.sign_in()
    tab.room("Patient record")
    page.get_by_role("link", name="Patient/5").click()
    charts = page.get_by_role(
        "img", name=re.compile(r"^(Blood pressure|Weight|HbA1c), \d+ values from .+ latest [\d/.]+")
    )
    expect(charts.locator("canvas")).to_have_count(3)
    drawn = [each.evaluate(DRAWN) for each in charts.locator("canvas").all()]
    seconds = round(time.monotonic() - begun, 2)

    record_property("clicks to a drawn chart", 3)
    record_property("seconds to a drawn chart", seconds)
    assert seconds < MAX_SECONDS
    # HbA1c too, as there is a diabetes.
    assert len(drawn) == 3
    assert min(drawn) > 1000
    page.get_by_role("region", name="Time line").wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_the_banner_and_the_sections_say_what_is_recorded_and_charts_are_chosen(visit: Visiting) -> None:
    page = open_record(visit())

    banner = page.get_by_role("region", name=SAMPLE_NAME)
    said = banner.inner_text()
    assert re.search(r"23 Aug 1971 \(\d\d years\)", said)
    assert "999 000 0042 verified" in re.sub(r"\s+", " ", said)
    assert "Allergy to grass pollen" in said
    assert "Gráinne" not in said
    banner.get_by_text("Details, correct").press("Enter")
    said = banner.inner_text()
    assert "Dr Gráinne Treharne" in said
    assert "Harrowbeck Mill Surgery" in said
    problems, medication = (page.get_by_role("region", name=name) for name in ("Problems", "Medication"))
    assert "Hypertensive disorder" in problems.inner_text()
    assert "Chronic obstructive lung disease" not in problems.inner_text()
    problems.get_by_text("Past or not confirmed: 1").press("Enter")
    assert "Chronic obstructive lung disease" in problems.inner_text()
    assert "Losartan 50mg tablets" in medication.inner_text()
    assert "one tablet, once a day" in medication.inner_text()
    assert "Ramipril" not in medication.inner_text()
    medication.get_by_text("Stopped or completed: 2").press("Enter")
    assert "Ramipril 5mg capsules" in medication.inner_text()

    encounters = page.get_by_role("region", name="Encounters")
    encounters.get_by_role("button", name="Encounter for symptom").first.press("Enter")
    expect(encounters.locator(".elements").first).to_contain_text("Muñoz")
    expect(encounters.locator(".elements").first).not_to_contain_text("Practitioner/")
    encounters.get_by_role("button", name="Encounter for symptom").first.press("Enter")

    choice = page.get_by_role("group", name="Charts to draw")
    choice.get_by_role("checkbox", name="Heart rate").press("Space")
    page.get_by_role("img", name=re.compile("^Heart rate, 3 values")).wait_for()
    choice.get_by_role("checkbox", name="Blood pressure").press("Space")
    page.get_by_role("img", name=re.compile("^Blood pressure")).wait_for(state="detached")
    assert page.evaluate("document.activeElement.type") == "checkbox"


def test_a_chart_is_also_a_table_and_follows_scheme_and_width(
    visit: Visiting, http: httpx.Client, explorer: DemoClient
) -> None:
    tab = visit(width=1000)
    page = open_record(tab)
    chart = page.get_by_role("img", name=re.compile("^Weight"))
    canvas = chart.locator("canvas")
    light = canvas.evaluate("canvas => canvas.toDataURL()")

    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "([one, before]) => one.querySelector('canvas').toDataURL() !== before", arg=[chart.element_handle(), light]
    )
    page.set_viewport_size({"width": 320, "height": 800})
    page.wait_for_function("one => one.querySelector('canvas').clientWidth < 320", arg=chart.element_handle())
    assert not tab.is_too_wide()

    page.get_by_text(re.compile(r"^All \d+ values of Weight as a table")).click()
    rows = page.get_by_role("region", name="Values of Weight").get_by_role("row")
    bundle = http.get(
        f"{FHIR_PATH}/Observation",
        params={"patient": "4", "code": "http://loinc.org|29463-7", "_count": "100", "_sort": "-date"},
        headers=bearer_of(http, explorer),
    ).json()
    values = [_weight(each["resource"]) for each in bundle["entry"]]
    expect(rows).to_have_count(1 + len(values))
    assert [each.get_by_role("cell").inner_text() for each in rows.all()[1:]] == values
    assert tab.violations() == []
    place = page.locator("figure", has_text="Weight in kg").locator(".u-over")
    place.hover(position={"x": 2, "y": 40})
    page.locator(".chart-pointed", has_text=values[-1]).wait_for()


def test_the_time_line_shows_the_types_that_are_chosen(visit: Visiting) -> None:
    page = open_record(visit())
    line = page.get_by_role("region", name="Time line")
    years = [int(each.inner_text()) for each in line.get_by_role("heading", level=3).all()]
    assert years == sorted(years, reverse=True)
    for each in line.get_by_role("checkbox").all():
        each.uncheck()
    line.get_by_text("Nothing of the types that are chosen.").wait_for()
    line.get_by_role("checkbox", name="Procedures").check()
    assert [each.inner_text() for each in line.locator(".entry-title").all()] == ["Total replacement of hip"]
    line.get_by_role("checkbox", name="Observations").check()
    line.get_by_role("button", name=re.compile(r"^Show all \d+ entries$")).click()
    assert line.locator(".entry-title").count() > 60


def test_a_patient_is_found_by_name_number_or_id(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in()
    tab.room("Patient record")
    field = page.get_by_role("searchbox", name="Name, date of birth, NHS number or id")
    field.fill("nobody of that name")
    field.press("Enter")
    page.get_by_text("Nobody is found for “nobody of that name”.").wait_for()
    born = "23/08/1971"
    for typed in ("muñoz, sofía", "999 000 0042", "Patient/4", born, f"Munoz {born}", "23-08-71", "Aug 1971", "1971"):
        field.fill(typed)
        page.get_by_role("button", name="Find").click()
        page.get_by_text(f"found for “{typed}”").wait_for()
        assert page.get_by_role("link", name=SAMPLE_NAME).is_visible()
    page.get_by_text("Read as born in 1971.", exact=True).wait_for()
    field.fill("Munoz 1/1/20")
    field.press("Enter")
    page.get_by_role("group", name="Born 1 Jan 1920 or 1 Jan 2020?").get_by_role(
        "button", name="Munoz 1 Jan 1920"
    ).click()
    page.get_by_text("Nobody is found for “Munoz 1 Jan 1920”.").wait_for()
    field.fill("999 000 0043")
    field.press("Enter")
    expect(page.locator(".notice")).to_contain_text("999 000 0043 is no NHS number: its last digit does not fit")
    before = len(tab.requests)
    field.fill("31/02/1958")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("There is no 31 February 1958.")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert len(tab.requests) == before
    assert page.get_by_role("main").get_by_text("Nobody is found").count() == 0
    assert tab.violations() == []
    field.fill(born)
    field.press("Enter")
    page.get_by_role("link", name=SAMPLE_NAME).click()
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Record of Patient/4"
    page.go_back()
    page.get_by_role("heading", name="Whose record?").wait_for()


def test_the_versions_of_an_entry_and_what_differs_are_reported(
    visit: Visiting, http: httpx.Client, editor: DemoClient
) -> None:
    url = f"{FHIR_PATH}/Condition/of-the-browser"
    asthma: dict[str, Any] = {
        "resourceType": "Condition",
        "id": "of-the-browser",
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
        "code": {"text": "Asthma of long standing that the browser's own test has written down"},
        "subject": {"reference": "Patient/9"},
        "onsetDateTime": "2020",
    }
    resolved = {**asthma, "clinicalStatus": "resolved", "abatementDateTime": "2021"}
    headers = writing(http, editor)
    for body in (asthma, None, asthma, resolved):
        answer = http.put(url, json=body, headers=headers) if body else http.delete(url, headers=headers)
        assert answer.is_success, answer.text

    tab = visit(width=320)
    page = open_record(tab, "9")
    problems = page.get_by_role("region", name="Problems")
    problems.get_by_text(re.compile("^Past or not confirmed")).click()
    problems.get_by_role("button", name=re.compile("^Asthma of long")).click()
    versions = page.get_by_role("region", name="Versions of Condition/of-the-browser")
    versions.get_by_text("4 versions.").wait_for()
    deeds = [re.sub(r"\s+", " ", each.inner_text()) for each in versions.get_by_role("listitem").all()]
    assert [each.split(" ")[2] for each in deeds] == ["changed", "brought", "deleted", "created"]
    table = versions.get_by_role("table", name="Differences")
    assert _cells(table) == [
        ["~ changed", "Condition.clinicalStatus", "active", "resolved"],
        ["+ added", "Condition.abatementDateTime", "–nothing", "2021"],
    ]
    assert not tab.is_too_wide()
    assert tab.violations() == []

    versions.get_by_label("From version").select_option("4")
    versions.get_by_label("to version").select_option("3")
    versions.get_by_text("From version 4 to 3: 2 differences.").wait_for()
    assert [each[0] for each in _cells(table)] == ["~ changed", "− removed"]
    versions.get_by_role("button", name="Compare version 3 with 1").click()
    versions.get_by_text("From version 1 to 3: no element has another value.").wait_for()
    versions.get_by_role("button", name="Show version 1").click()
    versions.get_by_role("button", name="JSON").click()
    assert '"versionId": "1"' in versions.get_by_label("Resource as JSON").inner_text()


def test_that_somebody_has_died_long_names_and_what_was_deleted_are_seen_on_a_phone(
    visit: Visiting, sample: Path, http: httpx.Client, editor: DemoClient
) -> None:
    people = [json.loads(each) for each in (sample / "Patient.ndjson").read_text(encoding="utf-8").splitlines()]
    dead = next(each for each in people if "deceasedDateTime" in each)
    family = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwaren-Featherstonehaugh"
    long = {
        "resourceType": "Patient",
        "id": "long-name",
        "name": [{"family": family, "given": ["Hubert", "Blaine"]}],
        "generalPractitioner": [{"display": "Dr " + "x" * 60}],
    }
    answer = http.put(f"{FHIR_PATH}/Patient/long-name", json=long, headers=writing(http, editor))
    assert answer.is_success, answer.text

    tab = visit(width=320)
    page = open_record(tab, dead["id"])
    page.get_by_text(re.compile(r"^Died \d")).wait_for()
    assert " years)" not in page.locator(".banner dd").first.inner_text()
    go_to_record(page, "long-name")
    page.get_by_role("heading", name=family.upper()).wait_for()
    banner = page.get_by_role("region", name=family.upper())
    banner.get_by_text("Nothing is recorded: neither an allergy, nor that there is none.").wait_for()
    page.get_by_text("Nothing is recorded about allergies: neither one, nor that there is none.").wait_for()
    banner.get_by_text("Details, correct").click()
    assert not tab.is_too_wide()
    assert tab.violations() == []

    assert http.delete(f"{FHIR_PATH}/Patient/long-name", headers=writing(http, editor)).is_success
    page.get_by_role("link", name="Another patient").click()
    page.get_by_role("heading", name="Whose record?").wait_for()
    page.go_back()
    page.get_by_role("heading", name="Patient/long-name was deleted.").wait_for()
    versions = page.get_by_role("region", name="Versions of Patient/long-name")
    versions.get_by_text("2 versions.").wait_for()
    versions.get_by_role("button", name="Show version 1").click()
    page.get_by_role("heading", name=re.compile(f"Hubert Blaine {family}")).wait_for()
    assert not tab.is_too_wide()
    assert tab.violations() == []


def _weight(observation: dict[str, Any]) -> str:
    value = observation["valueQuantity"]
    return f"{float(value['value']):g} {value['unit']}"


def _cells(table: Locator) -> list[list[str]]:
    rows: list[list[str]] = table.evaluate(
        "table => [...table.tBodies[0].rows].map(row => [...row.cells].map(cell => cell.textContent.trim()))"
    )
    return [[re.sub(r"\s+", " ", cell) for cell in row] for row in rows]
