"""The constructors of the table's rows, and the rows that several types share.

A row gives the paths of its elements and the targets of a reference only where they are not STU3's.
"""

from dataclasses import replace
from functools import partial
from typing import Final

from careconnect.fhir.resource_types.parameters import Follow, ParameterType, Part, Rank, SearchParameter
from careconnect.fhir.resource_types.stu3 import definition
from careconnect.fhir.resource_types.types import ResourceType, Table


def string(
    name: str, *paths: str, parent: str = "", rank: Rank = Rank.SHARED, word_by_word: bool = False
) -> SearchParameter:
    """Return a string parameter."""
    return SearchParameter(name, ParameterType.STRING, paths, rank, parent=parent, word_by_word=word_by_word)


def code(name: str, *paths: str, rank: Rank = Rank.SHARED) -> SearchParameter:
    """Return a token of many values, each of which selects few resources."""
    return SearchParameter(name, ParameterType.TOKEN, paths, rank)


def status(name: str, *paths: str, case_sensitive: bool = True, system: str = "") -> SearchParameter:
    """Return a token of few values, each of which selects many resources."""
    implied = f"http://hl7.org/fhir/{system}" if system else ""
    return SearchParameter(name, ParameterType.TOKEN, paths, case_sensitive=case_sensitive, system=implied)


def date(name: str, *paths: str) -> SearchParameter:
    """Return a date parameter."""
    return SearchParameter(name, ParameterType.DATE, paths)


def quantity(name: str, *paths: str) -> SearchParameter:
    """Return a quantity parameter."""
    return SearchParameter(name, ParameterType.QUANTITY, paths)


def composite(name: str, path: str, *parts: Part) -> SearchParameter:
    """Return a composite of parts of the element at `path`. The index entries of its first part serve it."""
    first = parts[0].parameter
    return SearchParameter(name, ParameterType.COMPOSITE, (path,), first.rank, parent=first.name, parts=parts)


LINKED: Final = Follow.INCLUDE | Follow.REVERSE
_ADDED: Final = LINKED | Follow.EVERYTHING


def reference(
    name: str, *targets: str, rank: Rank = Rank.SHARED, follow: Follow = _ADDED, parent: str = ""
) -> SearchParameter:
    """Return a reference parameter."""
    return SearchParameter(name, ParameterType.REFERENCE, (), rank, targets, follow, parent=parent)


def context(*, parent: str = "") -> SearchParameter:
    """Return the reference to the encounter or episode in which a resource was recorded."""
    return reference("context", rank=Rank.RECORD, follow=LINKED, parent=parent)


def _contact(name: str, *, punctuation: bool = True) -> SearchParameter:
    return SearchParameter(
        name,
        ParameterType.TOKEN,
        (f"telecom(system={name}).value",),
        Rank.CONTACT,
        part_of="telecom",
        case_sensitive=False,
        punctuation=punctuation,
    )


# STU3 defines a Group as a target too; a patient's compartment takes patients only (STU3 Search: `patient`).
PATIENT: Final = replace(reference("patient", "Patient", rank=Rank.RECORD, follow=LINKED), compartment=True)
# Its index entries would repeat those of `patient`: a search by it uses those.
SUBJECT: Final = reference("subject", "Patient", rank=Rank.RECORD, follow=Follow.NOTHING, parent="patient")
ENCOUNTER: Final = reference("encounter", "Encounter", rank=Rank.RECORD, follow=LINKED)

IDENTIFIER: Final = code("identifier", rank=Rank.IDENTIFIER)
ACTIVE: Final = status("active", system="special-values")

NAME: Final = string("name", word_by_word=True)
FAMILY: Final = string("family", parent="name")
GIVEN: Final = string("given", parent="name")

ADDRESS: Final = replace(string("address"), any_word=True)
CITY: Final = string("address-city", parent="address")
POSTCODE: Final = replace(string("address-postalcode"), part_of="address")

EMAIL: Final = _contact("email")
PHONE: Final = _contact("phone", punctuation=False)
TELECOM: Final = SearchParameter(
    "telecom",
    ParameterType.TOKEN,
    ("telecom.value",),
    Rank.CONTACT,
    case_sensitive=False,
    punctuation=False,
    mail=True,
)


def _completed(of: str, parameter: SearchParameter) -> SearchParameter:
    """Return a parameter with STU3's paths and targets, unless its row gives its own."""
    defined = definition(of)["parameters"][parameter.name]
    return replace(
        parameter,
        paths=parameter.paths or tuple(defined.get("paths", ())),
        targets=parameter.targets or tuple(defined.get("targets", ())),
        parts=tuple(Part(_completed(of, each.parameter), each.path) for each in parameter.parts),
    )


ID_PARAMETER: Final = _completed("Resource", SearchParameter("_id", ParameterType.TOKEN, (), Rank.KEY))
LAST_UPDATED: Final = _completed("Resource", date("_lastUpdated"))
COMMON_PARAMETERS: Final = (
    ID_PARAMETER,
    LAST_UPDATED,
    _completed("Resource", code("_tag")),
    _completed("Resource", code("_security")),
    _completed("Resource", SearchParameter("_profile", ParameterType.URI, ())),
)

# STU3 Search §2.21.1.9.1 asks for `id`, `meta` and the mandatory elements. `resourceType` is JSON's name of the type,
# and `implicitRules` may change the meaning of all others.
_ALWAYS: Final = frozenset(("resourceType", "id", "meta", "implicitRules"))


def type_row(
    table: Table,
    name: str,
    *parameters: SearchParameter,
    order_by: str = "",
    scope_names: tuple[str, ...] = (),
) -> ResourceType:
    """Return a resource type, with all that STU3 defines of it and its parameters."""
    defined = definition(name)
    mandatory = _ALWAYS.union(defined.get("mandatory", ()))
    return ResourceType(
        name=name,
        table=table,
        scope_names=scope_names or (name,),
        parameters=tuple(_completed(name, each) for each in parameters),
        order_by=order_by,
        # HL7 leaves some mandatory elements out of the summary, such as `Immunization.patient`.
        summary=mandatory.union(defined.get("summary", ())),
        mandatory=mandatory,
        common=COMMON_PARAMETERS,
    )


record: Final = partial(type_row, Table.RECORD)
directory: Final = partial(type_row, Table.DIRECTORY)
