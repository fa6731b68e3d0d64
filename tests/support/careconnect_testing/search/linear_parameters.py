"""The search parameters of the linear search, each with its own function to extract its values.

The paths are those of the STU3 SearchParameter definitions, the names those of the contract.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from careconnect_testing.search.linear_values import Measurement, Period, Quantity, Token, period_of

Resource = dict[str, Any]


def at(node: Any, *names: str) -> list[Any]:
    """Return all elements at a path below `node`, with lists flattened."""
    found = [node]
    for name in names:
        found = [child for one in found if isinstance(one, dict) for child in _each(one.get(name))]
    return found


def _each(value: Any) -> list[Any]:
    if isinstance(value, list):
        return [one for one in value if one is not None]
    return [] if value is None else [value]


@dataclass(frozen=True)
class Parameter:
    """A search parameter: `kind` is its STU3 type; `values` extracts its values.

    `targets` are the types that a reference may point at, served or not.
    """

    kind: str
    values: Callable[[Resource], list[Any]]
    targets: tuple[str, ...] = ()


# Strings.


def _texts(*paths: str) -> Parameter:
    return Parameter("string", lambda resource: [text for path in paths for text in at(resource, *path.split("."))])


def _parts(element: str, *parts: str) -> Parameter:
    return _texts(*(f"{element}.{part}" for part in parts))


# Tokens.


def _identifiers(resource: Resource) -> list[Token]:
    return [(one.get("system", ""), one["value"]) for one in at(resource, "identifier") if "value" in one]


def _codings(node: Any, path: str) -> list[Token]:
    return [(one.get("system", ""), one["code"]) for one in at(node, *path.split(".")) if "code" in one]


def _coding(path: str) -> Parameter:
    return Parameter("token", lambda resource: _codings(resource, path))


def _concepts(*paths: str) -> Parameter:
    """Return the parameter for the codings of CodeableConcepts."""
    return Parameter("token", lambda resource: [one for path in paths for one in _codings(resource, f"{path}.coding")])


def _code(name: str, system: str) -> Parameter:
    """Return the parameter for a code or boolean with the system that the specification implies (§2.21.1.7)."""
    return Parameter(
        "token",
        lambda resource: [
            (f"http://hl7.org/fhir/{system}", str(value).lower() if isinstance(value, bool) else value)
            for value in at(resource, name)
        ],
    )


def _truth(name: str) -> Parameter:
    return _code(name, "special-values")


def _deceased(resource: Resource) -> list[Token]:
    """Return true or false for every patient (`Patient.deceased.exists()`): false if the element is missing."""
    deceased = "deceasedDateTime" in resource or resource.get("deceasedBoolean", False)
    return [("http://hl7.org/fhir/special-values", "true" if deceased else "false")]


def _contact(system: str = "") -> Parameter:
    """Return the parameter for the values of contact points, of one system or of all."""
    return Parameter(
        "token",
        lambda resource: [
            ("", one["value"])
            for one in at(resource, "telecom")
            if "value" in one and system in ("", one.get("system"))
        ],
    )


# Dates.


def _dates(*paths: str) -> Parameter:
    return Parameter(
        "date", lambda resource: [period_of(value) for path in paths for value in at(resource, *path.split("."))]
    )


def _last_updated(resource: Resource) -> list[Period]:
    return [period_of(value) for value in at(resource, "meta", "lastUpdated")]


# References. Search ignores contained resources, references without a `reference`, URNs, and types that the parameter
# does not apply to (an EpisodeOfCare as the context, for `encounter`).


def _refers(path: str, *targets: str) -> Parameter:
    def references(resource: Resource) -> list[str]:
        found = at(resource, *path.split("."), "reference")
        return [one for one in found if not one.startswith(("#", "urn:")) and _type_of(one) in (*targets, "")]

    return Parameter("reference", references, targets)


def _type_of(reference: str) -> str:
    """Return the type in `Type/id`, after any base; empty if there is none."""
    return "".join(reference.split("/")[-2:-1])


# Quantities and composites.


def _quantities_of(node: Any) -> list[Quantity]:
    return [
        Quantity(Fraction(str(one["value"])), one.get("system", ""), one.get("code", ""), one.get("unit", ""))
        for one in at(node, "valueQuantity")
        if "value" in one
    ]


def _quantities(*element: str) -> Parameter:
    return Parameter(
        "quantity", lambda resource: [one for node in at(resource, *element) for one in _quantities_of(node)]
    )


def _measurements(*element: str) -> Parameter:
    """Return the parameter for the code and value pairs of one element: a resource, or one of its components."""

    def pairs(resource: Resource) -> list[Measurement]:
        found = (
            Measurement(tuple(_codings(node, "code.coding")), tuple(_quantities_of(node)))
            for node in at(resource, *element)
        )
        return [one for one in found if one.codes and one.quantities]

    return Parameter("composite", pairs)


_IDENTIFIER = Parameter("token", _identifiers)
_PATIENT_AS_SUBJECT = _refers("subject", "Patient")
_PATIENT = _refers("patient", "Patient")
_ENCOUNTER = _refers("context", "Encounter")
_CONTEXT = _refers("context", "EpisodeOfCare", "Encounter")
_MEDICATION = _refers("medicationReference", "Medication")
_ORGANISATION_NAME = _texts("name", "alias")
_PERSON_NAME = _parts("name", "family", "given", "prefix", "suffix", "text")
_ADDRESS = _parts("address", "line", "city", "district", "state", "postalCode", "country", "text")
_CITY = _texts("address.city")
_POSTCODE = _texts("address.postalCode")

COMMON = {
    "_id": Parameter("token", lambda resource: [("", resource["id"])]),
    "_lastUpdated": Parameter("date", _last_updated),
    "_tag": _coding("meta.tag"),
    "_security": _coding("meta.security"),
    "_profile": Parameter("uri", lambda resource: at(resource, "meta", "profile")),
}
"""Parameters of every type."""

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "Patient": {
        "identifier": _IDENTIFIER,
        "name": _PERSON_NAME,
        "family": _texts("name.family"),
        "given": _texts("name.given"),
        "birthdate": _dates("birthDate"),
        "death-date": _dates("deceasedDateTime"),
        "deceased": Parameter("token", _deceased),
        "active": _truth("active"),
        "gender": _code("gender", "administrative-gender"),
        "language": _concepts("communication.language"),
        "address": _ADDRESS,
        "address-city": _CITY,
        "address-state": _texts("address.state"),
        "address-country": _texts("address.country"),
        "address-postalcode": _POSTCODE,
        "telecom": _contact(),
        "email": _contact("email"),
        "phone": _contact("phone"),
        "general-practitioner": _refers("generalPractitioner", "Practitioner", "Organization"),
        "organization": _refers("managingOrganization", "Organization"),
    },
    "Condition": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "encounter": _ENCOUNTER,
        "context": _CONTEXT,
        "asserter": _refers("asserter", "Practitioner", "Patient", "RelatedPerson"),
        "category": _concepts("category"),
        "clinical-status": _code("clinicalStatus", "condition-clinical"),
        "verification-status": _code("verificationStatus", "condition-ver-status"),
        "severity": _concepts("severity"),
        "code": _concepts("code"),
        "body-site": _concepts("bodySite"),
        "asserted-date": _dates("assertedDate"),
        "onset-date": _dates("onsetDateTime", "onsetPeriod"),
        "abatement-date": _dates("abatementDateTime", "abatementPeriod"),
    },
    "Observation": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "encounter": _ENCOUNTER,
        "context": _CONTEXT,
        "performer": _refers("performer", "Practitioner", "Organization", "Patient", "RelatedPerson"),
        "device": _refers("device", "Device", "DeviceMetric"),
        "category": _concepts("category"),
        "status": _code("status", "observation-status"),
        "code": _concepts("code"),
        "date": _dates("effectiveDateTime", "effectivePeriod"),
        "value-quantity": _quantities(),
        "method": _concepts("method"),
        "value-concept": _concepts("valueCodeableConcept"),
        "value-string": _texts("valueString"),
        "code-value-quantity": _measurements(),
        "component-code": _concepts("component.code"),
        "component-value-quantity": _quantities("component"),
        "component-code-value-quantity": _measurements("component"),
    },
    "Encounter": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "date": _dates("period"),
        "status": _code("status", "encounter-status"),
        "type": _concepts("type"),
        "class": _coding("class"),
        "reason": _concepts("reason"),
        "episodeofcare": _refers("episodeOfCare", "EpisodeOfCare"),
        "location": _refers("location.location", "Location"),
        "service-provider": _refers("serviceProvider", "Organization"),
        "participant": _refers("participant.individual", "Practitioner", "RelatedPerson"),
        "practitioner": _refers("participant.individual", "Practitioner"),
    },
    "Procedure": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "encounter": _ENCOUNTER,
        "context": _CONTEXT,
        "performer": _refers("performer.actor", "Practitioner", "Organization", "Patient", "Device", "RelatedPerson"),
        "date": _dates("performedDateTime", "performedPeriod"),
        "category": _concepts("category"),
        "code": _concepts("code"),
        "status": _code("status", "event-status"),
    },
    "AllergyIntolerance": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT,
        "recorder": _refers("recorder", "Practitioner", "Patient"),
        "date": _dates("assertedDate"),
        "onset": _dates("reaction.onset"),
        "clinical-status": _code("clinicalStatus", "allergy-clinical-status"),
        "verification-status": _code("verificationStatus", "allergy-verification-status"),
        "type": _code("type", "allergy-intolerance-type"),
        "category": _code("category", "allergy-intolerance-category"),
        "criticality": _code("criticality", "allergy-intolerance-criticality"),
        "code": _concepts("code", "reaction.substance"),
        "manifestation": _concepts("reaction.manifestation"),
    },
    "Immunization": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT,
        "manufacturer": _refers("manufacturer", "Organization"),
        "location": _refers("location", "Location"),
        "date": _dates("date"),
        "reaction-date": _dates("reaction.date"),
        "status": _code("status", "immunization-status"),
        "vaccine-code": _concepts("vaccineCode"),
        "lot-number": _texts("lotNumber"),
        "notgiven": _truth("notGiven"),
    },
    "Goal": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "subject": _PATIENT_AS_SUBJECT,
        "category": _concepts("category"),
        "status": _code("status", "goal-status"),
        "start-date": _dates("startDate"),
        "target-date": _dates("target.dueDate"),
    },
    "MedicationRequest": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "context": _CONTEXT,
        "medication": _MEDICATION,
        "requester": _refers("requester.agent", "Practitioner", "Organization", "Patient", "RelatedPerson", "Device"),
        "category": _concepts("category"),
        "code": _concepts("medicationCodeableConcept"),
        "status": _code("status", "medication-request-status"),
        "intent": _code("intent", "medication-request-intent"),
        "authoredon": _dates("authoredOn"),
        "date": _dates("dosageInstruction.timing.event"),
    },
    "MedicationStatement": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT_AS_SUBJECT,
        "context": _CONTEXT,
        "medication": _MEDICATION,
        "source": _refers("informationSource", "Patient", "Practitioner", "RelatedPerson", "Organization"),
        "category": _concepts("category"),
        "code": _concepts("medicationCodeableConcept"),
        "status": _code("status", "medication-statement-status"),
        "effective": _dates("effectiveDateTime", "effectivePeriod"),
    },
    "Medication": {
        "code": _concepts("code"),
        "form": _concepts("form"),
        "ingredient-code": _concepts("ingredient.itemCodeableConcept"),
        "manufacturer": _refers("manufacturer", "Organization"),
    },
    "EpisodeOfCare": {
        "identifier": _IDENTIFIER,
        "patient": _PATIENT,
        "organization": _refers("managingOrganization", "Organization"),
        "condition": _refers("diagnosis.condition", "Condition"),
        "status": _code("status", "episode-of-care-status"),
        "type": _concepts("type"),
        "date": _dates("period"),
    },
    "Organization": {
        "identifier": _IDENTIFIER,
        "name": _ORGANISATION_NAME,
        "active": _truth("active"),
        "type": _concepts("type"),
        "partof": _refers("partOf", "Organization"),
        "address": _ADDRESS,
        "address-city": _CITY,
        "address-postalcode": _POSTCODE,
    },
    "Location": {
        "identifier": _IDENTIFIER,
        "name": _ORGANISATION_NAME,
        "status": _code("status", "location-status"),
        "type": _concepts("type"),
        "organization": _refers("managingOrganization", "Organization"),
        "partof": _refers("partOf", "Location"),
        "address": _ADDRESS,
        "address-city": _CITY,
        "address-postalcode": _POSTCODE,
    },
    "Practitioner": {
        "identifier": _IDENTIFIER,
        "name": _PERSON_NAME,
        "family": _texts("name.family"),
        "given": _texts("name.given"),
        "active": _truth("active"),
        "address": _ADDRESS,
        "address-postalcode": _POSTCODE,
        "telecom": _contact(),
        "email": _contact("email"),
        "phone": _contact("phone"),
    },
    "PractitionerRole": {
        "identifier": _IDENTIFIER,
        "active": _truth("active"),
        "practitioner": _refers("practitioner", "Practitioner"),
        "organization": _refers("organization", "Organization"),
        "location": _refers("location", "Location"),
        "service": _refers("healthcareService", "HealthcareService"),
        "role": _concepts("code"),
        "specialty": _concepts("specialty"),
    },
    "HealthcareService": {
        "identifier": _IDENTIFIER,
        "name": _texts("name"),
        "active": _truth("active"),
        "type": _concepts("type"),
        "characteristic": _concepts("characteristic"),
        "organization": _refers("providedBy", "Organization"),
        "location": _refers("location", "Location"),
    },
}

CLINICAL_DATE = {
    "Patient": "birthdate",
    "Condition": "asserted-date",
    "Observation": "date",
    "Encounter": "date",
    "Procedure": "date",
    "AllergyIntolerance": "date",
    "Immunization": "date",
    "MedicationRequest": "authoredon",
    "MedicationStatement": "effective",
    "EpisodeOfCare": "date",
    "Goal": "start-date",
}
"""The date that orders a type's results; other types have none."""


def parameter_of(type_name: str, name: str) -> Parameter:
    """Return a type's parameter, or the common one."""
    return PARAMETERS[type_name].get(name) or COMMON[name]


def parameter_names(type_name: str) -> list[str]:
    """Return the names of all parameters of a type."""
    return [*COMMON, *PARAMETERS[type_name]]
