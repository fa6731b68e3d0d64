"""Bulk exports by clients that others wrote, by the samples and by `careconnect export`: all at once, a job for each.

smart-on-fhir's bulk-data-client is not in the npm registry: `BULK_DATA_CLIENT` names a clone of its repository in which
`npm ci` was run, and `NODE_18` a Node.js of that version, as its library got hangs from 20 on.
"""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import DOCS, PROJECT
from careconnect_testing.http.client_service import Service
from careconnect_testing.page.node_clients import FOLDER, NODE, client_variables

pytestmark = [pytest.mark.clients, pytest.mark.long, pytest.mark.xdist_group("bulk-clients")]

SECONDS: Final = 600
BULK_DATA_CLIENT: Final = os.environ.get("BULK_DATA_CLIENT", "")
NODE_18: Final = os.environ.get("NODE_18", "")
CLIENTS: Final = PROJECT / "tests/clients/python"
SMART_FETCH: Final = PROJECT / ".venv-smart-fetch/bin/python"
"""The Python of the environment that has smart-fetch."""

NAMES: Final = ("careconnect", "export.py", "export.ts", "export.sh", "bulk-data-client", "smart-fetch")
ASKED: Final = {"Patient", "Encounter", "AllergyIntolerance", "Condition", "Immunization", "Observation"}
"""The types that smart-fetch is to export."""


@dataclass(frozen=True)
class Ended:
    """A program that has ended: its exit code, what it printed, and what its folder holds."""

    code: int
    printed: str
    folder: Path

    def resources(self) -> Iterator[dict[str, Any]]:
        """Yield the resources of all files, but for those that tell of deletions and errors."""
        for path in self.folder.glob("*.ndjson"):
            for line in path.read_text(encoding="utf-8").splitlines():
                resource = json.loads(line)
                if resource.get("resourceType") not in {None, "Bundle", "OperationOutcome"}:
                    yield resource


def of_type_and_id(ended: Ended) -> Counter[tuple[str, str]]:
    return Counter((each["resourceType"], each["id"]) for each in ended.resources())


@pytest.fixture(scope="module")
def key_file(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The private JWK Set of the client with a key, as smart-fetch reads it."""
    path = tmp_path_factory.mktemp("key") / "client.jwks"
    path.write_text(json.dumps({"keys": [service.key_client.jwk | {"key_ops": ["sign"]}]}))
    return path


@pytest.fixture(scope="module")
def commands(service: Service, key_file: Path) -> Mapping[str, tuple[list[str], dict[str, str]]]:
    """The command of each program, but for its folder, and its environment. A client has two jobs at a time."""
    explorer = {"CLIENT_ID": service.secret_client.client_id, "CLIENT_SECRET": service.secret_client.secret}
    editor = {"CLIENT_ID": service.editor.client_id, "CLIENT_SECRET": service.editor.secret}
    samples, base = DOCS / "samples", {"BASE": service.base}
    found = {
        "careconnect": ([f"{Path(sys.executable).parent}/careconnect", "export", "--base", service.base], editor),
        "export.py": ([sys.executable, f"{samples}/export.py"], explorer | base),
        "export.ts": ([str(NODE), f"{samples}/export.ts"], explorer | base),
        "export.sh": (["bash", f"{samples}/export.sh"], editor | base),
        "smart-fetch": (
            [
                *(str(SMART_FETCH), f"{CLIENTS}/smart_fetch_export.py", service.fhir_base),
                *(service.key_client.client_id, str(key_file), ",".join(sorted(ASKED))),
            ],
            {},
        ),
    }
    if BULK_DATA_CLIENT and NODE_18:
        program = [NODE_18, f"{FOLDER}/bulk-data-client.js", BULK_DATA_CLIENT]
        # Without it, an error is a question to a person.
        found["bulk-data-client"] = (program, client_variables(service) | {"SHOW_ERRORS": "n"})
    return found


@pytest.fixture(scope="module")
def ended(
    commands: Mapping[str, tuple[list[str], dict[str, str]]], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Ended]:
    """Every program, after all have run at the same time."""
    if not SMART_FETCH.exists():
        pytest.fail("smart-fetch is not installed: run `make .venv-smart-fetch/.done`", pytrace=False)
    folders = {name: tmp_path_factory.mktemp("exports") / name for name in commands}
    for name in folders.keys() & {"bulk-data-client", "smart-fetch"}:
        folders[name].mkdir()
    begun = {
        name: subprocess.Popen(
            [*command, str(folders[name])],
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, (command, environment) in commands.items()
    }
    try:
        printed = {name: process.communicate(timeout=SECONDS)[0] for name, process in begun.items()}
    finally:
        for process in begun.values():
            process.kill()
    return {name: Ended(begun[name].returncode, printed[name], folders[name]) for name in commands}


@pytest.mark.parametrize("name", NAMES)
def test_a_client_exports_what_careconnect_does(ended: Mapping[str, Ended], name: str) -> None:
    if name not in ended:
        pytest.skip("BULK_DATA_CLIENT and NODE_18 name no clone of bulk-data-client, and no Node.js for it")
    assert ended[name].code == 0, ended[name].printed

    found, whole = of_type_and_id(ended[name]), of_type_and_id(ended["careconnect"])
    if name == "smart-fetch":
        whole = Counter({pair: count for pair, count in whole.items() if pair[0] in ASKED})
    assert found == whole, ended[name].printed


def test_what_is_exported_is_what_the_api_counts_and_each_once(ended: Mapping[str, Ended], service: Service) -> None:
    found = of_type_and_id(ended["careconnect"])

    assert set(found.values()) == {1}
    with httpx.Client(timeout=30, trust_env=False) as http:
        pair = (service.editor.client_id, service.editor.secret)
        granted = http.post(f"{service.base}/token", data={"grant_type": "client_credentials"}, auth=pair).json()
        http.headers["Authorization"] = f"Bearer {granted['access_token']}"
        for type_, count in Counter(type_ for type_, _ in found).items():
            answer = http.get(f"{service.fhir_base}/{type_}", params={"_summary": "count"})
            assert (type_, answer.json()["total"]) == (type_, count)


@pytest.mark.parametrize("name", ["export.py", "export.ts", "export.sh"])
def test_a_sample_names_its_files_and_counts(ended: Mapping[str, Ended], name: str) -> None:
    lines = dict(line.split() for line in ended[name].printed.splitlines() if ".ndjson " in line)

    files = {path.name: path.read_bytes().count(b"\n") for path in ended[name].folder.glob("*.ndjson")}
    assert {file: int(count) for file, count in lines.items()} == files


def test_every_client_deletes_its_job(
    ended: Mapping[str, Ended], local_stack: LocalStack, clients: tuple[DemoClient, ...]
) -> None:
    rows = local_stack.client("dynamodb").scan(TableName=local_stack.stack.outputs["ExportTable"])["Items"]

    assert [row for row in rows if row.get("state") in ({"S": "running"}, {"S": "complete"})] == []
