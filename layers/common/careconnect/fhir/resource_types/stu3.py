"""HL7's STU3 definitions: the names of all types, and the elements and search parameters of the served ones.

`make stu3-definitions` writes them into `stu3.json` from npm's hl7.fhir.r3.examples (CC0-1.0).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

PATH: Final = Path(__file__).with_name("stu3.json")


@dataclass(frozen=True, slots=True)
class DefinedParameter:
    """A parameter that HL7 defines: its type in FHIR's words, the paths of its elements, and a reference's targets.

    A definition without a plain path, such as a composite's, has none here. A reference to any type has no targets.
    """

    type: str
    paths: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """HL7's definition of a resource type or an operation.

    `summary` and `mandatory` are top-level elements as JSON names them: one name for each type of a choice.
    """

    summary: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    parameters: Mapping[str, DefinedParameter] = field(default_factory=dict)


def definition(of: str) -> Definition:
    """Return the definition of a type or an operation (`Patient`, `Patient/$everything`), or an empty one.

    `Resource` and `DomainResource` define the parameters of all types.
    """
    return _DEFINITIONS.get(of, _EMPTY)


def _parameter(given: Mapping[str, Any]) -> DefinedParameter:
    return DefinedParameter(given["type"], tuple(given.get("paths", ())), tuple(given.get("targets", ())))


def _definition(given: Mapping[str, Any]) -> Definition:
    return Definition(
        summary=frozenset(given.get("summary", ())),
        mandatory=frozenset(given.get("mandatory", ())),
        parameters={name: _parameter(each) for name, each in given["parameters"].items()},
    )


_DATA: Final[Mapping[str, Any]] = json.loads(PATH.read_bytes())
_EMPTY: Final = Definition()
_DEFINITIONS: Final = {of: _definition(given) for of, given in _DATA["definitions"].items()}

RESOURCE_NAMES: Final = frozenset(_DATA["resource_names"])
"""The names of all resource types of STU3, to distinguish a type that is not served from one that does not exist."""
