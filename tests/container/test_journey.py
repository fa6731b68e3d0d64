"""The page's two calls, the access table and a resource's life, with the functions in real Lambda containers and real
layers."""

from collections.abc import Callable

import httpx
import jwt
import pytest

from careconnect_admin.clients.demo import (
    AUDITOR,
    EDITOR,
    EXPLORER,
    LIMITED_ACCESS,
    MEDICATION_ACCESS,
    PATIENT_ACCESS,
    DemoClient,
)
from careconnect_testing.http.writes import NHS_NUMBER, XML, WritingClient, issues, new_code, observation, patient

_FHIR = "/careconnect-ri/STU3"
_DIRECTORY = ("Organization", "Location", "Practitioner", "PractitionerRole", "HealthcareService")
_MEDICATION_TYPES = (
    *("Patient", "Condition", "MedicationStatement", "MedicationRequest", "Medication"),
    *("Immunization", "Encounter", "Observation"),
)
_OTHERS = ("AllergyIntolerance", "Procedure", "EpisodeOfCare")
# The access table, written out: what each of the page's clients is promised.
_OPEN = {
    PATIENT_ACCESS.client_id: {"Patient", *_DIRECTORY},
    MEDICATION_ACCESS.client_id: {*_MEDICATION_TYPES, *_DIRECTORY},
    LIMITED_ACCESS.client_id: {*_DIRECTORY},
    EXPLORER: {*_MEDICATION_TYPES, *_OTHERS, *_DIRECTORY},
    EDITOR: {*_MEDICATION_TYPES, *_OTHERS, *_DIRECTORY},
    # The patients it may search alone.
    AUDITOR: {"AuditEvent", "Patient"},
}
_ALL = (*_MEDICATION_TYPES, *_OTHERS, *_DIRECTORY, "AuditEvent")

Bearer = Callable[[DemoClient], dict[str, str]]


def _explorer(clients: tuple[DemoClient, ...]) -> DemoClient:
    return next(client for client in clients if client.client_id == EXPLORER)


def test_the_pages_call_gives_a_token_that_the_published_key_verifies(http: httpx.Client, base_url: str) -> None:
    answer = http.post(
        f"/token?grant_type=client_credentials&client_id={PATIENT_ACCESS.client_id}",
        headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
        auth=(PATIENT_ACCESS.client_id, PATIENT_ACCESS.secret),
        content=b"",
    )

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "scope"}
    keys = jwt.PyJWKSet.from_dict(http.get("/.well-known/jwks.json").json())
    key = keys[jwt.get_unverified_header(body["access_token"])["kid"]]
    claims = jwt.decode(
        body["access_token"], key.key, algorithms=["RS256"], audience=f"{base_url}{_FHIR}", issuer=base_url
    )
    assert claims["client_id"] == PATIENT_ACCESS.client_id


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("application/fhir+json", "application/fhir+json"), ("application/fhir+xml", "application/fhir+xml")],
)
def test_the_token_reads_the_pages_patient(http: httpx.Client, bearer: Bearer, accept: str, content_type: str) -> None:
    answer = http.get(f"{_FHIR}/Patient/4", headers={"Accept": accept, **bearer(PATIENT_ACCESS)})

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(content_type)
    assert answer.json()["id"] == "4" if "json" in accept else '<id value="4"/>' in answer.text


def test_head_answers_as_get_without_a_body(http: httpx.Client, bearer: Bearer) -> None:
    answer = http.head(f"{_FHIR}/Patient/4", headers=bearer(PATIENT_ACCESS))

    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("type_", _ALL)
@pytest.mark.parametrize("client_id", _OPEN)
def test_the_access_table(
    http: httpx.Client, bearer: Bearer, clients: tuple[DemoClient, ...], client_id: str, type_: str
) -> None:
    demo = next(client for client in clients if client.client_id == client_id)

    answer = http.get(f"{_FHIR}/{type_}?_count=1", headers=bearer(demo))

    if type_ in _OPEN[client_id]:
        assert answer.status_code == 200
        bundle = answer.json()
        # The access record is counted on the way alone.
        assert bundle.get("total", 1) > 0
        assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == [type_]
    else:
        assert answer.status_code == 403


def test_a_record_search_follows_its_next_link_to_the_end(
    http: httpx.Client, bearer: Bearer, clients: tuple[DemoClient, ...], base_url: str
) -> None:
    headers = bearer(_explorer(clients))
    url, seen, total = f"{base_url}{_FHIR}/Observation?patient=4&_count=5&_total=accurate", [], -1
    while url:
        page = http.get(url, headers=headers).json()
        seen += [entry["resource"]["id"] for entry in page["entry"]]
        total = page["total"]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")

    assert len(seen) == len(set(seen)) == total > 5


def test_a_posted_search_answers_as_the_same_query(
    http: httpx.Client, bearer: Bearer, clients: tuple[DemoClient, ...]
) -> None:
    headers = bearer(_explorer(clients))

    posted = http.post(f"{_FHIR}/Condition/_search", data={"patient": "4"}, headers=headers).json()

    assert posted["entry"] == http.get(f"{_FHIR}/Condition?patient=4", headers=headers).json()["entry"]


@pytest.mark.parametrize("token", ["x.y.z", "not a token", "eyJhbGciOiJub25lIn0.e30."])
def test_a_forged_token_gets_nothing(http: httpx.Client, token: str) -> None:
    """SAM answers 502 where API Gateway answers 401 to an authorizer that says Unauthorized."""
    answer = http.get(f"{_FHIR}/Patient/4", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code in (401, 502)
    assert "resourceType" not in answer.text


def test_no_token_is_refused(http: httpx.Client) -> None:
    assert http.get(f"{_FHIR}/Patient/4").status_code == 401


def test_a_wrong_secret_is_refused_with_its_challenge(http: httpx.Client) -> None:
    answer = http.post("/token", data={"grant_type": "client_credentials"}, auth=(PATIENT_ACCESS.client_id, "wrong"))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic ")


def test_a_revoked_token_is_inactive_and_refused(http: httpx.Client, clients: tuple[DemoClient, ...]) -> None:
    auth = (LIMITED_ACCESS.client_id, LIMITED_ACCESS.secret)
    token = http.post("/token", data={"grant_type": "client_credentials"}, auth=auth).json()["access_token"]
    before = http.post("/introspect", data={"token": token}, auth=auth).json()

    revoked = http.post("/revoke", data={"token": token}, auth=auth)

    assert before["active"] is True
    assert revoked.status_code == 200
    assert http.post("/introspect", data={"token": token}, auth=auth).json() == {"active": False}
    refused = http.get(f"{_FHIR}/Organization", headers={"Authorization": f"Bearer {token}"})
    # 502 is SAM's word for what API Gateway answers with 401.
    assert refused.status_code in (401, 502)


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        (f"{_FHIR}/metadata", "CapabilityStatement"),
        (f"{_FHIR}/.well-known/smart-configuration", None),
        ("/.well-known/oauth-authorization-server", None),
    ],
)
def test_discovery_is_open(http: httpx.Client, base_url: str, path: str, type_: str | None) -> None:
    answer = http.get(path)

    assert answer.status_code == 200
    if type_:
        assert answer.json()["resourceType"] == type_
    else:
        assert answer.json()["token_endpoint"] == f"{base_url}/token"


def test_what_the_server_does_not_do_is_405(http: httpx.Client) -> None:
    answer = http.patch(f"{_FHIR}/AuditEvent")

    assert answer.status_code == 405
    assert "GET" in answer.headers["allow"]


@pytest.fixture
def writer(http: httpx.Client, bearer: Bearer, clients: tuple[DemoClient, ...]) -> WritingClient:
    demo = next(client for client in clients if client.client_id == EDITOR)
    return WritingClient(http, bearer(demo)["Authorization"].removeprefix("Bearer "))


def test_a_resource_is_created_changed_patched_and_deleted_and_all_of_it_is_stored(
    writer: WritingClient, base_url: str
) -> None:
    code = new_code()
    condition = f"identifier={NHS_NUMBER}|{code}"
    first = writer.create(patient(code, gender="female"), If_None_Exist=condition)
    assert first.status_code == 201, first.text
    made = first.json()
    path = f"Patient/{made['id']}"
    assert first.headers["Location"] == f"{base_url}{_FHIR}/{path}/_history/1"
    assert writer.get(path).json() == made
    assert writer.ids(f"Patient?identifier={NHS_NUMBER}%7C{code}") == [made["id"]]

    again = writer.create(patient(code), If_None_Exist=condition)
    updated = writer.update({**made, "gender": "male"}, If_Match='W/"1"')
    stale = writer.update({**made, "gender": "other"}, If_Match='W/"1"')
    patched = writer.patch(path, {"op": "add", "path": "/birthDate", "value": "1971-08-23"}, If_Match='W/"2"')
    deleted = writer.delete(path)

    assert (again.status_code, again.headers["Location"]) == (200, first.headers["Location"])
    assert (updated.status_code, updated.headers["ETag"]) == (200, 'W/"2"')
    assert stale.status_code == 409
    assert (patched.status_code, patched.json()["birthDate"]) == (200, "1971-08-23")
    assert (deleted.status_code, deleted.content) == (204, b"")
    history = writer.get(f"{path}/_history").json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT", "PUT", "POST"]
    assert [writer.get(f"{path}/_history/{number}").status_code for number in (1, 2, 3, 4)] == [200, 200, 200, 410]
    assert writer.get(f"{path}/_history/1").json() == made
    assert writer.get(path).status_code == 410
    assert writer.ids(f"Patient?identifier={NHS_NUMBER}%7C{code}") == []


def test_a_record_refers_to_the_directory_that_another_function_writes(writer: WritingClient) -> None:
    practice = writer.made({"resourceType": "Organization", "name": "A practice"})
    registered = writer.made(patient(managingOrganization={"reference": f"Organization/{practice['id']}"}))
    kept = writer.delete(f"Organization/{practice['id']}")
    dangling = writer.create(observation("Patient/never-there"))

    assert kept.status_code == 409
    assert registered["id"] not in kept.text
    assert (dangling.status_code, issues(dangling)) == (422, [("not-found", ("Observation.subject",))])
    assert writer.delete(f"Patient/{registered['id']}").status_code == 204
    assert writer.delete(f"Organization/{practice['id']}").status_code == 204


def test_what_is_written_in_xml_is_read_in_json(writer: WritingClient) -> None:
    body = (
        '<Observation xmlns="http://hl7.org/fhir"><status value="final"/><code><text value="Weight"/></code>'
        '<subject><reference value="Patient/4"/></subject><valueQuantity><value value="72.50"/></valueQuantity>'
        "</Observation>"
    )
    made = writer.send("POST", "Observation", body, type_=XML, Accept=XML)
    assert made.status_code == 201, made.text
    path = made.headers["Location"].partition("/STU3/")[2].partition("/_history")[0]

    assert '"value":72.50' in writer.get(path).text
    assert writer.delete(path).status_code == 204


def test_a_client_that_reads_writes_nothing(
    http: httpx.Client, bearer: Bearer, clients: tuple[DemoClient, ...]
) -> None:
    reader = WritingClient(http, bearer(_explorer(clients))["Authorization"].removeprefix("Bearer "))

    assert reader.create(patient()).status_code == 403
    assert reader.delete("Patient/4").status_code == 403
    assert reader.get("Patient/4").status_code == 200
