"""The writing room where several requests go at once: a Bundle's text, and the answer to each entry."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_testing.http.writes import patient
from careconnect_testing.http.writing_desk import Desk, Making
from careconnect_testing.page.browser import Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]


def _open(desk: Desk) -> None:
    desk.tab.room("Write")
    desk.main.get_by_role("link", name="Send a Bundle").click()
    desk.shows('"type": "batch"')


def _write(desk: Desk, *entries: tuple[str, str, Any], type_: str = "batch") -> None:
    """Replace the text by a Bundle of these requests: method, URL and resource."""
    entry = [
        {**({"resource": resource} if resource else {}), "request": {"method": method, "url": url}}
        for method, url, resource in entries
    ]
    _type(desk, json.dumps({"resourceType": "Bundle", "type": type_, "entry": entry}, indent=2))


def _type(desk: Desk, text: str) -> None:
    desk.editor.press("ControlOrMeta+a")
    desk.tab.page.keyboard.insert_text(text)
    desk.shows(text)


def _answers(desk: Desk) -> Locator:
    return desk.main.get_by_role("region", name="Answers").locator("ol > li")


def _posts(desk: Desk) -> int:
    return len([each for each in desk.tab.requests if each.method == "POST" and each.url.endswith(FHIR_PATH)])


@pytest.mark.parametrize("width", [320, 1280])
def test_each_entry_has_its_answer_and_leads_to_what_was_written(visit: Visiting, made: Making, width: int) -> None:
    tab = visit(width=width)
    tab.open()
    tab.sign_in("Editor")
    desk = Desk(tab)
    _open(desk)
    assert tab.violations() == []

    _write(
        desk,
        ("POST", "Patient", patient(name=[{"family": "Bundled"}])),
        ("GET", "Patient/4", None),
        ("PUT", "Observation/of-a-bundle", {"resourceType": "Observation", "id": "of-a-bundle", "status": "wrong"}),
        ("DELETE", "Patient/nobody", None),
    )
    desk.press("Send")

    expect(_answers(desk)).to_have_count(4)
    link = _answers(desk).nth(0).get_by_role("link", name="Patient/")
    path = made(link.inner_text())
    expect(_answers(desk).nth(0)).to_contain_text("201 POST Patient")
    expect(_answers(desk).nth(2)).to_contain_text("422 PUT Observation/of-a-bundle")
    expect(_answers(desk).nth(2)).to_contain_text("Observation.status")
    _answers(desk).nth(1).get_by_text("The Patient that was answered").click()
    expect(desk.main.get_by_role("region", name="Resource as JSON")).to_contain_text("Muñoz")
    assert not tab.is_too_wide()
    assert tab.violations() == []

    _answers(desk).nth(2).get_by_role("button", name="Line").click()
    assert "of-a-bundle" in desk.selected
    link.click()
    desk.main.get_by_role("heading", name=path).wait_for()
    desk.shows("Bundled")


def test_a_bundle_that_is_refused_is_marked_and_a_broken_one_is_not_sent(desk: Desk) -> None:
    _open(desk)
    _type(desk, '{"resourceType": "Bundle",\n"type" "batch"}')
    desk.press("Send")
    desk.main.get_by_role("heading", name="This is no JSON yet.").wait_for()
    assert _posts(desk) == 0

    _write(desk, ("GET", "Patient/4", None), ("", "Patient/4", None))
    desk.press("Send")

    desk.main.get_by_role("heading", name="The server takes no such Bundle.").wait_for()
    assert ["Bundle.entry[1].request.method" in each for each in desk.faults()] == [True]
    expect(_answers(desk)).to_have_count(0)
    assert desk.tab.violations() == []


def test_a_transaction_is_sent_whole_or_its_faults_are_marked(desk: Desk, made: Making) -> None:
    _open(desk)
    wrong = {"resourceType": "Patient", "gender": "unheard-of"}
    _write(desk, ("POST", "Patient", patient()), ("POST", "Patient", wrong), type_="transaction")
    desk.press("Send")

    expect(desk.main.get_by_text("A transaction: all entries that write are done, or none.")).to_be_visible()
    expect(desk.main.get_by_text("none fails another")).to_have_count(0)
    desk.main.get_by_role("heading", name="The server takes no such Bundle.").wait_for()
    assert ["Bundle.entry[1].resource.gender" in each for each in desk.faults()] == [True]
    expect(_answers(desk)).to_have_count(0)

    _write(
        desk, ("POST", "Patient", patient(name=[{"family": "Whole"}])), ("GET", "Patient/4", None), type_="transaction"
    )
    desk.press("Send")
    desk.says("All 2 requests were done.")
    made(_answers(desk).nth(0).get_by_role("link", name="Patient/").inner_text())


def test_typed_text_stays_until_it_is_sent_and_one_may_begin_anew(desk: Desk) -> None:
    _open(desk)
    _write(desk, ("GET", "Patient/4", None), ("GET", "Patient/5", None))
    desk.tab.room("Write")
    desk.main.get_by_role("region", name="Not saved yet").get_by_role("link", name="New Bundle").click()
    desk.shows('"Patient/5"')

    desk.editor.focus()
    desk.tab.page.keyboard.press("Control+s")
    desk.says("All 2 requests were done.")
    assert _posts(desk) == 1
    desk.tab.room("Write")
    expect(desk.main.get_by_role("link", name="Send a Bundle")).to_be_visible()
    expect(desk.main.get_by_role("region", name="Not saved yet")).to_have_count(0)

    desk.main.get_by_role("link", name="Send a Bundle").click()
    desk.shows('"Patient/5"')
    desk.press("Begin anew")
    desk.shows('"method": "POST"')
    desk.tab.room("Write")
    expect(desk.main.get_by_role("link", name="Send a Bundle")).to_be_visible()
    expect(desk.main.get_by_role("region", name="Not saved yet")).to_have_count(0)


def test_a_token_that_only_reads_is_offered_no_bundle(visit: Visiting) -> None:
    tab = visit()
    tab.open()
    tab.sign_in()
    tab.room("Write")
    desk = Desk(tab)
    desk.says("closed")
    assert desk.main.get_by_role("link", name="Send a Bundle").count() == 0
