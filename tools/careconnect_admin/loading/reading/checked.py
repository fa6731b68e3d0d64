"""Check the resources of a source before they are loaded."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any

from careconnect.fhir.resource_types import resource_type, valid_id
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.reading.found import Deletion, Found, Problem, Skipped, Transaction, Upsert
from careconnect_admin.loading.reading.release import later_release
from careconnect_admin.loading.reading.types import meant
from careconnect_records.items.references import contained_in, fhir_base_of, misplaced, references_of
from careconnect_records.parsing.faults import MAX_FAULTS, Fault, InvalidResourceError
from careconnect_records.stu3.schema import model_of
from careconnect_records.stu3.validation import faults_of
from careconnect_records.writes.target import Target


def checked(
    found: Upsert | Deletion | Problem, *, base_url: str = "", accept_invariants: bool = False
) -> LoadRequest | Problem:
    """Return the request of a resource or deletion, or the problem with it; `base_url` is the server's root URL.

    A resource that breaks invariants has a request with a refusal, unless they are accepted.
    """
    if isinstance(found, Problem):
        return found
    if isinstance(found, Deletion):
        return _checked_deletion(found)
    request = _checked_resource(found, base_url)
    return replace(request, refusal="") if accept_invariants and isinstance(request, LoadRequest) else request


def nothing_to_load(found: Iterable[Found | Transaction]) -> Problem | None:
    """Return the first problem, or None if there is a resource that can be loaded.

    Raises:
        LookupError: there is neither a resource nor a problem.
    """
    first: Problem | None = None
    for each in found:
        entries = each.entries if isinstance(each, Transaction) else (each,)
        requests = [checked(entry) for entry in entries if not isinstance(entry, Skipped)]
        problem = next((request for request in requests if isinstance(request, Problem)), None)
        first = first or problem
        if problem is None and any(isinstance(request, LoadRequest) and request.resource for request in requests):
            return None
    if first is None:
        raise LookupError("no resource")
    return first


def _checked_deletion(found: Deletion) -> LoadRequest | Problem:
    served = resource_type(found.type_name)
    if served is None:
        return Problem(found.place, f"{found.type_name} is not a type that is served{meant(found.type_name)}")
    return LoadRequest(Target(served, found.resource_id), None)


def _checked_resource(found: Upsert, base_url: str) -> LoadRequest | Problem:
    resource: dict[str, Any] = found.resource
    type_name = resource.get("resourceType")
    if not isinstance(type_name, str):
        return Problem(found.place, "no resourceType")
    served = resource_type(type_name)
    if served is None:
        named = type_name if type_name.isalpha() and len(type_name) <= 64 else "its resourceType"
        reason = f"{named} is not a type that is served"
        if named == type_name and model_of(type_name) is None:
            why = later_release(resource)
            reason += f"; {why}" if why else meant(type_name)
        return Problem(found.place, reason)
    if not valid_id(resource.get("id")):
        reason = f"{type_name}: no id, or not one of 1 to 64 letters, digits, hyphens and dots"
        return Problem(found.place, reason, type_name)
    faults, broken = _faults_of(resource, base_url)
    target = Target(served, resource["id"])
    if not faults:
        refusal = str(InvalidResourceError(broken)) if broken else ""
        return LoadRequest(target, resource, tuple(broken), refusal)
    reasons = [f"{target.key}: {InvalidResourceError([*faults, *broken])}", later_release(resource)]
    return Problem(found.place, "; ".join(filter(None, reasons)), type_name)


def _faults_of(resource: dict[str, Any], base_url: str) -> tuple[list[Fault], list[Fault]]:
    """Return the faults of a resource, also of a reference to a type that is not allowed, and its broken invariants.

    The resources that it refers to need not be stored.
    """
    faults, broken = faults_of(resource)
    if not faults:
        contained, fhir_base = contained_in(resource), fhir_base_of(base_url)
        of_references = (
            Fault.at(reference.expression, "not-found", predicate)
            for reference in references_of(resource)
            if (predicate := misplaced(reference, contained, fhir_base))
        )
        faults = list(islice(of_references, MAX_FAULTS))
    return faults, broken
