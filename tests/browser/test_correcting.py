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
    page.get_by_role("heading", name="Time line").or_(page.get_by_text("No problem is recorded.")).first.wait_for()
    return page


def _told_in_urls(tab: Visit, pattern: str) -> list[str]:
    """Return the URLs that match; a sealed cursor, in which anything may stand by chance, is left out."""
    urls = [re.sub("_cursor=[^&]*", "", each.url.lower()) for each in tab.requests]
    return [each for each in urls if re.search(pattern, each)]


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
    doubts = page.get_by_role("region", name="Is this right?")
    expect(doubts).to_be_focused()
    expect(doubts).to_contain_text("Systolic 82 is below diastolic 180")
    assert tab.violations() == []
    desk.press("Record it all the same")
    page.get_by_role("heading", name="Recorded: Blood pressure 82/180 mmHg").wait_for()
    path = page.get_by_role("main").get_by_role("link", name=re.compile("^Observation.")).inner_text()
    made(path)

    go_to_record(page, "5")
    values = page.get_by_role("region", name="Latest values")
    pressure = values.get_by_role("listitem").filter(has_text="82/180 mmHg").first
    expect(pressure).to_contain_text("Systolic 82 is below diastolic 180")
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
    assert _told_in_urls(tab, r"\?.*82|wrong") == []


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


def test_what_is_hardly_right_is_asked_before_it_is_recorded_and_what_cannot_be_is_not(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    about = made(patient(birthDate="1958-02-11"))
    made(
        {
            "resourceType": "AllergyIntolerance",
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "code": {
                "coding": [{"system": "http://snomed.info/sct", "code": "91936005"}],
                "text": "Allergy to penicillin",
            },
            "patient": {"reference": about},
        }
    )
    tab = visit(width=390)
    page = tab.open()
    tab.sign_in("Editor")
    desk = Desk(tab)
    id_ = about.removeprefix("Patient/")
    desk.go_to(f"for/{id_}/Observation")
    page.get_by_label("Reading", exact=True).select_option("Weight")
    page.get_by_label("Weight (kg)").fill("82")
    page.get_by_label("Taken on").fill("1950-01-02")
    desk.press("Record it")
    impossible = page.get_by_role("region", name="This cannot be, and was not sent")
    expect(impossible).to_contain_text("2 Jan 1950 is before the birth on 11 Feb 1958.")
    assert impossible.get_by_role("button").count() == 0

    desk.go_to(f"for/{id_}/AllergyIntolerance")
    page.get_by_label("Allergic to").fill("Penicillin")
    page.get_by_label("Risk of serious harm").select_option("High")
    page.get_by_label("Certainty").select_option("Confirmed")
    desk.press("Record it")
    asked = page.get_by_role("region", name="Is this right?")
    expect(asked).to_contain_text("“Allergy to penicillin” is recorded already.")

    desk.go_to(f"for/{id_}/MedicationStatement")
    page.get_by_label("Medicine", exact=True).fill("Amoxicillin 500mg capsules")
    page.get_by_label("Use", exact=True).select_option("Takes it now")
    desk.press("Record it")
    expect(asked).to_contain_text("It meets the recorded allergy “Allergy to penicillin”: both are of the penicillins.")
    assert not tab.is_too_wide()
    assert tab.violations() == []
    assert not beside.ids(f"MedicationStatement?patient={about}")
    desk.press("Record it all the same")
    page.get_by_role("heading", name="Recorded: Amoxicillin 500mg capsules").wait_for()
    (statement,) = beside.ids(f"MedicationStatement?patient={about}")
    made(f"MedicationStatement/{statement}")
    go_to_record(page, id_)
    medication = page.get_by_role("region", name="Medication")
    expect(medication).to_contain_text("It meets the recorded allergy")
    expect(medication).to_contain_text("recorded")
    expect(medication).not_to_contain_text("since")
    expect(page.get_by_role("region", name="Recent changes")).not_to_contain_text("started")
    assert _told_in_urls(tab, "1958-02|penicillin|amoxicillin|91936005") == []


def test_a_stored_medicine_that_meets_an_allergy_is_remarked(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    go_to_record(page, "38")
    medication = page.get_by_role("region", name="Medication")
    expect(medication).to_contain_text(
        "It meets the recorded allergy “Allergy to amoxicillin”: it contains what was recorded."
    )


def test_by_the_keyboard_alone_a_patient_is_corrected_and_what_is_left_half_typed_is_kept(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    name = {"family": "Hollis", "given": ["Ada"]}
    names = [{"use": each, **name} for each in ("official", "usual")]
    about = made(patient(birthDate="1958-02-11", name=names))
    tab = visit(width=390)
    page = _record_of(tab, about.removeprefix("Patient/"))
    press, typed = page.keyboard.press, page.keyboard.type
    banner = page.get_by_role("region", name=re.compile("^HOLLIS, Ada"))
    banner.get_by_text("Details, correct").focus()
    press("Enter")
    press("Tab")
    expect(banner.get_by_role("button", name="Correct", exact=True)).to_be_focused()
    press("Enter")
    family = page.get_by_role("textbox", name="Family name")
    expect(family).to_be_focused()
    press("ControlOrMeta+a")
    typed("Holles")
    for _ in range(3):
        press("Tab")
    expect(page.get_by_role("textbox", name="NHS number")).to_be_focused()
    typed("9434765918")
    press("Enter")
    expect(page.get_by_role("textbox", name="NHS number")).to_have_accessible_description(re.compile("last digit"))

    # Leaving the form, the room and the token loses nothing.
    press("Escape")
    expect(banner.get_by_role("group", name=re.compile("^HOLLIS"))).to_be_focused()
    tab.room("Get a token")
    tab.sign_in("Editor")
    go_to_record(page, about.removeprefix("Patient/"))
    unsaved = page.get_by_role("region", name="Not saved yet")
    assert tab.violations() == []
    unsaved.get_by_role("button", name="Go on with it").focus()
    press("Enter")
    expect(family).to_be_focused()
    expect(family).to_have_value("Holles")
    number = page.get_by_role("textbox", name="NHS number")
    number.focus()
    press("ControlOrMeta+a")
    press("Backspace")
    page.get_by_role("textbox", name="Reason").focus()
    typed("Misspelt")
    press("Enter")
    unsaved.get_by_text("Corrected. The former version is struck through").wait_for()
    assert tab.violations() == []
    assert not tab.is_too_wide()
    stored = beside.get(about).json()
    assert [each["family"] for each in stored["name"]] == ["Holles", "Holles"]
    expect(page.get_by_role("heading", name=re.compile("^HOLLES, Ada"))).to_be_visible()
    expect(_versions(page, about).nth(1).get_by_role("deletion")).to_contain_text("HOLLIS, Ada")
    assert _told_in_urls(tab, "1958-02|holl|943476") == []


def test_a_patient_who_should_not_be_there_is_not_in_use_and_is_brought_back(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    about = made(patient())
    page = _record_of(visit(), about.removeprefix("Patient/"))
    page.get_by_text("Details, correct").click()
    page.get_by_role("button", name="Record not in use").click()
    page.get_by_role("textbox", name="Reason").fill("Added twice")
    page.get_by_role("button", name="Mark the record as not in use").click()
    page.get_by_text("This record is not in use").wait_for()
    assert beside.get(about).json()["active"] is False
    page.get_by_role("button", name="Bring it back").click()
    page.get_by_role("textbox", name="Reason").fill("It was another one")
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_text("This record is not in use")).to_have_count(0)
    assert beside.get(about).json().get("active") is not False


def test_a_new_patient_is_added_by_a_form_that_asks_about_whoever_is_there_already(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in("Editor")
    desk = Desk(tab)
    tab.room("Patient record")
    page.get_by_role("searchbox").fill("Munoz 23/08/1971")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="Add a patient").click()
    page.get_by_label("Family name").fill("Munoz")
    page.get_by_label("First names").fill("Sofia")
    page.get_by_label("Gender").select_option("Female")
    page.get_by_label("Date of birth").fill("1971-08-23")
    page.get_by_label("NHS number").fill("999 000 0042")
    desk.press("Record it")
    impossible = page.get_by_role("region", name="This cannot be, and was not sent")
    expect(impossible).to_contain_text("The NHS number 999 000 0042 is another record's: MUÑOZ, Sofía Elena")
    page.get_by_label("NHS number").fill("")
    desk.press("Record it")
    asked = page.get_by_role("region", name="Is this right?")
    expect(asked).to_contain_text("Somebody like that has a record: MUÑOZ, Sofía Elena (Ms), born 23 Aug 1971")
    expect(asked.get_by_role("link", name="Open that record")).to_have_attribute("href", re.compile("#/record/4$"))
    assert tab.violations() == []

    page.get_by_label("Family name").fill("Unheard-of")
    page.get_by_label("First names").fill("Zebedee")
    page.get_by_label("Postcode").fill("LS1 1AA")
    desk.press("Record it")
    page.get_by_role("heading", name="Recorded: Zebedee Unheard-of").wait_for()
    path = page.get_by_role("main").get_by_role("link", name=re.compile("^Patient.")).inner_text()
    made(path)
    stored = beside.get(path).json()
    assert (stored["active"], stored["birthDate"]) == (True, "1971-08-23")
    assert stored["address"] == [{"use": "home", "postalCode": "LS1 1AA"}]
    page.get_by_role("link", name="Open the record").click()
    page.get_by_role("heading", name="UNHEARD-OF, Zebedee").wait_for()
    assert _told_in_urls(tab, "munoz|unheard|1971-08|9990000042") == []


def test_a_new_allergy_is_compared_with_what_is_taken(visit: Visiting, made: Making) -> None:
    about = made(patient())
    made(
        {
            "resourceType": "MedicationStatement",
            "status": "active",
            "taken": "y",
            "medicationCodeableConcept": {"text": "Amoxicillin 500mg capsules"},
            "subject": {"reference": about},
        }
    )
    tab = visit()
    page = tab.open()
    tab.sign_in("Editor")
    desk = Desk(tab)
    desk.go_to(f"for/{about.removeprefix('Patient/')}/AllergyIntolerance")
    page.get_by_label("Allergic to").fill("Penicillin")
    page.get_by_label("Risk of serious harm").select_option("High")
    page.get_by_label("Certainty").select_option("Confirmed")
    desk.press("Record it")
    expect(page.get_by_role("region", name="Is this right?")).to_contain_text(
        "The recorded medicine “Amoxicillin 500mg capsules” meets it: both are of the penicillins."
    )


def test_a_reading_is_corrected_by_the_keyboard_and_doubted_like_a_new_one(
    visit: Visiting, beside: WritingClient, made: Making
) -> None:
    about = made(patient(birthDate="1958-02-11"))
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]}
    weight = {"resourceType": "Observation", "status": "final", "code": code, "subject": {"reference": about}}
    quantity = {"unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    made({**weight, "effectiveDateTime": "2026-01-02", "valueQuantity": {"value": 80, **quantity}})
    path = made({**weight, "effectiveDateTime": "2026-02-03", "valueQuantity": {"value": 45, **quantity}})
    tab = visit(width=390, scheme="dark")
    page = _record_of(tab, about.removeprefix("Patient/"))
    press, typed = page.keyboard.press, page.keyboard.type
    values = page.get_by_role("region", name="Latest values")
    values.get_by_role("button", name=re.compile("3 Feb 2026")).focus()
    press("Enter")
    press("Tab")
    press("Enter")
    expect(page.get_by_label("Weight (kg)")).to_be_focused()
    press("ControlOrMeta+a")
    typed("7.9")
    page.get_by_role("textbox", name="Reason").focus()
    typed("A slip")
    press("Enter")
    asked = page.get_by_role("region", name="Is this right?")
    expect(asked).to_be_focused()
    expect(asked).to_contain_text("ten times less than the last value, 80 kg")
    assert tab.violations() == []
    assert beside.get(path).json()["valueQuantity"]["value"] == 45
    press("Tab")
    expect(asked.get_by_role("button", name="Save it all the same")).to_be_focused()
    press("Enter")
    page.get_by_role("main").get_by_text("Corrected. The former version").wait_for()
    assert beside.get(path).json()["valueQuantity"]["value"] == 7.9
