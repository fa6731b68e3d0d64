"""Refuse an invalid resource with all its faults, those of its references included (`write.md`, What is refused)."""

from collections.abc import Callable, Collection
from contextlib import nullcontext
from typing import Any, Final

from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue
from careconnect.storage.quota import UNITS_PER_WRITE_UNIT, Quota
from careconnect_records.parsing.faults import MAX_FAULTS
from careconnect_records.writes.plan_write import MAX_REFERENCES
from record_writer.checks.compartment import patients_in_body
from record_writer.checks.references import reference_faults, referenced_by
from record_writer.checks.valid_resource import resource_faults
from record_writer.find_references import find_references
from record_writer.record_store import RecordStore
from record_writer.request.write_request import Kind, WriteRequest

UNITS_PER_REFERENCE: Final = 2 * UNITS_PER_WRITE_UNIT
"""The charge for each look-up: that of the reference count which a valid resource would have written."""


def require_valid(
    request: WriteRequest,
    resource: dict[str, Any],
    store: RecordStore,
    quota: Quota,
    now: float,
    *,
    previous: Collection[str] = (),
    note: Callable[[tuple[str, ...]], None],
) -> None:
    """Raise the outcomes 413 and 422, or the 400 of faults of structure, for a resource that may not be stored.

    `previous` are the keys that a patch's stored version refers to. `note` is called with the patients of whose
    existence the outcome tells. `now` is in epoch seconds.
    """
    issues = resource_faults(resource, request.root)
    if not issues:
        return
    if all(issue.code != "structure" for issue in issues):
        issues += _missing_references(request, resource, store, quota, now, previous, note)
    raise outcomes.invalid_resource(issues[:MAX_FAULTS])


def _missing_references(
    request: WriteRequest,
    resource: dict[str, Any],
    store: RecordStore,
    quota: Quota,
    now: float,
    previous: Collection[str],
    note: Callable[[tuple[str, ...]], None],
) -> list[Issue]:
    """Return the faults of an invalid resource's references, as a valid one with the same references would have them.

    Without any if one is told of too many resources or patients at once.
    """
    if request.kind is Kind.UPDATE and request.caller.patient:
        # The stored version, which is not read yet, may keep references that a bound client cannot see.
        return []
    referenced = referenced_by(resource, request.root)
    patients = [each.id for each in referenced.values() if each.type.is_patient]
    if len(referenced) > MAX_REFERENCES or len(patients) > MAX_PATIENTS:
        return []
    own = f"{request.type.name}/{request.id}" if request.id else ""
    units = UNITS_PER_REFERENCE * len(referenced)
    with quota.charged(request.caller.client_id, units, now) if units else nullcontext():
        found = find_references(
            store, request.caller, (each for key, each in referenced.items() if key != own), previous
        )
    note((*patients_in_body(request.type, resource, request.root), *found.patients))
    return reference_faults(resource, {own, *found.keys}, request.root)
