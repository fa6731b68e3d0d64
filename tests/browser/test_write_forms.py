"""Writing from a patient's record by forms, as a clinician does it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import WritingClient, patient
from careconnect_testing.http.writing_desk import Desk, Making
from careconnect_testing.page.browser import Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]

# What has the focus, by its label or its text.
_FOCUSED = "(({ labels, textContent }) => labels?.[0]?.textContent || textContent)(document.activeElement)"


def _somebody() -> dict[str, object]:
    return patient("9999999999", name=[{"family": "Formby", "given": ["George"]}], birthDate="1950-02-01")


def _observations(beside: WritingClient, path: str) -> list[str]:
    return beside.ids(f"Observation?subject={path}")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_from_the_record_a_reading_is_recorded_and_is_in_the_record(
    visit: Visiting, beside: WritingClient, made: Making, width: int, scheme: str
) -> None:
    path = made(_somebody())
    tab = visit(scheme=scheme, width=width)
    tab.open()
    tab.sign_in("Editor")
    page, desk = tab.page, Desk(tab)
    page.evaluate("hash => { location.hash = hash; }", f"#/record/{path.removeprefix('Patient/')}")
    page.get_by_role("navigation", name="Write in this record").get_by_role("link", name="Record a reading").click()

    about = page.get_by_role("region", name="About whom")
    expect(about).to_contain_text("FORMBY, George")
    expect(about).to_contain_text("1 Feb 1950")
    expect(about).to_contain_text("999 999 9999")
    page.get_by_label("Reading", exact=True).select_option("Blood pressure")
    page.get_by_label("Systolic (mmHg)").fill("128")
    desk.press("Record it")
    expect(page.get_by_label("Diastolic (mmHg)")).to_be_focused()
    expect(page.get_by_label("Diastolic (mmHg)")).to_have_accessible_description("This is needed.")
    assert tab.violations() == []
    assert not tab.is_too_wide()
    page.get_by_label("Diastolic (mmHg)").fill("82")
    desk.press("Record it")
    expect(page.get_by_role("heading", name="Recorded: Blood pressure 128/82 mmHg")).to_be_focused()
    assert tab.violations() == []

    (id_,) = _observations(beside, path)
    made(f"Observation/{id_}")
    assert page.get_by_role("link", name=f"Observation/{id_}").get_attribute("href") == f"/#/write/Observation/{id_}"
    assert beside.get(f"Observation/{id_}").json()["subject"] == {"reference": path}
    page.get_by_role("main").get_by_role("link", name="Back to the record").last.click()
    page.get_by_role("heading", name="Time line").wait_for()
    expect(page.get_by_role("main")).to_contain_text("128")


def test_each_form_records_what_was_typed(desk: Desk, beside: WritingClient, made: Making) -> None:
    path = made(_somebody())
    page = desk.tab.page
    cases: dict[str, tuple[dict[str, str], dict[str, str]]] = {
        "Condition": ({"Problem": "Gout"}, {"Certainty": "Confirmed"}),
        "AllergyIntolerance": ({"Allergic to": "Nuts"}, {"Risk of serious harm": "High", "Certainty": "Confirmed"}),
        "MedicationStatement": ({"Medicine": "Aspirin 75mg tablets", "Since": "2024-05-06"}, {"Use": "Takes it now"}),
        "Immunization": (
            {"Vaccine": "Influenza vaccine", "Given on": "2024-10-01"},
            {"Who says so?": "The person who gave it, or decided"},
        ),
    }
    for type_, (texts, choices) in cases.items():
        desk.go_to(f"for/{path.removeprefix('Patient/')}/{type_}")
        for label, text in texts.items():
            page.get_by_role("form").get_by_label(label).first.fill(text)
        for label, choice in choices.items():
            page.get_by_role("combobox", name=label).select_option(choice)
        desk.press("Record it")
        page.get_by_role("heading", name=f"Recorded: {next(iter(texts.values()))}").wait_for()
        (id_,) = beside.ids(f"{type_}?patient={path}")
        made(f"{type_}/{id_}")
        stored = beside.get(f"{type_}/{id_}").text
        assert all(text in stored for text in texts.values())


def test_nobody_is_written_about_who_was_not_chosen(desk: Desk) -> None:
    page = desk.tab.page
    desk.go_to("Observation")
    page.get_by_role("heading", name="Whose record?").wait_for()
    assert page.get_by_role("button", name="Record it").count() == 0
    assert not [each for each in desk.tab.requests if "/Patient" in each.url]
    desk.press("Go on")
    expect(page.get_by_label("The patient's id")).to_have_accessible_description("This is no id.")
    page.get_by_label("The patient's id").fill("nobody-1")
    desk.press("Go on")
    desk.says("There is no Patient/nobody-1.")
    assert page.get_by_role("button", name="Record it").count() == 0


def test_a_form_is_recorded_once_though_it_is_in_progress_or_unanswered(
    desk: Desk, beside: WritingClient, made: Making
) -> None:
    path = made(_somebody())
    page = desk.tab.page
    held: list[Route] = []
    page.route(f"**{FHIR_PATH}/Observation", lambda route: held.append(route))
    desk.go_to(f"for/{path.removeprefix('Patient/')}/Observation")
    page.get_by_label("Reading", exact=True).select_option("Pulse")
    page.get_by_label("Pulse (beats/minute)").fill("72")
    page.get_by_role("button", name="Record it").dblclick()
    page.get_by_label("Pulse (beats/minute)").press("Enter")
    desk.says("Recording it…")
    while not held:
        page.wait_for_timeout(50)
    # The server has it, but the answer gets lost.
    held[0].fetch()
    held[0].fulfill(status=504)
    desk.says("whether it was recorded is not known")
    assert len(held) == 1
    (id_,) = _observations(beside, path)
    made(f"Observation/{id_}")

    page.unroute(f"**{FHIR_PATH}/Observation")
    desk.press("Record it")
    desk.says("An earlier attempt had recorded it.")
    assert page.get_by_role("link", name=f"Observation/{id_}").is_visible()
    assert _observations(beside, path) == [id_]


def test_a_servers_fault_stands_at_its_field(desk: Desk, made: Making) -> None:
    path = made(_somebody())
    page = desk.tab.page
    desk.go_to(f"for/{path.removeprefix('Patient/')}/Condition")
    page.get_by_label("Problem", exact=True).fill("Gout\u000bx")
    page.get_by_label("Certainty").select_option("Confirmed")
    desk.press("Record it")
    field = page.get_by_label("Problem", exact=True)
    expect(field).to_have_accessible_description("Holds a character that XML cannot hold.")
    expect(field).to_be_focused()


def test_a_form_holds_its_values_and_hands_them_over_to_the_editor(
    desk: Desk, beside: WritingClient, made: Making
) -> None:
    path = made(_somebody())
    page = desk.tab.page
    desk.go_to(f"for/{path.removeprefix('Patient/')}/Observation")
    page.get_by_label("Reading", exact=True).select_option("Weight")
    page.get_by_label("Weight (kg)").fill("072.50")
    page.get_by_text("Show what will be sent").click()
    expect(page.get_by_role("region", name="What will be sent")).to_contain_text('"value": 72.50')
    desk.tab.room("Explore")
    desk.tab.room("Write")
    page.get_by_role("region", name="Not saved yet").get_by_role("link", name="Record a reading").click()
    expect(page.get_by_label("Weight (kg)")).to_have_value("072.50")

    desk.press("Edit as JSON")
    desk.write("72.50", "72.60")
    desk.press("Create")
    desk.says("Created: Observation/")
    made(desk.path)
    assert '"value":72.60' in beside.get(desk.path).text
    page.get_by_role("link", name="Back to the record").click()
    page.get_by_role("heading", name="Time line").wait_for()
    desk.tab.room("Write")
    page.get_by_role("heading", name="Whose record?").wait_for()
    assert page.get_by_role("region", name="Not saved yet").count() == 0


def test_a_form_is_filled_in_by_the_keyboard_alone(desk: Desk, beside: WritingClient, made: Making) -> None:
    path = made(_somebody())
    page = desk.tab.page
    page.evaluate("hash => { location.hash = hash; }", f"#/record/{path.removeprefix('Patient/')}")
    page.get_by_role("link", name="Add a problem").wait_for()

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if str(page.evaluate(_FOCUSED)).startswith(name):
                return
        pytest.fail(f"Tab does not come to {name}")

    tab_to("Add a problem")
    page.keyboard.press("Enter")
    page.get_by_label("Problem", exact=True).wait_for()
    tab_to("Problem")
    page.keyboard.type("Gout")
    tab_to("Certainty")
    page.keyboard.press("ArrowDown")
    tab_to("Record it")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Recorded: Gout")).to_be_focused()
    (id_,) = beside.ids(f"Condition?patient={path}")
    made(f"Condition/{id_}")
    tab_to("Back to the record")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="Problems")).to_contain_text("Gout")


def test_a_token_that_cannot_read_patients_shows_only_the_id(visit: Visiting, api: Api, made: Making) -> None:
    path = made(_somebody())
    tab = visit()
    tab.open()
    desk = Desk(tab)
    desk.use_token(api.register("writes-readings", "user/Observation.write"))
    desk.tab.room("Write")
    desk.go_to(f"for/{path.removeprefix('Patient/')}/Observation")
    expect(tab.page.get_by_role("region", name="About whom")).to_contain_text(
        f"For {path}. This token does not read who"
    )
    tab.page.get_by_label("Reading", exact=True).select_option("Height")
    tab.page.get_by_label("Height (cm)").fill("180")
    desk.press("Record it")
    heading = tab.page.get_by_role("region", name="Recorded: Height 180 cm")
    made(heading.get_by_role("link", name="Observation/").inner_text())
