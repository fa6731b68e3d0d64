"""A request's parameters in its audit event: nothing personal, nothing unknown, nothing without a bound."""

from urllib.parse import parse_qsl

import pytest

from careconnect.audit.query import LEFT_OUT, LONGEST_QUERY, audit_query, bounded_query
from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES, served_type

BASE = "https://care.example/careconnect-ri/STU3"


def asked(type_: str, *parameters: tuple[str, str], patient: str = "") -> tuple[list[tuple[str, str]], int]:
    """Return the parameters of a search that its event holds, and the count of those that it leaves out as unknown."""
    served = served_type(type_)
    assert served is not None
    query = audit_query(served, parameters, BASE)
    text, _ = query.text(patient)
    return parse_qsl(text, keep_blank_values=True), query.unknown


PERSONAL = [
    *(("Patient", name) for name in ("identifier", "name", "family", "given:contains", "birthdate", "telecom")),
    *(("Patient", name) for name in ("phone", "email", "address", "address-city", "address-postalcode:exact")),
    *(("Observation", name) for name in ("patient.identifier", "subject:Patient.name:exact", "performer.name")),
    *(("Observation", name) for name in ("encounter.patient.birthdate", "identifier", "encounter.identifier")),
    *(("Patient", name) for name in ("_has:Observation:patient:identifier", "organization.identifier")),
    ("Patient", "_has:Observation:patient:encounter.identifier"),
    *(
        ("Patient", name)
        for name in ("death-date", "death-date:missing", "_has:Observation:patient:patient.death-date")
    ),
]


@pytest.mark.parametrize(("type_", "name"), PERSONAL)
def test_what_tells_of_a_person_is_named_and_its_value_left_out(type_: str, name: str) -> None:
    assert asked(type_, (name, "https://fhir.nhs.uk/Id/nhs-number|9876543210")) == ([(name, LEFT_OUT)], 0)


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        *(("Patient", name) for name in ("unheard-of", "Identifier", ":exact", "", "9876543210", "_has", "_has:x")),
        *(("Patient", name) for name in ("identifier:9876543210", "gender:of", "_include:9876543210", "gender:")),
        *(("Patient", name) for name in ("_has:Observation:patient:9876543210", "_has:Observation:9876543210:code")),
        *(("Patient", name) for name in ("general-practitioner.9876543210", "gender.code", "code", "_has:Nothing:a:b")),
        ("Observation", "patient:Practitioner.name"),
        ("Observation", ".".join(["subject"] * 2_000)),
        ("Organization", ".".join(["partof"] * 2_000)),
        ("Observation", "_has:" * 2_000),
    ],
)
def test_what_the_server_does_not_know_is_counted_and_never_quoted(type_: str, name: str) -> None:
    assert asked(type_, (name, "4")) == ([], 1)


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("Observation", "patient", "Patient/4"),
        ("Observation", "code:not", "http://snomed.info/sct|195967001,22298006"),
        ("Patient", "_has:Condition:patient:code", "a|b"),
        ("Observation", "date", "ge2017-01-01T00:00:00+01:00"),
        ("Observation", "_include", "Observation:patient"),
        ("Observation", "_revinclude:iterate", "Provenance:target"),
        ("Patient", "_count", "5"),
        ("Patient", "_elements", "identifier,name"),
        ("Patient", "_cursor", "abc-_"),
        ("Patient", "_since", "2017-10-19T08:00:00Z"),
        ("Patient", "gender", ""),
        ("Observation", "patient:Patient", "4"),
        ("Observation", "encounter.status", "\ud800"),
    ],
)
def test_all_else_stays_as_it_was_sent(type_: str, name: str, value: str) -> None:
    ((told, said),), unknown = asked(type_, (name, value))

    assert (told, unknown) == (name, 0)
    assert said == value or value == "\ud800"


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
        ("Observation", "patient:Patient.general-practitioner", "Practitioner/4", ()),
        ("Observation", "patient", "Patient/4/_history/1", ("4",)),
        ("Patient", "_id", "|4", ("4",)),
        ("Observation", "patient._id", "|4", ("4",)),
        ("Observation", "patient", "not an id", ()),
        ("Observation", "code", "4", ()),
        ("Observation", "_id", "4", ()),
        ("Observation", "nothing", "4", ()),
        *(
            (type_, name, "5", ("5",))
            for type_, name in (
                *(("Observation", each) for each in ("subject:not", "patient:missing", "subject:exact")),
                *(("Observation", each) for each in ("patient:contains", "encounter.patient:not")),
                *(("Observation", each) for each in ("encounter.patient:missing", "patient._id:missing")),
                *(("Patient", f"_has:Observation:patient:{each}") for each in ("subject:not", "patient:contains")),
                ("Patient", "_id:missing"),
            )
        ),
        ("Observation", "performer:not", "Patient/5", ("5",)),
        ("Encounter", "participant", "Patient/5", ("5",)),
        ("Encounter", "participant", "5", ()),
        ("Patient", "general-practitioner", "Patient/5", ("5",)),
        ("Patient", "general-practitioner:missing", "Patient/5", ("5",)),
        ("Observation", "patient.general-practitioner", "Patient/5", ("5",)),
        ("Patient", "_has:Encounter:patient:participant", "Patient/5", ("5",)),
        ("Organization", "partof", "Patient/5", ("5",)),
        ("Patient", "_id:missing", "true", ()),
        ("Observation", "subject:Patient._id", "4", ("4",)),
        ("Observation", "patient._id", "4", ("4",)),
        ("Observation", "encounter.patient", "4", ("4",)),
        ("Observation", "encounter.patient._id", "4", ("4",)),
        ("Patient", "_has:Observation:patient:encounter.patient", "4", ("4",)),
        ("Patient", "_has:Observation:patient:subject", "Patient/4", ("4",)),
        ("Patient", "_id", "4,5", ("4", "5")),
        ("Patient", "_id:not", "4", ("4",)),
        ("Patient", "_id", "not an id", ()),
        ("Patient", "identifier", "4", ()),
        ("Organization", "partof", "4", ()),
        (AUDIT_EVENT.name, "patient", "4", ("4",)),
        (AUDIT_EVENT.name, "entity", "Patient/4", ("4",)),
    ],
)
def test_a_patient_is_named_by_its_id_wherever_it_stands(
    type_: str, name: str, value: str, named: tuple[str, ...]
) -> None:
    served = served_type(type_)
    assert served is not None

    assert audit_query(served, [(name, value)], BASE).patients == named


@pytest.mark.parametrize(
    ("type_", "name", "identifiers"),
    [
        ("Patient", "identifier", ("s|1", "2")),
        ("Patient", "identifier:not", ("s|1", "2")),
        ("Patient", "identifier:missing", ()),
        ("Observation", "patient.identifier", ("s|1", "2")),
        ("Observation", "encounter.patient.identifier", ("s|1", "2")),
        ("Patient", "_has:Observation:patient:subject:Patient.identifier", ("s|1", "2")),
        ("Observation", "identifier", ()),
        ("Practitioner", "identifier", ()),
    ],
)
def test_a_patient_is_asked_for_by_its_identifiers_and_no_other(
    type_: str, name: str, identifiers: tuple[str, ...]
) -> None:
    served = served_type(type_)
    assert served is not None

    assert audit_query(served, [(name, "s|1,2,s|1")], BASE).identifiers == identifiers


@pytest.mark.parametrize(("number", "is_too_much"), [(50, False), (51, True)])
def test_h1_values_that_name_patients_or_identifiers_are_a_hundred_in_all(number: int, is_too_much: bool) -> None:
    served = served_type("Patient")
    assert served is not None
    values = ",".join(str(each) for each in range(number))

    assert audit_query(served, [("_id", values), ("identifier", values)], BASE).names_too_many is is_too_much


def test_a_value_is_stored_in_the_events_of_those_whom_alone_it_names() -> None:
    parameters = [("patient", "4"), ("subject", "Patient/5"), ("code", "1")]

    assert asked("Observation", *parameters, patient="4")[0] == [("patient", "4"), ("subject", LEFT_OUT), ("code", "1")]
    assert asked("Observation", *parameters, patient="6")[0] == [
        ("patient", LEFT_OUT),
        ("subject", LEFT_OUT),
        ("code", "1"),
    ]
    assert asked("Observation", *parameters)[0] == parameters


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        *(("Observation", f"subject:{modifier}", "5") for modifier in ("not", "missing", "exact", "contains")),
        ("Patient", "_id:missing", "5"),
        ("Patient", "_has:Observation:patient:subject:not", "5"),
        ("Observation", "encounter.patient:not", "5"),
        ("Encounter", "participant", "Patient/5"),
        ("Patient", "general-practitioner", f"{BASE}/Patient/5"),
    ],
)
def test_f_the_event_of_one_patient_holds_no_id_of_another_by_any_modifier_or_reference(
    type_: str, name: str, value: str
) -> None:
    assert asked(type_, (name, value), patient="4") == ([(name, LEFT_OUT)], 0)
    assert asked(type_, (name, value), patient="5") == ([(name, value)], 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            ("performer", value)
            for value in (
                "Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9434765919",
                *(
                    "http://other/Patient/5",
                    f"{BASE}//Patient/5",
                    "urn:oid:9434765919",
                    "/Patient/5",
                    "#5",
                    "Patient|5",
                ),
                *("patient/5", "Patient/5/", "Patient/5/_history/", "9434765919/Patient"),
            )
        ),
        *(("patient._id", value) for value in ("http://h|5", "5|", " 5", "Patient/5", "943\u00a0476\u00a05919")),
        *(("subject:Patient.deceased", value) for value in ("2019-03-04", "true,2019-03-04")),
    ],
)
def test_l_a_value_in_a_form_that_may_name_somebody_is_in_no_event(name: str, value: str) -> None:
    assert asked("Observation", (name, value), patient="4") == ([(name, LEFT_OUT)], 0)
    assert asked("Observation", (name, value)) == ([(name, LEFT_OUT)], 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("performer", value) for value in ("5", "Practitioner/5", f"{BASE}/Organization/5", "RelatedPerson/5")),
        *(("encounter._id", value) for value in ("5", "|5", "1971-08-23")),
        *(("subject:Patient.deceased", value) for value in ("true", "false", "|true")),
        ("subject:missing", "true"),
    ],
)
def test_a_value_in_a_known_form_is_in_events_as_it_was_sent(name: str, value: str) -> None:
    assert asked("Observation", (name, value), patient="4") == ([(name, value)], 0)


def test_h1_of_a_query_that_is_too_long_the_longest_values_are_left_out_and_then_names_are_counted() -> None:
    codes = ",".join(str(number) for number in range(4_000))
    short = [("patient", "4"), ("date", "2017" * 30)]

    text, counted = bounded_query([*short, ("code", codes)])
    assert (text, counted) == (f"patient=4&date={'2017' * 30}&code={LEFT_OUT}", 0)
    assert bounded_query([("code", codes[:2_000])]) == (f"code={codes[:2_000]}", 0)
    assert len(bounded_query([("code", codes)] * 100)[0]) <= LONGEST_QUERY
    assert bounded_query([("subject:Patient.general-practitioner", codes)] * 200) == ("", 200)
    assert bounded_query([("code", "é" * 1_000)]) == (f"code={LEFT_OUT}", 0)
