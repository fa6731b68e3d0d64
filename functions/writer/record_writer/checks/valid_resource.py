"""Judge whether a resource may be stored: valid STU3, within the size limit, in the caller's compartment."""

from typing import Any

from careconnect.fhir.outcomes import Issue
from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.oauth.caller import Caller
from careconnect.search.values import SearchValueError
from careconnect_records.items.extract import require_dates, search_values
from careconnect_records.items.resource_items import LARGEST_BODY
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.parsing.faults import Fault
from careconnect_records.stu3.invariants import broken_invariants
from careconnect_records.stu3.validation import faults_of
from record_writer import refusals
from record_writer.request.write_request import Kind


def resource_faults(resource: dict[str, Any]) -> tuple[list[Issue], list[Issue]]:
    """Return the faults of an invalid resource, but for its references, and those of invariants that it breaks.

    Raises the outcome 413 for one too large.
    """
    if len(json_text(resource).encode()) > LARGEST_BODY:
        raise refusals.too_large()
    faults, broken = ([_issue(fault) for fault in each] for each in faults_of(resource))
    if not faults:
        try:
            require_dates(resource)
        except SearchValueError:
            faults = [Issue("value", "A date is not in the calendar.", expression=resource["resourceType"])]
    return faults, broken


def newly_broken(broken: list[Issue], stored: dict[str, Any]) -> list[Issue]:
    """Return the faults of invariants that the stored version does not have: an old resource can be corrected."""
    before = {_issue(fault) for fault in broken_invariants(stored)} if stored else ()
    return [issue for issue in broken if issue not in before]


def invariant_warnings(resource: dict[str, Any]) -> list[Issue]:
    """Return a warning for each invariant that a stored resource breaks."""
    return [Issue(fault.code, fault.text, "warning", fault.expression) for fault in broken_invariants(resource)]


def _issue(fault: Fault) -> Issue:
    return Issue(fault.code, fault.text, expression=fault.expression)


def require_writable(caller: Caller, type_: ResourceType, kind: Kind) -> None:
    """Raise the 403 outcome for a type that a caller bound to a patient may not write, or not so.

    It may write types of the patient compartment only, and neither create nor delete a Patient (`write.md`, Who may
    write what).
    """
    if not caller.patient:
        return
    if type_.table is Table.DIRECTORY or not _is_in_compartment(type_) or (type_.is_patient and kind is Kind.CREATE):
        raise refusals.outside_compartment()
    if type_.is_patient and kind is Kind.DELETE:
        raise refusals.identity_of_patient()


def require_own(caller: Caller, type_: ResourceType, resource: dict[str, Any], resource_id: str, root: str) -> None:
    """Raise the 403 outcome for a valid resource outside the bound caller's compartment, or in another's as well."""
    if not caller.patient:
        return
    if type_.patients_of(resource_id, search_values(resource, base_url=root)) != (caller.patient,):
        raise refusals.outside_compartment()


def _is_in_compartment(type_: ResourceType) -> bool:
    return type_.is_patient or type_.patient_parameter is not None
