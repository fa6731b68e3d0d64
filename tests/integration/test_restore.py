"""A rehearsal of docs/recovery.md on the emulator: a bad load, and the way back.

The emulator ignores the time of a restore to a point in time, so that on-demand backups stand for it.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect.storage.keys import CURSOR_KEY
from careconnect_admin.cli import app
from careconnect_admin.loading import reindex
from careconnect_admin.loading.load import load_paths
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.restoring import restore_tables, switch_tables
from careconnect_admin.stack.emulator_client import REGION
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_admin.stack.running_stack import STACK_NAME
from careconnect_records.items.tables import RecordTables
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import WritingClient, observation
from careconnect_testing.records.few_records import write_records

pytestmark = [pytest.mark.integration, pytest.mark.long]

_WRITERS = ("RecordWriterFunction", "DirectoryWriterFunction", "BundleFunction")
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A stack of its own, since a switch changes it for good."""
    folder = tmp_path_factory.mktemp("restore")
    with LocalStack(log_folder=folder) as stack:
        outputs = stack.stack.outputs
        tables = RecordTables(stack.client("dynamodb"), *(outputs[name] for name in OUTPUTS))
        assert not load_paths([write_records(folder)], tables, base_url=stack.base_url).problems
        with httpx.Client(base_url=stack.base_url, timeout=30, trust_env=False) as http:
            yield Api(stack, http)


@pytest.fixture
def command(api: Api, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect restore` on the stack as on a deployment, and the way to back its tables up."""
    key = api.stack.credentials
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL": api.stack.endpoint,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(switch_tables, "WAIT_SECONDS", 1.0)
    monkeypatch.setattr(switch_tables, "_PAUSE", 0.1)
    dynamodb = api.stack.client("dynamodb")
    outputs = api.stack.stack.outputs
    backups = {
        outputs[name]: dynamodb.create_backup(TableName=outputs[name], BackupName="now")["BackupDetails"]["BackupArn"]
        for name in OUTPUTS
    }

    def from_backup(_dynamodb: Any, source: str, name: str, _instant: datetime) -> None:
        dynamodb.restore_table_from_backup(TargetTableName=name, BackupArn=backups[source])

    monkeypatch.setattr(restore_tables, "start_restore", from_backup)

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, ["restore", *arguments, "--stack", STACK_NAME, "--region", REGION])
        assert result.exit_code == 0, result.output + repr(result.exception)
        return result

    return run


def test_a_bad_load_is_undone(api: Api, command: Run, tmp_path: Path) -> None:
    token = api.register("restorer", "user/*.read user/*.write")
    client = WritingClient(api.http, token)
    dynamodb, functions = api.stack.client("dynamodb"), api.stack.client("lambda")
    outputs, resources = api.stack.stack.outputs, api.stack.stack.resources
    before = client.get("Patient/4").json()
    instant = f"{datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%dT%H:%M:%SZ}"

    bad = write_records(
        tmp_path, [{**before, "name": [{"family": "Wrong"}]}, {**observation("Patient/5"), "id": "bad"}]
    )
    tables = RecordTables(dynamodb, *(outputs[name] for name in OUTPUTS))
    assert not load_paths([bad], tables, base_url=api.stack.base_url).problems
    stale = client.get("Patient/4").headers["ETag"]
    assert client.ids("Patient?name=wrong") == ["4"]

    command("--to", instant)
    compared = command("--compare")
    assert [line.split() for line in compared.stdout.splitlines()][1:] == [
        ["Observation", "1", "0", "0"],
        ["Patient", "0", "1", "0"],
        ["total", "1", "1", "0"],
    ]

    def reserved() -> tuple[Any, ...]:
        found = (functions.get_function_concurrency(FunctionName=resources[name]) for name in _WRITERS)
        return tuple(each.get("ReservedConcurrentExecutions") for each in found)

    reads, seen = meanwhile(client, reserved, lambda: command("--switch", "--yes"))

    assert reads == {200}
    # The emulator does not refuse requests by it: it looks for it on the function's alias.
    assert (0, 0, 0) in seen
    assert reserved() == (None, None, None)
    assert client.get("Patient/4").json()["name"] == before["name"]
    assert [each["response"]["etag"] for each in client.get("Patient/4/_history").json()["entry"]] == [
        *('W/"3"', 'W/"2"', 'W/"1"')
    ]
    assert client.get("Observation/bad").status_code == 410
    assert (client.ids("Patient?name=wrong"), client.ids("Patient?name=kanfeld")) == ([], ["4"])
    assert client.update(before, If_Match=stale).status_code == 409
    assert client.update({**before, "active": False}, If_Match='W/"3"').status_code == 200
    for name in ("PatientRecordFunction", *_WRITERS):
        live = functions.get_function_configuration(FunctionName=resources[name], Qualifier="live")
        assert "-restored-" in live["Environment"]["Variables"]["DIRECTORY_TABLE"], name
    key = dict(zip(("pk", "sk"), ({"S": each} for each in CURSOR_KEY), strict=True))
    assert dynamodb.get_item(TableName=outputs["RecordTable"], Key=key)["Item"]["format"] == {"N": "0"}

    command("--drop", "--yes")
    assert dynamodb.scan(TableName=outputs["RecordTable"], Select="COUNT")["Count"] == 1
    assert client.get("Patient/4").json()["active"] is False


def test_lost_tables_come_back_and_are_served_and_archived(
    api: Api, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reindex, "WAIT_SECONDS", 1.0)
    token = api.register("loser", "user/*.read user/*.write")
    client = WritingClient(api.http, token)
    dynamodb, functions = api.stack.client("dynamodb"), api.stack.client("lambda")
    live = functions.get_function_configuration(
        FunctionName=api.stack.stack.resources["PatientRecordFunction"], Qualifier="live"
    )["Environment"]["Variables"]
    before = client.get("Patient/4")
    passing = (live["USAGE_TABLE"], live["PROOF_TABLE"], api.stack.stack.outputs["ExportTable"])
    for table in (live["RECORD_TABLE"], live["AUDIT_TABLE"], *passing):
        if table not in passing:
            dynamodb.create_backup(TableName=table, BackupName="last")
        dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
        dynamodb.delete_table(TableName=table)
    assert client.get("Patient/4").status_code == 503

    assert command("--lost", "--yes").stdout.startswith("Restored 5 tables, and indexed ")

    assert client.get("Patient/4").json() == before.json()
    assert client.ids("Patient?name=kanfeld") == ["4"]
    assert client.update({**before.json(), "active": True}).status_code == 200
    stream = dynamodb.describe_table(TableName=live["AUDIT_TABLE"])["Table"]["LatestStreamArn"]
    assert len(functions.list_event_source_mappings(EventSourceArn=stream)["EventSourceMappings"]) == 1
    assert command("--lost").stdout == "No table is lost\n"


def meanwhile(
    client: WritingClient, reserved: Callable[[], Any], act: Callable[[], object]
) -> tuple[set[int], set[Any]]:
    """Return the statuses of reads, and the writers' reserved concurrency, while `act` goes on."""
    done = Event()
    reads: set[int] = set()
    seen: set[Any] = set()

    def ask() -> None:
        while not done.is_set():
            reads.add(client.get("Patient/4").status_code)
            seen.add(reserved())

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(ask)
        try:
            act()
        finally:
            done.set()
        asking.result()
    return reads, seen
