"""The matrix of clients and types: each cell shows a real answer, compared with the promised one."""

import json
import re
from collections.abc import Callable
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from careconnect.fhir.resource_types import AUDIT_EVENT, SERVED_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import LIMITED_ACCESS, MEDICATION_ACCESS, PATIENT_ACCESS, DemoClient
from careconnect_admin.project import PROJECT
from careconnect_testing.page.browser import Visit

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]
ROOM = "/#/matrix"
MOST = 60_000
"""Milliseconds for all the answers of a matrix, on a busy machine."""

LIST = "**/local/demo-clients"
PROMISES = json.loads((PROJECT / "functions/console/web/src/rooms/matrix/promises.json").read_text(encoding="utf-8"))
TYPES = [each.name for each in SERVED_TYPES]
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
ALL = 6 * len(TYPES)
"""Questions of a matrix of the six demo clients."""


def _asked(page: Page, summary: str) -> None:
    page.get_by_role("button", name="Ask the server").click()
    expect(_summary(page)).to_have_text(summary, timeout=MOST)


def _summary(page: Page) -> Locator:
    return page.get_by_test_id("matrix-summary")


def _cell(page: Page, client: str, type_name: str) -> Locator:
    return page.get_by_role("button", name=re.compile(f"^{client}, {type_name}:"))


def _statuses(page: Page, client_id: str) -> dict[str, int]:
    """Return the statuses that a client's row shows, by types."""
    row = page.get_by_role("row").filter(has_text=client_id)
    texts = row.get_by_role("gridcell").all_inner_texts()
    return {name: int(re.findall(r"\b\d{3}\b", text)[0]) for name, text in zip(TYPES, texts, strict=True)}


def _lists(page: Page, *clients: dict[str, Any]) -> None:
    """Give the page another list of clients; all other answers are the real server's."""
    page.route(LIST, lambda route: route.fulfill(json={"clients": clients}))


def _listed(client: DemoClient, **changes: Any) -> dict[str, Any]:
    return {"id": client.client_id, "name": client.name, "secret": client.secret, "scopes": client.scopes, **changes}


def test_every_answer_is_as_the_page_promises(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open(ROOM)
    page.get_by_text(f"{ALL} questions, none asked yet.").wait_for()
    _is_for_all(tab)

    _asked(page, f"{ALL} of {ALL} answers are as promised.")

    for client in (PATIENT_ACCESS, MEDICATION_ACCESS, LIMITED_ACCESS):
        expected = {name: 200 if name in PROMISES[client.client_id] else 403 for name in TYPES}
        assert _statuses(page, client.client_id) == expected
    for client_id in ("explorer", "editor"):
        assert _statuses(page, client_id) == {name: 403 if name == AUDIT_EVENT.name else 200 for name in TYPES}
    searched = (AUDIT_EVENT.name, "Patient")
    assert _statuses(page, "auditor") == {name: 200 if name in searched else 403 for name in TYPES}
    expect(page.get_by_role("status")).to_have_text(f"{ALL} of {ALL} answers are as promised.")
    for width in (320, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        _is_for_all(tab)


def _is_for_all(tab: Visit) -> None:
    """Check the page as it is shown now, in both schemes."""
    assert not tab.is_too_wide()
    for scheme in SCHEMES:
        tab.page.emulate_media(color_scheme=scheme)
        assert tab.violations() == []


def test_a_cell_opens_by_the_keyboard_with_request_answer_and_reason(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open("/")
    _lists(page, _listed(PATIENT_ACCESS))
    tab.room("Who may read what")
    _asked(page, f"{len(TYPES)} of {len(TYPES)} answers are as promised.")
    _cell(page, "Patient access", "Patient").focus()
    for key in ("End", "Home", "ArrowRight", "ArrowDown", "ArrowUp", "ArrowUp", "Enter"):
        page.keyboard.press(key)

    panel = page.get_by_role("region", name="Patient access: Condition")
    expect(panel.get_by_role("heading")).to_be_focused()
    assert "403, the server refuses it. As promised." in panel.inner_text()
    assert "None of its scopes opens searching Condition: it takes patient/Condition.read." in panel.inner_text()
    exchange = panel.get_by_label("Request and answer").inner_text()
    assert exchange.startswith(f"GET {tab.base}{FHIR_PATH}/Condition?_count=1")
    assert '"OperationOutcome"' in exchange
    assert "Authorization: DPoP …TOKEN…\nDPoP: …PROOF…\n" in exchange
    assert not tab.is_too_wide()
    assert tab.violations() == []

    page.keyboard.press("Escape")
    expect(_cell(page, "Patient access", "Condition")).to_be_focused()
    expect(panel).to_have_count(0)


def test_an_answer_that_is_not_as_promised_is_reported(visit: Visiting, explorer: DemoClient) -> None:
    tab = visit(scheme="dark")
    page = tab.open("/")
    _lists(page, _listed(explorer, scopes=["system/*.read"]), _listed(PATIENT_ACCESS, scopes=[]))
    tab.room("Who may read what")
    _asked(page, f"{2 * len(TYPES)} of {2 * len(TYPES)} answers are as promised.")

    page.unroute(LIST)
    _lists(page, _listed(explorer, scopes=["profile", "system/Patient.read"]))
    tab.room("Get a token")
    tab.room("Who may read what")
    _asked(page, f"7 of {len(TYPES)} answers are as promised.")
    broken = _cell(page, "Explorer: reads everything", "Condition")
    assert broken.inner_text().split("\n")[-2:] == ["200", "open, not as promised"]
    broken.click()
    page.get_by_text("200, the server lets it through. Not as promised.").wait_for()
    page.get_by_text("Promised by its scopes: closed.").wait_for()
    assert tab.violations() == []


def test_without_a_list_there_is_the_row_of_the_token_that_is_held(visit: Visiting) -> None:
    tab = visit(width=320)
    page = tab.open("/")
    page.route(LIST, lambda route: route.fulfill(status=404))
    page.reload()
    tab.room("Who may read what")
    page.get_by_text("no list of its clients").wait_for()
    page.get_by_role("main").get_by_role("link", name="Get a token").click()
    page.get_by_label("Client id").fill(LIMITED_ACCESS.client_id)
    page.get_by_label("Client secret").fill(LIMITED_ACCESS.secret)
    page.get_by_role("button", name="Get a token").click()
    page.get_by_role("rowheader", name=re.compile("Your token")).wait_for()
    tokens = len([each for each in tab.requests if each.url.endswith("/token")])

    _asked(page, f"{len(TYPES)} of {len(TYPES)} answers are as promised.")

    # It is the session's token that is tried, and no other.
    assert len([each for each in tab.requests if each.url.endswith("/token")]) == tokens
    assert not tab.is_too_wide()


def test_a_server_that_stops_in_the_midst_is_reported_and_what_was_found_stays(visit: Visiting) -> None:
    tab = visit()
    page = tab.open(ROOM)
    asked: list[str] = []

    def stopping(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 20:
            route.abort("connectionrefused")
        else:
            route.continue_()

    page.route(f"**{FHIR_PATH}/**", stopping)
    page.get_by_role("button", name="Ask the server").click()
    page.get_by_role("heading", name="The server does not answer.").wait_for()

    expect(_summary(page)).to_have_text(f"20 of 20 answers are as promised. {ALL - 20} questions are unanswered.")
    # At most the requests in flight are added.
    assert len(asked) <= 20 + 6
    page.unroute(f"**{FHIR_PATH}/**")
    page.get_by_role("button", name="Try again").click()
    expect(_summary(page)).to_have_text(f"{ALL} of {ALL} answers are as promised.", timeout=MOST)
    tab.faults = [each for each in tab.faults if "ERR_CONNECTION_REFUSED" not in each]


def test_it_can_be_stopped_and_keeps_what_it_has(visit: Visiting) -> None:
    tab = visit()
    page = tab.open(ROOM)
    held: list[Route] = []
    page.route(f"**{FHIR_PATH}/Observation*", lambda route: held.append(route))
    page.get_by_role("button", name="Ask the server").click()
    # Every row's third cell waits: with that of the sixth row all six connections are in use.
    told = 5 * (len(TYPES) - 1) + 2
    summary = f"{told} of {told} answers are as promised. {ALL - told} questions are unanswered."
    expect(_summary(page)).to_have_text(summary, timeout=MOST)
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_role("button", name="Ask the server")).to_be_focused()
    expect(_summary(page)).to_have_text(summary)
    assert "not asked" in _cell(page, "Explorer: reads everything", "Observation").inner_text()


def test_a_long_list_with_clients_that_get_no_token(visit: Visiting, explorer: DemoClient) -> None:
    tab = visit(width=320)
    page = tab.open("/")
    strangers = [
        {"id": f"stranger-{number}", "name": f"{'Unbreakable' * 6} {number}", "secret": "wrong", "scopes": ["profile"]}
        for number in range(40)
    ]
    _lists(page, *strangers, _listed(explorer))
    tab.room("Who may read what")

    unanswered = len(strangers) * len(TYPES)
    _asked(page, f"{len(TYPES)} of {len(TYPES)} answers are as promised. {unanswered} questions are unanswered.")

    assert page.get_by_text("No token: The server does not accept this client.").count() == len(strangers)
    assert not tab.is_too_wide()
    assert tab.violations() == []


def test_nothing_of_the_matrix_is_left_after_signing_out(visit: Visiting) -> None:
    tab = visit()
    page = tab.open("/")
    tab.sign_in("Limited access")
    _lists(page, _listed(PATIENT_ACCESS), _listed(LIMITED_ACCESS))
    before = len(tab.requests)
    tab.room("Who may read what")
    _asked(page, f"{2 * len(TYPES)} of {2 * len(TYPES)} answers are as promised.")
    # Each row has a token of its own, the session's client too.
    assert len([each for each in tab.requests[before:] if each.url.endswith("/token")]) == 2
    page.get_by_role("button", name="Requests").click()
    tokens = {each.headers["authorization"].split()[1] for each in tab.requests if f"{FHIR_PATH}/" in each.url}
    assert len(tokens) == 2
    assert not [token for token in tokens if token in tab.remembered()]
    page.get_by_label("Show secrets and tokens").check()
    page.locator(".log-list summary").first.click()
    page.get_by_label("Request and answer").wait_for()
    assert [token for token in tokens if token in tab.remembered()]

    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("link", name="No token").wait_for()

    assert not [token for token in tokens if token in tab.remembered()]
