"""Require that every literal reference of a resource leads to a stored or contained resource of an allowed type."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.nearest_name import nearest_name
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.resource_types import resource_type
from careconnect_records.items.references import (
    FoundReference,
    LocalTarget,
    contained_in,
    fhir_base_of,
    is_elsewhere,
    leaves_the_directory,
    misplaced,
    names_an_entry,
    target_of,
)
from careconnect_records.parsing.faults import MAX_FAULTS, Fault
from careconnect_records.writes.target import Target
from record_writer.request.bundle_references import is_condition

_ABSENT: Final = "refers to a resource that does not exist"
_OF_A_RECORD: Final = "refers to a record: a resource of the directory refers to the directory alone"
_OF_AN_ENTRY: Final = "refers to an entry of a Bundle by its full URL: only a transaction's entries refer to each other"
_CONDITIONAL: Final = "is a conditional reference: only a transaction's entries take one, so give Type/id"
_LOWER_CASE: Final = "refers to no resource: type names begin with a capital letter"
_OF_NO_ENTRY: Final = "refers to a full URL that no entry has"
_IN_LOWER_CASE: Final = re.compile("[a-z][A-Za-z]*/")

_ALIKE: Final = 0.9
"""The part of the characters that a misspelt UUID shares with the right one: two random ones share 0.6 at most."""

_MAX_HINTS: Final = 5
"""Each is compared with the full URLs of up to 500 entries."""


def targets_among(type_name: str, references: Iterable[FoundReference], root: str) -> dict[str, Target]:
    """Return by key the targets of a resource's references on this server that are looked up, those of served types."""
    fhir_base = fhir_base_of(root)
    found = (target_of(reference.text, fhir_base) for reference in references)
    sought = (each for each in found if each and not leaves_the_directory(type_name, each))
    named = ((each, resource_type(each.type_name)) for each in sought)
    return {each.key: Target(type_, each.id) for each, type_ in named if type_}


def require_references(
    resource: dict[str, Any],
    references: Iterable[FoundReference],
    there: Collection[str],
    root: str,
    full_urls: Collection[str] | None = None,
    previous: Collection[str] = (),
) -> None:
    """Raise the 422 outcome with each reference to an absent resource, or to one of a type that is not allowed.

    `there` are the keys of the resources that exist for the caller, `full_urls` those of a transaction's entries, None
    outside of one. `previous` are the keys that the stored version refers to: the directory may keep those of records.
    A version in a reference is not looked at: the answer would tell how often a resource was written.
    """
    if faults := reference_faults(resource, references, there, root, full_urls, previous):
        raise outcomes.invalid_resource(faults)


def reference_faults(
    resource: dict[str, Any],
    references: Iterable[FoundReference],
    there: Collection[str],
    root: str,
    full_urls: Collection[str] | None = None,
    previous: Collection[str] = (),
) -> list[Issue]:
    """Return the first `MAX_FAULTS` faults of the references of a resource, valid or not, as `require_references`."""
    contained, fhir_base = contained_in(resource), fhir_base_of(root)

    def predicate_of(reference: FoundReference) -> str:
        target = target_of(reference.text, fhir_base)
        if target and leaves_the_directory(resource["resourceType"], target):
            return "" if target.key in previous else _OF_A_RECORD
        return misplaced(reference, contained, fhir_base) or _absent(reference, target, there, fhir_base, full_urls)

    return list(islice(_faults(references, predicate_of, full_urls), MAX_FAULTS))


def _faults(
    references: Iterable[FoundReference],
    predicate_of: Callable[[FoundReference], str],
    full_urls: Collection[str] | None,
) -> Iterator[Issue]:
    hints = 0
    for reference in references:
        if predicate := predicate_of(reference):
            if predicate == _OF_NO_ENTRY and hints < _MAX_HINTS:
                predicate += _nearest(reference.text, full_urls or ())
                hints += 1
            fault = Fault.at(reference.expression, "not-found", predicate)
            yield Issue(fault.code, fault.text, expression=fault.expression)


def _absent(
    reference: FoundReference,
    target: LocalTarget | None,
    there: Collection[str],
    fhir_base: str,
    full_urls: Collection[str] | None,
) -> str:
    """Return a predicate for a reference that leads nowhere, empty if it leads to a resource or to another server."""
    if target is not None:
        return "" if target.key in there else _ABSENT
    if names_an_entry(reference.text):
        return _OF_AN_ENTRY if full_urls is None else _OF_NO_ENTRY
    if reference.text.startswith("#") or is_elsewhere(reference.text, fhir_base):
        return ""
    if full_urls is None and is_condition(reference.text):
        return _CONDITIONAL
    return _LOWER_CASE if _IN_LOWER_CASE.match(reference.text) else _ABSENT


def _nearest(text: str, full_urls: Collection[str]) -> str:
    """Return the end of a sentence, with the full URL that a reference misspells."""
    nearest = nearest_name(text.partition("/")[0], filter(names_an_entry, full_urls), alike=_ALIKE)
    return f"; the nearest is {nearest}" if nearest else ""
