"""The name that was probably meant, and none where nothing is near."""

import pytest

from careconnect.fhir.nearest_name import nearest_name
from careconnect.fhir.resource_types import RESOURCE_TYPES

TYPES = [each.name for each in RESOURCE_TYPES]


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("Pateint", "Patient"),
        ("patient", "Patient"),
        ("PATIENTS", "Patient"),
        ("Observatoin", "Observation"),
        ("MedicationReqest", "MedicationRequest"),
        ("Organisation", "Organization"),
        ("Immunisation", "Immunization"),
        ("Toaster", ""),
        ("Binary", ""),
        ("", ""),
        ("Patient" * 10, ""),
    ],
)
def test_the_nearest_name_of_a_type(given: str, nearest: str) -> None:
    assert nearest_name(given, TYPES) == nearest


def test_nothing_is_near_to_no_names() -> None:
    assert nearest_name("Patient", ()) == ""
