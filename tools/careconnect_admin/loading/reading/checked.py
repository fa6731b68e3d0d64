"""Check the resources of a source before they are loaded."""

from collections.abc import Iterable
from itertools import islice
from typing import Any

from careconnect.fhir.resource_types import resource_type, valid_id
from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.reading.found import Deletion, Found, Problem, Skipped, Transaction, Upsert
from careconnect_admin.loading.reading.release import later_release
from careconnect_records.items.references import contained_in, fhir_base_of, misplaced, references_of
from careconnect_records.parsing.faults import MAX_FAULTS, Fault, InvalidResourceError
from careconnect_records.stu3.schema import model_of
from careconnect_records.stu3.validation import validate
from careconnect_records.writes.target import Target


def checked(found: Upsert | Deletion | Problem, *, base_url: str = "") -> LoadRequest | Problem:
    """Return the request of a resource or deletion, or the problem with it; `base_url` is the server's root URL."""
    if isinstance(found, Problem):
        return found
    return _checked_deletion(found) if isinstance(found, Deletion) else _checked_resource(found, base_url)


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
        return Problem(found.place, f"{found.type_name} is not a type that is served")
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
        if named == type_name and model_of(type_name) is None and (why := later_release(resource)):
            reason += f"; {why}"
        return Problem(found.place, reason)
    if not valid_id(resource.get("id")):
        reason = f"{type_name}: no id, or not one of 1 to 64 letters, digits, hyphens and dots"
        return Problem(found.place, reason, type_name)
    try:
        _require_valid(resource, base_url)
    except InvalidResourceError as error:
        reasons = [f"{type_name}/{resource['id']}: {error}", later_release(resource)]
        return Problem(found.place, "; ".join(filter(None, reasons)), type_name)
    return LoadRequest(Target(served, resource["id"]), resource)


def _require_valid(resource: dict[str, Any], base_url: str) -> None:
    """Raise `InvalidResourceError` for an invalid resource, or one that refers to a type that is not allowed.

    The resources that it refers to need not be stored.
    """
    validate(resource)
    contained, fhir_base = contained_in(resource), fhir_base_of(base_url)
    faults = (
        Fault.at(reference.expression, "not-found", predicate)
        for reference in references_of(resource)
        if (predicate := misplaced(reference, contained, fhir_base))
    )
    if found := list(islice(faults, MAX_FAULTS)):
        raise InvalidResourceError(found)
