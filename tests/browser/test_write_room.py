"""Writing as a person does it: create, change, delete, with every answer at its place."""

import re
from collections.abc import Callable

import pytest

from careconnect_testing.http.writes import WritingClient, observation, patient
from careconnect_testing.http.writing_desk import Desk, Making
from careconnect_testing.page.browser import EACH_LOOK, Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]

# What has the focus, by its label, its text, or the class of what has neither.
_FOCUSED = """
(({ labels, textContent, className }) => labels?.[0]?.textContent || textContent || className)(document.activeElement)
"""


@EACH_LOOK
def test_a_resource_is_created_mended_and_saved_and_its_history_shows_it_at_once(
    visit: Visiting, beside: WritingClient, made: Making, scheme: str, width: int
) -> None:
    tab = visit(scheme=scheme, width=width)
    tab.open()
    tab.sign_in("Editor")
    desk = Desk(tab)

    def is_well() -> None:
        assert not tab.is_too_wide()
        assert tab.violations() == []

    tab.room("Write")
    desk.main.get_by_role("link", name="New HealthcareService").wait_for()
    is_well()
    desk.new("Patient")
    desk.press("Create")
    desk.says("Created: Patient/")
    made(desk.path)
    desk.versions("created")
    is_well()

    desk.write('"1980-05-17"', '"yesterday"')
    desk.press("Save")
    assert desk.faults() == ["Line 18 Patient.birthDate birthDate is not a date: YYYY-MM-DD, YYYY-MM or YYYY."]
    is_well()
    desk.write('"yesterday"', '"1980-05-18"')
    desk.press("Save")
    desk.says("Saved: version 2.")
    desk.versions("changed", "created")

    theirs = {**beside.get(desk.path).json(), "gender": "unknown", "name": [{"family": "Longest" * 30}]}
    assert beside.update(theirs).status_code == 200
    desk.write('"Ada"', '"Grace"')
    desk.press("Save")
    desk.main.get_by_role("heading", name="Somebody else has changed it since it was read.").wait_for()
    is_well()


def test_a_new_resource_has_the_address_of_what_the_server_made_of_it(
    desk: Desk, beside: WritingClient, made: Making
) -> None:
    desk.new("Observation", about="4")
    desk.write("72", "72.10")
    desk.press("Create")
    desk.says("Created: Observation/")
    made(desk.path)

    assert re.fullmatch(r"Observation/[0-9a-f-]{36}", desk.path)
    assert desk.main.get_by_role("heading", level=2, name=desk.path).is_visible()
    desk.shows('"value": 72.10')
    assert '"value":72.10' in beside.get(desk.path).text
    # The next one begins anew, and is not the one that was made.
    desk.new("Observation", about="4")
    desk.shows('"value": 72,')


def test_each_fault_leads_to_its_place(desk: Desk) -> None:
    desk.new("Observation", about="4")
    desk.write(
        '"effectiveDateTime"', '"component": [{ "valueBoolean": 1 }],\n  "valueString": "a",\n  "effectiveDateTime"'
    )
    desk.write('"final"', '"done"')
    desk.press("Create")
    desk.says("The resource is not valid.")

    places = dict.fromkeys(desk.faults())
    selected = {}
    for fault in places:
        desk.main.get_by_role("listitem").filter(has_text=fault.split()[2]).get_by_role("button").first.click()
        selected[fault.split()[2]] = desk.selected
    assert selected == {
        "Observation.status": '"done"',
        "Observation.component[0].valueBoolean": "1",
        "Observation.component[0].code": "{",
        # Of a choice, whichever stands first.
        "Observation.value": '"a"',
    }
    assert desk.tab.page.locator(".cm-lintRange-error").count() == 4


def test_what_is_no_json_is_said_while_it_is_typed_and_not_sent(desk: Desk) -> None:
    desk.new("Patient")
    desk.write('"gender":', '"gender"')
    assert desk.faults() == ["Line 12 a colon is missing after the name"]

    desk.press("Create")
    desk.says("Not sent: this is no JSON yet.")

    assert not [each for each in desk.tab.requests if each.method == "POST" and "/Patient" in each.url]
    desk.write('"gender"', '"gender":')
    desk.main.get_by_role("region", name="Faults").wait_for(state="detached")


def test_it_is_written_as_xml_too_with_every_answer_at_its_place(
    desk: Desk, beside: WritingClient, made: Making
) -> None:
    desk.new("Observation", about="4")
    desk.press("XML")
    desk.tab.page.get_by_role("textbox", name="Observation as XML").wait_for()
    desk.write('"final"', '"done"')
    assert desk.main.get_by_role("button", name="JSON", exact=True).get_attribute("aria-disabled") == "true"
    desk.press("Create")
    faults = desk.faults()
    assert [each.split(" ")[:3] for each in faults] == [["Line", "2", "Observation.status"]]
    desk.main.get_by_role("region", name="Faults").get_by_role("button").click()
    assert desk.selected == "done"
    assert desk.tab.violations() == []

    desk.write('"done"/>', '"final">')
    desk.says("the closing tag of this element is missing")
    desk.write('"final">', '"final"/>')
    desk.write('value="72"', 'value="72.10"')
    desk.press("Create")
    desk.says("Created: Observation/")
    path = made(desk.path)
    assert '"value":72.10' in beside.get(path).text
    sent = [each for each in desk.tab.requests if each.method == "POST" and each.url.endswith("/Observation")]
    assert {each.headers["content-type"] for each in sent} == {"application/fhir+xml"}

    # A stored one is read in either format, and unchanged it stays the same version.
    desk.shows('<value value="72.10"/>')
    desk.press("JSON")
    desk.tab.page.get_by_role("textbox", name="Observation as JSON").wait_for()
    desk.shows('"value": 72.10')
    desk.press("XML")
    desk.tab.page.get_by_role("textbox", name="Observation as XML").wait_for()
    desk.press("Save")
    desk.says("it is still version 1")


def test_xml_that_somebody_else_has_changed_is_not_overwritten(desk: Desk, beside: WritingClient, made: Making) -> None:
    path = made(patient(gender="other"))
    desk.open(path)
    desk.press("XML")
    desk.tab.page.get_by_role("textbox", name="Patient as XML").wait_for()
    assert beside.update({**beside.get(path).json(), "gender": "male"}).status_code == 200
    desk.write('"other"', '"female"')
    desk.press("Save")
    assert '<gender value="male"/>' in desk.main.get_by_role("region", name="Theirs, as XML").inner_text()
    desk.press("Go on with mine")
    desk.press("Save")
    desk.says("Saved: version 3.")
    assert beside.get(path).json()["gender"] == "female"


def test_what_it_refers_to_has_to_be_there(desk: Desk) -> None:
    desk.new("Condition", about="4")
    desk.write("Patient/", "Patient/nobody-")
    desk.press("Create")

    desk.says("It refers to something that is not there.")
    assert [each.split(" ")[:3] for each in desk.faults()] == [["Line", "14", "Condition.subject"]]


@pytest.mark.parametrize(
    ("choice", "gender"), [("Take theirs", "male"), ("Go on with mine", "female")], ids=["theirs", "mine"]
)
def test_of_two_who_change_the_same_none_is_lost(
    desk: Desk, beside: WritingClient, made: Making, choice: str, gender: str
) -> None:
    path = made(patient(gender="other"))
    desk.open(path)
    stored = beside.get(path).json()
    assert beside.update({**stored, "gender": "male"}).status_code == 200
    desk.write('"other"', '"female"')
    desk.press("Save")

    row = desk.main.get_by_role("region", name="Somebody else has changed it").get_by_role("row").nth(1)
    assert row.inner_text().split() == ["~", "changed", "Patient.gender", "male", "female"]
    desk.shows('"female"')
    assert beside.get(path).json()["gender"] == "male"

    desk.press(choice)
    desk.shows(f'"{gender}"')
    desk.press("Save")
    desk.says("still version 2" if gender == "male" else "Saved: version 3.")
    assert beside.get(path).json()["gender"] == gender


def test_what_somebody_else_has_deleted_can_be_brought_back_with_ones_own_text(
    desk: Desk, beside: WritingClient, made: Making
) -> None:
    path = made(patient(name=[{"family": "Before"}]))
    desk.open(path)
    assert beside.delete(path).status_code == 204
    desk.write("Before", "Mine")
    desk.press("Save")
    desk.main.get_by_role("heading", name="Somebody else has deleted it.").wait_for()

    desk.press("Go on with mine")
    desk.press("Bring it back")

    desk.says("It is back: version 3.")
    assert beside.get(path).json()["name"] == [{"family": "Mine"}]


def test_what_is_deleted_leaves_its_history_and_comes_back_from_it(
    desk: Desk, beside: WritingClient, made: Making
) -> None:
    path = made(patient(name=[{"family": "Leaving"}]))
    desk.open(path)
    desk.press("Delete…")
    focused = desk.tab.page.locator(":focus")
    focused.and_(desk.main.get_by_role("button", name="Keep it")).wait_for()
    assert desk.tab.violations() == []
    desk.tab.page.keyboard.press("Escape")
    assert beside.get(path).status_code == 200

    desk.press("Delete…")
    desk.press("Delete it")
    desk.says("Deleted. Its versions stay, and it can be brought back.")
    desk.versions("deleted", "created")
    assert beside.get(path).status_code == 410
    focused.and_(desk.main.get_by_role("heading", name=path)).wait_for()

    # As one finds it who comes later.
    desk.open(path)
    desk.says("It is deleted. This is what it was last.")
    desk.shows("Leaving")
    desk.press("Bring it back")
    desk.says("It is back: version 3.")
    desk.versions("brought back", "deleted", "created")
    assert beside.get(path).json()["name"] == [{"family": "Leaving"}]


def test_what_is_left_and_opened_again_before_the_next_paint_is_read_anew(visit: Visiting, made: Making) -> None:
    path = made(patient(name=[{"family": "Back"}]))
    tab = visit()
    tab.paint_late()
    tab.open()
    # The first click comes before anything that waits for a paint.
    tab.room("Explore")
    tab.room("Get a token")
    tab.sign_in("Editor")
    desk = Desk(tab)
    desk.open(path)
    desk.open(path)

    desk.versions("created")
    desk.shows("Back")


def test_what_others_refer_to_stays(desk: Desk, made: Making) -> None:
    path = made(patient())
    made(observation(path))
    desk.open(path)
    desk.press("Delete…")
    desk.press("Delete it")

    desk.main.get_by_role("heading", name="It is in use, and stays.").wait_for()
    desk.says("resources of these types: Observation.")


def test_the_keyboard_alone_is_enough(desk: Desk, beside: WritingClient, made: Making) -> None:
    path = made(patient(name=[{"family": "Before"}], gender="other"))
    page = desk.tab.page
    focused = page.locator(":focus")
    desk.tab.room("Write")

    def tab_to(name: str) -> None:
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(_FOCUSED) == name:
                return
        pytest.fail(f"Tab does not come to {name}")

    # Whoever presses Tab faster than the room comes would go round without it.
    desk.main.get_by_label("Id", exact=True).wait_for()
    tab_to("Id")
    page.keyboard.type(path)
    page.keyboard.press("Enter")
    desk.editor.wait_for()
    focused.and_(desk.main.get_by_role("heading", name=path)).wait_for()
    tab_to("editor")
    page.keyboard.press("Control+f")
    page.keyboard.type("other")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert desk.selected == "other"
    page.keyboard.type("some")
    page.keyboard.press("Control+s")
    desk.says("The resource is not valid.")
    page.locator(".cm-lintRange-error").first.wait_for()
    page.keyboard.press("F8")
    assert desk.selected == '"some"'
    page.keyboard.type('"male"')
    # Tab leaves the editor, and writes nothing into it.
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") != "editor"
    tab_to("Save")
    page.keyboard.press("Enter")
    desk.says("Saved: version 2.")
    focused.and_(desk.main.get_by_role("button", name="Save")).wait_for()
    assert beside.get(path).json()["gender"] == "male"
    tab_to("Delete…")
    page.keyboard.press("Enter")
    focused.and_(desk.main.get_by_role("button", name="Keep it")).wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    desk.says("Deleted. Its versions stay")
