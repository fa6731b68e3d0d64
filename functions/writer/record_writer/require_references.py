"""Say whether what a resource refers to is there: each literal reference to this server, and to what it contains."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect_records.items.references import (
    FoundReference,
    LocalTarget,
    contained_in,
    fhir_base_of,
    is_elsewhere,
    misplaced,
    references_of,
    target_of,
)
from careconnect_records.writes.change import StoredVersion

MOST_FAULTS: Final = 50

Visible = Callable[[ResourceType, str, StoredVersion], bool]


def targets_of(resource: dict[str, Any], root: str) -> frozenset[str]:
    """Return the keys of all that a valid resource refers to on this server, of types that it serves."""
    fhir_base = fhir_base_of(root)
    found = (target_of(reference.text, fhir_base) for reference in references_of(resource))
    return frozenset(target.key for target in found if target and resource_type(target.type_name))


def require_references(
    resource: dict[str, Any], own: StoredVersion | None, states: Mapping[str, StoredVersion], sees: Visible, root: str
) -> None:
    """Raise the 422 outcome that names each reference to what is not there, or not of a type that it may point at.

    `states` are those of its targets that have one, `own` is the resource's own before the write; what the caller does
    not see is not there.
    """
    checked = _Check(resource, own, states, sees, fhir_base_of(root))
    faults = list(islice(checked.faults(), MOST_FAULTS))
    if faults:
        raise outcomes.invalid_resource(faults)


class _Check:
    def __init__(
        self,
        resource: dict[str, Any],
        own: StoredVersion | None,
        states: Mapping[str, StoredVersion],
        sees: Visible,
        fhir_base: str,
    ) -> None:
        self._resource = resource
        self._key = f"{resource['resourceType']}/{resource['id']}"
        self._own = own
        self._states = states
        self._sees = sees
        self._fhir_base = fhir_base
        self._contained = contained_in(resource)

    def faults(self) -> Iterator[Issue]:
        for reference in references_of(self._resource):
            if text := self._fault(reference):
                yield Issue("not-found", text, expression=reference.expression)

    def _fault(self, reference: FoundReference) -> str:
        """Return what is wrong with a reference, empty if nothing is."""
        text = reference.text
        if fault := misplaced(reference, self._contained, self._fhir_base):
            return fault
        target = target_of(text, self._fhir_base)
        if target is None:
            return "" if text.startswith("#") or is_elsewhere(text, self._fhir_base) else _NOT_THERE
        return "" if self._is_there(target) else _NOT_THERE

    def _is_there(self, target: LocalTarget) -> bool:
        if target.key == self._key:
            return not target.version or _has(self._own, target)
        type_, state = resource_type(target.type_name), self._states.get(target.key)
        return bool(type_ and state and _has(state, target) and self._sees(type_, target.id, state))


_NOT_THERE: Final = "what it refers to does not exist"


def _has(state: StoredVersion | None, target: LocalTarget) -> bool:
    """Say whether a resource is there, in the version that a reference names if it names one."""
    if state is None or state.is_gone:
        return False
    known = target.version.isdecimal() and target.version == str(int(target.version))
    return not target.version or (known and 1 <= int(target.version) <= state.version)
