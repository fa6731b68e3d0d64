"""HL7's STU3 definitions: the names of all types, and the elements and search parameters of the served ones.

`make stu3-definitions` writes them into `stu3.json` from npm's hl7.fhir.r3.examples (CC0-1.0).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NotRequired, TypedDict

PATH: Final = Path(__file__).with_name("stu3.json")


class DefinedParameter(TypedDict):
    """A parameter that HL7 defines: its type in FHIR's words, the paths of its elements, and a reference's targets.

    A definition without a plain path, such as a composite's, has none here. A reference to any type has no targets.
    """

    type: str
    paths: NotRequired[Sequence[str]]
    targets: NotRequired[Sequence[str]]


class Definition(TypedDict):
    """HL7's definition of a resource type or an operation.

    `summary` and `mandatory` are top-level elements as JSON names them: one name for each type of a choice.
    """

    parameters: Mapping[str, DefinedParameter]
    summary: NotRequired[Sequence[str]]
    mandatory: NotRequired[Sequence[str]]


class _Data(TypedDict):
    resource_names: Sequence[str]
    definitions: Mapping[str, Definition]


# Plain dictionaries: a class for each of 300 definitions would lengthen every cold start.
_DATA: Final[_Data] = json.loads(PATH.read_bytes())
_EMPTY: Final[Definition] = {"parameters": {}}

RESOURCE_NAMES: Final = frozenset(_DATA["resource_names"])
"""The names of all resource types of STU3, to distinguish a type that is not served from one that does not exist."""


def definition(of: str) -> Definition:
    """Return the definition of a type or an operation (`Patient`, `Patient/$everything`), or an empty one.

    `Resource` and `DomainResource` define the parameters of all types.
    """
    return _DATA["definitions"].get(of, _EMPTY)
