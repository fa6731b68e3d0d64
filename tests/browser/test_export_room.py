"""Bulk exports on the page: started, watched, downloaded and deleted, with what the server may say on the way."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Download, Page, Route, expect

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT
from careconnect_testing.page.browser import EACH_LOOK, Visit
from careconnect_testing.page.record_visits import sign_in_with

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]

CASES = {
    each["case"]: each
    for each in json.loads((PROJECT / "functions/console/web/tests/export-cases.json").read_text(encoding="utf-8"))
}
EXPORT = re.compile(r"/\$export(/|$)")
JOB = "made-up-job"
HOUR_AND_A_SECOND = 3_601_000


@dataclass
class Exporting:
    """Answers the page's requests about exports in the server's place, statuses by the shared table of cases."""

    base: str
    statuses: Iterator[str]
    asked: list[tuple[str, str, str]] = field(default_factory=list)

    def answer(self, route: Route) -> None:
        request = route.request
        place = request.url.split("$export", 1)[1].removeprefix("/")
        self.asked.append((request.method, place, request.post_data or ""))
        if request.method == "POST":
            headers = {"Content-Location": f"{self.base}{FHIR_PATH}/$export/{JOB}"}
            route.fulfill(status=202, headers=headers, json={"resourceType": "OperationOutcome"})
        elif request.method == "DELETE":
            route.fulfill(status=202, json={"resourceType": "OperationOutcome"})
        elif place.startswith(f"{JOB}/"):
            lines = next(each["count"] for each in _files() if each["url"].endswith(place.removeprefix(JOB)))
            route.fulfill(status=200, content_type="application/fhir+ndjson", body="{}\n" * lines)
        else:
            case = CASES[next(self.statuses)]
            body = case["body"] if isinstance(case["body"], str) else json.dumps(case["body"])
            body = body.replace("{job}", f"{self.base}{FHIR_PATH}/$export/{JOB}")
            route.fulfill(status=case["status"], headers=case["headers"], body=body)


def _files() -> list[dict[str, Any]]:
    manifest = CASES["complete"]["body"]
    return [*manifest["output"], *manifest["deleted"], *manifest["error"]]


def _served(tab: Visit, statuses: Iterator[str]) -> Exporting:
    exporting = Exporting(tab.base, statuses)
    tab.page.route(EXPORT, exporting.answer)
    return exporting


def _start(page: Page) -> None:
    page.get_by_role("button", name="Start the export").click()


def _job(page: Page) -> Any:
    return page.get_by_role("region", name=re.compile("^Export "))


@EACH_LOOK
def test_an_export_is_read_by_all_on_any_screen(visit: Visiting, scheme: str, width: int) -> None:
    tab = visit(scheme=scheme, width=width)
    page = tab.open()
    tab.sign_in()
    tab.room("Export")
    exporting = _served(tab, iter(["running", "cannot be read", "complete"]))
    page.get_by_label("Patients’ records").check()
    page.get_by_label("Only these patients").fill("4 999 000 0042")
    page.get_by_role("button", name="None").click()
    _start(page)
    expect(page.get_by_role("alert")).to_have_text(["999 000 0042: An NHS number is no id.", "Tick a type."])
    assert tab.violations() == []
    assert exporting.asked == []
    page.get_by_label("Only these patients").fill("4, 5")
    page.get_by_role("checkbox", name="Goal").check()
    _start(page)

    job = _job(page)
    expect(job.get_by_role("heading", name="The records of 2 patients: Goal")).to_be_focused()
    expect(job.get_by_text("37% of the steps")).to_be_visible()
    assert not tab.is_too_wide()
    assert tab.violations() == []
    expect(job.get_by_text("The service is not available for the moment.")).to_be_visible()
    expect(job.get_by_text("37% of the steps")).to_be_visible()
    expect(job.get_by_text("8 lines in 5 files")).to_be_visible()
    job.get_by_role("button", name="Export what changes since").click()
    job.get_by_text("One by one").click()
    expect(job.get_by_role("button", name="Download Observation.1.1.ndjson")).to_be_visible()
    assert not tab.is_too_wide()
    assert tab.violations() == []
    job.get_by_role("button", name="Delete", exact=True).click()
    expect(job.get_by_role("button", name="Keep it")).to_be_focused()
    assert tab.violations() == []


def test_files_are_downloaded_one_at_a_time_and_what_was_broken_off_goes_on(visit: Visiting) -> None:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    tab.room("Export")
    exporting = _served(tab, iter(["complete"] * 2))
    _start(page)
    job = _job(page)
    with page.expect_download() as download:
        job.get_by_role("button", name="Download Patient.0.1.ndjson").click()
    assert download.value.suggested_filename == "Patient.0.1.ndjson"
    assert Path(download.value.path()).read_text(encoding="utf-8") == "{}\n" * 2
    # In another room the page forgets neither the export nor what was saved of it.
    tab.room("Explore")
    tab.room("Export")
    saved: list[str] = []
    page.on("download", lambda each: saved.append(each.suggested_filename))
    job.get_by_role("button", name="Download the other 4 files").click()
    page.get_by_text("4 files are saved.").wait_for()
    assert saved == ["Observation.0.1.ndjson", "Observation.1.1.ndjson", "deleted.0.1.ndjson", "error.ndjson"]

    job.get_by_role("button", name="Export what changes since").click()
    since = page.get_by_label("Changed since")
    expect(since).to_be_focused()
    expect(since).to_have_value("2026-12-01T10:00:00.123")
    job.get_by_role("button", name="Delete", exact=True).click()
    job.get_by_role("button", name="Delete it").click()
    expect(job).to_have_count(0)
    method, place, _ = exporting.asked[-1]
    assert (method, place) == ("DELETE", JOB)


def test_an_export_that_outlives_its_token_goes_on_with_the_next_one_and_is_hidden_between(
    visit: Visiting, clients: tuple[DemoClient, ...]
) -> None:
    (secret,) = (each.secret for each in clients if each.client_id == "explorer")
    tab = visit()
    tab.page.clock.install()
    page = tab.open()
    tab.sign_in()
    tab.room("Export")
    exporting = _served(tab, repeat("running"))
    page.get_by_label("Patients’ records").check()
    page.get_by_label("Only these patients").fill("whose-export-it-is")
    _start(page)
    expect(_job(page).get_by_text("37% of the steps")).to_be_visible()
    page.clock.fast_forward(HOUR_AND_A_SECOND)
    expect(page.get_by_role("heading", name="The session has expired")).to_be_visible()
    expect(_job(page)).to_have_count(0)
    assert "whose-export-it-is" not in tab.remembered()
    asked = len(exporting.asked)
    page.clock.fast_forward(60_000)
    assert len(exporting.asked) == asked
    exporting.statuses = repeat("complete")
    page.get_by_label("Client secret of Explorer").fill(secret)
    page.get_by_role("button", name="Renew as Explorer").click()

    expect(_job(page).get_by_text("8 lines in 5 files")).to_be_visible()
    expect(page.get_by_label("Only these patients")).to_have_value("whose-export-it-is")
    page.get_by_role("button", name="Sign out").click()
    tab.sign_in()
    tab.room("Export")
    expect(page.get_by_role("heading", name="A new export")).to_be_visible()
    expect(_job(page)).to_have_count(0)


def test_an_export_that_has_failed_or_is_gone_says_so_and_is_left(visit: Visiting) -> None:
    tab = visit(width=360)
    page = tab.open()
    tab.sign_in()
    tab.room("Export")
    _served(tab, iter(["failed", "deleted, expired, ended or another client's"]))
    known = page.get_by_label("URL of an export that was started elsewhere")
    known.fill("https://elsewhere.example/$export/1")
    page.get_by_role("button", name="Watch it").click()
    expect(page.get_by_role("alert")).to_have_text("This is no URL of an export of this server.")
    known.fill(f"{tab.base}{FHIR_PATH}/$export/{JOB}")
    page.get_by_role("button", name="Watch it").click()
    job = page.get_by_role("region", name="Export", exact=False).filter(has_text="started elsewhere")
    expect(job.get_by_text("The export took more than 24 hours.")).to_be_visible()
    assert tab.violations() == []
    job.get_by_role("button", name="Try again").click()
    expect(job.get_by_role("heading", name="This export is not there.")).to_be_visible()
    job.get_by_role("button", name="Take it off the list").click()
    expect(page.get_by_role("main")).to_be_focused()
    expect(job).to_have_count(0)


def test_what_a_token_does_not_export_is_closed_with_the_scope_that_would(
    visit: Visiting, local_stack: LocalStack
) -> None:
    tab = visit()
    page = tab.open("/#/export")
    page.get_by_role("main").get_by_role("link", name="Get a token").click()
    page.get_by_role("button", name="Auditor").click()
    expect(page.get_by_text("This token exports nothing")).to_be_visible()
    scopes = ("system/Observation.rs?category=laboratory", "user/Goal.rs")
    page = sign_in_with(tab, local_stack, client_id="exports-some", scopes=scopes)
    tab.room("Export")
    expect(page.get_by_role("checkbox", name="Observation")).to_be_checked()
    expect(page.get_by_role("listitem").filter(has_text="Observation")).to_contain_text(
        "only where category is laboratory"
    )
    expect(page.get_by_role("checkbox", name="Goal")).to_be_disabled()
    expect(page.get_by_role("listitem").filter(has_text="Goal")).to_contain_text("takes system/Goal.rs")
    page.get_by_label("Patients’ records").check()
    expect(page.get_by_text("An export of patients’ records needs the patients themselves.")).to_be_visible()
    sign_in_with(tab, local_stack, client_id="of-one", scopes=("patient/*.rs",), patient="4")
    tab.room("Export")
    expect(page.get_by_text("This token is bound to Patient/4 and exports nothing.")).to_be_visible()


def test_an_export_is_started_watched_downloaded_and_deleted(visit: Visiting, local_stack: LocalStack) -> None:
    tab = visit()
    page = sign_in_with(tab, local_stack, client_id="exports-from-the-page", scopes=("system/*.rs",))
    tab.room("Export")
    _start_and_cancel_one_of_patients(page)
    page.get_by_label("Everything").check()
    page.get_by_label("Changed since").fill("")
    page.get_by_role("button", name="None").click()
    page.get_by_role("checkbox", name="Patient").check()
    page.get_by_role("checkbox", name="Practitioner", exact=True).check()
    with page.expect_response(EXPORT) as started:
        _start(page)
    url = started.value.headers["content-location"]
    job = _job(page)
    expect(job.get_by_role("progressbar", name="Progress")).to_be_visible()
    # While that goes on at the server, another one is started by the reference, and cancelled here.
    other = _kicked_off_by_the_reference(tab)
    tab.room("Export")
    page.get_by_label("URL of an export that was started elsewhere").fill(other)
    page.get_by_role("button", name="Watch it").click()
    started_elsewhere = page.get_by_role("region").filter(has_text="An export that was started elsewhere")
    started_elsewhere.get_by_role("button", name="Cancel the export").click()
    expect(started_elsewhere).to_have_count(0)

    expect(job.get_by_text("Complete, as the store was on")).to_be_visible(timeout=120_000)
    saved: list[Download] = []
    page.on("download", lambda each: saved.append(each))
    job.get_by_role("button", name="Download all").click()
    page.get_by_text(re.compile(r"^\d+ files are saved\.$")).wait_for()
    lines = [line for each in saved for line in Path(each.path()).read_text(encoding="utf-8").splitlines()]
    resources = [json.loads(line) for line in lines]
    assert {each["resourceType"] for each in resources} == {"Patient", "Practitioner"}
    assert "4" in {each["id"] for each in resources if each["resourceType"] == "Patient"}
    expect(job.get_by_text(f"{len(lines):,} lines in {len(saved)} files")).to_be_visible()
    job.get_by_role("button", name="Delete", exact=True).click()
    job.get_by_role("button", name="Delete it").click()
    expect(job).to_have_count(0)
    page.get_by_label("URL of an export that was started elsewhere").fill(url)
    page.get_by_role("button", name="Watch it").click()
    expect(page.get_by_role("heading", name="This export is not there.")).to_be_visible()


def _start_and_cancel_one_of_patients(page: Page) -> None:
    """Start an export of some patients since a time: one that is refused, then one that is cancelled at once."""
    page.get_by_label("Patients’ records").check()
    page.get_by_label("Changed since").fill("2026-01-01T00:00")
    patients = page.get_by_label("Only these patients")
    patients.fill("nobody-has-this-id")
    _start(page)
    expect(page.get_by_role("heading", name="A patient is not there.")).to_be_visible()
    patients.fill("4")
    _start(page)
    job = _job(page)
    expect(
        job.get_by_role("heading", name="The records of 1 patient, changed since 1 Jan 2026, 00:00:00")
    ).to_be_focused()
    job.get_by_role("button", name="Cancel the export").click()
    expect(job).to_have_count(0)


def _kicked_off_by_the_reference(tab: Visit) -> str:
    """Try the call that starts an export, as the reference has filled it in, and return the URL of its job."""
    page = tab.page
    tab.room("Reference")
    page.get_by_label("Find a call").fill("get export all types")
    block = page.locator(".call").filter(has=page.get_by_role("heading", name="Export all types", exact=True))
    block.locator("summary").first.click()
    expect(block.get_by_label("Prefer header, required")).to_have_value("respond-async")
    with page.expect_response(EXPORT) as answered:
        block.get_by_role("button", name="Send GET").click()
    assert answered.value.status == 202
    return answered.value.headers["content-location"]
