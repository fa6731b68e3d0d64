"""The check of `PatientIndex`: DynamoDB makes or removes one index of a table in an update."""

from collections.abc import Mapping

import pytest

from careconnect_admin.deploying.patient_index import index_fault, is_active
from careconnect_testing.stacks.whole_template import whole_template

DECLARED = whole_template()["Parameters"]
BOTH, LEAN = {"PatientIndex": "both"}, {"PatientIndex": "lean"}
FORMER = {"Console": "on"}
FILLED, FILLING = True, False


@pytest.mark.parametrize(
    ("deployed", "given", "is_filled", "fault"),
    [
        ({}, {}, FILLING, ""),
        ({}, LEAN, FILLING, ""),
        ({}, BOTH, FILLING, "PatientIndex=both is for an upgrade alone: leave it out"),
        (FORMER, {}, FILLING, "PatientIndex has to be both in the first deployment of this release"),
        (FORMER, LEAN, FILLED, "PatientIndex has to be both in the first deployment of this release"),
        (FORMER, BOTH, FILLING, ""),
        (BOTH, {}, FILLING, ""),
        (BOTH, BOTH, FILLING, ""),
        (BOTH, LEAN, FILLING, "the index by-patient-2 is not filled yet"),
        (BOTH, LEAN, FILLED, ""),
        (LEAN, {}, FILLED, ""),
        (LEAN, LEAN, FILLED, ""),
        # The way back to a former release.
        (LEAN, BOTH, FILLED, ""),
    ],
)
def test_each_deployment_changes_one_index(
    deployed: Mapping[str, str], given: Mapping[str, str], *, is_filled: bool, fault: str
) -> None:
    said = index_fault(DECLARED, given, deployed, lambda: is_filled)

    assert said.startswith(fault) if fault else not said


def test_a_former_releases_template_is_not_checked() -> None:
    former = {name: each for name, each in DECLARED.items() if name != "PatientIndex"}

    assert index_fault(former, {}, LEAN, lambda: False) == ""


@pytest.mark.parametrize(
    ("indexes", "is_filled"),
    [
        ((), False),
        ((("by-patient", "ACTIVE"),), False),
        ((("by-patient", "ACTIVE"), ("by-patient-2", "CREATING")), False),
        ((("by-patient", "ACTIVE"), ("by-patient-2", "ACTIVE")), True),
    ],
)
def test_an_index_is_filled_when_it_is_active(indexes: tuple[tuple[str, str], ...], *, is_filled: bool) -> None:
    described = [{"IndexName": name, "IndexStatus": status} for name, status in indexes]

    assert is_active({"GlobalSecondaryIndexes": described} if described else {}) is is_filled
