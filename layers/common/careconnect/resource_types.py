"""The one table of the FHIR surface: types, search parameters, includes, paths and scope names.

The loader extracts by it, the reader searches by it, the authorizer opens paths by it, and the
CapabilityStatement, the OpenAPI document, the README's table and the Postman collection are made from it
or tested against it. Nothing else in the repository names a search parameter.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

FHIR_PATH: Final = "/careconnect-ri/STU3"
FHIR_VERSION: Final = "3.0.1"

ID_PATTERN: Final = r"[A-Za-z0-9.-]{1,64}"
"""The form of a resource's id (STU3 Data types §2.24.0.1: id)."""

_ID: Final = re.compile(ID_PATTERN)


class ParameterType(StrEnum):
    """The FHIR search parameter types that the server knows (STU3 Search §2.21.1)."""

    STRING = "string"
    TOKEN = "token"
    DATE = "date"
    REFERENCE = "reference"


class Home(StrEnum):
    """The table that holds a type, and so the function that serves it."""

    RECORD = "record"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one type.

    `paths` are element paths below the resource; `telecom(system=phone).value` keeps the repetitions whose
    `system` is `phone`. `indexed` says that one value selects few enough resources for entries of its own;
    the others (gender, status, …) are compared on values stored with other entries, so that they never make
    a hot partition. `searchable` is false where the reference only serves `_include`.
    """

    name: str
    type: ParameterType
    paths: tuple[str, ...]
    indexed: bool = False
    targets: tuple[str, ...] = ()
    searchable: bool = True
    includable: bool = False
    case_sensitive: bool = True
    punctuation: bool = True
    within: str = ""
    """The indexed parameter whose entries serve this one too: `family` is found within `name`."""
    system: str = ""
    """The code system that a bare code or boolean implies (STU3 Search §2.21.1.7: token)."""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource type: where it lives, which scopes open it and what can be asked of it.

    `order_by` names the date parameter that orders its search results, latest first (`""`: by id).
    `summary` holds the top-level elements of `_summary=true`, `mandatory` those of `_summary=text`.
    """

    name: str
    home: Home
    scope_names: tuple[str, ...]
    parameters: tuple[SearchParameter, ...]
    order_by: str = ""
    summary: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()

    def parameter(self, name: str) -> SearchParameter | None:
        """Return the parameter called `name`, searchable or not."""
        return _PARAMETERS[self.name].get(name)

    @property
    def searchable(self) -> tuple[SearchParameter, ...]:
        """The parameters that a client may search by, the common ones left out."""
        return tuple(p for p in self.parameters if p.searchable)

    @property
    def includes(self) -> tuple[SearchParameter, ...]:
        """The references that `_include` may follow from this type."""
        return tuple(p for p in self.parameters if p.includable)

    @property
    def patient_parameter(self) -> SearchParameter | None:
        """The reference that puts a resource of this type into a patient's compartment, if it has one."""
        return self.parameter("patient")


def _string(name: str, *paths: str, within: str = "") -> SearchParameter:
    return SearchParameter(name, ParameterType.STRING, paths, indexed=not within, within=within)


def _code(name: str, *paths: str) -> SearchParameter:
    """A token of many values, each selecting few resources."""
    return SearchParameter(name, ParameterType.TOKEN, paths, indexed=True)


def _status(name: str, *paths: str, case_sensitive: bool = True, system: str = "") -> SearchParameter:
    """A token of few values, each selecting many resources: compared, never indexed."""
    implied = f"http://hl7.org/fhir/{system}" if system else ""
    return SearchParameter(name, ParameterType.TOKEN, paths, case_sensitive=case_sensitive, system=implied)


def _contact(name: str, system: str, *, punctuation: bool) -> SearchParameter:
    return SearchParameter(
        name,
        ParameterType.TOKEN,
        (f"telecom(system={system}).value",),
        indexed=True,
        case_sensitive=False,
        punctuation=punctuation,
    )


def _date(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, ParameterType.DATE, paths)


def _reference(name: str, path: str, *targets: str, include: bool = False) -> SearchParameter:
    return SearchParameter(name, ParameterType.REFERENCE, (path,), indexed=True, targets=targets, includable=include)


def _include_only(name: str, path: str, *targets: str) -> SearchParameter:
    return SearchParameter(name, ParameterType.REFERENCE, (path,), targets=targets, searchable=False, includable=True)


_IDENTIFIER: Final = _code("identifier", "identifier")
# Its entries would repeat those of `patient`, so it has none of its own: a search by it goes by `patient`'s.
_SUBJECT: Final = SearchParameter(
    "subject", ParameterType.REFERENCE, ("subject",), targets=("Patient",), within="patient"
)


def _patient(path: str) -> SearchParameter:
    return _reference("patient", path, "Patient", include=True)


def _encounter(path: str) -> SearchParameter:
    return _reference("encounter", path, "Encounter", include=True)


_MEDICATION: Final = _reference("medication", "medicationReference", "Medication", include=True)
_NAME_OF_PERSON: Final = _string("name", "name")
_POSTCODE: Final = _string("address-postalcode", "address.postalCode")

# DSTU2 and DSTU1 called a MedicationRequest by two other names; their scopes still open it.
_MEDICATION_REQUEST_SCOPES: Final = ("MedicationRequest", "MedicationOrder", "MedicationPrescription")


def _type(
    name: str,
    home: Home,
    *parameters: SearchParameter,
    order_by: str = "",
    scope_names: tuple[str, ...] = (),
    summary: str = "",
    mandatory: str = "",
) -> ResourceType:
    always = frozenset(("resourceType", "id", "meta", "implicitRules"))
    required = frozenset(mandatory.split()) | always
    return ResourceType(
        name=name,
        home=home,
        scope_names=scope_names or (name,),
        parameters=parameters,
        order_by=order_by,
        summary=frozenset(summary.split()) | required,
        mandatory=required,
    )


COMMON_PARAMETERS: Final = (
    SearchParameter("_id", ParameterType.TOKEN, ("id",)),
    SearchParameter("_lastUpdated", ParameterType.DATE, ("meta.lastUpdated",)),
)

RESOURCE_TYPES: Final[tuple[ResourceType, ...]] = (
    _type(
        "Patient",
        Home.RECORD,
        _IDENTIFIER,
        _NAME_OF_PERSON,
        _string("family", "name.family", within="name"),
        _string("given", "name.given", within="name"),
        _date("birthdate", "birthDate"),
        _status("gender", "gender", case_sensitive=False, system="administrative-gender"),
        _POSTCODE,
        _contact("email", "email", punctuation=True),
        _contact("phone", "phone", punctuation=False),
        _include_only("general-practitioner", "generalPractitioner", "Organization", "Practitioner"),
        _include_only("organization", "managingOrganization", "Organization"),
        order_by="birthdate",
        summary="identifier active name telecom gender birthDate deceasedBoolean deceasedDateTime address animal "
        "managingOrganization link",
    ),
    _type(
        "Condition",
        Home.RECORD,
        _IDENTIFIER,
        _patient("subject"),
        _SUBJECT,
        _encounter("context"),
        _status("category", "category"),
        _status("clinical-status", "clinicalStatus", system="condition-clinical"),
        _code("code", "code"),
        _date("asserted-date", "assertedDate"),
        order_by="asserted-date",
        summary="identifier clinicalStatus verificationStatus code bodySite subject context onsetDateTime onsetAge "
        "onsetPeriod onsetRange onsetString assertedDate asserter",
        mandatory="subject",
    ),
    _type(
        "Observation",
        Home.RECORD,
        _IDENTIFIER,
        _patient("subject"),
        _SUBJECT,
        _encounter("context"),
        _status("category", "category"),
        _code("code", "code"),
        _date("date", "effectiveDateTime", "effectivePeriod"),
        order_by="date",
        summary="identifier basedOn status code subject effectiveDateTime effectivePeriod issued performer "
        "valueQuantity valueCodeableConcept valueString valueBoolean valueRange valueRatio valueSampledData "
        "valueAttachment valueTime valueDateTime valuePeriod related component",
        mandatory="status code",
    ),
    _type(
        "Encounter",
        Home.RECORD,
        _IDENTIFIER,
        _patient("subject"),
        _date("date", "period"),
        _status("status", "status", system="encounter-status"),
        _status("type", "type"),
        _status("class", "class"),
        _reference("episodeofcare", "episodeOfCare", "EpisodeOfCare"),
        _include_only("location", "location.location", "Location"),
        _include_only("service-provider", "serviceProvider", "Organization"),
        _include_only("participant", "participant.individual", "Practitioner", "RelatedPerson"),
        order_by="date",
        summary="identifier status class type subject episodeOfCare participant appointment reason diagnosis",
        mandatory="status",
    ),
    _type(
        "Procedure",
        Home.RECORD,
        _IDENTIFIER,
        _patient("subject"),
        _SUBJECT,
        _encounter("context"),
        _date("date", "performedDateTime", "performedPeriod"),
        _code("code", "code"),
        _status("status", "status", system="event-status"),
        order_by="date",
        summary="identifier definition basedOn partOf status notDone notDoneReason category code subject context "
        "performedDateTime performedPeriod performer location reasonCode reasonReference bodySite outcome",
        mandatory="status subject",
    ),
    _type(
        "AllergyIntolerance",
        Home.RECORD,
        _IDENTIFIER,
        _patient("patient"),
        _date("date", "assertedDate"),
        _status("clinical-status", "clinicalStatus", system="allergy-clinical-status"),
        _status("verification-status", "verificationStatus", system="allergy-verification-status"),
        _code("code", "code", "reaction.substance"),
        order_by="date",
        summary="identifier clinicalStatus verificationStatus type category criticality code patient asserter",
        mandatory="patient verificationStatus",
    ),
    _type(
        "Immunization",
        Home.RECORD,
        _IDENTIFIER,
        _patient("patient"),
        _date("date", "date"),
        _status("status", "status", system="immunization-status"),
        _code("vaccine-code", "vaccineCode"),
        _status("notgiven", "notGiven", system="special-values"),
        order_by="date",
        summary="status notGiven practitioner note",
        mandatory="status notGiven vaccineCode patient primarySource",
    ),
    _type(
        "MedicationRequest",
        Home.RECORD,
        _IDENTIFIER,
        _patient("subject"),
        _MEDICATION,
        _code("code", "medicationCodeableConcept"),
        _status("status", "status", system="medication-request-status"),
        _status("intent", "intent", system="medication-request-intent"),
        _date("authoredon", "authoredOn"),
        _include_only("requester", "requester.agent", "Organization", "Patient", "Practitioner"),
        order_by="authoredon",
        scope_names=_MEDICATION_REQUEST_SCOPES,
        summary="definition basedOn groupIdentifier status intent priority medicationCodeableConcept "
        "medicationReference subject authoredOn requester",
        mandatory="intent subject medicationCodeableConcept medicationReference",
    ),
    _type(
        "MedicationStatement",
        Home.RECORD,
        _IDENTIFIER,
        _patient("subject"),
        _MEDICATION,
        _code("code", "medicationCodeableConcept"),
        _status("status", "status", system="medication-statement-status"),
        _date("effective", "effectiveDateTime", "effectivePeriod"),
        order_by="effective",
        summary="identifier basedOn partOf context status category medicationCodeableConcept medicationReference "
        "effectiveDateTime effectivePeriod dateAsserted subject taken",
        mandatory="status subject taken medicationCodeableConcept medicationReference",
    ),
    _type(
        "Medication",
        Home.RECORD,
        _code("code", "code"),
        scope_names=("Medication", "MedicationStatement", *_MEDICATION_REQUEST_SCOPES),
        summary="code status isBrand isOverTheCounter manufacturer",
    ),
    _type(
        "EpisodeOfCare",
        Home.RECORD,
        _IDENTIFIER,
        _patient("patient"),
        _status("status", "status", system="episode-of-care-status"),
        _date("date", "period"),
        _include_only("organization", "managingOrganization", "Organization"),
        order_by="date",
        summary="status type diagnosis patient managingOrganization period",
        mandatory="status patient",
    ),
    _type(
        "Organization",
        Home.DIRECTORY,
        _IDENTIFIER,
        _string("name", "name", "alias"),
        _POSTCODE,
        summary="identifier active type name partOf",
    ),
    _type(
        "Location",
        Home.DIRECTORY,
        _IDENTIFIER,
        _string("name", "name", "alias"),
        _POSTCODE,
        _include_only("organization", "managingOrganization", "Organization"),
        summary="identifier status operationalStatus name description mode type physicalType managingOrganization",
    ),
    _type(
        "Practitioner",
        Home.DIRECTORY,
        _IDENTIFIER,
        _NAME_OF_PERSON,
        _POSTCODE,
        summary="identifier active name telecom address gender birthDate",
    ),
    _type(
        "PractitionerRole",
        Home.DIRECTORY,
        _reference("practitioner", "practitioner", "Practitioner", include=True),
        _reference("organization", "organization", "Organization", include=True),
        _IDENTIFIER,
        summary="identifier active period practitioner organization code specialty location telecom",
    ),
    _type(
        "HealthcareService",
        Home.DIRECTORY,
        _IDENTIFIER,
        _string("name", "name"),
        _reference("organization", "providedBy", "Organization", include=True),
        summary="identifier active providedBy category type specialty location name comment photo",
    ),
)

REVERSE_INCLUDES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "Patient": tuple((t.name, "patient") for t in RESOURCE_TYPES if any(p.name == "patient" for p in t.parameters)),
    "Encounter": (("Observation", "encounter"), ("Condition", "encounter"), ("Procedure", "encounter")),
}
"""For each type, the (type, reference parameter) pairs that `_revinclude` may follow back to it."""

_TYPES: Final = {t.name: t for t in RESOURCE_TYPES}
_PARAMETERS: Final = {t.name: {p.name: p for p in (*COMMON_PARAMETERS, *t.parameters)} for t in RESOURCE_TYPES}


def resource_type(name: str) -> ResourceType | None:
    """Return the served type called `name` (case-sensitive), or None."""
    return _TYPES.get(name)


def valid_id(text: object) -> bool:
    """Say whether `text` has the form of a resource's id."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None


def types_of(home: Home) -> tuple[ResourceType, ...]:
    """Return the types kept in `home`, in the table's order."""
    return tuple(t for t in RESOURCE_TYPES if t.home is home)
