"""Require that every literal reference of a resource leads to a stored or contained resource of an allowed type."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.resource_types import resource_type
from careconnect_records.items.references import (
    FoundReference,
    contained_in,
    fhir_base_of,
    is_elsewhere,
    misplaced,
    target_of,
)
from careconnect_records.parsing.faults import MAX_FAULTS, Fault
from careconnect_records.writes.target import Target

_ABSENT: Final = "refers to a resource that does not exist"


def targets_among(references: Iterable[FoundReference], root: str) -> dict[str, Target]:
    """Return by key the targets of a resource's references on this server, those of served types."""
    fhir_base = fhir_base_of(root)
    found = (target_of(reference.text, fhir_base) for reference in references)
    named = ((each, resource_type(each.type_name)) for each in found if each)
    return {each.key: Target(type_, each.id) for each, type_ in named if type_}


def require_references(
    resource: dict[str, Any], references: Iterable[FoundReference], there: Collection[str], root: str
) -> None:
    """Raise the 422 outcome with each reference to an absent resource, or to one of a type that is not allowed.

    `there` are the keys of the resources that exist for the caller. A version in a reference is not looked at: the
    answer would tell how often a resource was written.
    """
    if faults := reference_faults(resource, references, there, root):
        raise outcomes.invalid_resource(faults)


def reference_faults(
    resource: dict[str, Any], references: Iterable[FoundReference], there: Collection[str], root: str
) -> list[Issue]:
    """Return the first `MAX_FAULTS` faults of the references of a resource, valid or not, as `require_references`."""
    return list(islice(_faults(contained_in(resource), references, there, fhir_base_of(root)), MAX_FAULTS))


def _faults(
    contained: Mapping[str, str], references: Iterable[FoundReference], there: Collection[str], fhir_base: str
) -> Iterator[Issue]:
    for reference in references:
        if predicate := misplaced(reference, contained, fhir_base) or _absent(reference, there, fhir_base):
            fault = Fault.at(reference.expression, "not-found", predicate)
            yield Issue(fault.code, fault.text, expression=fault.expression)


def _absent(reference: FoundReference, there: Collection[str], fhir_base: str) -> str:
    """Return a predicate for a reference that leads nowhere, empty if it leads to a resource or to another server."""
    target = target_of(reference.text, fhir_base)
    if target is None:
        leads = reference.text.startswith("#") or is_elsewhere(reference.text, fhir_base)
    else:
        leads = target.key in there
    return "" if leads else _ABSENT
