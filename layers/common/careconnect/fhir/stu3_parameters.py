"""The search parameters that FHIR STU3 itself defines, so that one that is not offered is told from a misspelling.

To ignore one of them would widen an answer to what was not asked for; a name that STU3 does not know asks for nothing.
"""

from collections.abc import Mapping
from functools import cache
from typing import Final

# Facts of HL7's definitions (npm's hl7.fhir.r3.examples, CC0-1.0): what they are of, their type, their names.
# Made by `make stu3-parameters`; do not edit the text.
_DEFINED: Final = """\
Resource date _lastUpdated
Resource string _content
Resource token _id _query _security _tag
Resource uri _profile
DomainResource string _text
Patient date birthdate death-date
Patient number age
Patient reference general-practitioner link organization
Patient string address address-city address-country address-postalcode address-state family given mothersMaidenName name
Patient string phonetic
Patient token active address-use animal-breed animal-species birthOrderBoolean deceased email gender identifier language
Patient token phone telecom
Patient/$everything date end start
Condition date abatement-date asserted-date onset-date
Condition quantity abatement-age onset-age
Condition reference asserter based-on context definition encounter evidence-detail part-of patient subject
Condition string abatement-string onset-info
Condition token abatement-boolean body-site category clinical-status code evidence identifier severity stage
Condition token verification-status
Observation composite code-value-concept code-value-date code-value-quantity code-value-string combo-code-value-concept
Observation composite combo-code-value-quantity component-code-value-concept component-code-value-quantity related
Observation date date value-date
Observation quantity combo-value-quantity component-value-quantity value-quantity
Observation reference based-on context device encounter patient performer related-target specimen subject
Observation string amino-acid-change dna-variant gene-amino-acid-change gene-dnavariant value-string
Observation token category code combo-code combo-data-absent-reason combo-value-concept component-code
Observation token component-data-absent-reason component-value-concept data-absent-reason gene-identifier identifier
Observation token method related-type status value-concept
Encounter date date location-period
Encounter number length
Encounter reference appointment diagnosis episodeofcare incomingreferral location part-of participant patient
Encounter reference practitioner service-provider subject
Encounter token class identifier participant-type reason special-arrangement status type
Procedure date date
Procedure reference based-on context definition encounter location part-of patient performer subject
Procedure token category code identifier status
AllergyIntolerance date date last-date onset
AllergyIntolerance reference asserter patient recorder
AllergyIntolerance token category clinical-status code criticality identifier manifestation route severity type
AllergyIntolerance token verification-status
Immunization date date reaction-date
Immunization number dose-sequence
Immunization reference location manufacturer patient practitioner reaction
Immunization string lot-number
Immunization token identifier notgiven reason reason-not-given status vaccine-code
MedicationRequest date authoredon date
MedicationRequest reference context intended-dispenser medication patient requester subject
MedicationRequest token category code identifier intent priority status
MedicationStatement date effective
MedicationStatement reference context medication part-of patient source subject
MedicationStatement token category code identifier status
Medication reference ingredient manufacturer package-item
Medication token code container form ingredient-code over-the-counter package-item-code status
EpisodeOfCare date date
EpisodeOfCare reference care-manager condition incomingreferral organization patient
EpisodeOfCare token identifier status type
Organization reference endpoint partof
Organization string address address-city address-country address-postalcode address-state alias name phonetic
Organization token active address-use identifier type
Location quantity near-distance
Location reference endpoint organization partof
Location string address address-city address-country address-postalcode address-state alias name
Location token address-use identifier near operational-status status type
Practitioner string address address-city address-country address-postalcode address-state family given name phonetic
Practitioner token active address-use communication email gender identifier phone telecom
PractitionerRole date date
PractitionerRole reference endpoint location organization practitioner service
PractitionerRole token active email identifier phone role specialty telecom
HealthcareService reference endpoint location organization
HealthcareService string name programname
HealthcareService token active category characteristic identifier type
AuditEvent date date
AuditEvent reference agent entity patient
AuditEvent string address agent-name entity-name
AuditEvent token action agent-role altid entity-id entity-role entity-type outcome site source subtype type user
AuditEvent uri policy
"""

_OF_ALL_TYPES: Final = ("Resource", "DomainResource")
# What STU3's Search §2.21.1.1 and RESTful API (general parameters) list, and no definition holds.
_UNDEFINED: Final = (
    "_list _has _type _filter _sort _count _include _revinclude _summary _elements _contained _containedType "
    "_format _pretty"
)
# R4's $everything has it (and `_type`): who is used to that would take a whole record for a part.
_UNDEFINED_OF_OPERATIONS: Final = "_since"
# What STU3's RESTful API gives a history, beside those of all.
_UNDEFINED_OF_HISTORY: Final = "_since _at"


def is_defined(of: str, name: str) -> bool:
    """Say whether STU3 has a parameter, modifiers and chains cut off, `of` a type or an operation.

    `of` is as in `Patient`, `Patient/$everything` or `Patient/_history`; what is of all types counts for these too.
    """
    if name in defined_parameters(of) or name in parameters_of_all_types():
        return True
    if of.endswith("/_history"):
        return name in _UNDEFINED_OF_HISTORY.split()
    return "/" in of and name in _UNDEFINED_OF_OPERATIONS.split()


def parameters_of_all_types() -> frozenset[str]:
    """Return the names that STU3 has for every type."""
    return frozenset(_UNDEFINED.split()).union(*(defined_parameters(each) for each in _OF_ALL_TYPES))


def defined_parameters(of: str) -> Mapping[str, str]:
    """Return by name the types of value, in STU3's words, of what HL7 defines of one type or operation by itself."""
    return _by_owner().get(of, {})


@cache
def _by_owner() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for line in _DEFINED.splitlines():
        of, type_, *names = line.split()
        found.setdefault(of, {}).update(dict.fromkeys(names, type_))
    return found
