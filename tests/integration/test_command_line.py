"""The operator's commands on the deployed template."""

import json
import re
import time
from collections.abc import Callable

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import DOCS
from careconnect_admin.stack.target import StackTarget

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("sample")]

Run = Callable[..., Result]


@pytest.fixture
def run(local_stack: LocalStack, explorer: DemoClient, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect …` on the local stack, as the client that reads everything."""
    stack = local_stack.stack
    target = StackTarget(stack.name, dict(stack.outputs), local_stack.client, is_local=True, place="local")
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    known = {"CLIENT_ID": explorer.client_id, "CLIENT_SECRET": explorer.secret}
    return lambda *arguments, **more: CliRunner().invoke(app, arguments, env=known | more)


def test_a_search_is_read_page_by_page_to_its_end(run: Run) -> None:
    total = json.loads(run("search", "Observation", "patient=4", "_summary=count").stdout)["total"]

    result = run("search", "Observation", "patient=4", "_count=2", "--all")

    assert total > 2
    assert len(json.loads(result.stdout)["entry"]) == total
    assert result.exit_code == 0


def test_a_request_is_found_in_the_log_by_the_id_that_its_caller_saw(
    run: Run, local_stack: LocalStack, http: httpx.Client
) -> None:
    seen = http.get(f"{local_stack.fhir_url}/metadata").headers["X-Request-Id"]

    deadline = time.monotonic() + 30
    while not (lines := run("logs", "--request-id", seen, "--json").stdout.splitlines()):
        assert time.monotonic() < deadline
        # The emulator shows a late line with the function's next call.
        http.get(f"{local_stack.fhir_url}/metadata")
    (line,) = lines

    said = json.loads(line)
    assert (said["function"], said["action"], said["status"]) == ("Discovery", "metadata", 200)


def test_the_alarms_of_the_template_have_their_runbooks(run: Run) -> None:
    shown = json.loads(run("alarms", "--json").stdout)

    headings = re.findall(r"^## (.+)$", (DOCS / "alarms.md").read_text("utf-8"), re.MULTILINE)
    anchors = {f"docs/alarms.md#{heading.lower().replace(' ', '-')}" for heading in headings}
    assert {each["runbook"] for each in shown} == anchors
    assert "Latency" in {each["alarm"] for each in shown}


def test_a_token_is_obtained_asked_about_and_ended(run: Run) -> None:
    token = json.loads(run("token", "explorer", "--json").stdout)

    def active() -> bool:
        said = json.loads(run("tokens", "introspect", "--json", ACCESS_TOKEN=token["access_token"]).stdout)
        return bool(said["active"])

    assert active()
    assert run("tokens", "revoke", "--jti", token["claims"]["jti"]).exit_code == 0
    assert not active()
