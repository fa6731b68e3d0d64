"""Bundles over HTTP: through the gateway, its authorizer, and the function with its own role (`bundles.md`)."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.writes import JSON, XML, observation, patient
from careconnect_testing.running.bundle_service import batch, entry, statuses, transaction

pytestmark = pytest.mark.integration

Bearer = Callable[[DemoClient], dict[str, str]]


@pytest.fixture(scope="module")
def headers(local_stack: LocalStack, http: httpx.Client, sample: Path) -> dict[str, str]:
    """The headers of a client of its own: other tests need the quota of the demo clients."""
    assert list(sample.glob("*.ndjson"))
    token = Api(local_stack, http).register("bundler", "user/*.read user/*.write")
    return {"Authorization": f"Bearer {token}", "Content-Type": JSON}


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


def test_an_entry_that_fails_is_answered_as_its_request_alone(http: httpx.Client, headers: dict[str, str]) -> None:
    entries = [
        entry("GET", "DiagnosticReport/1"),
        entry("DELETE", "DiagnosticReport/1"),
        entry("POST", "Nonsense", {"resourceType": "Nonsense"}),
        entry("GET", "Patient/4/$nope"),
        entry("PUT", "Patient/_history", patient()),
        entry("PUT", "Patient/a_b", patient()),
        entry("POST", "Patient/4", patient()),
        entry("PUT", "Patient/4", {**patient(), "id": "4"}, ifMatch="1"),
        entry("POST", "Observation", observation("Patient/none", status="odd")),
        entry("GET", "Patient/none"),
    ]
    answered = http.post(FHIR_PATH, json=batch(*entries), headers=headers).json()["entry"]

    for sent, each in zip(entries, answered, strict=True):
        request = sent["request"]
        condition = {"If-Match": request["ifMatch"]} if "ifMatch" in request else {}
        body = sent.get("resource")
        alone = http.request(
            request["method"],
            f"{FHIR_PATH}/{request['url']}",
            headers=headers | condition,
            content=json.dumps(body) if body else None,
        )
        assert alone.status_code >= 400
        assert each["response"]["status"].startswith(f"{alone.status_code} "), request
        assert each["response"]["outcome"] == alone.json()


def test_a_transaction_of_linked_records_is_read_back_by_everything(
    http: httpx.Client, headers: dict[str, str]
) -> None:
    """Thirty resources refer to one another by the URNs of their entries, the earlier to the later."""
    urns = [uuid.uuid4().urn for _ in range(30)]
    resources = [observation(urns[-1], related=[{"target": {"reference": urn}}]) for urn in urns[1:-1]]
    resources = [*resources, observation(urns[-1]), patient()]
    sent = [entry("POST", each["resourceType"], each, full_url=urn) for urn, each in zip(urns, resources, strict=True)]

    answer = http.post(FHIR_PATH, json=transaction(*sent), headers=headers)

    assert answer.status_code == 200, answer.text
    answered = answer.json()["entry"]
    assert statuses(answered) == [201] * 30
    names = ["/".join(each["response"]["location"].split("/")[-4:-2]) for each in answered]
    everything = http.get(f"{FHIR_PATH}/{names[-1]}/$everything?_count=50", headers=headers).json()["entry"]
    read = {f"{each['resourceType']}/{each['id']}": each for each in (every["resource"] for every in everything)}
    assert sorted(read) == sorted(names)
    assert {read[name]["subject"]["reference"] for name in names[:-1]} == {names[-1]}
    assert [read[name]["related"][0]["target"]["reference"] for name in names[:28]] == names[1:29]
    deletions = [entry("DELETE", name) for name in names]
    answer = http.post(FHIR_PATH, json=transaction(*deletions), headers=headers)
    assert answer.status_code == 200, answer.text
    assert http.get(f"{FHIR_PATH}/{names[-1]}", headers=headers).status_code == 410


def test_a_refused_transaction_names_its_entry_and_writes_nothing(http: httpx.Client, headers: dict[str, str]) -> None:
    sent = transaction(
        entry("PUT", "Patient/never-there", {**patient(), "id": "never-there"}),
        entry("POST", "Observation", observation("Patient/nobody-has-this-id")),
    )
    answer = http.post(FHIR_PATH, json=sent, headers=headers)

    assert answer.status_code == 422, answer.text
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource.subject"]
    assert http.get(f"{FHIR_PATH}/Patient/never-there", headers=headers).status_code == 404


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
    (issue,) = answer.json()["issue"]
    assert (answer.status_code, issue["code"]) == (403, "forbidden")
    assert "A token that only reads sends no Bundle" in issue["diagnostics"]
