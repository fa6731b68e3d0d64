"""What the access record says of a search: nothing personal, and all else as it was sent."""

from urllib.parse import parse_qsl

import pytest

from careconnect.access_record.query import named_patients, recorded_query
from careconnect.resource_types import AUDIT_EVENT, RESOURCE_TYPES, served_type

BASE = "https://care.example/careconnect-ri/STU3"


def digest(value: str) -> str:
    return f"({len(value)})"


@pytest.mark.parametrize(
    "name",
    [
        *(
            "identifier",
            "identifier:exact",
            "name",
            "family",
            "given:contains",
            "birthdate",
            "telecom",
            "phone",
            "email",
        ),
        *("address", "address-city", "address-postalcode", "address-country:exact", "address-state"),
        *("patient.identifier", "subject:Patient.name:exact", "patient:Patient.birthdate", "performer.name"),
        *("_has:Observation:patient:identifier", "_has:PractitionerRole:practitioner:organization.name"),
        *("unheard-of", "patient.unheard-of", "Identifier", ":exact", ""),
    ],
)
def test_what_tells_of_a_person_is_digested_as_it_was_sent(name: str) -> None:
    value = "https://fhir.nhs.uk/Id/nhs-number|9876543210"

    assert parse_qsl(recorded_query([(name, value)], digest), keep_blank_values=True) == [(name, f"({len(value)})")]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("patient", "Patient/4"),
        ("code:not", "http://snomed.info/sct|195967001,22298006"),
        ("_has:Condition:patient:code", "a|b"),
        ("date", "ge2017-01-01T00:00:00+01:00"),
        ("_include", "Observation:patient"),
        ("_revinclude:iterate", "Provenance:target"),
        ("_count", "5"),
        ("_elements", "identifier,name"),
        ("_cursor", "abc-_"),
        ("_since", "2017-10-19T08:00:00Z"),
        ("death-date", "2017"),
        ("gender", ""),
        ("patient:Patient", "4"),
    ],
)
def test_all_else_stays_as_it_was_sent(name: str, value: str) -> None:
    assert parse_qsl(recorded_query([(name, value)], digest), keep_blank_values=True) == [(name, value)]


def test_no_value_has_no_digest_and_half_a_character_breaks_nothing() -> None:
    assert recorded_query([("identifier", ""), ("family", "\ud800"), ("code", "\ud800")], digest) == (
        "identifier=&family=%281%29&code=%ED%A0%80"
    )


def test_every_identifier_and_every_parameter_of_a_persons_name_and_place_is_personal() -> None:
    told = {parameter.name for each in RESOURCE_TYPES for parameter in each.parameters if not parameter.personal}

    assert not [name for name in told if any(word in name for word in ("ident", "name", "address", "phone", "mail"))]


@pytest.mark.parametrize(
    ("type_", "name", "value", "named"),
    [
        ("Observation", "patient", "4", ("4",)),
        ("Observation", "patient", "Patient/4", ("4",)),
        ("Observation", "subject", "4,Patient/5,4", ("4", "5")),
        ("Observation", "patient:Patient", "4", ("4",)),
        ("Observation", "patient", BASE + "/Patient/4", ("4",)),
        ("Observation", "patient", "https://other.example/Patient/4", ()),
        ("Observation", "performer", "Patient/4", ("4",)),
        ("Observation", "performer:Patient", "4", ("4",)),
        ("Observation", "performer", "4", ()),
        ("Observation", "performer:Practitioner", "4", ()),
        ("Observation", "performer", "Practitioner/4", ()),
        ("Observation", "patient:missing", "true", ()),
        ("Observation", "patient.identifier", "4", ()),
        ("Observation", "patient:Patient.general-practitioner", "Patient/4", ()),
        ("Observation", "patient", "Patient/4/_history/1", ()),
        ("Observation", "patient", "not an id", ()),
        ("Observation", "code", "4", ()),
        ("Observation", "_id", "4", ()),
        ("Observation", "nothing", "4", ()),
        ("Patient", "_id", "4,5", ("4", "5")),
        ("Patient", "_id", "not an id", ()),
        ("Patient", "identifier", "4", ()),
        ("Organization", "partof", "4", ()),
        (AUDIT_EVENT.name, "patient", "4", ("4",)),
        (AUDIT_EVENT.name, "entity", "Patient/4", ("4",)),
    ],
)
def test_a_patient_is_named_by_its_id_alone(type_: str, name: str, value: str, named: tuple[str, ...]) -> None:
    served = served_type(type_)
    assert served is not None

    assert named_patients(served, [(name, value)], BASE) == named


def test_a_query_that_no_url_could_hold_keeps_its_short_values_alone() -> None:
    codes = ",".join(str(number) for number in range(4_000))
    short = [("patient", "4"), ("_count", "5"), ("identifier", "a" * 70)]

    long = recorded_query([*short, ("code", codes)], digest)
    assert long == f"patient=4&_count=5&identifier=%2870%29&code=%28{len(codes)}%29"
    assert recorded_query([*short, ("code", codes[:1_000])], digest).endswith(codes[:1_000])
