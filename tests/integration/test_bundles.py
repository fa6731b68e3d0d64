"""Bundles over HTTP: through the gateway, its authorizer, and the function with its own role (`bundles.md`)."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_testing.http.writes import JSON, XML, observation, patient
from careconnect_testing.running.bundle_service import batch, entry, statuses

pytestmark = pytest.mark.integration

Bearer = Callable[[DemoClient], dict[str, str]]


@pytest.fixture
def headers(bearer: Bearer, editor: DemoClient, sample: Path) -> dict[str, str]:
    assert list(sample.glob("*.ndjson"))
    return {**bearer(editor), "Content-Type": JSON}


@pytest.mark.parametrize("end", ["", "/"])
def test_a_batch_writes_and_reads_records_and_directory(http: httpx.Client, headers: dict[str, str], end: str) -> None:
    sent = batch(
        entry("PUT", "Patient/of-a-bundle", {**patient(), "id": "of-a-bundle"}),
        entry("POST", "Observation", observation("Patient/of-a-bundle")),
        entry("POST", "Location", {"resourceType": "Location", "name": "A room"}),
        entry("GET", "Patient/of-a-bundle/$everything"),
        entry("GET", "Organization/SAMPLE-GP1"),
        entry("GET", "Patient/none"),
    )
    answer = http.post(f"{FHIR_PATH}{end}", json=sent, headers=headers)

    assert answer.status_code == 200, answer.text
    answered = answer.json()["entry"]
    # The patient is there from the time before if this is the second run.
    assert statuses(answered)[1:] == [201, 201, 200, 200, 404]
    assert len(answered[3]["resource"]["entry"]) == 2
    removed = [each["resource"] for each in answered[1:3]] + [answered[0]["resource"]]
    deletions = batch(*[entry("DELETE", f"{each['resourceType']}/{each['id']}") for each in removed])
    assert statuses(http.post(f"{FHIR_PATH}{end}", json=deletions, headers=headers).json()["entry"]) == [204] * 3


def test_a_batch_in_xml(http: httpx.Client, headers: dict[str, str]) -> None:
    sent = resource_xml(json.dumps(batch(entry("GET", "Patient/4"))))
    answer = http.post(FHIR_PATH, content=sent.encode(), headers={**headers, "Content-Type": XML, "Accept": XML})

    assert answer.status_code == 200, answer.text
    assert '<status value="200 OK"/>' in answer.text


def test_the_gateway_lets_a_token_through_that_may_write_alone(
    http: httpx.Client, bearer: Bearer, explorer: DemoClient
) -> None:
    sent = batch(entry("GET", "Patient/4"))

    assert http.post(FHIR_PATH, json=sent, headers={"Content-Type": JSON}).status_code == 401
    answer = http.post(FHIR_PATH, json=sent, headers={**bearer(explorer), "Content-Type": JSON})
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (403, "forbidden")
