"""An upgrade of a stack with data: from before stacks had prefixes, over a change of format and of an index.

The former release is a commit of this repository, deployed from its own files (`docs/change.md`). A clone without it
skips.
"""

import io
import json
import os
import subprocess
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.erasing import erase_patient
from careconnect_admin.loading import reindex
from careconnect_admin.local.deploy.deployment import STAGE
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT
from careconnect_admin.stack.emulator_client import REGION
from careconnect_admin.stack.running_stack import STACK_NAME
from careconnect_testing.http.writes import WritingClient, observation, patient
from careconnect_testing.stacks.updated_stack import UpdatedStack

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("upgrade")]

FORMER: Final = "002cd8505528"
_PARTS: Final = ("template.yaml", "infra", "functions", "layers")
Run = Callable[..., Result]


@pytest.fixture
def former(tmp_path: Path) -> Path:
    """The template of the former release, beside its files."""
    made = subprocess.run(["git", "archive", FORMER, *_PARTS], cwd=PROJECT, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"this clone has no commit {FORMER}: fetch the whole history")
    with tarfile.open(fileobj=io.BytesIO(made.stdout)) as archive:
        archive.extractall(tmp_path, filter="data")
    # The page is not asked for, and would be built.
    (tmp_path / "functions" / "console" / "Makefile").unlink()
    return tmp_path / "template.yaml"


def _client(stack: LocalStack, http: httpx.Client, client_id: str, scope: str, **more: Any) -> WritingClient:
    registry = DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"])
    registration = ClientRegistration(client_id, "A test client", tuple(scope.split()), **more)
    secret = str(register_client(registry, registration, now=time.time()))
    answer = http.post("/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
    assert answer.status_code == 200, answer.text
    return WritingClient(http, answer.json()["access_token"])


def _written(client: WritingClient) -> None:
    """Write versions, a resource that moves, one that goes, an identifier and a transaction."""
    for given in ("First", "Second"):
        for number in ("4", "5"):
            named = patient(*(["9990000050"] if number == "4" else []), id=number, name=[{"given": [given]}])
            assert client.update(named).status_code in (200, 201)
    for subject in ("Patient/4", "Patient/5"):
        assert client.update({**observation(subject), "id": "moved"}).status_code in (200, 201)
    assert client.update({**observation("Patient/4"), "id": "gone"}).status_code == 201
    assert client.delete("Observation/gone").status_code in (200, 204)
    entries = [
        {
            "resource": {**observation("Patient/4"), "id": f"many-{number}"},
            "request": {"method": "PUT", "url": f"Observation/many-{number}"},
        }
        for number in range(3)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    assert client.send("POST", "", bundle).status_code == 200


_READS: Final = (
    *("Patient/4", "Patient/4/_history", "Patient/4/_history/1", "Patient/5", "Patient/5/$everything"),
    *("Observation/moved/_history", "Observation/moved/_history/1", "Observation/gone", "Observation/gone/_history"),
    *("Observation?patient=4", "Observation?patient=5", "Patient?given=second", "Patient?given=first"),
    *("Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9990000050", "Observation?code=29463-7&_summary=count"),
    *("Observation?patient=4&_include=Observation:patient", "Patient?_id=4&_revinclude=Observation:patient"),
)


def _read(client: WritingClient) -> dict[str, tuple[int, Any]]:
    """Return status, resources and versions of all reads, without what is of one answer alone."""
    found = {}
    for path in _READS:
        answer = client.get(path)
        body = answer.json()
        entries = sorted(
            json.dumps({name: each.get(name) for name in ("resource", "response")}, sort_keys=True)
            for each in body.get("entry", ())
        )
        found[path] = (
            answer.status_code,
            (body.get("total"), entries) if body["resourceType"] == "Bundle" else answer.headers.get("ETag"),
        )
    return found


def _command(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect` on the stack as on a deployment."""
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": local.endpoint,
        "AWS_ACCESS_KEY_ID": local.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": local.credentials.secret_access_key,
    }.items():
        monkeypatch.setenv(name, value)

    # Nobody else is at this stack.
    monkeypatch.setattr(reindex, "WAIT_SECONDS", 0.0)
    monkeypatch.setattr(reindex, "SETTLE_SECONDS", 0.0)
    monkeypatch.setattr(erase_patient, "WAIT_SECONDS", 0.0)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--stack", STACK_NAME, "--region", REGION])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result

    return run


def _let_writes_end(local: LocalStack) -> None:
    """Call the function that releases multi-step writes until it has, as its schedule would (States of writes)."""
    table, function = local.stack.outputs["TransactionTable"], local.stack.resources["RecoveryFunction"]
    deadline = time.monotonic() + 120
    while local.client("dynamodb").scan(TableName=table, Select="COUNT")["Count"]:
        assert time.monotonic() < deadline
        local.client("lambda").invoke(FunctionName=function, Qualifier=STAGE, Payload=b"{}")
        time.sleep(1)


def _events(run: Run) -> set[str]:
    listed = run("audit", "list", "--patient", "4", "--json", "--max", "1000").stdout
    return {each["id"] for each in json.loads(listed)}


def _found(client: WritingClient) -> set[str]:
    """Return the ids of a patient's events as the API finds them, page by page."""
    found: set[str] = set()
    path = "AuditEvent?patient=4&_count=40"
    while path:
        page = client.get(path).json()
        found |= {each["resource"]["id"] for each in page["entry"]}
        following = [each["url"] for each in page["link"] if each["relation"] == "next"]
        path = f"AuditEvent?{following[0].partition('?')[2]}" if following else ""
    return found


def _indexes(local: LocalStack) -> set[str]:
    described = local.client("dynamodb").describe_table(TableName=local.stack.outputs["AuditTable"])["Table"]
    return {each["IndexName"] for each in described["GlobalSecondaryIndexes"]}


def test_what_was_there_is_there_after_an_upgrade(
    former: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalStack(log_folder=tmp_path, template=former, parameters={"SnapStart": "off"}) as local:
        stack = UpdatedStack(local)
        run = _command(local, monkeypatch)
        with stack.http as http:
            client = _client(local, http, "app", "user/*.read user/*.write")
            bound = _client(local, http, "bound", "patient/*.read", patient="5")
            auditor = _client(local, http, "auditor", "system/AuditEvent.read")
            _written(client)
            before = _read(client)
            events = _events(run)
            assert events <= _found(auditor)
        assert before["Patient/4"] == (200, 'W/"2"')
        assert (before["Observation/gone"][0], len(events) > len(_READS)) == (410, True)

        _let_writes_end(local)
        assert _indexes(local) == {"by-patient"}
        for step, indexes in (("both", {"by-patient", "by-patient-2"}), ("lean", {"by-patient-2"})):
            stack.update({"PatientIndex": step}, prefix="/careconnect")
            assert _indexes(local) == indexes
            with stack.http as http:
                assert events <= _found(WritingClient(http, auditor.token))
            assert events <= _events(run)

        with stack.http as http:
            # Tokens of before the upgrade.
            client, bound = WritingClient(http, client.token), WritingClient(http, bound.token)
            assert client.get("Patient/4").status_code == 503
            run("reindex", "--yes")
            assert _read(client) == before
            assert (bound.get("Patient/5").status_code, bound.get("Patient/4").status_code) == (200, 404)
            assert events <= _events(run)
            assert "all stand" in run("audit", "verify").output
            stored = client.get("Patient/5")
            assert client.update(stored.json() | {"active": True}, If_Match='W/"1"').status_code == 409
            assert client.update(stored.json() | {"active": True}, If_Match=stored.headers["ETag"]).status_code == 200
            assert client.delete("Patient/5").status_code == 409
            run("patients", "erase", "4", "--unlink", "--yes")
            erased = ("Patient/4", "Patient/4/_history/1", "Observation/many-1", "Observation/moved/_history/1")
            assert [client.get(path).status_code for path in erased] == [410] * 4
            assert [client.get(path).status_code for path in ("Patient/5", "Observation/moved")] == [200, 200]
