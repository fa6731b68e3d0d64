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
    DOSE_FORMS,
    FAMILY_NAMES,
    FEMALE_NAMES,
    HOSPITAL_UNIT,
    MALE_NAMES,
    MEDICINES,
    SPECIALTIES,
    STORY_MEDICINES,
    TOWNS,
    Code,
    Medicine,
)

ODS_ORGANISATION: Final = "https://fhir.nhs.uk/Id/ods-organization-code"
ODS_SITE: Final = "https://fhir.nhs.uk/Id/ods-site-code"
SDS_USER: Final = "https://fhir.nhs.uk/Id/sds-user-id"

# The codes are longer than ODS codes, so that none can be the code of a real site.
PRACTICES: Final = (
    ("SAMPLE-GP1", "Harrowbeck Mill Surgery"),
    ("SAMPLE-GP2", "Lindale Moor Health Centre"),
    ("SAMPLE-GP3", "St Brannock Quay Practice"),
    ("SAMPLE-GP4", "Meddygfa Porth Gwyn"),
)
HOSPITAL: Final = ("SAMPLE-NT1", "Calder and Tamar Hospitals (fictional)")
MANUFACTURER: Final = ("SAMPLE-MF1", "Calderbank Vaccines (fictional)")
_DEPARTMENT: Final = ("SAMPLE-NT1-W", "Women's and children's services")
_SITE: Final = ("SAMPLE-NT1-0", "Harrowbeck Infirmary")
_WARDS: Final = ("Outpatients", "Medical Assessment Unit", "Day Surgery")
_SERVICES: Final = ("Cardiology clinic", "Respiratory clinic", "Physiotherapy", "Vaccination clinic")
DOCTORS_PER_PRACTICE: Final = 3
CONSULTANTS: Final = 4

_GENERAL_PRACTITIONER: Final = Code(
    "R0260", "General Medical Practitioner", f"{CARE_CONNECT}/CodeSystem/CareConnect-SDSJobRoleName-1"
)
_STEP_FREE: Final = Code("step-free", "Step-free access", "https://services.example.org/characteristics")
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
    """Return all resources of the directory, with the catalogue of medicines."""
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
    department, manufacturer = (
        resource("Organization", code, identifier=[identifier(ODS_ORGANISATION, code)], active=True, name=name)
        for code, name in (_DEPARTMENT, MANUFACTURER)
    )
    department["partOf"] = {"reference": f"Organization/{HOSPITAL[0]}"}
    organizations += [department, manufacturer]
    return organizations


def _locations(random: Random) -> list[Resource]:
    wards = [
        resource(
            "Location",
            ward_id(index),
            identifier=[identifier(ODS_SITE, ward_id(index))],
            status="active",
            name=f"{name}, Harrowbeck Infirmary",
            alias=[name],
            mode="instance",
            type=coded(HOSPITAL_UNIT),
            telecom=[telecom("phone", f"{TOWNS[0].telephone}{200 + index}", "work")],
            address=address(random, TOWNS[0], "work"),
            managingOrganization={"reference": f"Organization/{HOSPITAL[0]}"},
            partOf={"reference": f"Location/{_SITE[0]}"},
        )
        for index, name in enumerate(_WARDS)
    ]
    site = resource(
        "Location",
        _SITE[0],
        identifier=[identifier(ODS_SITE, _SITE[0])],
        status="active",
        name=_SITE[1],
        mode="instance",
        address=wards[0]["address"],
        managingOrganization={"reference": f"Organization/{HOSPITAL[0]}"},
    )
    return [*wards, site]


def _practitioners(random: Random) -> list[Resource]:
    ids = [
        *(doctor_id(p, number) for p in range(len(PRACTICES)) for number in range(DOCTORS_PER_PRACTICE)),
        *(consultant_id(number) for number in range(CONSULTANTS)),
    ]
    practitioners = []
    for index, practitioner_id in enumerate(ids):
        gender, names = ("female", FEMALE_NAMES) if index % 2 else ("male", MALE_NAMES)
        contacts = [telecom("email", f"{practitioner_id}@example.org", "work")]
        if index % 3 == 0:
            contacts.append(telecom("phone", f"{TOWNS[index % len(TOWNS)].telephone}{400 + index}", "work"))
        practitioners.append(
            resource(
                "Practitioner",
                practitioner_id,
                identifier=[identifier(SDS_USER, f"SAMPLE{index + 1:06d}")],
                active=True,
                name=[named(random.choice(FAMILY_NAMES), [random.choice(names)], "Dr")],
                telecom=contacts,
                address=[address(random, TOWNS[index % len(TOWNS)], "work")],
                gender=gender,
            )
        )
    return practitioners


def _roles() -> list[Resource]:
    roles = [
        _role(doctor_id(index, number), code, _GENERAL_PRACTITIONER)
        for index, (code, _) in enumerate(PRACTICES)
        for number in range(DOCTORS_PER_PRACTICE)
    ]
    roles += [_role(consultant_id(number), HOSPITAL[0], _CONSULTANT, number) for number in range(CONSULTANTS)]
    return roles


def _role(practitioner_id: str, organization: str, job: Code, consultant: int | None = None) -> Resource:
    elements: dict[str, Any] = {
        "identifier": [identifier("https://roles.example.org/Id/role", f"role-{practitioner_id}")],
        "active": True,
        "period": {"start": "2015-04-01"},
        "practitioner": {"reference": f"Practitioner/{practitioner_id}"},
        "organization": {"reference": f"Organization/{organization}"},
        "code": [coded(job)],
    }
    if consultant is not None:
        elements["specialty"] = [coded(SPECIALTIES[consultant])]
        elements["location"] = [{"reference": f"Location/{ward_id(consultant % len(_WARDS))}"}]
        elements["healthcareService"] = [{"reference": f"HealthcareService/{_service_id(consultant)}"}]
    return resource("PractitionerRole", practitioner_id, **elements)


def _service_id(number: int) -> str:
    return f"service-{number + 1}"


def _services() -> list[Resource]:
    return [
        resource(
            "HealthcareService",
            _service_id(index),
            identifier=[identifier("https://services.example.org/Id/service", f"S{index + 1:03d}")],
            active=True,
            providedBy={"reference": f"Organization/{HOSPITAL[0]}"},
            type=[coded(SPECIALTIES[index])],
            location=[{"reference": f"Location/{ward_id(index % len(_WARDS))}"}],
            name=name,
            characteristic=[coded(_STEP_FREE)],
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
            manufacturer={"reference": f"Organization/{MANUFACTURER[0]}"},
            **_dose_form(medicine),
            ingredient=[{"itemCodeableConcept": coded(medicine.substance), "isActive": True}],
        )
        for medicine in (*MEDICINES, *STORY_MEDICINES)
    ]


def _dose_form(medicine: Medicine) -> dict[str, Any]:
    forms = [form for word, form in DOSE_FORMS.items() if word in medicine.name]
    return {"form": coded(*forms)} if forms else {}
