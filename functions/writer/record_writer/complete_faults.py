"""Complete the faults of an invalid resource with those of its references (`write.md`, What is refused)."""

from collections.abc import Collection, Sequence
from typing import Any

from careconnect.audit.disclosures import Disclosures
from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir.outcomes import Issue
from careconnect_records.items.references import references_of
from careconnect_records.writes.plan_write import MAX_REFERENCES
from careconnect_records.writes.target import Target
from record_writer.checks.compartment import patients_in_body
from record_writer.checks.references import reference_faults, targets_among
from record_writer.find_references import find_references, patients_referred_to
from record_writer.record_store import RecordStore
from record_writer.request.write_request import Kind, WriteRequest


def are_readable(faults: Sequence[Issue]) -> bool:
    """Return True if a resource has the structure of its type, so that its references can be judged."""
    return all(fault.code != "structure" for fault in faults)


def is_too_much(referenced: Collection[Target]) -> bool:
    """Return True if so many targets, or patients among them, refuse a resource before any of them is looked up."""
    return len(referenced) > MAX_REFERENCES or sum(each.type.is_patient for each in referenced) > MAX_PATIENTS


def missing_references(
    request: WriteRequest,
    resource: dict[str, Any],
    store: RecordStore,
    met: Disclosures,
    previous: Collection[str] = (),
    full_urls: Collection[str] | None = None,
) -> list[Issue]:
    """Return the faults of an invalid resource's references, as a valid one with the same references would have them.

    Without any if one is told of too many resources or patients at once. `previous` are the keys that a patch's stored
    version refers to, `full_urls` are as for `require_references`.
    """
    if request.kind is Kind.UPDATE and request.caller.patient:
        # The stored version, which is not read yet, may keep references that a bound client cannot see.
        return []
    references = tuple(references_of(resource))
    referenced = targets_among(references, request.root)
    if is_too_much(referenced.values()):
        return []
    own = f"{request.type.name}/{request.id}" if request.id else ""
    stored = store.read_summaries(each for key, each in referenced.items() if key != own)
    found = find_references(request.caller, stored.values(), previous)
    patients = patients_referred_to([found])
    if len(patients) > MAX_PATIENTS:
        return []
    met.disclose((*patients_in_body(request.type, resource, request.root), *patients))
    return reference_faults(resource, references, {own, *found}, request.root, full_urls)
