"""The check of `AuditTableClass`: DynamoDB changes a table's class with nothing else of it."""

from collections.abc import Mapping

import pytest

from careconnect_admin.deploying.table_class import class_fault
from careconnect_testing.stacks.whole_template import whole_template

DECLARED = whole_template()["Parameters"]
STANDARD, INFREQUENT = {"AuditTableClass": "STANDARD"}, {"AuditTableClass": "STANDARD_INFREQUENT_ACCESS"}
BOTH, LEAN = {"PatientIndex": "both"}, {"PatientIndex": "lean"}
FORMER = {"Console": "on"}
STAYS = "AuditTableClass has to be STANDARD while PatientIndex changes"


@pytest.mark.parametrize(
    ("deployed", "given", "fault"),
    [
        ({}, {}, ""),
        ({}, STANDARD, ""),
        # The three deployments of an upgrade, and the first two with the class.
        (FORMER, BOTH | STANDARD, ""),
        (FORMER, BOTH | INFREQUENT, STAYS),
        (FORMER, BOTH, STAYS),
        (BOTH | STANDARD, LEAN, ""),
        (BOTH | STANDARD, LEAN | INFREQUENT, STAYS),
        (LEAN | STANDARD, INFREQUENT, ""),
        # A stack that has the index but not the parameter, and the way back.
        (LEAN, {}, ""),
        (LEAN | INFREQUENT, BOTH, ""),
        (LEAN | INFREQUENT, BOTH | STANDARD, "AuditTableClass has to be STANDARD_INFREQUENT_ACCESS while"),
        (LEAN | INFREQUENT, STANDARD, ""),
    ],
)
def test_a_deployment_changes_the_class_or_an_index(
    deployed: Mapping[str, str], given: Mapping[str, str], fault: str
) -> None:
    said = class_fault(DECLARED, given, deployed)

    assert said.startswith(fault) if fault else not said


def test_a_former_releases_template_is_not_checked() -> None:
    former = {name: each for name, each in DECLARED.items() if name != "AuditTableClass"}

    assert class_fault(former, BOTH, FORMER) == ""
