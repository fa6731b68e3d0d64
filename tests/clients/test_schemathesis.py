"""schemathesis: generated requests, valid and not, find no server error and no answer that is not documented."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from careconnect_admin.clients.demo import AUDITOR, DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.client_service import Service
from careconnect_testing.records.generated import cases

# Its own stack or records are made once a process.
pytestmark = [pytest.mark.clients, pytest.mark.slow, pytest.mark.long, pytest.mark.xdist_group("schemathesis")]

PROGRAM = Path(sys.executable).with_name("schemathesis")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = 600
# All types are made from one table by the same code: these have each kind of path, parameter and store.
SOME = (
    r"/STU3/(Patient(?!/\{id\}/(?!Encounter)[A-Z])|PractitionerRole)\b|/STU3/\$export|/STU3/metadata|well-known|openapi"
)

# One of each table, a patient's and nobody's, and the one type that takes no condition.
WRITTEN = r"/STU3/(Encounter|Location|Medication)(?:/\{id\}(?:/_history.*)?)?$"

Bearer = Callable[[DemoClient], dict[str, str]]


def with_small_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with request bodies of a type and an id alone; the answers' schemas stay.

    A type's own schema refers to itself in many places: the tool would take minutes for each body that it makes up.
    """
    small = {"type": "object", "required": ["resourceType"]}
    for name, body in document["components"]["requestBodies"].items():
        if name in document["components"]["schemas"]:
            of_type = {"resourceType": {"type": "string", "enum": [name]}, "id": {"type": "string"}}
            body["content"]["application/fhir+json"]["schema"] = small | {"properties": of_type}
    return document


def run(base: str, folder: Path, *options: str) -> int:
    """Run the tool in `folder` by the served document and return the number of requests.

    It fails if the tool finds anything.
    """
    document = folder / "openapi.json"
    served = httpx.get(f"{base}/openapi.json", timeout=30, trust_env=False).json()
    document.write_text(json.dumps(with_small_bodies(served)), encoding="utf-8")
    done = subprocess.run(
        [
            *(PROGRAM, "run", document, "--url", base, "--checks", CHECKS, "--seed", "1948"),
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


def test_some_types_and_discovery_answer_every_kind_of_request_as_documented(
    service: Service, bearer: Bearer, tmp_path: Path
) -> None:
    options = ("--phases", "coverage,fuzzing", "--max-examples", str(cases(2)))

    assert run(service.base, tmp_path, *options, "--include-path-regex", SOME, *bearer_header(service, bearer)) > 1000


@pytest.fixture(scope="module")
def own_base(clients: tuple[DemoClient, ...], sample: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the root URL of a separate stack with the sample: no other test sees the writes or fills the trail."""
    with LocalStack(log_folder=tmp_path_factory.mktemp("own-stack")) as stack:
        register(clients, DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"]))
        tables = RecordTables(stack.client("dynamodb"), *(stack.stack.outputs[name] for name in OUTPUTS))
        load_paths([sample], tables, base_url=stack.base_url)
        yield stack.base_url


def token_of(base: str, client: DemoClient) -> str:
    """Return a new token of the stack at `base`."""
    form = {"grant_type": "client_credentials"}
    auth = (client.client_id, client.secret)
    granted = httpx.post(f"{base}/token", data=form, auth=auth, timeout=30, trust_env=False)
    return str(granted.json()["access_token"])


def test_the_audit_trail_answers_every_kind_of_request_as_documented(
    own_base: str, clients: tuple[DemoClient, ...], tmp_path: Path
) -> None:
    (auditor,) = (client for client in clients if client.client_id == AUDITOR)
    header = ("--header", f"Authorization: Bearer {token_of(own_base, auditor)}")
    options = ("--phases", "coverage,fuzzing", "--max-examples", str(cases(2)))

    assert run(own_base, tmp_path, *options, "--include-path-regex", r"/STU3/AuditEvent\b", *header) > 100


def test_writes_answer_as_documented_one_by_one_and_in_a_row(
    own_base: str, clients: tuple[DemoClient, ...], tmp_path: Path
) -> None:
    (editor,) = (client for client in clients if client.client_id == "editor")
    header = ("--header", f"Authorization: Bearer {token_of(own_base, editor)}")
    options = ("--phases", "examples,coverage,fuzzing,stateful", "--max-examples", str(cases(2)))

    assert run(own_base, tmp_path, *options, "--include-path-regex", WRITTEN, *header) > 500


def test_all_types_answer_generated_requests_as_documented(service: Service, bearer: Bearer, tmp_path: Path) -> None:
    options = ("--phases", "fuzzing", "--max-examples", str(cases(1)))

    assert run(service.base, tmp_path, *options, "--exclude-tag", "OAuth", *bearer_header(service, bearer)) > 100


def test_the_token_endpoints_answer_as_documented(service: Service, tmp_path: Path) -> None:
    client = service.secret_client
    options = ("--phases", "coverage,fuzzing", "--max-examples", str(cases(20)))

    assert (
        run(service.base, tmp_path, *options, "--include-tag", "OAuth", "--auth", f"{client.client_id}:{client.secret}")
        > 100
    )
