"""The one table of the FHIR surface: types, search parameters, includes, paths and scope names.

The loader extracts by it, the reader searches by it, the authorizer opens paths by it, and the
CapabilityStatement, the OpenAPI document, the README's table and the Postman collection are made from it
or tested against it. Nothing else in the repository names a search parameter, but the list of those that STU3 has.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Flag, IntEnum, StrEnum, auto
from functools import partial
from typing import Final

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
    QUANTITY = "quantity"
    COMPOSITE = "composite"
    URI = "uri"


class Modifier(StrEnum):
    """The modifiers that the server knows beside `:Type` (STU3 Search §2.21.1.4 and after)."""

    EXACT = "exact"
    CONTAINS = "contains"
    NOT = "not"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Syntax:
    """What a parameter of one type takes: a kind of value, modifiers after its name, prefixes before a value.

    A reference takes the names of its targets as modifiers too, to say which type a bare id is of.
    """

    value: str
    modifiers: tuple[Modifier, ...]
    prefixes: tuple[str, ...] = ()

    def describe(self, targets: Iterable[str] = ()) -> str:
        """Say in Markdown what is taken, by a reference to `targets`."""
        prefixes = f" after `{' '.join(self.prefixes)}`" if self.prefixes else ""
        modifiers = ", ".join(f"`:{each}`" for each in (*targets, *self.modifiers)) or "none"
        return f"{self.value}{prefixes}. Modifiers: {modifiers}."


_PREFIXES: Final = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

SYNTAX: Final = {
    ParameterType.STRING: Syntax(
        "A beginning, in any case and accents", (Modifier.EXACT, Modifier.CONTAINS, Modifier.MISSING)
    ),
    ParameterType.TOKEN: Syntax("`code`, `system|code`, `|code` or `system|`", (Modifier.NOT, Modifier.MISSING)),
    ParameterType.DATE: Syntax("A date of any precision", (Modifier.MISSING,), _PREFIXES),
    ParameterType.REFERENCE: Syntax("`4`, `Type/4` or an absolute URL", (Modifier.MISSING,)),
    ParameterType.QUANTITY: Syntax(
        "`number`, `number|system|code` or `number||unit`, the unit's code or its printed form",
        (Modifier.MISSING,),
        _PREFIXES,
    ),
    ParameterType.COMPOSITE: Syntax("The values of its parts, joined by `$`", ()),
    ParameterType.URI: Syntax("The whole URI", (Modifier.MISSING,)),
}


class Rank(IntEnum):
    """How few resources one value of a parameter selects: a search is looked up by its criterion of the least.

    Values from `IDENTIFIER` to `SHARED` have index entries. The rest of a search's criteria, and all of
    `COMPARED`, are compared on the values that are stored with those entries, so that what selects many
    (gender, status, …) never makes a hot partition.
    """

    KEY = 0
    """The resource's own key."""
    IDENTIFIER = 1
    """One person or thing."""
    RECORD = 2
    """A patient's record, or a part of it."""
    CONTACT = 3
    """Those who live or work together."""
    SHARED = 4
    """What many have in common, yet few enough of all."""
    COMPARED = 5
    """No entries."""


class Follow(Flag):
    """The ways to go along a reference."""

    NOTHING = 0
    INCLUDE = auto()
    """`_include` adds the target."""
    REVERSE = auto()
    """`_revinclude` adds to the target what points at it."""
    EVERYTHING = auto()
    """`$everything` adds the target, which is no part of the record that the reference stands in."""


class Home(StrEnum):
    """The table that holds a type, and so the function that serves it."""

    RECORD = "record"
    DIRECTORY = "directory"
    AUDIT = "audit"
    """The access record, which no client writes and nothing is loaded into."""


DATA_HOMES: Final = (Home.RECORD, Home.DIRECTORY)
"""The tables that hold what clients write and the loader loads."""


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """One search parameter of one type.

    `paths` are element paths below the resource; `telecom(system=phone).value` keeps the repetitions whose
    `system` is `phone`. `targets` are the types that a reference may point at.
    """

    name: str
    type: ParameterType
    paths: tuple[str, ...]
    rank: Rank = Rank.COMPARED
    targets: tuple[str, ...] = ()
    follow: Follow = Follow.NOTHING
    searchable: bool = True
    """False where a reference is there to be followed, and not to be searched by."""
    compartment: bool = False
    """A reference that puts a resource into the compartment of the patient that it points at."""
    within: str = ""
    """The parameter whose index entries serve this one too: `family` is found within `name`."""
    part_of: str = ""
    """The parameter that has all its values too, so that they are stored there alone; by default the one it is within.
    """
    word_by_word: bool = False
    """Several words may each begin another part: `bernie kanfeld` is a given name and a family name."""
    any_word: bool = False
    """A text may begin at any word of a value, and each word has an entry: `lane` finds `Bobbin Lane`."""
    case_sensitive: bool = True
    punctuation: bool = True
    """False where letters and digits alone are compared."""
    mail: bool = False
    """What has an `@` keeps its punctuation, though the rest has none."""
    presence: bool = False
    """Whether there is a value that is not `false` is what it says, and no value says `false`."""
    system: str = ""
    """The code system that a bare code or boolean implies (STU3 Search §2.21.1.7: token)."""
    grouped: str = ""
    """The system of ten-digit numbers that people write in groups of three, three and four digits."""
    parts: tuple["Part", ...] = ()
    """What a composite joins, of each element at its path (`""`: of the resource)."""
    has_chains: bool = True
    """False where a reference takes no chain, whatever it points at."""

    @property
    def indexed(self) -> bool:
        """Say whether the parameter has index entries of its own."""
        return Rank.KEY < self.rank < Rank.COMPARED and not self.within

    @property
    def of_resource(self) -> bool:
        """Say whether it is a composite of the resource itself, not of an element that repeats."""
        return bool(self.parts) and self.paths == ("",)

    @property
    def sortable(self) -> bool:
        """Say whether `_sort` takes it: dates, texts and the id."""
        return self.type in (ParameterType.DATE, ParameterType.STRING) or self.rank is Rank.KEY

    @property
    def personal(self) -> bool:
        """Say whether its values tell of a person, so that the access record keeps none of them (`audit.md`)."""
        return self.rank is Rank.IDENTIFIER or self.name in _PERSONAL

    @property
    def modifiers(self) -> tuple[str, ...]:
        """The modifiers that it takes."""
        return (*self.targets, *SYNTAX[self.type].modifiers)

    @property
    def chain(self) -> str:
        """A chain through the reference, by a parameter of its target; empty where there is none to go to."""
        if not self.has_chains:
            return ""
        targets = (_TYPES[each] for each in self.targets if self.searchable and each in _TYPES)
        chained = (each for target in targets for each in target.searchable if each.type is not ParameterType.REFERENCE)
        first = next(chained, None)
        return f"{self.name}.{first.name}" if first else ""

    @property
    def description(self) -> str:
        """Say in Markdown what the parameter takes, as every document does."""
        words = " Several words may each begin another part." if self.word_by_word else ""
        words += " It may begin at any word." if self.any_word else ""
        words += f" Parts: {', '.join(f'`{each.parameter.name}`' for each in self.parts)}." if self.parts else ""
        chain = f" Chains such as `{self.chain}`." if self.chain else ""
        return f"{SYNTAX[self.type].describe(self.targets)}{words}{chain} A comma means or."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a composite: a parameter, and where its value lies below the element that holds all parts."""

    parameter: SearchParameter
    path: str


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource type: where it lives, which scopes open it and what can be asked of it.

    `scope_names` are those of the types whose scopes open it for reading; for writing, its own does and a former name
    of it. `order_by` names the date parameter that orders its search results, latest first (`""`: by id).
    `operations` are those of its instances. `summary` holds the top-level elements of `_summary=true`,
    `mandatory` those of `_summary=text`. `common` are the parameters that it has in common with others.
    """

    name: str
    home: Home
    scope_names: tuple[str, ...]
    parameters: tuple[SearchParameter, ...]
    order_by: str = ""
    operations: tuple[str, ...] = ()
    summary: frozenset[str] = frozenset()
    mandatory: frozenset[str] = frozenset()
    writable: bool = True
    """False where clients may read it only."""
    common: tuple[SearchParameter, ...] = ()
    versioned: bool = True
    """False where a resource never changes, and so has no history."""
    by_name_only: bool = False
    """Whether a scope opens it that names it, and no `*`; one at the level `patient` if the token is bound to one."""

    def __hash__(self) -> int:
        # It is a key wherever resources are: of all that it holds no hash is made for each of them.
        return hash(self.name)

    @property
    def with_article(self) -> str:
        """The name as a sentence has it: an Observation, a Patient."""
        return f"{'an' if self.name[0] in 'AEIOU' else 'a'} {self.name}"

    def parameter(self, name: str) -> SearchParameter | None:
        """Return the parameter called `name`, searchable or not."""
        return _PARAMETERS[self.name].get(name)

    @property
    def condition(self) -> SearchParameter | None:
        """The parameter that a conditional write finds a resource by, if the type has one."""
        return next((p for p in self.parameters if p.rank is Rank.IDENTIFIER), None)

    @property
    def parameter_names(self) -> Iterable[str]:
        """The names of all its parameters, the common ones among them."""
        return _PARAMETERS[self.name]

    @property
    def searchable(self) -> tuple[SearchParameter, ...]:
        """The parameters that a client may search by, the common ones left out."""
        return tuple(p for p in self.parameters if p.searchable)

    @property
    def chained(self) -> tuple[SearchParameter, ...]:
        """The references that take chains."""
        return tuple(p for p in self.searchable if p.chain)

    @property
    def includes(self) -> tuple[str, ...]:
        """What `_include` takes (`Observation:patient`)."""
        return tuple(f"{self.name}:{p.name}" for p in self.followed(Follow.INCLUDE))

    @property
    def reverse_includes(self) -> tuple[str, ...]:
        """What `_revinclude` takes (`Observation:patient`, for a Patient)."""
        return tuple(f"{source}:{name}" for source, name in REVERSE_INCLUDES[self.name])

    def joined_in(self, parameter: SearchParameter) -> tuple[SearchParameter, int] | None:
        """Return the composite of repeating elements that a parameter is a part of, and its place there."""
        return _JOINED[self.name].get(parameter.name)

    def followed(self, follow: Follow) -> tuple[SearchParameter, ...]:
        """Return the references that may be gone along in one way."""
        return tuple(p for p in self.parameters if follow in p.follow)

    def reaches(self, other: "ResourceType") -> bool:
        """Say whether a search of this type may look at another: the records' function alone reads two tables."""
        return other.home is self.home or (self.home is Home.RECORD and other.home is Home.DIRECTORY)

    @property
    def patient_parameter(self) -> SearchParameter | None:
        """The reference that puts a resource of this type into a patient's compartment, if it has one."""
        return _OWNED_BY[self.name]

    @property
    def members(self) -> "Mapping[str, tuple[ResourceType, SearchParameter]]":
        """What may be searched below a resource of this type (`Patient/4/Observation`).

        By name: each type that lies in its compartment, with the reference that puts it there.
        """
        return _MEMBERS[self.name]

    @property
    def owners(self) -> tuple[str, ...]:
        """The names of the types below whose resources this one is searched (`Patient`, for an Observation)."""
        return tuple(owner for owner, members in _MEMBERS.items() if self.name in members)

    @property
    def is_patient(self) -> bool:
        """Say whether a resource of this type is what a compartment is of."""
        return bool(self.members)


def _string(
    name: str, *paths: str, within: str = "", rank: Rank = Rank.SHARED, word_by_word: bool = False
) -> SearchParameter:
    return SearchParameter(name, ParameterType.STRING, paths, rank, within=within, word_by_word=word_by_word)


def _name(*paths: str) -> SearchParameter:
    return _string("name", *paths, word_by_word=True)


def _code(name: str, *paths: str, rank: Rank = Rank.SHARED) -> SearchParameter:
    """A token of many values, each selecting few resources."""
    return SearchParameter(name, ParameterType.TOKEN, paths, rank)


def _status(name: str, *paths: str, case_sensitive: bool = True, system: str = "") -> SearchParameter:
    """A token of few values, each selecting many resources."""
    implied = f"http://hl7.org/fhir/{system}" if system else ""
    return SearchParameter(name, ParameterType.TOKEN, paths, case_sensitive=case_sensitive, system=implied)


def _contact(name: str, *, punctuation: bool = True, part_of: str = "") -> SearchParameter:
    path = f"telecom(system={name}).value"
    return SearchParameter(
        name,
        ParameterType.TOKEN,
        (path,),
        Rank.CONTACT,
        part_of=part_of,
        case_sensitive=False,
        punctuation=punctuation,
    )


def _date(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, ParameterType.DATE, paths)


def _quantity(name: str, *paths: str) -> SearchParameter:
    return SearchParameter(name, ParameterType.QUANTITY, paths)


def _composite(name: str, path: str, *parts: Part) -> SearchParameter:
    """Parts of one element, of which the first has entries."""
    first = parts[0].parameter
    return SearchParameter(name, ParameterType.COMPOSITE, (path,), first.rank, within=first.name, parts=parts)


_LINKED: Final = Follow.INCLUDE | Follow.REVERSE
_ADDED: Final = _LINKED | Follow.EVERYTHING


def _reference(
    name: str, path: str, *targets: str, rank: Rank = Rank.SHARED, follow: Follow = _ADDED, within: str = ""
) -> SearchParameter:
    if within:
        # It has no entries of its own, along which it could be followed back.
        follow &= ~Follow.REVERSE
    return SearchParameter(name, ParameterType.REFERENCE, (path,), rank, targets, follow, within=within)


def _patient(path: str) -> SearchParameter:
    follow = Follow.INCLUDE | Follow.REVERSE
    return SearchParameter(
        "patient", ParameterType.REFERENCE, (path,), Rank.RECORD, ("Patient",), follow, compartment=True
    )


def _encounter(path: str) -> SearchParameter:
    return _reference("encounter", path, "Encounter", rank=Rank.RECORD, follow=_LINKED)


def _context(*, within: str = "") -> SearchParameter:
    return _reference(
        "context", "context", "Encounter", "EpisodeOfCare", rank=Rank.RECORD, follow=_LINKED, within=within
    )


_PERSONAL: Final = frozenset(
    (
        *("name", "family", "given", "birthdate", "telecom", "phone", "email"),
        *("address", "address-city", "address-country", "address-postalcode", "address-state"),
    )
)
"""The parameters, beside identifiers, whose values tell of a person."""

_IDENTIFIER: Final = _code("identifier", "identifier", rank=Rank.IDENTIFIER)
_PATIENT_IDENTIFIER: Final = replace(_IDENTIFIER, grouped="https://fhir.nhs.uk/Id/nhs-number")
# Its entries would repeat those of `patient`, so it has none of its own: a search by it goes by `patient`'s.
_SUBJECT: Final = SearchParameter(
    "subject", ParameterType.REFERENCE, ("subject",), Rank.RECORD, ("Patient",), within="patient"
)
_MEDICATION: Final = _reference("medication", "medicationReference", "Medication")
_ADDRESS: Final = SearchParameter("address", ParameterType.STRING, ("address",), Rank.SHARED, any_word=True)
_CITY: Final = _string("address-city", "address.city", within="address")
_POSTCODE: Final = replace(_string("address-postalcode", "address.postalCode"), part_of="address")
_FAMILY: Final = _string("family", "name.family", within="name")
_GIVEN: Final = _string("given", "name.given", within="name")
_EMAIL: Final = _contact("email", part_of="telecom")
_PHONE: Final = _contact("phone", punctuation=False, part_of="telecom")
_TELECOM: Final = SearchParameter(
    "telecom",
    ParameterType.TOKEN,
    ("telecom.value",),
    Rank.CONTACT,
    case_sensitive=False,
    punctuation=False,
    mail=True,
)
_ACTIVE: Final = _status("active", "active", system="special-values")
_OBSERVATION_CODE: Final = _code("code", "code")
_VALUE_QUANTITY: Final = _quantity("value-quantity", "valueQuantity")
_COMPONENT_CODE: Final = _code("component-code", "component.code")
_COMPONENT_QUANTITY: Final = _quantity("component-value-quantity", "component.valueQuantity")
# Who may have done something, by STU3; not all of these types are served.
_PEOPLE: Final = ("Practitioner", "Patient", "RelatedPerson")
_PARTIES: Final = ("Practitioner", "Organization", "Patient", "RelatedPerson")
_PARTIES_AND_DEVICES: Final = (*_PARTIES, "Device")

# DSTU2 and DSTU1 called a MedicationRequest by two other names; their scopes still open it.
_MEDICATION_REQUEST_SCOPES: Final = ("MedicationRequest", "MedicationOrder", "MedicationPrescription")


def _type(
    home: Home,
    name: str,
    *parameters: SearchParameter,
    order_by: str = "",
    operations: tuple[str, ...] = (),
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
        operations=operations,
        summary=frozenset(summary.split()) | required,
        mandatory=required,
        common=COMMON_PARAMETERS,
    )


_record: Final = partial(_type, Home.RECORD)
_directory: Final = partial(_type, Home.DIRECTORY)

ID_PARAMETER: Final = SearchParameter("_id", ParameterType.TOKEN, ("id",), Rank.KEY)

LAST_UPDATED: Final = SearchParameter("_lastUpdated", ParameterType.DATE, ("meta.lastUpdated",))

COMMON_PARAMETERS: Final = (
    ID_PARAMETER,
    LAST_UPDATED,
    _code("_tag", "meta.tag"),
    _code("_security", "meta.security"),
    SearchParameter("_profile", ParameterType.URI, ("meta.profile",)),
)

RESOURCE_TYPES: Final[tuple[ResourceType, ...]] = (
    _record(
        "Patient",
        _PATIENT_IDENTIFIER,
        _name("name"),
        _FAMILY,
        _GIVEN,
        _date("birthdate", "birthDate"),
        _status("gender", "gender", case_sensitive=False, system="administrative-gender"),
        _POSTCODE,
        _EMAIL,
        _PHONE,
        _reference("general-practitioner", "generalPractitioner", "Practitioner", "Organization"),
        _reference("organization", "managingOrganization", "Organization"),
        _ADDRESS,
        _CITY,
        _string("address-country", "address.country", within="address"),
        _string("address-state", "address.state", within="address"),
        _TELECOM,
        _ACTIVE,
        replace(_status("deceased", "deceasedBoolean", "deceasedDateTime", system="special-values"), presence=True),
        _date("death-date", "deceasedDateTime"),
        _status("language", "communication.language"),
        order_by="birthdate",
        operations=("$everything",),
        summary="identifier active name telecom gender birthDate deceasedBoolean deceasedDateTime address animal "
        "managingOrganization link",
    ),
    _record(
        "Condition",
        _IDENTIFIER,
        _patient("subject"),
        _SUBJECT,
        _encounter("context"),
        _status("category", "category"),
        _status("clinical-status", "clinicalStatus", system="condition-clinical"),
        _code("code", "code"),
        _date("asserted-date", "assertedDate"),
        _context(within="encounter"),
        _date("onset-date", "onsetDateTime", "onsetPeriod"),
        _date("abatement-date", "abatementDateTime", "abatementPeriod"),
        _status("severity", "severity"),
        _status("verification-status", "verificationStatus", system="condition-ver-status"),
        _code("body-site", "bodySite"),
        _reference("asserter", "asserter", *_PEOPLE),
        order_by="asserted-date",
        summary="identifier clinicalStatus verificationStatus code bodySite subject context onsetDateTime onsetAge "
        "onsetPeriod onsetRange onsetString assertedDate asserter",
        mandatory="subject",
    ),
    _record(
        "Observation",
        _IDENTIFIER,
        _patient("subject"),
        _SUBJECT,
        _encounter("context"),
        _status("category", "category"),
        _OBSERVATION_CODE,
        _date("date", "effectiveDateTime", "effectivePeriod"),
        _status("status", "status", system="observation-status"),
        _context(within="encounter"),
        _reference("performer", "performer", *_PARTIES),
        _reference("device", "device", "Device", "DeviceMetric", follow=Follow.NOTHING),
        _VALUE_QUANTITY,
        _code("value-concept", "valueCodeableConcept"),
        _string("value-string", "valueString"),
        _COMPONENT_CODE,
        _COMPONENT_QUANTITY,
        _composite("code-value-quantity", "", Part(_OBSERVATION_CODE, "code"), Part(_VALUE_QUANTITY, "valueQuantity")),
        _composite(
            "component-code-value-quantity",
            "component",
            Part(_COMPONENT_CODE, "code"),
            Part(_COMPONENT_QUANTITY, "valueQuantity"),
        ),
        order_by="date",
        summary="identifier basedOn status code subject effectiveDateTime effectivePeriod issued performer "
        "valueQuantity valueCodeableConcept valueString valueBoolean valueRange valueRatio valueSampledData "
        "valueAttachment valueTime valueDateTime valuePeriod related component",
        mandatory="status code",
    ),
    _record(
        "Encounter",
        _IDENTIFIER,
        _patient("subject"),
        _date("date", "period"),
        _status("status", "status", system="encounter-status"),
        _status("type", "type"),
        _status("class", "class"),
        _reference("episodeofcare", "episodeOfCare", "EpisodeOfCare", rank=Rank.RECORD, follow=_LINKED),
        _reference("location", "location.location", "Location"),
        _reference("service-provider", "serviceProvider", "Organization"),
        _reference("participant", "participant.individual", "Practitioner", "RelatedPerson"),
        _reference("practitioner", "participant.individual", "Practitioner", within="participant"),
        _code("reason", "reason"),
        order_by="date",
        summary="identifier status class type subject episodeOfCare participant appointment reason diagnosis",
        mandatory="status",
    ),
    _record(
        "Procedure",
        _IDENTIFIER,
        _patient("subject"),
        _SUBJECT,
        _encounter("context"),
        _date("date", "performedDateTime", "performedPeriod"),
        _code("code", "code"),
        _status("status", "status", system="event-status"),
        _status("category", "category"),
        _context(within="encounter"),
        _reference("performer", "performer.actor", *_PARTIES_AND_DEVICES),
        order_by="date",
        summary="identifier definition basedOn partOf status notDone notDoneReason category code subject context "
        "performedDateTime performedPeriod performer location reasonCode reasonReference bodySite outcome",
        mandatory="status subject",
    ),
    _record(
        "AllergyIntolerance",
        _IDENTIFIER,
        _patient("patient"),
        _date("date", "assertedDate"),
        _status("clinical-status", "clinicalStatus", system="allergy-clinical-status"),
        _status("verification-status", "verificationStatus", system="allergy-verification-status"),
        _code("code", "code", "reaction.substance"),
        _status("category", "category", system="allergy-intolerance-category"),
        _status("criticality", "criticality", system="allergy-intolerance-criticality"),
        _status("type", "type", system="allergy-intolerance-type"),
        _date("onset", "reaction.onset"),
        _reference("recorder", "recorder", "Practitioner", "Patient"),
        _code("manifestation", "reaction.manifestation"),
        order_by="date",
        summary="identifier clinicalStatus verificationStatus type category criticality code patient asserter",
        mandatory="patient verificationStatus",
    ),
    _record(
        "Immunization",
        _IDENTIFIER,
        _patient("patient"),
        _date("date", "date"),
        _status("status", "status", system="immunization-status"),
        _code("vaccine-code", "vaccineCode"),
        _status("notgiven", "notGiven", system="special-values"),
        _reference("manufacturer", "manufacturer", "Organization"),
        _string("lot-number", "lotNumber"),
        _reference("location", "location", "Location"),
        _date("reaction-date", "reaction.date"),
        order_by="date",
        summary="status notGiven practitioner note",
        mandatory="status notGiven vaccineCode patient primarySource",
    ),
    _record(
        "MedicationRequest",
        _IDENTIFIER,
        _patient("subject"),
        _MEDICATION,
        _code("code", "medicationCodeableConcept"),
        _status("status", "status", system="medication-request-status"),
        _status("intent", "intent", system="medication-request-intent"),
        _date("authoredon", "authoredOn"),
        _reference("requester", "requester.agent", *_PARTIES_AND_DEVICES),
        _status("category", "category"),
        _date("date", "dosageInstruction.timing.event"),
        _context(),
        order_by="authoredon",
        scope_names=_MEDICATION_REQUEST_SCOPES,
        summary="definition basedOn groupIdentifier status intent priority medicationCodeableConcept "
        "medicationReference subject authoredOn requester",
        mandatory="intent subject medicationCodeableConcept medicationReference",
    ),
    _record(
        "MedicationStatement",
        _IDENTIFIER,
        _patient("subject"),
        _MEDICATION,
        _code("code", "medicationCodeableConcept"),
        _status("status", "status", system="medication-statement-status"),
        _date("effective", "effectiveDateTime", "effectivePeriod"),
        _status("category", "category"),
        _context(),
        _reference("source", "informationSource", *_PARTIES),
        order_by="effective",
        summary="identifier basedOn partOf context status category medicationCodeableConcept medicationReference "
        "effectiveDateTime effectivePeriod dateAsserted subject taken",
        mandatory="status subject taken medicationCodeableConcept medicationReference",
    ),
    _record(
        "Medication",
        _code("code", "code"),
        _reference("manufacturer", "manufacturer", "Organization"),
        _status("form", "form"),
        _code("ingredient-code", "ingredient.itemCodeableConcept"),
        scope_names=("Medication", "MedicationStatement", *_MEDICATION_REQUEST_SCOPES),
        summary="code status isBrand isOverTheCounter manufacturer",
    ),
    _record(
        "EpisodeOfCare",
        _IDENTIFIER,
        _patient("patient"),
        _status("status", "status", system="episode-of-care-status"),
        _date("date", "period"),
        _reference("organization", "managingOrganization", "Organization"),
        _status("type", "type"),
        _reference("condition", "diagnosis.condition", "Condition", rank=Rank.RECORD, follow=_LINKED),
        order_by="date",
        summary="status type diagnosis patient managingOrganization period",
        mandatory="status patient",
    ),
    _directory(
        "Organization",
        _IDENTIFIER,
        _name("name", "alias"),
        _POSTCODE,
        _ACTIVE,
        _status("type", "type"),
        _reference("partof", "partOf", "Organization"),
        _ADDRESS,
        _CITY,
        summary="identifier active type name partOf",
    ),
    _directory(
        "Location",
        _IDENTIFIER,
        _name("name", "alias"),
        _POSTCODE,
        _reference("organization", "managingOrganization", "Organization"),
        _status("status", "status", system="location-status"),
        _status("type", "type"),
        _reference("partof", "partOf", "Location"),
        _ADDRESS,
        _CITY,
        summary="identifier status operationalStatus name description mode type physicalType managingOrganization",
    ),
    _directory(
        "Practitioner",
        _IDENTIFIER,
        _name("name"),
        _POSTCODE,
        _ACTIVE,
        _FAMILY,
        _GIVEN,
        _TELECOM,
        _EMAIL,
        _PHONE,
        _ADDRESS,
        summary="identifier active name telecom address gender birthDate",
    ),
    _directory(
        "PractitionerRole",
        _reference("practitioner", "practitioner", "Practitioner"),
        _reference("organization", "organization", "Organization"),
        _IDENTIFIER,
        _ACTIVE,
        _status("role", "code"),
        _code("specialty", "specialty"),
        _reference("location", "location", "Location"),
        _reference("service", "healthcareService", "HealthcareService"),
        summary="identifier active period practitioner organization code specialty location telecom",
    ),
    _directory(
        "HealthcareService",
        _IDENTIFIER,
        _name("name"),
        _reference("organization", "providedBy", "Organization"),
        _ACTIVE,
        _code("type", "type"),
        _reference("location", "location", "Location"),
        _status("characteristic", "characteristic"),
        summary="identifier active providedBy category type specialty location name comment photo",
    ),
)

AUDIT_EVENT: Final = replace(
    _type(
        Home.AUDIT,
        "AuditEvent",
        replace(_patient("entity.reference"), follow=Follow.NOTHING, has_chains=False),
        _date("date", "recorded"),
        _code("user", "agent.userId"),
        _status("action", "action", system="audit-event-action"),
        replace(
            _reference("entity", "entity.reference", *(t.name for t in RESOURCE_TYPES), follow=Follow.NOTHING),
            has_chains=False,
        ),
        _status("outcome", "outcome", system="audit-event-outcome"),
        order_by="date",
        summary="type subtype action recorded outcome outcomeDesc purposeOfEvent",
        mandatory="type recorded agent source",
    ),
    common=(ID_PARAMETER,),
    writable=False,
    versioned=False,
    by_name_only=True,
)
"""Who saw what: kept by the functions themselves, and opened by scopes that name it (`audit.md`)."""

SERVED_TYPES: Final = (*RESOURCE_TYPES, AUDIT_EVENT)
"""All types that the API answers for; those of `RESOURCE_TYPES` are written, loaded and searched for as FHIR has it."""

REVERSE_INCLUDES: Final = {
    target.name: tuple(
        (t.name, p.name)
        for t in RESOURCE_TYPES
        if target.reaches(t)
        for p in t.followed(Follow.REVERSE)
        if target.name in p.targets
    )
    for target in SERVED_TYPES
}
"""For each type, the (type, reference parameter) pairs that `_revinclude` may follow back to it."""

_MEMBERS: Final = {
    owner.name: {
        t.name: (t, p) for t in RESOURCE_TYPES for p in t.parameters if p.compartment and owner.name in p.targets
    }
    for owner in SERVED_TYPES
}
_TYPES: Final = {t.name: t for t in RESOURCE_TYPES}
_SERVED: Final = {t.name: t for t in SERVED_TYPES}
_PARAMETERS: Final = {t.name: {p.name: p for p in (*t.common, *t.parameters)} for t in SERVED_TYPES}
_OWNED_BY: Final = {t.name: next((p for p in t.parameters if p.compartment), None) for t in SERVED_TYPES}
_JOINED: Final = {
    t.name: {
        part.parameter.name: (p, place) for p in t.parameters if not p.of_resource for place, part in enumerate(p.parts)
    }
    for t in SERVED_TYPES
}


def resource_type(name: str) -> ResourceType | None:
    """Return the type of `RESOURCE_TYPES` called `name` (case-sensitive), or None."""
    return _TYPES.get(name)


def served_type(name: str) -> ResourceType | None:
    """Return the type called `name` that the API answers for (case-sensitive), or None."""
    return _SERVED.get(name)


def valid_id(text: object) -> bool:
    """Say whether `text` has the form of a resource's id."""
    return isinstance(text, str) and _ID.fullmatch(text) is not None
