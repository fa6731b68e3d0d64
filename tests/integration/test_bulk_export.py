"""A bulk export over HTTP: gateway, authorizer, the three functions with their roles, and the state machine."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.exports import BulkClient, FinishedExport

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def lines(finished_export: FinishedExport) -> list[dict[str, Any]]:
    """The resources of all files."""
    found = []
    for file in finished_export.manifest["output"]:
        answer = finished_export.client.ask(file["url"])
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/fhir+ndjson")
        assert answer.headers["Cache-Control"] == "no-store"
        resources = [json.loads(line) for line in answer.text.removesuffix("\n").split("\n")]
        assert len(resources) == file["count"]
        assert {each["resourceType"] for each in resources} == {file["type"]}
        found += resources
    return found


@pytest.mark.long
def test_the_status_runs_up_to_the_manifest(finished_export: FinishedExport) -> None:
    *running, complete = finished_export.answers
    percents = [int(each.headers["X-Progress"].partition("%")[0]) for each in running]

    assert {each.status_code for each in running} == {202}
    assert percents == sorted(percents)
    assert all(1 <= int(each.headers["Retry-After"]) <= 60 for each in running)
    assert complete.headers["Content-Type"] == "application/json"
    assert parsedate_to_datetime(complete.headers["Expires"]) > datetime.now(UTC)
    assert finished_export.client.ask(finished_export.job, "HEAD").status_code == 200
    assert finished_export.client.ask(finished_export.job).json() == complete.json()


@pytest.mark.long
def test_the_files_hold_each_resource_once_as_it_is_read(
    finished_export: FinishedExport, lines: list[dict[str, Any]], sample: Path
) -> None:
    names = Counter(f"{each['resourceType']}/{each['id']}" for each in lines)
    loaded = [json.loads(line) for file in sample.glob("*.ndjson") for line in file.read_text("utf-8").splitlines()]

    assert set(names.values()) == {1}
    # Other tests on this stack may have deleted some.
    assert len({f"{each['resourceType']}/{each['id']}" for each in loaded} - names.keys()) < len(loaded) / 10
    for resource in lines[:: max(1, len(lines) // 5)]:
        version = f"{resource['resourceType']}/{resource['id']}/_history/{resource['meta']['versionId']}"
        assert json.loads(finished_export.client.ask(version).text) == resource


@pytest.mark.long
def test_files_are_fetched_at_once_and_compressed_for_who_takes_it(finished_export: FinishedExport) -> None:
    urls = [str(each["url"]) for each in finished_export.manifest["output"]]

    def fetched(url: str) -> tuple[bytes, bytes, str | None]:
        plain = finished_export.client.ask(url, Accept_Encoding="identity")
        compressed = finished_export.client.ask(url, Accept_Encoding="gzip")
        return plain.content, compressed.content, compressed.headers.get("Content-Encoding")

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(fetched, urls))
    assert all(plain == unpacked for plain, unpacked, _ in found)
    assert {encoding for plain, _, encoding in found if len(plain) >= 1024} == {"gzip"}


@pytest.mark.long
def test_nobody_else_finds_the_job_or_its_files(
    finished_export: FinishedExport, local_stack: LocalStack, http: httpx.Client
) -> None:
    other = BulkClient(http, Api(local_stack, http).register("export-other", "system/*.rs"))
    file = finished_export.manifest["output"][0]["url"]

    for url in (finished_export.job, file, f"{finished_export.job}x", f"{file}x"):
        answer = other.ask(url)
        assert (answer.status_code, answer.json()["issue"][0]["diagnostics"]) == (404, "No such resource.")
    assert other.ask(finished_export.job, "DELETE").status_code == 404


def test_a_job_that_is_deleted_is_gone_and_its_place_is_free(local_stack: LocalStack, http: httpx.Client) -> None:
    client = BulkClient(http, Api(local_stack, http).register("export-canceller", "system/Patient.rs"))
    jobs = [client.start("$export?_type=Patient"), client.start("Patient/$export?_type=Patient")]
    refused = client.ask("$export", Prefer="respond-async")
    assert (refused.status_code, "Retry-After" in refused.headers) == (429, True)

    for job in jobs:
        assert client.ask(job, "DELETE").status_code == 202
        assert client.ask(job).status_code == 404
    last = client.start("$export?_type=Patient")
    assert client.ask(last, "DELETE").status_code == 202


def test_a_cohort_has_to_exist(local_stack: LocalStack, http: httpx.Client, sample: Path) -> None:
    client = BulkClient(http, Api(local_stack, http).register("export-cohort", "system/*.rs"))
    reference = {"name": "patient", "valueReference": {"reference": "Patient/none"}}
    body = {"resourceType": "Parameters", "parameter": [reference]}
    headers = {"Authorization": f"Bearer {client.token}", "Prefer": "respond-async"}
    answer = http.post(f"{FHIR_PATH}/Patient/$export", json=body, headers=headers)

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "not-found")


@pytest.mark.parametrize("scope", ["user/*.rs", "system/Patient.r"])
def test_a_token_that_exports_nothing_is_403(local_stack: LocalStack, http: httpx.Client, scope: str) -> None:
    token = Api(local_stack, http).register(f"export-none-{scope[0]}", scope)
    assert BulkClient(http, token).ask("$export", Prefer="respond-async").status_code == 403


def test_what_the_gateway_refuses_itself_is_stored_nowhere(http: httpx.Client) -> None:
    answer = http.get(f"{FHIR_PATH}/$export", headers={"Prefer": "respond-async"})

    assert (answer.status_code, answer.headers["Cache-Control"]) == (401, "no-store")
