"""The search parameters that FHIR STU3 defines, to distinguish one that is not offered from a misspelling.

Ignoring a defined parameter would widen the answer. A name that STU3 does not define asks for nothing.
"""

from typing import Final

from careconnect.fhir.resource_types.stu3 import definition

_OF_ALL_TYPES: Final = ("Resource", "DomainResource")
# STU3's Search §2.21.1.1 and RESTful API (general parameters) list these; no SearchParameter defines them.
_UNDEFINED: Final = (
    "_list _has _type _filter _sort _count _include _revinclude _summary _elements _contained _containedType "
    "_format _pretty"
)
# R4's $everything has it (and `_type`): a client used to that would take a whole record for a part.
_UNDEFINED_OF_OPERATIONS: Final = "_since"
# STU3's RESTful API gives these to a history, besides those of all types.
_UNDEFINED_OF_HISTORY: Final = "_since _at"


def is_defined(of: str, name: str) -> bool:
    """Return True if STU3 defines the parameter `name`, without modifiers and chains, for a type or an operation.

    `of` is `Patient`, `Patient/$everything` or `Patient/_history`. The parameters of all types count for each of them.
    """
    if name in definition(of)["parameters"] or name in parameters_of_all_types():
        return True
    if of.endswith("/_history"):
        return name in _UNDEFINED_OF_HISTORY.split()
    return "/" in of and name in _UNDEFINED_OF_OPERATIONS.split()


def parameters_of_all_types() -> frozenset[str]:
    """Return the names of the parameters that STU3 defines for every type."""
    return frozenset(_UNDEFINED.split()).union(*(definition(each)["parameters"] for each in _OF_ALL_TYPES))
