"""Warn if a valid resource lacks elements that the Care Connect profiles require (`write.md`, Answers).

The rules are those of HL7 UK's curated STU3 profiles: Patient 1.3.0, AllergyIntolerance 1.2.0, Observation 1.3, the
others 1.1.0 or 1.0.0. Rules of terminology and what a profile forbids are left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from careconnect.fhir.outcomes import Issue

MAX_WARNINGS: Final = 50

_NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
_VERIFICATION: Final = (
    "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1"
)
_SNOMED: Final = "http://snomed.info/sct"


@dataclass(frozen=True, slots=True)
class Rule:
    """An element that resources of `types` should have, wherever its parent is present; `text` is the warning.

    With `of`, only parents with this member and value are meant. With `like`, one repetition of the element has this
    member and value.
    """

    types: tuple[str, ...]
    element: str
    text: str
    of: tuple[str, str] | None = None
    like: tuple[str, str] | None = None


_IDENTIFIED: Final = (
    *("Observation", "Condition", "Encounter", "AllergyIntolerance", "Procedure"),
    *("MedicationRequest", "PractitionerRole"),
)
_CODED: Final = ("Observation", "Condition", "AllergyIntolerance", "Procedure")

RULES: Final = (
    Rule(("Patient",), "name", "Care Connect asks for a name with the use official.", like=("use", "official")),
    Rule(("Patient",), "name.family", "Care Connect asks for the family of an official name.", of=("use", "official")),
    Rule(
        ("Patient",),
        "identifier.value",
        "Care Connect asks for the value of an NHS number.",
        of=("system", _NHS_NUMBER),
    ),
    Rule(
        ("Patient",),
        "identifier.extension",
        "Care Connect asks for the verification status of an NHS number, which is an extension.",
        of=("system", _NHS_NUMBER),
        like=("url", _VERIFICATION),
    ),
    Rule(("Patient",), "telecom.system", "Care Connect asks for the system of a telecom."),
    Rule(("Patient",), "telecom.value", "Care Connect asks for the value of a telecom."),
    Rule(("Patient",), "maritalStatus.coding", "Care Connect asks for the coding of a marital status."),
    Rule(("Patient",), "contact.name", "Care Connect asks for the name of a contact."),
    Rule(("Organization",), "contact.name.family", "Care Connect asks for the family of a contact's name."),
    Rule(("HealthcareService",), "identifier", "Care Connect asks for an identifier."),
    Rule(("AllergyIntolerance",), "assertedDate", "Care Connect asks for the date of the assertion."),
    Rule(_IDENTIFIED, "identifier.system", "Care Connect asks for the system of an identifier."),
    Rule(_IDENTIFIED, "identifier.value", "Care Connect asks for the value of an identifier."),
    Rule(
        _CODED, "code.coding.display", "Care Connect asks for the display of a SNOMED CT code.", of=("system", _SNOMED)
    ),
    # Not of the profiles: the resource is valid, and nobody who looks at a patient's record will see it.
    Rule(
        ("Observation", "Encounter"),
        "subject",
        "Without a subject it is in no patient's record: no search by patient finds it.",
    ),
)


def warnings_of(resource: dict[str, Any]) -> list[Issue]:
    """Return the warnings of a valid resource, at most `MAX_WARNINGS`."""
    rules = (each for each in RULES if resource["resourceType"] in each.types)
    return list(islice((issue for rule in rules for issue in _warnings(resource, rule)), MAX_WARNINGS))


def _warnings(resource: dict[str, Any], rule: Rule) -> Iterator[Issue]:
    *parents, name = rule.element.split(".")
    nodes = [(str(resource["resourceType"]), resource)]
    for parent in parents:
        nodes = [child for path, node in nodes for child in _children(path, node, parent)]
    for path, node in nodes:
        if (rule.of is None or _has(node, rule.of)) and not _is_there(node, name, rule.like):
            yield Issue("business-rule", rule.text, "warning", f"{path}.{name}")


def _children(path: str, node: dict[str, Any], name: str) -> list[tuple[str, dict[str, Any]]]:
    value = node.get(name)
    if isinstance(value, list):
        return [(f"{path}.{name}[{position}]", each) for position, each in enumerate(value)]
    return [] if value is None else [(f"{path}.{name}", value)]


def _is_there(node: dict[str, Any], name: str, like: tuple[str, str] | None) -> bool:
    """Return True if an element has a value, or an extension in its place."""
    if like is not None:
        return any(_has(each, like) for each in node.get(name, ()))
    return name in node or f"_{name}" in node


def _has(node: dict[str, Any], member: tuple[str, str]) -> bool:
    return bool(node.get(member[0]) == member[1])
