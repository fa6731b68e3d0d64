"""Check the change to the index `by-patient-2`, which takes two deployments (`docs/change.md`)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from careconnect.audit.patient_index import PATIENT_INDEX

PARAMETER: Final = "PatientIndex"
_BOTH: Final = "both"
_LEAN: Final = "lean"
_PAGE: Final = "docs/change.md, The index by patient"


def index_fault(
    declared: Mapping[str, Mapping[str, Any]],
    given: Mapping[str, str],
    deployed: Mapping[str, str],
    is_filled: Callable[[], bool],
) -> str:
    """Return what is wrong with `PatientIndex`, empty if nothing is.

    `declared`, `given` and `deployed` are as in `faults`, `deployed` empty if there is no stack. `is_filled` tells
    whether the stack's table has the index, and all events are in it.
    """
    if PARAMETER not in declared:
        # A release of before it.
        return ""
    value = given.get(PARAMETER, deployed.get(PARAMETER, declared[PARAMETER]["Default"]))
    if not deployed:
        return f"{PARAMETER}={_BOTH} is for an upgrade alone: leave it out" if value == _BOTH else ""
    if PARAMETER not in deployed:
        if value == _BOTH:
            return ""
        return (
            f"{PARAMETER} has to be {_BOTH} in the first deployment of this release: DynamoDB changes one index at a "
            f"time ({_PAGE})"
        )
    if (deployed[PARAMETER], value) == (_BOTH, _LEAN) and not is_filled():
        return f"the index {PATIENT_INDEX} is not filled yet: give {PARAMETER}={_LEAN} once it is ({_PAGE})"
    return ""


def is_active(table: Mapping[str, Any]) -> bool:
    """Return True if a table, as DescribeTable describes it, has the index, and the index is filled."""
    indexes = table.get("GlobalSecondaryIndexes", ())
    return any(each["IndexName"] == PATIENT_INDEX and each["IndexStatus"] == "ACTIVE" for each in indexes)
