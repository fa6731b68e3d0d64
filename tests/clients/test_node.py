"""The clients of the npm registry, each suite in a Node process of its own."""

import json
import subprocess
from pathlib import Path

import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.project import DOCS
from careconnect_testing.http.client_service import Service
from careconnect_testing.page.node_clients import FOLDER, NODE, SECONDS, Node

pytestmark = [pytest.mark.clients, pytest.mark.long]

SUITES = ("openid-client", "oauth4webapi", "fhir-kit-client", "fhirclient")


@pytest.mark.parametrize("suite", SUITES)
def test_client_suite_passes(node: Node, suite: str) -> None:
    output = node("--test", "--test-reporter=spec", f"{suite}.test.js")

    assert "fail 0" in output
    assert "skipped 0" in output
    assert "pass 0" not in output


def test_redocly_has_nothing_to_say_of_the_openapi_document(node: Node) -> None:
    linted = json.loads(
        node("node_modules/@redocly/cli/bin/cli.js", "lint", str(DOCS / "openapi.json"), "--format=json")
    )

    assert linted["problems"] == []
    assert linted["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}


@pytest.mark.long
def test_newman_runs_the_postman_collection(
    node: Node, service: Service, clients: tuple[DemoClient, ...], tmp_path: Path
) -> None:
    report = tmp_path / "newman.json"
    secrets = {client.client_id: client.secret for client in clients}
    node(
        "node_modules/newman/bin/newman.js",
        *("run", str(DOCS / "postman/collection.json"), "--environment", str(DOCS / "postman/environment.json")),
        *("--env-var", f"base={service.base}", "--env-var", f"clientSecret={secrets['explorer']}"),
        *("--env-var", f"editorSecret={secrets['editor']}", "--env-var", f"auditorSecret={secrets['auditor']}"),
        *("--color", "off", "--reporters", "cli,json", "--reporter-json-export", str(report)),
    )

    done = json.loads(report.read_text(encoding="utf-8"))["run"]["stats"]
    assert done["requests"]["total"] > 300
    assert done["assertions"]["total"] > 1000
    assert {each["failed"] for each in done.values()} == {0}


def test_without_a_secret_the_collection_says_so_and_sends_nothing(service: Service, tmp_path: Path) -> None:
    report = tmp_path / "newman.json"
    done = subprocess.run(
        [
            *(NODE, FOLDER / "node_modules/newman/bin/newman.js", "run", DOCS / "postman/collection.json"),
            *("--environment", DOCS / "postman/environment.json", "--env-var", f"base={service.base}"),
            *("--reporters", "json", "--reporter-json-export", report),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 1
    run = json.loads(report.read_text(encoding="utf-8"))["run"]
    assert run["stats"]["requests"]["total"] == 0
    assert [each["error"]["test"].partition(":")[0] for each in run["failures"]] == [
        "set clientSecret in the environment"
    ]
