"""fhirclient 3.2.0: the SMART client with STU3 models, which are strict, reads into them and writes from them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from careconnect.fhir.resource_types import FHIR_VERSION, SERVED_TYPES
from careconnect_admin.clients.demo import LIMITED_ACCESS, DemoClient
from careconnect_testing.http.client_service import Service

pytestmark = pytest.mark.clients

SCRIPT = Path(__file__).parent / "stu3_models.py"

Script = Callable[[str, DemoClient], dict[str, Any]]


@pytest.fixture(scope="module")
def run(service: Service, bearer: Callable[[DemoClient], dict[str, str]]) -> Script:
    """Return a function that runs one of the user's scripts with a client's token and returns its results."""

    def found(name: str, client: DemoClient) -> dict[str, Any]:
        environment = os.environ | {
            "CARECONNECT_FHIR_BASE": service.fhir_base,
            "CARECONNECT_IDENTIFIER": f"https://fhir.nhs.uk/Id/nhs-number|{service.nhs_number}",
            "CARECONNECT_TOKEN": bearer(client)["Authorization"].removeprefix("Bearer "),
            "CARECONNECT_LIMITED_TOKEN": bearer(LIMITED_ACCESS)["Authorization"].removeprefix("Bearer "),
        }
        done = subprocess.run(
            [sys.executable, SCRIPT, name], env=environment, capture_output=True, text=True, timeout=600, check=False
        )
        assert done.returncode == 0, done.stderr
        printed: dict[str, Any] = json.loads(done.stdout)
        return printed

    return found


def test_a_users_script_finds_walks_follows_and_is_refused(service: Service, run: Script) -> None:
    found = run("read", service.secret_client)

    assert found.pop("types") == [served.name for served in SERVED_TYPES]
    walked = found.pop("observations")
    assert len(walked) == len(set(walked))
    assert service.observations <= set(walked)  # other suites write more of them
    assert found == {
        "fhir_version": FHIR_VERSION,
        "patient": "4",
        "name": "Ms Sofía Elena Muñoz",
        "born": "1971-08-23",
        "practice": "SAMPLE-GP1",
        "subject_of_encounter": "Patient/4",
        "absent": ["FHIRNotFoundException", 404, "not-found"],
        "forbidden": ["FHIRPermissionDeniedException", 403, "forbidden"],
        "without_token": ["FHIRUnauthorizedException", 401, "login"],
    }


def test_a_users_script_creates_changes_deletes_and_is_refused(service: Service, run: Script) -> None:
    assert run("write", service.editor) == {
        "versions": ["1", "2"],
        "read_back": True,
        "changed": True,
        "gender": "male",
        "name": "Sofía Muñoz",
        "referred_to": ["HTTPError", 409, "conflict"],
        "unknown_subject": ["HTTPError", 422, "not-found"],
        "deleted": [None, None],
        "gone": ["HTTPError", 410, "not-found"],
        "forbidden": ["FHIRPermissionDeniedException", 403, "forbidden"],
    }
