"""fhirclient 3.2.0: the SMART client with STU3 models reads all that it asks for into them, strictly."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from careconnect.resource_types import FHIR_VERSION, RESOURCE_TYPES
from careconnect_admin.clients.demo import LIMITED_ACCESS, DemoClient
from careconnect_testing.client_service import Service

pytestmark = pytest.mark.clients

SCRIPT = Path(__file__).parent / "stu3_models.py"


def test_a_users_script_finds_walks_follows_and_is_refused(
    service: Service, bearer: Callable[[DemoClient], dict[str, str]]
) -> None:
    environment = os.environ | {
        "CARECONNECT_FHIR_BASE": service.fhir_base,
        "CARECONNECT_IDENTIFIER": f"https://fhir.nhs.uk/Id/nhs-number|{service.nhs_number}",
        "CARECONNECT_TOKEN": bearer(service.secret_client)["Authorization"].removeprefix("Bearer "),
        "CARECONNECT_LIMITED_TOKEN": bearer(LIMITED_ACCESS)["Authorization"].removeprefix("Bearer "),
    }
    done = subprocess.run(
        [sys.executable, SCRIPT], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr

    found = json.loads(done.stdout)
    assert found.pop("types") == [served.name for served in RESOURCE_TYPES]
    assert sorted(found.pop("observations")) == sorted(service.observations)
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
