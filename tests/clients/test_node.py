"""The clients of the npm registry, each suite in a Node process of its own."""

import json
import subprocess
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.project import DOCS
from careconnect_testing.http.client_service import Service
from careconnect_testing.page.node_clients import FOLDER, NODE, SECONDS, Node

pytestmark = [pytest.mark.clients, pytest.mark.long]

SUITES = ("openid-client", "oauth4webapi", "dpop", "fhir-kit-client", "fhirclient")


@pytest.mark.parametrize("suite", SUITES)
def test_client_suite_passes(client_node: Node, suite: str) -> None:
    output = client_node("--test", "--test-reporter=spec", f"{suite}.test.js")

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


@dataclass(frozen=True)
class EndedRun:
    """A run of the collection that ended before its end: the requests it sent, and the titles of its failed tests."""

    requests: int
    failures: list[str]


def ended_run(service: Service, folder: Path, **variables: str) -> EndedRun:
    """Run the collection with more variables of its environment, and return where it ended."""
    report = folder / "newman.json"
    done = subprocess.run(
        [
            *(NODE, FOLDER / "node_modules/newman/bin/newman.js", "run", DOCS / "postman/collection.json"),
            *("--environment", DOCS / "postman/environment.json", "--env-var", f"base={service.base}"),
            *chain.from_iterable(("--env-var", f"{name}={value}") for name, value in variables.items()),
            *("--reporters", "json", "--reporter-json-export", report),
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    run = json.loads(report.read_text(encoding="utf-8"))["run"]
    return EndedRun(run["stats"]["requests"]["total"], [each["error"]["test"] for each in run["failures"]])


def test_without_a_secret_the_collection_says_so_and_sends_nothing(service: Service, tmp_path: Path) -> None:
    assert ended_run(service, tmp_path) == EndedRun(
        0, ["set clientSecret in the environment: make run prints it, as the secret of explorer"]
    )


def test_with_the_secret_of_another_client_the_collection_says_whose_it_wants(
    service: Service, clients: tuple[DemoClient, ...], tmp_path: Path
) -> None:
    narrow = clients[0]
    wanted = (
        "clientSecret in the environment is the secret of clientId, "
        "explorer unless you name another that reads every type"
    )

    for variables in (
        {"clientSecret": service.editor.secret},
        {"clientId": narrow.client_id, "clientSecret": narrow.secret},
    ):
        assert ended_run(service, tmp_path, **variables) == EndedRun(1, [wanted])
