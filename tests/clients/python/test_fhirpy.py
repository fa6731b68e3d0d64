"""fhirpy: finds a patient, walks all pages, follows references, takes includes; creates, changes and deletes."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, MultipleResourcesFound, OperationOutcome, ResourceNotFound

from careconnect_admin.clients.demo import LIMITED_ACCESS, DemoClient
from careconnect_admin.clients.dpop_key import DpopKey
from careconnect_admin.clients.token_request import ClientAuthentication, basic, request_token
from careconnect_admin.clients.token_use import TokenUse
from careconnect_testing.http.client_service import Service
from careconnect_testing.http.writes import PATCH, new_code, observation, patient

pytestmark = pytest.mark.clients

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
Bearer = Callable[[DemoClient], dict[str, str]]


@pytest.fixture(scope="module")
def fhir(service: Service, bearer: Bearer) -> SyncFHIRClient:
    return SyncFHIRClient(service.fhir_base, bearer(service.secret_client)["Authorization"])


@pytest.fixture(scope="module")
def writing(service: Service, bearer: Bearer) -> Any:
    """The client that writes; the library has no types for `create` and `delete`."""
    return SyncFHIRClient(service.fhir_base, bearer(service.editor)["Authorization"])


def test_finds_a_patient_by_nhs_number_and_follows_its_references(fhir: SyncFHIRClient, service: Service) -> None:
    patient = fhir.resources("Patient").search(identifier=f"{NHS_NUMBER}|{service.nhs_number}").get()

    assert patient["id"] == "4"
    assert patient["name"][0]["family"] == "Muñoz"
    practice = patient["managingOrganization"].to_resource()
    assert practice.resource_type == "Organization"


def test_walks_all_pages_of_the_observations(fhir: SyncFHIRClient, service: Service) -> None:
    found = fhir.resources("Observation").search(patient="4").limit(3).fetch_all()

    ids = [each["id"] for each in found]
    assert len(ids) == len(set(ids))
    assert service.observations <= set(ids)  # other suites write more of them


def test_counts_sorts_and_includes(fhir: SyncFHIRClient, service: Service) -> None:
    observations = fhir.resources("Observation").search(patient="4")

    assert observations.count() >= len(service.observations)
    dates = [each["effectiveDateTime"] for each in observations.sort("date").fetch_all()]
    assert dates == sorted(dates)
    included = observations.include("Observation", "patient").limit(1).fetch_raw()
    assert [each["resource"]["resourceType"] for each in included["entry"]] == ["Observation", "Patient"]


def test_chains_by_the_patients_identifier(fhir: SyncFHIRClient, service: Service) -> None:
    found = fhir.resources("Condition").search(patient__identifier=f"{NHS_NUMBER}|{service.nhs_number}").fetch_all()

    assert found
    assert {each["subject"]["reference"] for each in found} == {"Patient/4"}


def test_refusals_are_those_that_the_library_knows(fhir: SyncFHIRClient, service: Service, bearer: Bearer) -> None:
    with pytest.raises(ResourceNotFound):
        fhir.get("Patient", "nobody")
    with pytest.raises(OperationOutcome) as refused:
        fhir.resources("Patient").search(birthdate="yesterday").fetch()
    assert refused.value.resource["issue"][0]["severity"] == "error"
    with pytest.raises(ForbiddenError):
        SyncFHIRClient(service.fhir_base, bearer(LIMITED_ACCESS)["Authorization"]).get("Patient", "4")


def test_creates_changes_refreshes_and_deletes(writing: Any, fhir: SyncFHIRClient) -> None:
    made = writing.resource("Patient", **patient(new_code(), gender="female")).create()
    assert made["meta"]["versionId"] == "1"
    earlier = fhir.reference("Patient", made.id).to_resource()

    made["gender"] = "male"
    made.update()
    assert made["meta"]["versionId"] == "2"
    assert fhir.get("Patient", made.id)["gender"] == "male"
    assert earlier.refresh()["gender"] == "male"

    weight = writing.resource("Observation", **observation(f"Patient/{made.id}")).save()
    assert weight["subject"].to_resource()["id"] == made.id
    with pytest.raises(OperationOutcome) as refused:
        made.delete()
    assert refused.value.resource["resourceType"] == "OperationOutcome"
    assert weight.delete() is None
    assert made.delete() is None
    for gone in (weight, made):
        with pytest.raises(ResourceNotFound):
            fhir.get(gone.resource_type, gone.id)


def test_saves_under_an_id_of_its_own(writing: Any) -> None:
    made = writing.resource("Organization", id=f"fhirpy-{new_code()}", name="A practice").save()

    assert made["meta"]["versionId"] == "1"
    assert writing.get("Organization", made.id)["name"] == "A practice"
    writing.delete("Organization", made.id)
    with pytest.raises(ResourceNotFound):
        writing.get("Organization", made.id)


def test_sends_a_batch(writing: Any) -> None:
    entries = [
        {
            "resource": {"resourceType": "Patient", **patient(new_code())},
            "request": {"method": "POST", "url": "Patient"},
        },
        {"request": {"method": "GET", "url": "Patient/4"}},
    ]
    answered = writing.execute("", data={"resourceType": "Bundle", "type": "batch", "entry": entries})

    assert [each["response"]["status"] for each in answered["entry"]] == ["201 Created", "200 OK"]
    writing.delete("Patient", answered["entry"][0]["resource"]["id"])


def test_sends_a_transaction_whose_entries_refer_to_one_another(writing: Any) -> None:
    urn = uuid.uuid4().urn
    entries: list[Any] = [
        {"resource": observation(urn), "request": {"method": "POST", "url": "Observation"}},
        {
            "fullUrl": urn,
            "resource": {"resourceType": "Patient", **patient(new_code())},
            "request": {"method": "POST", "url": "Patient"},
        },
    ]
    body = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    weight, made = (each["resource"] for each in writing.execute("", data=body)["entry"])

    assert weight["subject"]["reference"] == f"Patient/{made['id']}"
    entries[0]["resource"]["subject"]["reference"] = "Patient/never-there"
    with pytest.raises(OperationOutcome) as refused:
        writing.execute("", data=body)
    assert refused.value.resource["issue"][0]["expression"] == ["Bundle.entry[0].resource.subject"]
    deletions = [
        {"request": {"method": "DELETE", "url": f"{each['resourceType']}/{each['id']}"}} for each in (weight, made)
    ]
    writing.execute("", data={**body, "entry": deletions})
    with pytest.raises(ResourceNotFound):
        writing.get("Patient", made["id"])


def test_updates_and_deletes_by_an_identifier(writing: Any) -> None:
    code = new_code()
    having = writing.resources("Patient").search(identifier=f"{NHS_NUMBER}|{code}")

    made, is_new = having.update(writing.resource("Patient", **patient(code, gender="female")))
    assert is_new
    changed, is_new = having.update(writing.resource("Patient", **patient(code, gender="male")))
    assert (changed.id, changed["meta"]["versionId"], is_new) == (made.id, "2", False)
    twin = writing.resource("Patient", **patient(code)).create()
    with pytest.raises(MultipleResourcesFound):
        having.delete()
    twin.delete()
    assert having.delete() == (None, 204)
    with pytest.raises(ResourceNotFound):
        writing.get("Patient", made.id)


def test_creates_on_a_condition_by_its_header_and_never_by_a_query(
    writing: Any, service: Service, bearer: Bearer
) -> None:
    code = new_code()
    condition = f"identifier={NHS_NUMBER}|{code}"
    authorization = bearer(service.editor)["Authorization"]
    careful: Any = SyncFHIRClient(service.fhir_base, authorization, extra_headers={"If-None-Exist": condition})

    made = careful.resource("Patient", **patient(code)).create()
    assert careful.resource("Patient", **patient(code)).create().id == made.id
    # Its get_or_create asks in the query, which no release of FHIR has: a create that was not asked for is refused.
    with pytest.raises(OperationOutcome):
        writing.resources("Patient").search(identifier=f"{NHS_NUMBER}|{code}").get_or_create(made)
    made.delete()


def test_patches_by_operations_and_is_reported_that_its_own_patch_is_none(
    writing: Any, service: Service, bearer: Bearer
) -> None:
    made = writing.resource("Patient", **patient(new_code(), gender="female")).create()
    patching: Any = SyncFHIRClient(
        service.fhir_base, bearer(service.editor)["Authorization"], extra_headers={"Content-Type": PATCH}
    )

    operations = [{"op": "test", "path": "/gender", "value": "female"}, {"op": "remove", "path": "/gender"}]
    patched = patching.execute(made.reference, "patch", data=operations)
    assert (patched["meta"]["versionId"], "gender" in patched) == ("2", False)
    # Its patch() sends the elements to change, as plain JSON: neither STU3 nor RFC 6902 has that.
    with pytest.raises(OperationOutcome) as refused:
        writing.patch("Patient", made.id, gender="male")
    assert refused.value.resource["issue"][0]["code"] == "not-supported"
    assert writing.get("Patient", made.id) == patched
    made.delete()


def test_is_shown_every_fault_and_of_a_missing_scope(writing: Any, fhir: SyncFHIRClient) -> None:
    with pytest.raises(OperationOutcome) as refused:
        writing.resource("Patient", **patient(gender="unheard-of", birthDate="yesterday")).create()
    expressions = [issue["expression"] for issue in refused.value.resource["issue"]]
    assert sorted(expressions) == [["Patient.birthDate"], ["Patient.gender"]]
    with pytest.raises(ForbiddenError):
        fhir.resource("Patient", **patient()).save()


def test_takes_a_bound_token_by_an_auth_of_requests(service: Service, tmp_path: Path) -> None:
    key, _ = DpopKey.of_file(tmp_path / "dpop.jwk")
    authentication = ClientAuthentication(basic(service.editor.client_id, service.editor.secret))
    use = TokenUse(key, service.base, service.base)
    token = request_token(service.base, authentication, use=use)["access_token"]

    def prove(request: Any) -> Any:
        proof = key.proof(request.method, request.url, token=token)
        request.headers.update({"Authorization": f"DPoP {token}", "DPoP": proof})
        return request

    bound: Any = SyncFHIRClient(service.fhir_base, requests_config={"auth": prove})

    made = bound.resource("Patient", **patient(new_code())).create()
    assert bound.resources("Patient").search(_id=made.id).get() == made
    assert len(bound.resources("Observation").search(patient="4").limit(5).fetch_all()) >= len(service.observations)
    made.delete()
