"""The writing room where something stands in the way: another token, an answer that is late or never comes."""

import re
from collections.abc import Callable

import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import WritingClient, patient
from careconnect_testing.http.writing_desk import Desk, Making
from careconnect_testing.page.browser import Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]


def _with_token(visit: Visiting, token: str) -> Desk:
    tab = visit()
    tab.open()
    desk = Desk(tab)
    desk.use_token(token)
    return desk


def test_a_create_that_is_in_progress_is_not_made_twice(desk: Desk, made: Making) -> None:
    held: list[Callable[[], None]] = []
    page = desk.tab.page
    page.route(f"**{FHIR_PATH}/Patient", lambda route: held.append(route.continue_))
    desk.new("Patient")
    desk.editor.focus()
    page.keyboard.press("Control+s")
    desk.says("Waiting for the server…")
    page.keyboard.press("Control+s")
    desk.main.get_by_role("button", name="Create", exact=True).click(force=True)
    # What is typed on the way is not lost to the answer.
    desk.write("Ada", "Grace")
    held[0]()

    desk.says("Created: Patient/")
    made(desk.path)
    assert len(held) == 1
    desk.shows("Grace")
    desk.says("changed, not saved")


def test_a_create_that_was_stopped_says_what_is_not_known(desk: Desk) -> None:
    desk.tab.page.route(f"**{FHIR_PATH}/Patient", lambda _route: None)
    desk.new("Patient")
    desk.press("Create")
    desk.press("Stop")

    desk.says("whether it was written is not known")
    desk.shows("Ada")


def test_a_token_that_has_ended_costs_no_text_and_signing_out_forgets_it(desk: Desk, api: Api, made: Making) -> None:
    path = made(patient(name=[{"family": "Before"}]))
    tab = desk.tab
    desk.open(path)
    desk.write("Before", "Kept")
    tab.room("Get a token")
    # One that the server refuses, as it refuses one that has ended.
    desk.use_token(api.register("ended", "system/*.cruds")[:-8] + "AAAAAAAA")
    desk.tab.room("Write")
    desk.main.get_by_role("region", name="Not saved yet").get_by_role("link", name=path).click()
    desk.press("Save")
    # The list of versions beside it is refused as well, sooner or later.
    saving = desk.main.get_by_role("region", name=path.replace("/", " "))
    saving.get_by_role("heading", name="The token is not accepted.").wait_for()
    saving.get_by_role("link", name="Get a token").click()
    tab.page.get_by_role("button", name="Demo client").click()
    tab.page.get_by_role("button", name="Editor").click()
    tab.page.get_by_title(re.compile(r"\(editor\)$")).wait_for()
    desk.editor.wait_for()
    desk.shows("Kept")
    desk.press("Save")
    desk.says("Saved: version 2.")

    desk.write("Kept", "Forgotten")
    tab.page.get_by_role("button", name="Sign out").click()
    tab.sign_in("Editor")
    tab.room("Write")
    desk.main.get_by_role("link", name="New Patient", exact=True).wait_for()
    assert desk.main.get_by_role("region", name="Not saved yet").count() == 0
    assert "Forgotten" not in tab.remembered()


def test_a_token_that_only_reads_is_reported_what_it_lacks(visit: Visiting) -> None:
    tab = visit(scheme="dark", width=320)
    tab.open()
    desk = Desk(tab)
    tab.room("Write")
    desk.says("Writing takes a token with a scope such as")
    assert tab.violations() == []
    tab.room("Get a token")
    tab.sign_in("Explorer")
    tab.room("Write")

    desk.says("This token only reads; it needs system/Observation.c.")
    assert desk.main.get_by_text("system/").count() == 1
    assert desk.main.get_by_role("link", name="New").count() == 0
    assert not tab.is_too_wide()
    assert tab.violations() == []

    tab.page.evaluate("location.hash = '#/write/Patient/4'")
    desk.says("Writing takes a scope such as system/Patient.write.")
    assert desk.editor.get_attribute("aria-readonly") == "true"
    assert desk.main.get_by_role("button", name=re.compile("Save|Delete|Format")).count() == 0


def test_a_token_that_only_writes_creates_and_changes_what_it_cannot_read(
    visit: Visiting, api: Api, beside: WritingClient, made: Making
) -> None:
    desk = _with_token(visit, api.register("only-writes", "user/Patient.write"))
    desk.new("Patient")
    desk.press("Create")
    desk.says("Created: Patient/")
    path = made(desk.path)
    desk.says("This token does not read the versions of Patient.")
    desk.write("Ada", "Grace")
    desk.press("Save")
    desk.says("Saved: version 2.")

    assert beside.get(path).json()["name"][0]["given"] == ["Grace"]
    desk.tab.page.evaluate("location.hash = '#/write/Patient/4'")
    desk.says("It is read first, and this token does not read Patient: it takes user/Patient.r.")


def test_a_token_of_one_patients_writes_about_that_patient(visit: Visiting, api: Api, made: Making) -> None:
    path = made(patient())
    desk = _with_token(visit, api.register("of-one-patient", "patient/*.cruds", path.removeprefix("Patient/")))
    desk.tab.room("Write")
    desk.says("Bound to one patient, it creates no Patient, Medication, Organization")
    assert desk.main.get_by_role("link", name="New Organization").count() == 0
    # There is no other patient to be chosen, and none is asked for.
    desk.main.get_by_role("link", name="Add a problem").wait_for()
    assert desk.main.get_by_label("The patient's id").count() == 0
    desk.go_to("for/4/Condition")
    desk.says(f"This token is bound to {path}, and writes in that record alone.")
    desk.new("Condition", about=path.removeprefix("Patient/"))
    desk.shows(f'"{path}"')
    desk.press("Create")
    desk.says("Created: Condition/")
    made(desk.path)


def test_what_is_not_there_is_said(desk: Desk) -> None:
    desk.tab.page.evaluate("location.hash = '#/write/Patient/nobody'")
    desk.main.get_by_role("heading", name="There is no such resource.").wait_for()
    desk.tab.page.evaluate("location.hash = '#/write/Wombat'")
    desk.says("The service has no type of that name")
