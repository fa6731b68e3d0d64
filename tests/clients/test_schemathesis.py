"""schemathesis: generated requests, valid and not, find no server error and no answer that is not documented."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_testing.client_service import Service
from careconnect_testing.generated import cases

pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.generated]

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = 600
# All types are made from one table by the same code: these have each kind of path, parameter and store.
SOME = r"/STU3/(Patient(?!/\{id\}/(?!Encounter)[A-Z])|Encounter|PractitionerRole)\b|/STU3/metadata|well-known|openapi"

Bearer = Callable[[DemoClient], dict[str, str]]


def run(service: Service, folder: Path, *options: str) -> int:
    """Run the tool in `folder` against the served document and return the number of requests.

    It fails if the tool finds anything.
    """
    done = subprocess.run(
        [
            *(PROGRAM, "run", f"{service.base}/openapi.json", "--checks", CHECKS, "--seed", "1948"),
            # One worker: on Python 3.11 two trip over each other in `ast.parse`.
            *("--workers", "1", "--request-timeout", "20"),
            *("--generation-database", "none", "--warnings", "off", "--no-color", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}", pytrace=False)
    passed = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert passed, done.stdout
    assert passed[1] == passed[2]
    return int(passed[1])


def bearer_header(service: Service, bearer: Bearer) -> tuple[str, str]:
    return "--header", f"Authorization: {bearer(service.secret_client)['Authorization']}"


@pytest.mark.long
def test_some_types_and_discovery_answer_every_kind_of_request_as_documented(
    service: Service, bearer: Bearer, tmp_path: Path
) -> None:
    options = ("--phases", "coverage,fuzzing", "--max-examples", str(cases(5)))

    assert run(service, tmp_path, *options, "--include-path-regex", SOME, *bearer_header(service, bearer)) > 1000


def test_all_types_answer_generated_requests_as_documented(service: Service, bearer: Bearer, tmp_path: Path) -> None:
    options = ("--phases", "fuzzing", "--max-examples", str(cases(3)))

    assert run(service, tmp_path, *options, "--exclude-tag", "OAuth", *bearer_header(service, bearer)) > 100


def test_the_token_endpoints_answer_as_documented(service: Service, tmp_path: Path) -> None:
    client = service.secret_client
    options = ("--phases", "coverage,fuzzing", "--max-examples", str(cases(20)))

    assert (
        run(service, tmp_path, *options, "--include-tag", "OAuth", "--auth", f"{client.client_id}:{client.secret}")
        > 100
    )
