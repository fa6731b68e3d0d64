"""Check what a source holds: the content to store, or what is wrong with it."""

from collections.abc import Iterable
from typing import Any

from careconnect.fhir.resource_types import resource_type, valid_id
from careconnect_admin.loading.reading.found import Deletion, Found, Problem, Skipped, Upsert
from careconnect_admin.loading.reading.release import later_release
from careconnect_records.items.record import NewVersion, checked_version, deleted_version
from careconnect_records.stu3.schema import model_of
from careconnect_records.stu3.validation import InvalidResourceError


def checked(found: Upsert | Deletion | Problem, *, base_url: str = "") -> NewVersion | Problem:
    """Return what is to be stored, or what is wrong with it; `base_url` is the server's own root URL."""
    if isinstance(found, Problem):
        return found
    return _checked_deletion(found) if isinstance(found, Deletion) else _checked_resource(found, base_url)


def nothing_to_load(found: Iterable[Found]) -> Problem | None:
    """Return the first problem of what holds no resource that could be loaded; None as soon as one is met.

    Raises:
        LookupError: there is neither a resource nor a problem.
    """
    first: Problem | None = None
    for each in found:
        if isinstance(each, Skipped):
            continue
        content = checked(each)
        if isinstance(content, NewVersion):
            if content.resource is not None:
                return None
        else:
            first = first or content
    if first is None:
        raise LookupError("no resource")
    return first


def _checked_deletion(found: Deletion) -> NewVersion | Problem:
    served = resource_type(found.type_name)
    if served is None:
        return Problem(found.place, f"{found.type_name} is not a type that is served")
    return deleted_version(served, found.resource_id)


def _checked_resource(found: Upsert, base_url: str) -> NewVersion | Problem:
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
        return checked_version(served, resource, base_url=base_url)
    except InvalidResourceError as error:
        reasons = [f"{type_name}/{resource['id']}: {error}", later_release(resource)]
        return Problem(found.place, "; ".join(filter(None, reasons)), type_name)
