"""Mistakes in a record: recorded, corrected in their place, told to be in error, and brought back."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from careconnect_testing.http.writes import WritingClient, patient
from careconnect_testing.http.writing_desk import Desk, Making
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.record_visits import go_to_record

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]


def _record_of(tab: Visit, patient_id: str) -> Page:
    page = tab.open()
    tab.sign_in("Editor")
    go_to_record(page, patient_id)
    page.get_by_role("heading", name="Time line").wait_for()
    return page


def _versions(page: Page, path: str) -> Locator:
    return page.get_by_role("region", name=f"Versions of {path}").get_by_role("listitem")


def test_a_swapped_blood_pressure_is_recorded_and_corrected_in_three_clicks(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in("Editor")
    desk = Desk(tab)
    desk.go_to("for/5/Observation")
    page.get_by_label("Reading", exact=True).select_option("Blood pressure")
    page.get_by_label("Systolic (mmHg)").fill("82")
    page.get_by_label("Diastolic (mmHg)").fill("180")
    desk.press("Record it")
    desk.press("Record it all the same")
    page.get_by_role("heading", name="Recorded: Blood pressure 82/180 mmHg").wait_for()
    path = page.get_by_role("main").get_by_role("link", name=re.compile("^Observation/")).inner_text()
    made(path)

    go_to_record(page, "5")
    values = page.get_by_role("region", name="Latest values")
    pressure = values.get_by_role("listitem").filter(has_text="82/180 mmHg").first
    pressure.get_by_role("button", name=re.compile("Blood pressure$")).click()
    page.get_by_role("button", name="Correct", exact=True).click()
    form = page.get_by_role("form", name=re.compile("^Correct it: Blood pressure"))
    expect(form.get_by_label("Systolic (mmHg)")).to_be_focused()
    expect(form.get_by_label("Systolic (mmHg)")).to_have_accessible_description("Recorded: 82 mmHg")
    form.get_by_label("Systolic (mmHg)").fill("180")
    form.get_by_label("Diastolic (mmHg)").fill("82")
    form.get_by_label("Reason").fill("Typed the wrong way round")
    assert tab.violations() == []
    form.get_by_role("button", name="Save the correction").click()

    page.get_by_role("main").get_by_text("Corrected. The former version is struck through").wait_for()
    expect(values).to_contain_text("180/82 mmHg")
    versions = _versions(page, path)
    expect(versions).to_have_count(2)
    expect(versions.nth(1).get_by_role("deletion")).to_contain_text("82/180 mmHg")
    expect(versions.nth(0).get_by_role("deletion")).to_have_count(0)
    assert tab.violations() == []
    stored: dict[str, Any] = beside.get(path).json()
    assert [each["valueQuantity"]["value"] for each in stored["component"]] == [180, 82]
    assert stored["status"] == "corrected"
    assert stored["comment"].endswith("Corrected: Typed the wrong way round")
    assert not [each.url for each in tab.requests if "82" in each.url.partition("?")[2] or "wrong" in each.url]


def test_by_the_keyboard_alone_an_allergy_is_told_to_be_in_error_and_brought_back(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    about = made(patient())
    path = made(
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": {"text": "Nuts"},
            "patient": {"reference": about},
        }
    )
    tab = visit(width=390, scheme="dark")
    page = _record_of(tab, about.removeprefix("Patient/"))
    allergies = page.get_by_role("region", name="Allergies")
    allergies.get_by_role("button", name="Nuts").focus()
    press = page.keyboard.press
    press("Enter")
    group = page.get_by_role("group", name=re.compile("^Nuts"))
    press("Tab")
    expect(group.get_by_role("button", name="Correct", exact=True)).to_be_focused()
    press("Tab")
    press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Reason")).to_have_accessible_description(re.compile("This is needed."))
    page.keyboard.type("Another patient's")
    press("Enter")

    expect(group).to_be_focused()
    expect(group).to_contain_text("It is recorded as entered in error.")
    expect(allergies.get_by_role("button", name="Nuts").get_by_role("deletion")).to_be_visible()
    stored = beside.get(path).json()
    assert stored["verificationStatus"] == "entered-in-error"
    assert "clinicalStatus" not in stored
    assert stored["note"][-1]["text"] == "Entered in error: Another patient's"
    assert tab.violations() == []
    assert not tab.is_too_wide()

    press("Tab")
    expect(group.get_by_role("button", name="Bring it back")).to_be_focused()
    press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.type("It was this one's")
    press("Enter")
    expect(group).to_be_focused()
    stored = beside.get(path).json()
    assert (stored["verificationStatus"], stored["clinicalStatus"]) == ("confirmed", "active")
    expect(_versions(page, path)).to_have_count(3)


def test_what_somebody_else_has_changed_meanwhile_is_shown_before_it_is_overwritten(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    about = made(patient())
    problem: dict[str, Any] = {
        "resourceType": "Condition",
        "clinicalStatus": "active",
        "verificationStatus": "confirmed",
        "code": {"text": "Gout"},
        "subject": {"reference": about},
        "onsetDateTime": "2020",
    }
    path = made(problem)
    page = _record_of(visit(), about.removeprefix("Patient/"))
    page.get_by_role("region", name="Problems").get_by_role("button", name="Gout").click()
    page.get_by_role("button", name="Correct", exact=True).click()
    form = page.get_by_role("form", name=re.compile("^Correct it: Gout"))
    form.get_by_label("Since").fill("2019-05")
    form.get_by_label("Reason").fill("It began earlier")
    id_ = path.removeprefix("Condition/")
    assert beside.update({**problem, "id": id_, "severity": {"text": "Mild"}}).is_success
    form.get_by_role("button", name="Save the correction").click()
    page.get_by_role("main").get_by_text("Somebody else has changed it since you opened it.").wait_for()
    expect(form.get_by_label("Since")).to_have_value("2019-05")
    form.get_by_role("button", name="Save the correction").click()
    page.get_by_role("main").get_by_text("Corrected. The former version").wait_for()
    stored = beside.get(path).json()
    assert (stored["onsetDateTime"], stored["severity"]) == ("2019-05", {"text": "Mild"})


def test_a_token_that_only_reads_is_told_the_missing_scope(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    go_to_record(page, "5")
    page.get_by_role("heading", name="Time line").wait_for()
    page.get_by_role("region", name="Problems").get_by_role("button").first.click()
    page.get_by_text(re.compile(r"Correcting it takes a scope such as \w+/Condition\.u")).wait_for()
    assert page.get_by_role("button", name="Correct", exact=True).count() == 0
