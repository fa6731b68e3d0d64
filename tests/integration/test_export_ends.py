"""Bulk exports that end before their time: with their client, and with the record of a patient (`export.md`)."""

import base64
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import REVOCATION_DELAY
from careconnect_admin.cli import app
from careconnect_admin.clients.cut_off import disable_client
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.clients.registration import ClientRegistration, enable_client, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.clients.token_revocation import DynamoDbTokenRevocations
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.http.exports import BulkClient, FinishedExport
from careconnect_testing.http.writes import WritingClient, observation

# One process exports, and ends what it has exported.
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("export ends")]

HE = "exported-he"
MARK = "Zyxwvutexport"


@dataclass
class Exporter:
    """A registered client that exports."""

    stack: LocalStack
    http: httpx.Client
    client_id: str

    def __post_init__(self) -> None:
        """Register the client."""
        dynamodb, outputs = self.stack.client("dynamodb"), self.stack.stack.outputs
        self.registry = DynamoDbClientRegistry(dynamodb, outputs["ClientTable"])
        self.revocations = DynamoDbTokenRevocations(
            dynamodb, outputs["TokenTable"], tell=lambda _: None, clock=time.time, sleep=time.sleep
        )
        registration = ClientRegistration(self.client_id, "Lake", ("system/*.rs",))
        self.secret = str(register_client(self.registry, registration, now=time.time()))

    def bulk(self) -> BulkClient:
        """Return the client with a new token."""
        form = {"grant_type": "client_credentials"}
        answer = self.http.post("/token", data=form, auth=(self.client_id, self.secret))
        assert answer.status_code == 200, answer.text
        return BulkClient(self.http, str(answer.json()["access_token"]))


@pytest.fixture(scope="module")
def exporters(local_stack: LocalStack, http: httpx.Client) -> tuple[Exporter, Exporter]:
    return Exporter(local_stack, http, "export-lake"), Exporter(local_stack, http, "export-erased")


@pytest.fixture(scope="module")
def exports(
    exporters: tuple[Exporter, Exporter],
    http: httpx.Client,
    editor: DemoClient,
    bearer: Callable[[DemoClient], dict[str, str]],
) -> tuple[FinishedExport, FinishedExport]:
    """Two clients' complete exports of a record, at once: each takes half a minute."""
    writer = WritingClient(http, bearer(editor)["Authorization"].removeprefix("Bearer "))
    for resource in (
        {"resourceType": "Patient", "id": HE, "name": [{"family": MARK}]},
        {**observation(f"Patient/{HE}", comment=MARK), "id": HE},
    ):
        assert writer.update(resource).status_code in (200, 201)

    def export(exporter: Exporter) -> FinishedExport:
        client = exporter.bulk()
        job = client.start("Patient/$export?_type=Patient,Observation")
        return FinishedExport(client, job, client.wait(job))

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(export, exporters)
    return first, second


def file_with_him(export: FinishedExport) -> str:
    """Return the URL of the file with his Patient."""
    files = [str(each["url"]) for each in export.manifest["output"] if each["type"] == "Patient"]
    return next(each for each in files if MARK in export.client.ask(each).text)


def keys_of(stack: LocalStack, job: str) -> list[str]:
    bucket = stack.stack.outputs["ExportBucket"]
    found = stack.client("s3").list_objects_v2(Bucket=bucket, Prefix=job.rpartition("/")[2])
    return [each["Key"] for each in found.get("Contents", ())]


def test_who_has_exported_whose_data_and_what_was_fetched_is_in_the_audit_trail(
    exports: tuple[FinishedExport, FinishedExport],
    http: httpx.Client,
    auditor: DemoClient,
    bearer: Callable[[DemoClient], dict[str, str]],
) -> None:
    export, url = exports[0], file_with_him(exports[0])
    job = export.job.rpartition("/")[2]

    def events(**parameters: str) -> list[tuple[str, dict[str, str]]]:
        answer = http.get(f"{FHIR_PATH}/AuditEvent", params={"_count": "100", **parameters}, headers=bearer(auditor))
        found = [each["resource"] for each in answer.json().get("entry", ())]
        own = [(each["type"]["code"], _details(each)) for each in found]
        return [(code, details) for code, details in own if details.get("job") == job]

    ((code, details),) = events(patient=HE)
    assert (code, details["sub"]) == ("110106", "export-lake")
    fetched = [details["file"] for _, details in events(user="export-lake") if "file" in details]
    assert url.rpartition("/")[2] in fetched
    # The gateway says no length of what it would compress.
    head, whole = (export.client.ask(url, method, Accept_Encoding="identity") for method in ("HEAD", "GET"))
    assert head.headers["Content-Length"] == str(len(whole.content))


def test_a_client_that_is_cut_off_loses_its_exports_within_a_minute_and_for_good(
    exports: tuple[FinishedExport, FinishedExport], exporters: tuple[Exporter, Exporter]
) -> None:
    (export, other), exporter = exports, exporters[0]
    url, begun = file_with_him(export), time.monotonic()

    disable_client(exporter.registry, exporter.revocations, exporter.client_id)

    # The gateway may let the old token through for a minute; the functions do not answer it.
    assert {export.client.ask(each).status_code for each in (export.job, url)} <= {401, 404}
    assert time.monotonic() - begun < REVOCATION_DELAY
    enable_client(exporter.registry, exporter.client_id)
    again = exporter.bulk()
    assert [again.ask(each).status_code for each in (export.job, url)] == [404, 404]
    assert other.client.ask(other.job).status_code == 200


def test_an_erasure_ends_the_exports_that_hold_the_record_and_leaves_nothing_of_them(
    exports: tuple[FinishedExport, FinishedExport], local_stack: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    export, url = exports[1], file_with_him(exports[1])
    stack = local_stack.stack
    target = StackTarget(stack.name, dict(stack.outputs), local_stack.client, is_local=True, place="local")
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    monkeypatch.setattr("careconnect_admin.erasing.erase_patient.WAIT_SECONDS", 3.0)
    monkeypatch.setattr("careconnect_admin.exporting.exports.AT_WORK_SECONDS", 3.0)
    assert keys_of(local_stack, export.job)

    done = CliRunner().invoke(app, ["patients", "erase", HE, "--yes"])

    assert done.exit_code == 0, done.output
    assert [export.client.ask(each).status_code for each in (export.job, url)] == [404, 404]
    assert keys_of(local_stack, export.job) == []
    rows = local_stack.client("dynamodb").scan(TableName=stack.outputs["ExportTable"])["Items"]
    assert f"job#{export.job.rpartition('/')[2]}" not in {row["pk"]["S"] for row in rows}
    assert HE not in str(rows)


def _details(event: dict[str, Any]) -> dict[str, str]:
    return {
        detail["type"]: base64.b64decode(detail["value"]).decode()
        for entity in event["entity"]
        for detail in entity.get("detail", ())
    }
