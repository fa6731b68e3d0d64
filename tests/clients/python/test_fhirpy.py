"""fhirpy: finds a patient, walks all pages, follows references, takes includes."""

from collections.abc import Callable

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import ForbiddenError, OperationOutcome, ResourceNotFound

from careconnect_admin.clients.demo import LIMITED_ACCESS, DemoClient
from careconnect_testing.client_service import Service

pytestmark = pytest.mark.clients

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
Bearer = Callable[[DemoClient], dict[str, str]]


@pytest.fixture(scope="module")
def fhir(service: Service, bearer: Bearer) -> SyncFHIRClient:
    return SyncFHIRClient(service.fhir_base, bearer(service.secret_client)["Authorization"])


def test_finds_a_patient_by_nhs_number_and_follows_its_references(fhir: SyncFHIRClient, service: Service) -> None:
    patient = fhir.resources("Patient").search(identifier=f"{NHS_NUMBER}|{service.nhs_number}").get()

    assert patient["id"] == "4"
    assert patient["name"][0]["family"] == "Muñoz"
    practice = patient["managingOrganization"].to_resource()
    assert practice.resource_type == "Organization"


def test_walks_all_pages_of_the_observations(fhir: SyncFHIRClient, service: Service) -> None:
    found = fhir.resources("Observation").search(patient="4").limit(3).fetch_all()

    assert len(found) == len(service.observations)
    assert {each["id"] for each in found} == service.observations


def test_counts_sorts_and_includes(fhir: SyncFHIRClient, service: Service) -> None:
    observations = fhir.resources("Observation").search(patient="4")

    assert observations.count() == len(service.observations)
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
