"""The sample's directory: invented organisations, sites, services, clinicians and their roles."""

from random import Random
from typing import Any, Final

from careconnect_admin.sample.elements import (
    Resource,
    address,
    coded,
    identifier,
    medicine_code,
    named,
    resource,
    telecom,
)
from careconnect_admin.sample.words import (
    CARE_CONNECT,
    FAMILY_NAMES,
    FEMALE_NAMES,
    MALE_NAMES,
    MEDICINES,
    STORY_MEDICINES,
    TOWNS,
    Code,
)

ODS_ORGANISATION: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE: Final = "https://fhir.nhs.uk/Id/ods-site-code"
SDS_USER: Final = "https://fhir.nhs.uk/Id/sds-user-id"

# The codes are longer than ODS codes are, so that none can be a real site's.
PRACTICES: Final = (
    ("SAMPLE-GP1", "Harrowbeck Mill Surgery"),
    ("SAMPLE-GP2", "Lindale Moor Health Centre"),
    ("SAMPLE-GP3", "St Brannock Quay Practice"),
    ("SAMPLE-GP4", "Meddygfa Porth Gwyn"),
)
HOSPITAL: Final = ("SAMPLE-NT1", "Calder and Tamar Hospitals (fictional)")
_WARDS: Final = ("Outpatients", "Medical Assessment Unit", "Day Surgery")
_SERVICES: Final = ("Cardiology clinic", "Respiratory clinic", "Physiotherapy", "Vaccination clinic")
DOCTORS_PER_PRACTICE: Final = 3
CONSULTANTS: Final = 4

_GENERAL_PRACTITIONER: Final = Code(
    "R0260", "General Medical Practitioner", f"{CARE_CONNECT}/CodeSystem/CareConnect-SDSJobRoleName-1"
)
_CONSULTANT: Final = Code("R0050", "Consultant", f"{CARE_CONNECT}/CodeSystem/CareConnect-SDSJobRoleName-1")


def doctor_id(practice: int, number: int) -> str:
    """Return the id of a practice's doctor, both counted from 0."""
    return f"gp-{practice + 1}-{number + 1}"


def consultant_id(number: int) -> str:
    """Return the id of a consultant of the hospital, counted from 0."""
    return f"consultant-{number + 1}"


def ward_id(number: int) -> str:
    """Return the id of a site within the hospital, counted from 0."""
    return f"SAMPLE-NT1-{number + 1}"


def directory(random: Random) -> list[Resource]:
    """Return the whole directory and the medicines' catalogue."""
    return [
        *_organizations(random),
        *_locations(random),
        *_practitioners(random),
        *_roles(),
        *_services(),
        *_medications(),
    ]


def _organizations(random: Random) -> list[Resource]:
    kind = Code("prov", "Healthcare Provider", "http://hl7.org/fhir/organization-type")
    organizations = []
    for index, (code, name) in enumerate((*PRACTICES, HOSPITAL)):
        town = TOWNS[index % len(TOWNS)]
        organizations.append(
            resource(
                "Organization",
                code,
                identifier=[identifier(ODS_ORGANISATION, code)],
                active=True,
                type=[coded(kind)],
                name=name,
                telecom=[telecom("phone", f"{town.telephone}{100 + index}", "work")],
                address=[address(random, town, "work")],
            )
        )
    organizations[3]["alias"] = ["Porth Gwyn Surgery"]
    return organizations


def _locations(random: Random) -> list[Resource]:
    return [
        resource(
            "Location",
            ward_id(index),
            identifier=[identifier(ODS_SITE, ward_id(index))],
            status="active",
            name=f"{name}, Harrowbeck Infirmary",
            alias=[name],
            mode="instance",
            telecom=[telecom("phone", f"{TOWNS[0].telephone}{200 + index}", "work")],
            address=address(random, TOWNS[0], "work"),
            managingOrganization={"reference": f"Organization/{HOSPITAL[0]}"},
        )
        for index, name in enumerate(_WARDS)
    ]


def _practitioners(random: Random) -> list[Resource]:
    ids = [
        *(doctor_id(p, number) for p in range(len(PRACTICES)) for number in range(DOCTORS_PER_PRACTICE)),
        *(consultant_id(number) for number in range(CONSULTANTS)),
    ]
    practitioners = []
    for index, practitioner_id in enumerate(ids):
        gender, names = ("female", FEMALE_NAMES) if index % 2 else ("male", MALE_NAMES)
        practitioners.append(
            resource(
                "Practitioner",
                practitioner_id,
                identifier=[identifier(SDS_USER, f"SAMPLE{index + 1:06d}")],
                active=True,
                name=[named(random.choice(FAMILY_NAMES), [random.choice(names)], "Dr")],
                telecom=[telecom("email", f"{practitioner_id}@example.org", "work")],
                address=[address(random, TOWNS[index % len(TOWNS)], "work")],
                gender=gender,
            )
        )
    return practitioners


def _roles() -> list[Resource]:
    roles = [
        _role(doctor_id(index, number), code, _GENERAL_PRACTITIONER, None)
        for index, (code, _) in enumerate(PRACTICES)
        for number in range(DOCTORS_PER_PRACTICE)
    ]
    roles += [
        _role(consultant_id(number), HOSPITAL[0], _CONSULTANT, ward_id(number % len(_WARDS)))
        for number in range(CONSULTANTS)
    ]
    return roles


def _role(practitioner_id: str, organization: str, job: Code, location: str | None) -> Resource:
    elements: dict[str, Any] = {
        "identifier": [identifier("https://roles.example.org/Id/role", f"role-{practitioner_id}")],
        "active": True,
        "period": {"start": "2015-04-01"},
        "practitioner": {"reference": f"Practitioner/{practitioner_id}"},
        "organization": {"reference": f"Organization/{organization}"},
        "code": [coded(job)],
    }
    if location:
        elements["location"] = [{"reference": f"Location/{location}"}]
    return resource("PractitionerRole", practitioner_id, **elements)


def _services() -> list[Resource]:
    return [
        resource(
            "HealthcareService",
            f"service-{index + 1}",
            identifier=[identifier("https://services.example.org/Id/service", f"S{index + 1:03d}")],
            active=True,
            providedBy={"reference": f"Organization/{HOSPITAL[0]}"},
            location=[{"reference": f"Location/{ward_id(index % len(_WARDS))}"}],
            name=name,
            appointmentRequired=index != 3,
            availableTime=[
                {
                    "daysOfWeek": ["mon", "tue", "wed", "thu", "fri"],
                    "availableStartTime": "09:00:00",
                    "availableEndTime": "17:30:00",
                }
            ],
        )
        for index, name in enumerate(_SERVICES)
    ]


def _medications() -> list[Resource]:
    return [
        resource(
            "Medication",
            medicine.key,
            code=medicine_code(medicine),
            status="active",
            ingredient=[{"itemCodeableConcept": coded(medicine.substance), "isActive": True}],
        )
        for medicine in (*MEDICINES, *STORY_MEDICINES)
    ]
