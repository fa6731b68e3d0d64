"""All types together: how each refers to the others, and each by its name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from careconnect.fhir.resource_types.audit_event import AUDIT_EVENT
from careconnect.fhir.resource_types.directory_types import DIRECTORY_TYPES
from careconnect.fhir.resource_types.parameters import Follow, ParameterType, SearchParameter
from careconnect.fhir.resource_types.record_types import RECORD_TYPES
from careconnect.fhir.resource_types.types import ResourceType

_ROWS: Final = {each.name: each for each in (*RECORD_TYPES, *DIRECTORY_TYPES)}

REVERSE_INCLUDES: Final = {
    target.name: tuple(
        (source.name, name)
        for source in _ROWS.values()
        if target.reaches(source)
        for name, each in source.followed_by_name[Follow.REVERSE].items()
        if target.name in each.targets
    )
    for target in (*_ROWS.values(), AUDIT_EVENT)
}
"""For each type, the pairs of a type and a name of its reference that `_revinclude` may follow back to it."""


def _chain(parameter: SearchParameter) -> str:
    """Return an example of a chain through a reference; empty for any other parameter."""
    targets = (_ROWS[each] for each in parameter.targets if parameter.searchable and each in _ROWS)
    chained = (each for target in targets for each in target.searchable if each.type is not ParameterType.REFERENCE)
    first = next(chained, None)
    return f"{parameter.name}.{first.name}" if first else ""


def _linked(row: ResourceType) -> ResourceType:
    """Return a type with its chains, its reverse includes, and the types with a compartment that holds it."""
    compartments = {target for each in row.parameters if each.compartment for target in each.targets}
    return replace(
        row,
        parameters=tuple(replace(each, chain=chain) if (chain := _chain(each)) else each for each in row.parameters),
        reverse_includes=tuple(f"{source}:{name}" for source, name in REVERSE_INCLUDES[row.name]),
        owners=tuple(name for name in _ROWS if name in compartments),
    )


_LINKED: Final = tuple(_linked(each) for each in _ROWS.values())


def _with_members(row: ResourceType) -> ResourceType:
    """Return a type with the types in its compartment."""
    members = {
        each.name: (each, reference)
        for each in _LINKED
        for reference in each.parameters
        if reference.compartment and row.name in reference.targets
    }
    return replace(row, members=members) if members else row


RESOURCE_TYPES: Final[tuple[ResourceType, ...]] = tuple(_with_members(each) for each in _LINKED)
"""The types that clients write and the loader loads."""

SERVED_TYPES: Final = (*RESOURCE_TYPES, AUDIT_EVENT)
"""All types that the API serves. A client only reads and searches AuditEvent."""

resource_type: Final[Callable[[str], ResourceType | None]] = {each.name: each for each in RESOURCE_TYPES}.get
"""Returns the type of `RESOURCE_TYPES` with a name (case-sensitive), or None."""

served_type: Final[Callable[[str], ResourceType | None]] = {each.name: each for each in SERVED_TYPES}.get
"""Returns the type of `SERVED_TYPES` with a name (case-sensitive), or None."""
