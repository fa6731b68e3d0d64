"""The checks of SMART's Bulk Data Test Suite (BDT 2.0) of servers, as they stand in its `src/testSuite`.

The suite itself is in no package registry. Left out is what the contract or STU3 answers otherwise:

- "Requires Accept header": a guide newer than 1.0 does not, and export.md takes a request without one.
- "Accepts multiple includeAssociatedData parameters": they are refused, as the guide asks of a server without them.
- "Can start an export with patient parameter": its patients 123 and 456 have to exist.
- "patient-export" and "group-export" below a resource of the CapabilityStatement: STU3 has no such element; no Group.
- OperationOutcomes in the manifest itself instead of in the files of its `error`.
- Of /token: `scope` may be left out (oauth.md).
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx
import pytest

from careconnect_testing.http.client_service import Service
from careconnect_testing.running.cases import each_of

pytestmark = [pytest.mark.clients, pytest.mark.long, pytest.mark.xdist_group("bulk-clients")]

LEVELS: Final = ("$export", "Patient/$export")
WAYS: Final = (("GET", "$export"), ("POST", "Patient/$export"))
"""Methods and levels, one of each: a client's quota of a minute allows some thirty kick-offs."""

R4_TAG: Final = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
LENIENT: Final = {"Prefer": "respond-async, handling=lenient"}
STARTED: Final = (
    {},
    {"_type": ["Patient"]},
    {"_type": ["Patient", "Observation"]},
    *({"_outputFormat": [each]} for each in ("application/fhir+ndjson", "application/ndjson", "ndjson")),
    {"_elements": ["id,Patient.meta"], "_type": ["Patient"]},
    {"_elements": ["id", "Patient.meta"], "_type": ["Patient"]},
    {"_typeFilter": ["Patient?gender=male"]},
)
REFUSED: Final = (
    *({"_outputFormat": [each]} for each in ("application/xml", "text/html", "x-custom")),
    {"_since": ["0000-60-01T30:70:80+05:00"]},
    {"_since": ["2057-01-01T00:00:00+05:00"]},
    {"_type": ["MissingType"]},
)
LENIENTLY_STARTED: Final = (
    {"_type": ["Patient"]},
    {"includeAssociatedData": ["LatestProvenanceResources"]},
    {"_typeFilter": ["Patient?status=active"]},
    {"_typeFilter": ["Patient?status=active", "Patient?gender=male"]},
)

Parameters = Mapping[str, list[str]]


class Suite:
    """What BDT's own client does: kick-offs with its default headers, and jobs that are cancelled after each check."""

    def __init__(self, service: Service, http: httpx.Client) -> None:
        self.fhir = service.fhir_base
        self.http = http

    def kick_off(self, method: str, level: str, given: Parameters, **headers: str) -> httpx.Response:
        sent = {"Accept": "application/fhir+json", "Prefer": "respond-async", **headers}
        url = f"{self.fhir}/{level}"
        if method == "GET":
            return self.http.get(url, params={name: list(values) for name, values in given.items()}, headers=sent)
        parameters = [
            {"name": name, "valueInstant" if name == "_since" else "valueString": value}
            for name, values in given.items()
            for value in values
        ]
        # got's `json` sends this media type.
        body = {"resourceType": "Parameters", "parameter": parameters}
        return self.http.post(url, json=body, headers=sent)

    def cancel_if_started(self, answer: httpx.Response) -> None:
        if "Content-Location" in answer.headers:
            self.http.delete(answer.headers["Content-Location"])

    def manifest(self, job: str) -> httpx.Response:
        while (answer := self.http.get(job, headers={"Accept": "application/json"})).status_code == 202:
            time.sleep(int(answer.headers["Retry-After"]))
        return answer


@pytest.fixture(scope="module")
def suite(service: Service) -> Iterator[Suite]:
    with httpx.Client(timeout=60, trust_env=False) as http:
        pair = (service.secret_client.client_id, service.secret_client.secret)
        granted = http.post(f"{service.base}/token", data={"grant_type": "client_credentials"}, auth=pair).json()
        http.headers["Authorization"] = f"Bearer {granted['access_token']}"
        yield Suite(service, http)


def assert_outcome(answer: httpx.Response) -> None:
    assert answer.headers["Content-Type"].partition(";")[0] in {"application/json", "application/fhir+json"}
    assert answer.json()["resourceType"] == "OperationOutcome"


def assert_started(answer: httpx.Response) -> None:
    assert answer.status_code == 202, answer.text
    assert answer.headers["Content-Location"].startswith("http")
    assert_outcome(answer)


def assert_refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500
    assert answer.status_code not in {404, 405}, "which BDT takes for an endpoint that is not there"
    assert_outcome(answer)


@each_of(("method", "level"), WAYS)
@each_of("given", STARTED)
def test_an_export_can_be_started(suite: Suite, level: str, method: str, given: Parameters) -> None:
    answer = suite.kick_off(method, level, given)
    suite.cancel_if_started(answer)

    assert_started(answer)


@each_of(("method", "level"), WAYS)
@each_of("given", LENIENTLY_STARTED)
def test_a_lenient_export_can_be_started(suite: Suite, level: str, method: str, given: Parameters) -> None:
    answer = suite.kick_off(method, level, given, **LENIENT)
    suite.cancel_if_started(answer)

    assert_started(answer)


@each_of(("method", "level"), WAYS)
@each_of("given", REFUSED)
def test_an_invalid_parameter_is_refused(suite: Suite, level: str, method: str, given: Parameters) -> None:
    answer = suite.kick_off(method, level, given)
    suite.cancel_if_started(answer)

    assert_refused(answer)


@each_of(("method", "level"), WAYS)
def test_prefer_is_required_to_have_respond_async(suite: Suite, level: str, method: str) -> None:
    answer = suite.kick_off(method, level, {}, Prefer="")
    suite.cancel_if_started(answer)

    assert_refused(answer)


def test_patients_are_refused_at_the_level_of_the_system(suite: Suite) -> None:
    patients = [{"name": "patient", "valueReference": {"reference": f"Patient/{each}"}} for each in ("123", "456")]
    body = {"resourceType": "Parameters", "parameter": patients}
    answer = suite.http.post(f"{suite.fhir}/$export", json=body, headers={"Prefer": "respond-async"})
    suite.cancel_if_started(answer)

    assert_refused(answer)


@each_of("level", LEVELS)
@each_of("authorization", ["", "Bearer invalidToken"])
def test_a_token_is_required(suite: Suite, level: str, authorization: str) -> None:
    headers = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
    with httpx.Client(timeout=60, trust_env=False) as http:
        given = {"Authorization": authorization} if authorization else {}
        answer = http.get(f"{suite.fhir}/{level}", headers={**headers, **given})

    assert answer.status_code == 401
    assert_outcome(answer)


def test_a_running_job_answers_202_and_a_cancelled_one_404(suite: Suite) -> None:
    job = suite.kick_off("GET", "$export", {"_type": ["Patient"]}).headers["Content-Location"]
    running = suite.http.get(job)
    cancelled, again = suite.http.delete(job), suite.http.delete(job)

    assert running.status_code == 202
    assert len(running.headers["X-Progress"]) < 100
    assert int(running.headers["Retry-After"]) > 0
    assert "Content-Location" not in running.headers
    assert cancelled.status_code == 202
    assert_outcome(cancelled)
    assert again.status_code == 404
    assert_outcome(again)


def test_a_manifest_and_a_file_are_valid_and_gone_once_deleted(suite: Suite, service: Service) -> None:
    given = {"_elements": ["id,Patient.meta"], "_type": ["Patient"], "_typeFilter": ["Patient?status=active"]}
    begun = suite.kick_off("GET", "Patient/$export", given, **LENIENT)
    job = begun.headers["Content-Location"]
    answer = suite.manifest(job)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    manifest = answer.json()
    assert manifest["request"] == str(begun.request.url)
    assert manifest["requiresAccessToken"] is True
    assert {each["type"] for each in manifest["output"]} == {"Patient"}
    assert {each["type"] for each in manifest["error"]} == {"OperationOutcome"}
    assert all(each["count"] > 0 for kind in ("output", "deleted", "error") for each in manifest[kind])

    url = manifest["output"][0]["url"]
    file = suite.http.get(url, headers={"Accept": "application/fhir+ndjson"})
    assert file.status_code == 200
    assert file.headers["Content-Type"].startswith("application/fhir+ndjson")
    for line in file.text.splitlines():
        resource: dict[str, Any] = json.loads(line)
        assert resource.keys() >= {"id", "meta"}
        assert R4_TAG in resource["meta"]["tag"]
    assert "status" in suite.http.get(manifest["error"][0]["url"]).text

    with httpx.Client(timeout=60, trust_env=False) as http:
        assert http.get(url).status_code == 401
        pair = (service.secret_client.client_id, service.secret_client.secret)
        form = {"grant_type": "client_credentials", "scope": "system/Observation.read"}
        other = http.post(f"{service.base}/token", data=form, auth=pair).json()["access_token"]
        assert http.get(url, headers={"Authorization": f"Bearer {other}"}).status_code == 403

    assert suite.http.delete(job).status_code == 202
    assert suite.http.get(url).status_code == 404
    assert suite.http.get(job).status_code == 404


def test_the_capability_statement_and_the_smart_configuration_name_what_a_client_needs(suite: Suite) -> None:
    statement = suite.http.get(f"{suite.fhir}/metadata").json()

    assert "http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data" in statement["instantiates"]
    (rest,) = statement["rest"]
    assert {"export", "patient-export"} <= {each["name"] for each in rest["operation"]}
    (oauth,) = (each for each in rest["security"]["extension"] if each["url"].endswith("/oauth-uris"))
    assert "token" in {each["url"] for each in oauth["extension"]}
    assert "token_endpoint" in suite.http.get(f"{suite.fhir}/.well-known/smart-configuration").json()
