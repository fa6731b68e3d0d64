"""Clients that others' generators make of the OpenAPI document, without a warning, and that read, search and create."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect_admin.project import DOCS
from careconnect_testing.http.client_service import Service
from careconnect_testing.page.node_clients import FOLDER, NODE
from careconnect_testing.records.json_schemas import schema_faults

pytestmark = [pytest.mark.clients, pytest.mark.slow]

DOCUMENT: Final = DOCS / "openapi.json"
BIN: Final = Path(sys.executable).parent
EXAMPLES: Final = FOLDER / "node_modules/hl7.fhir.r3.examples"
SECONDS: Final = 600
PACKAGE: Final = "care_connect_serverless_client"

PYTHON_CLIENT: Final = f"""
import json
import os
import sys
from pathlib import Path

from {PACKAGE} import AuthenticatedClient, Client, models
from {PACKAGE}.api.o_auth import issue_token
from {PACKAGE}.api.observation import create_observation, search_observation
from {PACKAGE}.api.patient import read_patient

base = os.environ["BASE"]
basic = Client(base, httpx_args={{"auth": (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])}})
granted = issue_token.sync(client=basic, grant_type="client_credentials")
client = AuthenticatedClient(base, token=granted.access_token, timeout=30)
patient = read_patient.sync("4", client=client)
print(patient.name[0].family)
page = search_observation.sync(client=client, patient="4")
print(len(page.entry), page.entry[0].resource.status)
system = "https://my-app.example.org/generated"
reading = models.Observation(
    resource_type=models.ObservationResourceType.OBSERVATION,
    identifier=[models.Identifier(system=system, value="py")],
    status=models.ObservationStatus.FINAL,
    code=models.CodeableConcept(text="Heart rate"),
    subject=models.Reference(reference="Patient/4"),
    value_quantity=models.Quantity(value=72, unit="/min"),
)
written = create_observation.sync_detailed(client=client, body=reading, if_none_exist=f"identifier={{system}}|py")
print(int(written.status_code), written.parsed.resource_type)
missing = read_patient.sync_detailed("nobody", client=client)
print(int(missing.status_code), missing.parsed.issue[0].code)
for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines():
    resource = json.loads(line)
    assert getattr(models, resource["resourceType"]).from_dict(resource).to_dict() == resource, resource["id"]
"""


def official_examples() -> list[dict[str, object]]:
    """Return HL7's examples of the served types."""
    names = {served.name for served in SERVED_TYPES}
    paths = (path for path in sorted(EXAMPLES.glob("*.json")) if path.name.partition("-")[0] in names)
    resources = (json.loads(path.read_text(encoding="utf-8-sig")) for path in paths)
    return [each for each in resources if each.get("resourceType") in names]


def run(command: list[str | Path], folder: Path, service: Service | None = None) -> str:
    """Run a command in a folder and return its output; fail the test with the output if the command fails."""
    client = (
        {
            "BASE": service.base,
            "CLIENT_ID": service.editor.client_id,
            "CLIENT_SECRET": service.editor.secret,
        }
        if service
        else {}
    )
    # The generator formats its output by the ruff that it finds.
    environment = os.environ | client | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1"}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        pytest.fail(f"{done.stdout}\n{done.stderr}", pytrace=False)
    return done.stdout + done.stderr


def check_journey(printed: list[str]) -> None:
    """Assert the four lines that a generated client prints: read, searched, created, refused."""
    read, searched, created, refused = printed
    assert read == "Muñoz"
    assert int(searched.removesuffix(" final")) > 0
    assert created == "201 Observation"
    assert refused == "404 not-found"


def test_hl7s_own_examples_are_valid_by_the_schemas() -> None:
    examples = official_examples()

    assert len(examples) > 150
    for resource in examples:
        assert schema_faults(resource) == [], resource["id"]


@pytest.mark.long
def test_openapi_python_client_makes_a_client_that_works(service: Service, tmp_path: Path) -> None:
    settings = DOCS / "samples/openapi-python-client.yaml"
    said = run(
        [
            *(BIN / "openapi-python-client", "generate", "--fail-on-warning", "--path", DOCUMENT),
            *("--config", settings, "--output-path", tmp_path / "made"),
        ],
        tmp_path,
    )
    examples = tmp_path / "examples.ndjson"
    examples.write_text("".join(f"{json.dumps(each)}\n" for each in official_examples()), encoding="utf-8")
    (tmp_path / "made/journey.py").write_text(PYTHON_CLIENT, encoding="utf-8")

    assert "warning" not in said.lower()
    check_journey(run([sys.executable, "journey.py", examples], tmp_path / "made", service).splitlines())


@pytest.mark.long
def test_openapi_typescript_makes_types_of_a_client_that_works(service: Service, tmp_path: Path) -> None:
    modules = FOLDER / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (tmp_path / "client.ts").write_text((FOLDER / "generated-client.ts").read_text("utf-8"), encoding="utf-8")
    said = run([NODE, modules / "openapi-typescript/bin/cli.js", DOCUMENT, "--output", "schema.ts"], tmp_path)
    options = ("--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--allowImportingTsExtensions")
    run([NODE, modules / "typescript/bin/tsc", *options, "--types", "node", "client.ts"], tmp_path)

    assert "warn" not in said.lower()
    check_journey(run([NODE, "client.ts"], tmp_path, service).splitlines())
