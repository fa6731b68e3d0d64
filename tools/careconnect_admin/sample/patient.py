"""The sample's Patient: names, contacts and identifiers of an invented person."""

from typing import Final
from xml.sax.saxutils import escape

from careconnect_admin.sample.chart import LATEST, Chart
from careconnect_admin.sample.directory import PRACTICES
from careconnect_admin.sample.elements import (
    Resource,
    address,
    coded,
    extension,
    identifier,
    london,
    named,
    resource,
    telecom,
)
from careconnect_admin.sample.words import (
    CARE_CONNECT,
    ETHNIC_CATEGORIES,
    FAMILY_NAMES,
    MARITAL_STATUSES,
    TOWNS,
    Code,
)

_NHS_NUMBER: Final = "https://fhir.nhs.uk/Id/nhs-number"
_VERIFIED: Final = Code(
    "01",
    "Number present and verified",
    f"{CARE_CONNECT}/CodeSystem/CareConnect-NHSNumberVerificationStatus-1",
)

_LANGUAGES: Final = f"{CARE_CONNECT}/CodeSystem/CareConnect-HumanLanguage-1"
_ENGLISH: Final = Code("en", "English", _LANGUAGES)
_WELSH: Final = Code("cy", "Welsh", _LANGUAGES)


def patient(chart: Chart) -> Resource:
    """Return the patient."""
    person, town = chart.person, TOWNS[chart.practice]
    prefix = "Mr" if person.gender == "male" else chart.random.choice(("Mrs", "Ms", "Miss"))
    names = [named(person.family, person.given, prefix), named(person.family, person.given[:1], prefix, "usual")]
    if chart.number % 7 == 4:
        names.append(named(chart.random.choice(FAMILY_NAMES), person.given[:1], prefix, "maiden"))
    contacts = [
        telecom("phone", f"{town.telephone}{300 + chart.number}", "home"),
        telecom("phone", f"07700 900{chart.number:03d}", "mobile"),
    ]
    if chart.number % 5:
        contacts.append(telecom("email", f"patient{chart.number}@example.org", "home"))
    number = identifier(_NHS_NUMBER, chart.nhs_number)
    verified = extension("NHSNumberVerificationStatus", "CodeableConcept", coded(_VERIFIED))
    ethnic = extension("EthnicCategory", "CodeableConcept", coded(chart.random.choice(ETHNIC_CATEGORIES)))
    full_name = escape(" ".join((prefix, *person.given, person.family)))
    made = resource(
        "Patient",
        chart.patient_id,
        text={
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{full_name}, sample patient</p></div>',
        },
        extension=[ethnic],
        identifier=[{"extension": [verified], **number}, *chart.local("patient", 0)],
        active=True,
        name=names,
        telecom=contacts,
        gender=person.gender,
        birthDate=person.born.isoformat(),
        address=[address(chart.random, town, "home")],
        maritalStatus=coded(chart.random.choice(MARITAL_STATUSES)),
        generalPractitioner=[{"reference": chart.doctor}],
        managingOrganization={"reference": f"Organization/{PRACTICES[chart.practice][0]}"},
    )
    if chart.number % 4 == 0:
        made["communication"] = [{"language": coded(_WELSH if town.nation == "Wales" else _ENGLISH), "preferred": True}]
    if chart.number % 13 == 0:
        made["deceasedDateTime"] = london(LATEST, chart.minutes())
    if chart.number % 19 == 0:
        # Real records, too, have patients with an unknown birth date.
        del made["birthDate"]
        unknown = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        made["_birthDate"] = {"extension": [unknown]}
    return made
