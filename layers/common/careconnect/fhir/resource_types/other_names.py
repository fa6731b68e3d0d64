"""Names that people and other versions of FHIR have for search parameters, for a suggestion in place of a refusal."""

from collections.abc import Collection
from typing import Final

OTHER_NAMES: Final = {
    # Words that people use, without hyphens, underscores and capitals.
    "family": "surname lastname familyname maidenname",
    "given": "forename forenames firstname givenname christianname",
    "name": "fullname surname lastname forename firstname title",
    "birthdate": "dob dateofbirth born birthday",
    "death-date": "dod dateofdeath died",
    "gender": "sex",
    "identifier": "nhsnumber nhsno nhs mrn hospitalnumber odscode ods",
    "address-postalcode": "postcode postalcode zip zipcode",
    "address-city": "city town",
    "address-country": "country",
    "address-state": "county state",
    "phone": "telephone tel mobile phonenumber",
    "email": "mail emailaddress",
    "telecom": "phone telephone email mail",
    "general-practitioner": "gp doctor practice careprovider",
    "patient": "subject person patientid",
    "date": "performed occurrence when effective",
    "code": "loinc snomed diagnosis allergen substance",
    "medication": "drug medicine",
    "_lastUpdated": "updated lastmodified modified",
    "_count": "limit pagesize",
    "_sort": "orderby",
    # DSTU2's and R4's names.
    "asserted-date": "recordeddate daterecorded dateasserted",
    "authoredon": "datewritten",
    "requester": "prescriber",
    "vaccine-code": "vaccine vaccinetype",
    "reason": "reasoncode",
    "effective": "date effectivedate",
    "value-quantity": "value",
}
"""The other names of a parameter, by its own."""


def parameter_called(given: str, offered: Collection[str]) -> str:
    """Return the one of the `offered` parameters that is also called `given`, empty if none is."""
    folded = given.lower().replace("-", "").replace("_", "")
    return next((name for name, others in OTHER_NAMES.items() if name in offered and folded in others.split()), "")
