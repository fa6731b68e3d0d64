"""Elements and forms that R4 has and STU3 has not, of the types that are written, with STU3's own (R4 §2.18, diff).

Many examples, and many clients, are of R4. A refusal says so, instead of calling the element unknown.
"""

from collections.abc import Mapping
from typing import Any, Final

_RENAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "AllergyIntolerance": {"recordedDate": "assertedDate"},
    "Condition": {"encounter": "context", "recordedDate": "assertedDate"},
    "Dosage": {"doseAndRate": "doseQuantity"},
    "Encounter": {"basedOn": "incomingReferral", "reasonCode": "reason"},
    "EncounterDiagnosis": {"use": "role"},
    "Extension": {"valueCanonical": "valueUri", "valueUrl": "valueUri", "valueUuid": "valueUri"},
    "Goal": {"lifecycleStatus": "status", "achievementStatus": "status"},
    "HealthcareService": {"program": "programName"},
    "Immunization": {
        "occurrenceDateTime": "date",
        "performer": "practitioner",
        "protocolApplied": "vaccinationProtocol",
        "reasonCode": "explanation.reason",
        "statusReason": "explanation.reasonNotGiven",
    },
    "Medication": {"batch": "package.batch"},
    "MedicationIngredient": {"strength": "amount"},
    "MedicationRequest": {
        "encounter": "context",
        "instantiatesCanonical": "definition",
        "instantiatesUri": "definition",
    },
    "MedicationRequestRequester": {
        "display": "agent.display",
        "identifier": "agent.identifier",
        "reference": "agent.reference",
    },
    "MedicationRequestSubstitution": {"allowedBoolean": "allowed"},
    "MedicationStatement": {"statusReason": "reasonNotTaken"},
    "Money": {"currency": "code"},
    "Observation": {
        "derivedFrom": "related",
        "effectiveInstant": "effectiveDateTime",
        "encounter": "context",
        "hasMember": "related",
        "note": "comment",
        "valueInteger": "valueQuantity",
    },
    "ObservationComponent": {"valueInteger": "valueQuantity"},
    "Procedure": {
        "encounter": "context",
        "instantiatesCanonical": "definition",
        "instantiatesUri": "definition",
        "statusReason": "notDoneReason",
    },
    "ProcedurePerformer": {"function": "role"},
    "Signature": {
        "data": "blob",
        "onBehalfOf": "onBehalfOfReference",
        "sigFormat": "contentType",
        "who": "whoReference",
    },
}
"""R4's elements that STU3 has under another name, or in another element."""

_ADDED: Final[Mapping[str, tuple[str, ...]]] = {
    "AllergyIntolerance": ("encounter",),
    "Condition": ("recorder",),
    "ConditionStage": ("type",),
    "Dosage": ("modifierExtension",),
    "Encounter": ("reasonReference", "serviceType"),
    "EncounterLocation": ("physicalType",),
    "Extension": (
        *("valueContactDetail", "valueContributor", "valueDataRequirement", "valueDosage", "valueExpression"),
        *("valueParameterDefinition", "valueRelatedArtifact", "valueTriggerDefinition", "valueUsageContext"),
    ),
    "GoalTarget": ("detailBoolean", "detailInteger", "detailRatio", "detailString"),
    "HealthcareService": ("communication",),
    "Immunization": (
        *("education", "fundingSource", "isSubpotent", "occurrenceString", "programEligibility", "reasonReference"),
        *("recorded", "subpotentReason"),
    ),
    "Location": ("availabilityExceptions", "hoursOfOperation"),
    "Medication": ("amount", "identifier"),
    "MedicationRequest": (
        *("courseOfTherapyType", "doNotPerform", "insurance", "performer", "performerType", "reportedBoolean"),
        *("reportedReference", "statusReason"),
    ),
    "MedicationRequestDispenseRequest": ("dispenseInterval", "initialFill"),
    "MedicationRequestRequester": ("type",),
    "MedicationRequestSubstitution": ("allowedCodeableConcept",),
    "Meta": ("source",),
    "Observation": ("effectiveTiming", "focus", "partOf"),
    "ObservationComponent": ("valueBoolean",),
    "Procedure": ("asserter", "performedAge", "performedRange", "performedString", "recorder"),
    "Reference": ("type",),
    "Signature": ("targetFormat",),
    "Timing": ("modifierExtension",),
}
"""R4's elements for which STU3 has none."""

_CODEABLE: Final = "is a CodeableConcept, which is R4's: STU3 has a code"
_REPEATING: Final = "is an array, which is R4's: STU3 has one element"

FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "AllergyIntolerance": {"clinicalStatus": _CODEABLE, "verificationStatus": _CODEABLE},
    "Condition": {"clinicalStatus": _CODEABLE, "stage": _REPEATING, "verificationStatus": _CODEABLE},
    "Encounter": {"appointment": _REPEATING},
    "Goal": {"target": _REPEATING},
    "HealthcareService": {"category": _REPEATING, "eligibility": _REPEATING},
    "Location": {"type": _REPEATING},
    "MedicationRequest": {"category": _REPEATING},
    "Observation": {"interpretation": _REPEATING},
    "ObservationComponent": {"interpretation": _REPEATING},
}
"""The elements that have another form in R4, by type; each with a predicate for that form."""


def stu3_instead_of(type_name: str, name: str) -> str:
    """Return a sentence with what STU3 has instead of R4's element `name` of a type; empty for one that R4 has not."""
    if stu3 := _RENAMED.get(type_name, {}).get(name):
        return f"That is R4's: STU3 has {stu3}."
    return "That is R4's: STU3 has none." if name in _ADDED.get(type_name, ()) else ""


def form_of_r4(type_name: str, key: str, value: Any) -> str:
    """Return a predicate for the value of one of `FORMS` in the form of R4, empty for any other.

    `key` is the element's name, perhaps with a `_`.
    """
    name = key.removeprefix("_")
    predicate = FORMS[type_name][name]
    if predicate == _REPEATING:
        return predicate if key == name and isinstance(value, list) else ""
    # XML adds what is no value beside it.
    is_concept = isinstance(value, dict) and (key == name or not {"coding", "text"}.isdisjoint(value))
    return predicate if is_concept else ""
