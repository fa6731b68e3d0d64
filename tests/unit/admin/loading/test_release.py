"""Faulty resources that are reported as ones of a later release."""

from typing import Any

import pytest

from careconnect_admin.loading.reading.checked import checked
from careconnect_admin.loading.reading.found import Place, Problem, Upsert


def reason_for(**resource: Any) -> str:
    problem = checked(Upsert(Place("a.ndjson", 1), resource))
    assert isinstance(problem, Problem)
    return problem.reason


_SUBJECT = {"reference": "Patient/1"}


@pytest.mark.parametrize(
    ("resource", "signs"),
    [
        (
            {
                "resourceType": "Observation",
                "status": "final",
                "code": {"text": "x"},
                "encounter": {"reference": "Encounter/1"},
            },
            "encounter",
        ),
        (
            {"resourceType": "Condition", "subject": _SUBJECT, "clinicalStatus": {"coding": [{"code": "active"}]}},
            "clinicalStatus",
        ),
        (
            {
                "resourceType": "Immunization",
                "status": "completed",
                "vaccineCode": {"text": "x"},
                "patient": _SUBJECT,
                "occurrenceDateTime": "2020",
            },
            "occurrenceDateTime",
        ),
    ],
)
def test_r4_is_reported_by_what_stu3_lacks(resource: dict[str, Any], signs: str) -> None:
    assert reason_for(id="1", **resource).endswith(f"; this looks like R4 ({signs}); STU3 is served")


def test_a_type_that_r4_brought_is_reported() -> None:
    assert reason_for(resourceType="ServiceRequest", id="1") == (
        "ServiceRequest is not a type that is served; this looks like R4, which has ServiceRequest; STU3 is served"
    )


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "id": "1", "birthDate": "23/08/1971"},
        {"resourceType": "Patient", "id": "1", "nickname": "A"},
        {"resourceType": "Patient", "id": "1", "name": {"family": "A"}},
        {"resourceType": "Device", "id": "1"},
        {"resourceType": "Nothing", "id": "1"},
        {"resourceType": "HumanName", "id": "1"},
    ],
)
def test_other_faults_are_not_laid_to_another_release(resource: dict[str, Any]) -> None:
    assert "R4" not in reason_for(**resource)
