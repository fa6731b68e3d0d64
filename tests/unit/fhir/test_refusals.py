"""The text of each error, which tells the caller how to proceed (`access.md`, Errors; `fhir.md`, Statuses)."""

from typing import Any, cast

import pytest
from fhir.resources.STU3 import get_fhir_model_class

from careconnect.endpoint.pipeline import RequestPipeline
from careconnect.fhir.resource_types import COMMON_PARAMETERS, RESOURCE_TYPES, resource_type
from careconnect.fhir.resource_types.other_names import OTHER_NAMES, parameter_called
from careconnect.fhir.resource_types.stu3 import RESOURCE_NAMES
from careconnect.fhir.result_parameter_names import SEARCH_PARAMETERS
from careconnect.fhir.unknown_path import unknown_path
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Cors
from careconnect_testing.http.answer import Answer
from careconnect_testing.http.events import fhir_event
from careconnect_testing.parts.clock import Clock
from careconnect_testing.parts.observer import RecordingObserver
from careconnect_testing.parts.stores import BASE, Reader
from careconnect_testing.running.cases import each_of
from service_discovery.app import DiscoveryEndpoint

# It raises its errors without reading its keys.
DISCOVERY = RequestPipeline(
    DiscoveryEndpoint(cast("Any", None)), BASE, "eu-west-2", Cors(("*",)), RecordingObserver(), Clock()
)

# The scopes of a token, its request, and the scope that the error names.
NEEDED = [
    ("user/Condition.read", "Patient/4", "", "user/Patient.r"),
    ("user/Condition.read", "Patient/4/_history/1", "", "user/Patient.r"),
    ("user/Condition.read", "Patient/4/$everything", "", "user/Patient.r"),
    ("system/Condition.read profile", "Patient", "", "system/Patient.s"),
    ("patient/Patient.r", "Patient", "_id=4", "patient/Patient.s"),
    ("system/Patient.s", "Patient/4", "", "system/Patient.r"),
    ("system/Observation.rs", "Observation", "patient.name=x", "system/Patient.s"),
    ("user/Patient.read", "Patient/4/Observation", "", "user/Observation.s"),
    ("system/Patient.rs system/Condition.rs", "Patient/4/Observation", "code=x", "system/Observation.s"),
    ("patient/Observation.r", "Patient/4/Observation", "", "patient/Observation.s"),
    ("user/Observation.s", "Patient/4/Observation", "patient.name=x", "user/Patient.s"),
    ("openid user/Patient.read", "Organization/P1", "", "user/Organization.r"),
    ("profile", "Patient", "", "user/Patient.s"),
    ("user/Toaster.read profile", "MedicationRequest", "", "user/MedicationRequest.s"),
]


@pytest.mark.parametrize(("held", "path", "query", "needed"), NEEDED)
def test_rfc_6750_3_a_missing_scope_is_named(reader: Reader, held: str, path: str, query: str, needed: str) -> None:
    answer = reader.as_caller(held).get(path, query)

    assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="careconnect", error="insufficient_scope", scope="{needed}"'
    )
    assert answer.diagnostics == f"The access token's scopes do not allow this request: {needed} is needed."
    # With the named scope the same request is allowed; without it, it was not.
    assert reader.as_caller(f"{held} {needed}").get(path, query).status in (200, 404)


LISTED = "What is offered is listed by metadata, below the FHIR base."
EMPTY_PART = "The path has an empty part: write one slash between two parts, as in Patient/4."
SLASH_AT_THE_END = "The path ends with a slash: leave it out."
NOTHING = "Nothing is served under that name"
BELOW_PATIENT = (
    "Below Patient there are Patient/{id}, Patient/{id}/_history, Patient/{id}/_history/{version} and searches of its "
    "record, such as"
)
HISTORY_OF_PATIENT = (
    "A history is of one resource: ask for Patient/{id}/_history, or for a version by Patient/{id}/_history/{version}."
)
EVERYTHING_OF_PATIENT = (
    "That is no operation of Patient, which has Patient/{id}/$everything, Patient/$validate, Patient/{id}/$validate, "
    "Patient/$export."
)

# Requested paths below the FHIR base, and the error for each.
PATHS = [
    ("/Patient/4", EMPTY_PART),
    ("Patient//4", EMPTY_PART),
    ("Patient/4/", SLASH_AT_THE_END),
    ("Patient/", SLASH_AT_THE_END),
    ("metadata/", SLASH_AT_THE_END),
    ("patient/4", "Names are case-sensitive: write Patient."),
    ("OBSERVATION", "Names are case-sensitive: write Observation."),
    ("Metadata", "Names are case-sensitive: write metadata."),
    ("Pateint/4", f"{NOTHING}: the nearest is Patient."),
    ("Observations?patient=4", f"{NOTHING}: the nearest is Observation."),
    ("Organisation/P1", f"{NOTHING}: the nearest is Organization."),
    ("metdata", f"{NOTHING}: the nearest is metadata."),
    ("Toaster/4", f"{NOTHING}."),
    ("9434765919", f"{NOTHING}."),
    ("*", f"{NOTHING}."),
    ("Appointment/4", "This type of FHIR STU3 is not served."),
    ("MedicationDispense", "This type of FHIR STU3 is not served."),
    ("Group/1/$export", "There is no Group: patients are named in the body of POST Patient/$export."),
    ("$everything", "That is no operation of the base, which has $export."),
    ("$export/j/f/x", "Below $export there are $export/{job} and $export/{job}/{file}."),
    # What a reader is asked for if the stack offers no bulk export.
    ("Patient/$export", "This server does not offer that."),
    ("Patient/4/$evrything", EVERYTHING_OF_PATIENT),
    ("Patient/4/$9434765919", EVERYTHING_OF_PATIENT),
    ("Patient/4/%24evrything", EVERYTHING_OF_PATIENT),
    ("Patient/$everything", EVERYTHING_OF_PATIENT),
    (
        "Condition/c1/$everything",
        "That is no operation of Condition, which has Condition/$validate, Condition/{id}/$validate.",
    ),
    ("Patient/_history", HISTORY_OF_PATIENT),
    ("Patient/4/_history/1/2", HISTORY_OF_PATIENT),
    ("Patient/_search/4", "A search is posted to Patient/_search."),
    ("Patient/4/Condition/c1", "Patient/{id}/Condition is a search: one that it finds is read by Condition/{id}."),
    ("Patient/4/Organization", "Organization is not searched below Patient/{id}: ask for Organization by itself."),
    ("Patient/4/Medication", "Medication is not searched below Patient/{id}: ask for Medication by itself."),
    ("Patient/4/Appointment", "This type of FHIR STU3 is not served."),
    ("Patient/4/name", f"{BELOW_PATIENT} Patient/{{id}}/Condition."),
    ("Patient/4/*", f"{BELOW_PATIENT} Patient/{{id}}/Condition."),
    ("Patient/4/observations", f"{BELOW_PATIENT} Patient/{{id}}/Observation."),
    (
        "Encounter/e1/Observation",
        "Observation is not searched below Encounter/{id}: ask for Observation?encounter={id}.",
    ),
    (
        "Encounter/e1/9434765919",
        "Below Encounter there are Encounter/{id}, Encounter/{id}/_history and Encounter/{id}/_history/{version}.",
    ),
]


@each_of(("path", "said"), PATHS)
def test_fhir_md_other_paths_say_what_is_wrong_and_where_to_look(reader: Reader, path: str, said: str) -> None:
    """Each is asked of the function that the gateway hands it to: a type's own, or discovery for every other name."""
    bare, _, query = path.partition("?")
    name = bare.partition("/")[0]
    if resource_type(name) is not None:
        answer = reader.get(bare, query)
    else:
        answer = Answer.of(DISCOVERY(fhir_event("GET", bare)))

    assert (answer.status, answer.issue["code"]) == (404, "not-supported")
    assert answer.diagnostics == f"{said} {LISTED}"


def test_a_path_outside_of_the_base_is_reported_where_that_is() -> None:
    assert unknown_path(f"/live{FHIR_PATH}/Patient/4").text == f"FHIR is served below {FHIR_PATH}. {LISTED}"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("AuditEvent/4/_history", "AuditEvent never changes, and so has no history."),
        ("AuditEvent/_history", "AuditEvent never changes, and so has no history."),
        ("AuditEvent/4/x", "Below AuditEvent there are AuditEvent/{id} and AuditEvent/_search."),
        ("AuditEvent/4/Patient", "Patient is not searched below AuditEvent/{id}: ask for Patient by itself."),
        ("AuditEvent/4/$everything", "That is no operation of AuditEvent, which has none."),
        ("Patient/4/AuditEvent", "AuditEvent is not searched below Patient/{id}: ask for AuditEvent?patient={id}."),
        ("auditEvent", "Names are case-sensitive: write AuditEvent."),
        ("AuditEvents", f"{NOTHING}: the nearest is AuditEvent."),
    ],
)
def test_a_path_of_the_audit_trail_that_is_none_says_what_there_is(path: str, said: str) -> None:
    assert unknown_path(f"{FHIR_PATH}/{path}").text == f"{said} {LISTED}"


@pytest.mark.slow
def test_the_types_of_stu3_are_those_of_its_models() -> None:
    for name in RESOURCE_NAMES:
        assert get_fhir_model_class(name).get_resource_type() == name
    assert len(RESOURCE_NAMES) == 117
    assert {each.name for each in RESOURCE_TYPES} < RESOURCE_NAMES


IGNORED = "the parameter is not supported and was ignored."

# Requests with an unknown parameter, and the warning for each.
UNKNOWN = [
    ("Patient?nmae=x", f"nmae: {IGNORED} The nearest is name."),
    ("Patient?Name:exact=x", f"Name:exact: {IGNORED} The nearest is name."),
    ("Patient?birth-date=2017", f"birth-date: {IGNORED} The nearest is birthdate."),
    ("Patient?postcode=x", f"postcode: {IGNORED} The nearest is address-postalcode."),
    ("Patient?surname=x", f"surname: {IGNORED} The nearest is family."),
    ("Organization?surname=x", f"surname: {IGNORED} The nearest is name."),
    ("Patient?first_name:exact=x", f"first_name:exact: {IGNORED} The nearest is given."),
    ("Patient?DateOfBirth=2017", f"DateOfBirth: {IGNORED} The nearest is birthdate."),
    ("Patient?nhs-number=1", f"nhs-number: {IGNORED} The nearest is identifier."),
    ("Patient?sex=f", f"sex: {IGNORED} The nearest is gender."),
    ("Organization?sex=f", f"sex: {IGNORED}"),
    ("Practitioner?telephone=1", f"telephone: {IGNORED} The nearest is phone."),
    ("Patient?count=1", f"count: {IGNORED} The nearest is _count."),
    ("Patient?_inclde=x", f"_inclde: {IGNORED} The nearest is _include."),
    ("Patient?nonsense=1", f"nonsense: {IGNORED}"),
    ("Observation?pateint.name=x", f"pateint.name: {IGNORED} The nearest is patient."),
    ("Observation?lastUpdated=2017", f"lastUpdated: {IGNORED} The nearest is _lastUpdated."),
    ("Organization?adress-postalcode=x", f"adress-postalcode: {IGNORED} The nearest is address-postalcode."),
    ("Patient?9434765919=1", f"(name withheld): {IGNORED}"),
    ("Patient/4/$everything?_counts=1", f"_counts: {IGNORED} The nearest is _count."),
    ("Patient/4/$everything?since=2020", f"since: {IGNORED} The nearest is _since."),
    ("Patient/4/$everything?gender=male", f"gender: {IGNORED}"),
]


@pytest.mark.parametrize(("asked", "warning"), UNKNOWN)
def test_fhir_md_unknown_parameters_are_reported_first_and_with_the_nearest_name(
    reader: Reader, asked: str, warning: str
) -> None:
    path, _, query = asked.partition("?")
    answer, alone = reader.get(path, query), reader.get(path)
    strict = reader.get(path, query, Prefer="handling=strict")

    first, *rest = answer.json["entry"]
    assert (answer.status, first["search"]["mode"]) == (200, "outcome")
    (issue,) = first["resource"]["issue"]
    assert (issue["severity"], issue["code"], issue["diagnostics"]) == ("warning", "not-supported", warning)
    assert [one["resource"]["id"] for one in rest] == [one["resource"]["id"] for one in alone.json["entry"]]
    assert (strict.status, strict.issue["code"]) == (400, "not-supported")
    assert strict.diagnostics == warning.replace(" and was ignored.", ".")


# Requests that are refused in any case, and the correct form of each.
NOT_TAKEN = [
    ("Patient?name:exakt=x", "name: the modifier is not supported; it takes :exact, :contains, :missing."),
    ("Patient?gender:exact=x", "gender: the modifier is not supported; it takes :not, :missing."),
    ("Condition?patient:Device=4", "patient: the modifier is not supported; it takes :Patient, :missing."),
    (
        "Patient?_sort=gender",
        (
            "_sort: takes _id, _lastUpdated, name, family, given, birthdate, address-postalcode, address, "
            "address-city, address-country, address-state, death-date, with - for descending."
        ),
    ),
    (
        "Patient?_sort=-surname",
        (
            "_sort: takes _id, _lastUpdated, name, family, given, birthdate, address-postalcode, address, "
            "address-city, address-country, address-state, death-date, with - for descending. The nearest is family."
        ),
    ),
    (
        "Observation?patient.dob=2017",
        (
            "patient.dob: the chain is not supported. Observation takes such as patient.identifier, "
            "subject.identifier, encounter.identifier, context.identifier, performer.identifier. "
            "The nearest is birthdate."
        ),
    ),
    (
        "Patient?_has:Observation:patient:cod=x",
        (
            "_has:Observation:patient:cod: no such parameter of an Observation is offered; of Patient it takes such as "
            "_has:Observation:patient:_id, _has:Observation:subject:_id, _has:Observation:performer:_id. "
            "The nearest is code."
        ),
    ),
    (
        "Patient?_has:Observatoin:patient:code=x",
        (
            "_has:Observatoin:patient:code: no such reference to a Patient is offered; of Patient it takes such as "
            "_has:Condition:patient:_id, _has:Condition:subject:_id, _has:Condition:asserter:_id, "
            "_has:Observation:patient:_id, _has:Observation:subject:_id."
        ),
    ),
    (
        "Encounter?subject=4",
        (
            "subject: FHIR defines the parameter, but it is not offered, and without it more would be found: leave it "
            "out, or send Prefer: handling=lenient to have it ignored. What is offered is listed by metadata. "
            "The nearest is patient."
        ),
    ),
    (
        "Patient?birthdate=14/06/1971",
        (
            "birthdate: not a date such as 2017, 2017-10, 2017-10-19 (the year first) or 2017-10-19T08:00:00Z; "
            "a prefix such as ge may precede it."
        ),
    ),
    ("Medication?_sort=code", "_sort: takes _id, _lastUpdated, with - for descending."),
    (
        "Patient?_include=Patient:practitioner",
        "_include: of Patient it takes Patient:general-practitioner, Patient:organization.",
    ),
    *(
        (
            f"Patient?_include={value}",
            "_include: of Patient it takes Patient:general-practitioner, Patient:organization.",
        )
        for value in ("Observation:*", "Patient:*:Organization", "Patient:**")
    ),
    *(
        (
            f"Encounter?_revinclude={value}",
            (
                "_revinclude: of Encounter it takes Condition:encounter, Condition:context, Observation:encounter, "
                "Observation:context, Procedure:encounter, Procedure:context, MedicationRequest:context, "
                "MedicationStatement:context."
            ),
        )
        for value in ("Patient:*", "Nonsense:*", ":*", "Observation:*:Encounter")
    ),
    ("Medication?_include=Medication:ingredient", "_include: of Medication it takes Medication:manufacturer."),
    (
        "Patient?_include=Patient:organization:Location",
        "_include: no such target; it takes Patient:organization:Organization.",
    ),
    (
        "Condition?patient.nmae=x",
        (
            "patient.nmae: the chain is not supported. Condition takes such as patient.identifier, subject.identifier, "
            "encounter.identifier, context.identifier, asserter.identifier. The nearest is name."
        ),
    ),
    (
        "PractitionerRole?practitioner.nmae=x",
        (
            "practitioner.nmae: the chain is not supported. PractitionerRole takes such as practitioner.identifier, "
            "organization.identifier, location.identifier, service.identifier. The nearest is name."
        ),
    ),
]


@pytest.mark.parametrize(("asked", "said"), NOT_TAKEN)
def test_fhir_md_what_is_not_taken_is_refused_with_what_is(reader: Reader, asked: str, said: str) -> None:
    path, _, query = asked.partition("?")

    answer = reader.get(path, query)

    assert (answer.status, answer.diagnostics) == (400, said)


def test_two_hundred_parameters_are_taken_and_no_more(reader: Reader) -> None:
    assert reader.get("Patient", [("_count", "1")] * 200).status == 200
    answer = reader.get("Patient", [("_count", "1")] * 201)

    assert (answer.status, answer.diagnostics) == (400, "There are too many parameters: send the search in parts.")


def test_each_other_name_leads_to_a_parameter_that_some_type_offers_and_is_not_one_itself() -> None:
    result = {*SEARCH_PARAMETERS, *(each.name for each in COMMON_PARAMETERS)}
    own = {each.name for served in RESOURCE_TYPES for each in served.parameters} | result

    for name, others in OTHER_NAMES.items():
        assert name in own
        assert [parameter_called(other, {name}) for other in others.split()] == [name] * len(others.split())
