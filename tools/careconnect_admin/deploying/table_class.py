"""Check the change of the audit table's class, which DynamoDB makes with no other (`docs/change.md`)."""

from collections.abc import Mapping
from typing import Any, Final

from careconnect_admin.deploying.patient_index import PARAMETER as INDEX
from careconnect_admin.stack.table_class import PARAMETER, STANDARD

_PAGE: Final = "docs/change.md, The class of the audit table"


def class_fault(
    declared: Mapping[str, Mapping[str, Any]], given: Mapping[str, str], deployed: Mapping[str, str]
) -> str:
    """Return what is wrong with `AuditTableClass`, empty if nothing is; the arguments are those of `faults`."""
    if PARAMETER not in declared or not deployed:
        return ""
    before = {PARAMETER: STANDARD, **deployed}
    after = {PARAMETER: str(declared[PARAMETER]["Default"]), **deployed, **given}
    if any(after.get(name) == before.get(name) for name in (PARAMETER, INDEX)):
        return ""
    return f"{PARAMETER} has to be {before[PARAMETER]} while {INDEX} changes ({_PAGE})"
