"""Resource types: the table that stores each, the scopes that open it, and its search parameters."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any, Final

from careconnect.fhir.resource_types.parameters import Follow, Rank, SearchParameter
from careconnect.fhir.resource_types.stu3 import definition

FHIR_VERSION: Final = "3.0.1"

ID_PATTERN: Final = r"[A-Za-z0-9.-]{1,64}"
"""The form of a resource's id (STU3 Data types §2.24.0.1: id)."""

_ID: Final = re.compile(ID_PATTERN)


def valid_id(text: object) -> bool:
    """Return True if `text` has the form of a resource's id."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


class Table(StrEnum):
    """The table that stores a type, and so the function that serves it."""

    RECORD = "record"
    DIRECTORY = "directory"
    AUDIT = "audit"
    """The audit trail: no client writes it, and the loader loads nothing into it."""


DATA_TABLES: Final = (Table.RECORD, Table.DIRECTORY)
"""The tables of the resources that clients write and the loader loads."""


# Types are keys of dictionaries in every request: each is itself alone, and a hash of all fields would be slow.
@dataclass(frozen=True, eq=False)
class ResourceType:
    """One resource type: its table, the scopes that open it, and its search parameters.

    `scope_names` are the types with scopes that open it for reading. Its own name and its former names open it for
    writing too. `order_by` names the date parameter that orders its search results, latest first (`""`: by id).
    `summary` holds the top-level elements of `_summary=true`, `mandatory` those of `_summary=text`. `common` are the
    parameters that all types share.
    """

    name: str
    table: Table
    scope_names: tuple[str, ...]
    parameters: tuple[SearchParameter, ...]
    order_by: str = ""
    summary: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    writable: bool = True
    """False if clients may only read it."""
    common: tuple[SearchParameter, ...] = ()
    versioned: bool = True
    """False if a resource never changes, and so has no history."""
    by_name_only: bool = False
    """True if a scope has to name it: `*` does not open it, and the level `patient` only opens it to a bound token."""
    reverse_includes: tuple[str, ...] = ()
    """The values that `_revinclude` accepts (`Observation:patient`, for a Patient)."""
    owners: tuple[str, ...] = ()
    """The types with a compartment that this one is searched in (`Patient`, for an Observation)."""
    members: Mapping[str, tuple["ResourceType", SearchParameter]] = field(
        default_factory=dict, compare=False, repr=False
    )
    """The types in its compartment by name, each with the reference that puts it there (`Patient/4/Observation`)."""

    @property
    def with_article(self) -> str:
        """The name with its article: an Observation, a Patient."""
        return f"{'an' if self.name[0] in 'AEIOU' else 'a'} {self.name}"

    @cached_property
    def by_name(self) -> Mapping[str, SearchParameter]:
        """All its parameters by name, the common ones first, searchable or not."""
        return {each.name: each for each in (*self.common, *self.parameters)}

    def parameter(self, name: str) -> SearchParameter | None:
        """Return the parameter called `name`, searchable or not."""
        return self.by_name.get(name)

    @property
    def condition(self) -> SearchParameter | None:
        """The parameter by which a conditional write finds a resource, if the type has one."""
        return next((p for p in self.parameters if p.rank is Rank.IDENTIFIER), None)

    @cached_property
    def searchable(self) -> tuple[SearchParameter, ...]:
        """The parameters that a client may search by, without the common ones."""
        return tuple(p for p in self.parameters if p.searchable)

    @property
    def chained(self) -> tuple[SearchParameter, ...]:
        """The references that accept chains."""
        return tuple(p for p in self.searchable if p.chain)

    @property
    def includes(self) -> tuple[str, ...]:
        """The values that `_include` accepts (`Observation:patient`)."""
        return tuple(f"{self.name}:{name}" for name in self.followed_by_name[Follow.INCLUDE])

    @cached_property
    def _joined(self) -> Mapping[str, tuple[SearchParameter, int]]:
        composites = [each for each in self.parameters if not each.of_resource]
        return {part.parameter.name: (each, place) for each in composites for place, part in enumerate(each.parts)}

    def joined_in(self, parameter: SearchParameter) -> tuple[SearchParameter, int] | None:
        """Return the composite of a repeating element that has `parameter` as a part, and the part's position."""
        return self._joined.get(parameter.name)

    def followed(self, follow: Follow) -> tuple[SearchParameter, ...]:
        """Return the references that one operation follows."""
        return tuple(p for p in self.parameters if follow in p.follow)

    @cached_property
    def followed_by_name(self) -> Mapping[Follow, Mapping[str, SearchParameter]]:
        """The references that `_include` and `_revinclude` follow, by each name that STU3 gives their elements."""
        return {each: dict(self._names_of_followed(each)) for each in (Follow.INCLUDE, Follow.REVERSE)}

    def _names_of_followed(self, follow: Follow) -> Iterator[tuple[str, SearchParameter]]:
        followed = {each.name: each for each in self.followed(follow)}
        for parameter in followed.values():
            yield parameter.name, parameter
            for name, other in definition(self.name)["parameters"].items():
                if name not in followed and tuple(other.get("paths", ())) == parameter.paths:
                    targets = tuple(each for each in parameter.targets if each in other.get("targets", (each,)))
                    # Another name may be of fewer types: `practitioner` is one of the participants.
                    yield name, parameter if targets == parameter.targets else replace(parameter, targets=targets)

    def reaches(self, other: "ResourceType") -> bool:
        """Return True if a search of this type may read another: only the records' function reads two tables."""
        return other.table is self.table or (self.table is Table.RECORD and other.table is Table.DIRECTORY)

    @cached_property
    def patient_parameter(self) -> SearchParameter | None:
        """The reference that puts a resource of this type into a patient's compartment, if it has one."""
        return next((p for p in self.parameters if p.compartment), None)

    @cached_property
    def is_patient(self) -> bool:
        """Return True for the type that has a compartment."""
        return bool(self.members)

    @cached_property
    def has_patients(self) -> bool:
        """Return True if its resources are in patients' records: it is Patient, or refers to one."""
        return self.is_patient or self.patient_parameter is not None

    def patients_of(self, resource_id: str, values: Mapping[str, Sequence[Any]]) -> tuple[str, ...]:
        """Return the patient ids of the compartments that a resource with such search values is in."""
        if self.is_patient:
            return (resource_id,)
        parameter = self.patient_parameter
        if parameter is None:
            return ()
        references = [reference.partition("/") for reference in values.get(parameter.name, ())]
        return tuple([id_ for name, _, id_ in references if name in parameter.targets])
