"""A patient's record as a token opens it: closed, absent, refused, interrupted or very long."""

import json
import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Route

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.page.browser import Visit
from careconnect_testing.page.record_visits import SAMPLE_NAME, go_to_record, sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
MAX_SECONDS = 10


def test_what_is_closed_is_not_said_to_be_empty(visit: Visiting) -> None:
    tab = visit(scheme="dark", width=320)
    page = tab.open()
    tab.sign_in("Patient, condition and medication")
    tab.room("Patient record")
    go_to_record(page, "4")
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()
    for name, scope in (("Allergies", "user/AllergyIntolerance.read"), ("Procedures", "user/Procedure.read")):
        section = page.get_by_role("region", name=name)
        section.get_by_text(scope).wait_for()
        assert "recorded" not in section.inner_text()
    assert page.get_by_role("region", name="Problems").get_by_text("closed").count() == 0
    assert tab.violations() == []

    page.get_by_role("button", name="Sign out").click()
    tab.room("Patient record")
    page.get_by_text("A record is opened by a token.").wait_for()
    tab.room("Get a token")
    tab.sign_in("Limited access")
    tab.room("Patient record")
    before = len(tab.requests)
    page.get_by_label("The patient's id").fill("4")
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Patient", exact=True).get_by_text("user/Patient.read").wait_for()
    assert [each.url for each in tab.requests[before:] if FHIR_PATH in each.url] == []
    assert tab.violations() == []


def test_a_token_of_one_patient_opens_that_record_at_once(visit: Visiting, local_stack: LocalStack) -> None:
    tab = visit()
    page = sign_in_with(tab, local_stack, client_id="of-patient-4", scopes=("patient/*.read", "profile"), patient="4")
    tab.room("Patient record")
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()

    go_to_record(page, "5")
    page.get_by_role("heading", name="There is no Patient/5.").wait_for()
    page.get_by_label("Problem", exact=True).get_by_text("This token is bound to Patient/4").wait_for()
    page.get_by_role("link", name="The patient of this token").click()
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()


def test_a_patient_that_is_not_there_or_a_token_that_has_ended_is_said_with_what_to_do(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open()
    tab.sign_in()
    tab.room("Patient record")
    go_to_record(page, "nobody")
    page.get_by_role("heading", name="There is no Patient/nobody.").wait_for()
    assert tab.violations() == []
    tab.room("Get a token")
    # One that was not used yet: of another the gateway keeps its decision for a minute.
    page.get_by_role("button", name="Editor").click()
    page.get_by_text("editor", exact=True).first.wait_for()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_text("Revoked. The gateway keeps").wait_for()
    go_to_record(page, "4")
    page.get_by_role("heading", name="The token was revoked").wait_for()
    page.get_by_role("link", name="Get another token").click()
    page.get_by_role("button", name="Editor").click()
    page.get_by_role("region", name=SAMPLE_NAME).wait_for()


def test_what_the_server_cannot_answer_at_once_is_asked_for_type_by_type(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    page.get_by_text("Ask for certain scopes").click()
    page.get_by_label("Scopes, with spaces").fill(
        "system/Patient.read system/Condition.read system/Encounter.rs profile"
    )
    tab.sign_in()
    page.route("**/$everything*", lambda route: _refuse(route, 400))
    page.route("**/Condition/_search", lambda route: _refuse(route, 503))
    go_to_record(page, "4")

    banner = page.get_by_role("region", name=SAMPLE_NAME)
    banner.get_by_text("Details, correct").click()
    banner.get_by_text("Dr Gráinne Treharne").wait_for()
    problems = page.get_by_role("region", name="Problems")
    problems.get_by_role("heading", name="The service is not available for the moment.").wait_for()
    page.get_by_role("region", name="Encounters").get_by_role("button", name="Encounter for symptom").first.wait_for()
    assert page.get_by_text("No problem is recorded.").count() == 0
    assert page.get_by_label("Problem", exact=True).count() == 1
    page.unroute("**/Condition/_search")
    problems.get_by_role("button", name="Try again").click()
    problems.get_by_role("button", name="Hypertensive disorder").wait_for()


def test_reading_can_be_stopped_and_gone_on_with(visit: Visiting) -> None:
    tab = visit()
    # As on a slow machine: a quick hand stops it before the page has settled.
    tab.paint_late()
    page = tab.open()
    tab.sign_in()
    held: list[Route] = []
    page.route("**/$everything*", lambda route: held.append(route))
    go_to_record(page, "4")
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Reading was stopped: 0 entries are here").wait_for()
    assert page.get_by_text("No problem is recorded.").count() == 0
    page.unroute("**/$everything*")
    page.get_by_role("button", name="Read on").click()
    page.get_by_role("img", name=re.compile("^Blood pressure")).wait_for()
    assert page.get_by_text("Reading was stopped").count() == 0


@pytest.mark.timed
def test_a_very_long_record_is_read_in_parts_and_stays_quick(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    page.route("**/$everything*", lambda route: _part_of_a_long_record(route, tab.base))
    begun = time.monotonic()
    go_to_record(page, "4")
    page.get_by_text("only its beginning was read: 999 entries are here, and there are more.").wait_for()
    page.get_by_role("button", name="Read on").click()
    page.get_by_role("heading", name="Problems 1099").wait_for()
    page.get_by_role("region", name="Time line").get_by_role("button", name="Show all 1099 entries").click()
    page.get_by_role("region", name="Time line").get_by_role("button", name="Problem 1099", exact=True).wait_for()
    assert time.monotonic() - begun < MAX_SECONDS
    assert page.get_by_text("only its beginning was read").count() == 0


def _refuse(route: Route, status: int) -> None:
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "too-costly"}]}
    route.fulfill(status=status, content_type="application/fhir+json", body=json.dumps(outcome))


def _part_of_a_long_record(route: Route, base: str) -> None:
    """Answer with a hundred resources, eleven times: a patient, then problems."""
    part = int(route.request.url.partition("part=")[2] or 0)
    resources = [
        {"resourceType": "Condition", "id": f"c{each}", "code": {"text": f"Problem {each}"}, "clinicalStatus": "active"}
        if each
        else {"resourceType": "Patient", "id": "4", "name": [{"text": "Of many problems"}]}
        for each in range(part * 100, part * 100 + 100)
    ]
    following = f"{base}{FHIR_PATH}/Patient/4/$everything?part={part + 1}"
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in resources],
        "link": [{"relation": "next", "url": following}] if part < 10 else [],
    }
    route.fulfill(content_type="application/fhir+json", body=json.dumps(bundle))
