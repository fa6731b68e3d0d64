"""Judge the references of a resource that is not written: an invalid one, or one of `$validate` (`write.md`)."""

from collections.abc import Collection, Sequence
from typing import Any

from careconnect.audit.disclosures import Disclosures
from careconnect.audit.query import MAX_PATIENTS
from careconnect.fhir.outcomes import Issue, outcome_of
from careconnect_records.items.references import references_of
from careconnect_records.writes.plan_write import MAX_REFERENCES
from record_writer import refusals
from record_writer.checks.references import reference_faults, targets_among
from record_writer.find_references import DECIDING, find_references, patients_referred_to
from record_writer.record_store import RecordStore
from record_writer.request.write_request import Kind, WriteRequest


def are_readable(faults: Sequence[Issue]) -> bool:
    """Return True if a resource has the structure of its type, so that its references can be judged."""
    return all(fault.code != "structure" for fault in faults)


def judge_references(
    request: WriteRequest,
    resource: dict[str, Any],
    store: RecordStore,
    met: Disclosures,
    previous: Collection[str] | None,
    *,
    full_urls: Collection[str] | None = None,
    untold: Collection[str] = (),
) -> list[Issue]:
    """Return the faults of a resource's references, as a valid one with the same references would have them.

    There are none if it is refused before any of them is looked up: for too many references, or patients among them.
    Adds the patients whose records they lead to to `met`. `previous` are the keys that the stored version refers to,
    None if it is not read. `full_urls` are as for `require_references`. References to the keys `untold` are not looked
    up.
    """
    caller = request.caller
    if previous is None and request.kind is Kind.UPDATE and caller.patient:
        # The stored version may keep references that a bound client cannot see.
        return []
    references = tuple(references_of(resource))
    referenced = targets_among(request.type.name, references, request.root)
    if len(referenced) > MAX_REFERENCES or sum(each.type.is_patient for each in referenced.values()) > MAX_PATIENTS:
        return []
    there = {key for key in referenced if key in untold or key == request.key}
    stored = store.read_summaries(each for key, each in referenced.items() if key not in there)
    found = find_references(caller, stored.values(), previous or ())
    patients = patients_referred_to([found])
    met.disclose(patients[:DECIDING])
    if len(patients) > MAX_PATIENTS:
        return list(outcome_of(refusals.refers_to_too_many_patients(request.type)).issues)
    return reference_faults(resource, references, there.union(found), request.root, full_urls, previous or ())
