"""Kick-offs: each row of the contract's tables (`export.md`, Kick-off and Who may export)."""

from typing import Any

import pytest

from careconnect.export.job import JOB_SECONDS, Selection, State, TypeFilter
from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect_records.stu3.schema import model_of, shape_of
from careconnect_testing.parts.export_keeper import ASYNC, BASE, NOW, Keeper, cohort, parameters
from careconnect_testing.running.cases import each_of
from export_keeper.elements import elements_called

ALL = tuple(each.name for each in RESOURCE_TYPES)
OF_PATIENTS = tuple(each.name for each in RESOURCE_TYPES if each.has_patients)
PATIENTS = "Patient/$export"


@pytest.fixture
def keeper() -> Keeper:
    return Keeper()


def refused(keeper: Keeper, status: int, code: str, naming: str = "", **request: Any) -> str:
    """Return the text of a kick-off that is refused, and starts nothing."""
    answer = keeper.kick_off(**request)
    assert (answer.status, answer.issue["code"]) == (status, code), answer.text
    assert naming in answer.diagnostics
    assert answer.headers["Cache-Control"] == "no-store"
    assert (keeper.calls, keeper.rows()) == ([], [])
    return answer.diagnostics


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_kick_off_starts_a_job_over_all_types(keeper: Keeper, method: str) -> None:
    answer = keeper.ask(method, "$export", headers=ASYNC)

    location = answer.headers["Content-Location"]
    assert answer.status == 202
    assert location.startswith(f"{BASE}/$export/")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.issue["severity"], answer.issue["code"]) == ("information", "informational")
    job = keeper.stored(location.rpartition("/")[2])
    assert keeper.calls == [("run", job.id)]
    assert job.selection == Selection(ALL)
    assert (job.at, job.client_id, job.scope, job.jti) == (int(NOW * 1_000), "client-1", "system/*.rs", "token-7")
    assert (job.issued_at, job.url, job.state) == (int(NOW) - 5, f"{BASE}/$export", State.RUNNING)
    assert keeper.counters.charges == [3_000]


def test_the_level_of_patients_has_the_compartment(keeper: Keeper) -> None:
    selection = keeper.started(path=PATIENTS).selection

    assert selection == Selection(OF_PATIENTS, is_of_patients=True)
    assert "Patient" in selection.types
    assert {"Medication", "Organization", "Practitioner"}.isdisjoint(selection.types)


def test_each_kick_off_starts_a_job_of_its_own(keeper: Keeper) -> None:
    assert keeper.started().id != keeper.started().id


@each_of(
    "prefer",
    [
        "respond-async",
        "Respond-Async",
        "handling=strict, respond-async",
        "return=minimal,RESPOND-ASYNC;x=1",
        "respond-async,separate-export-status",
        "wait=5,respond-async",
    ],
)
def test_prefer_names_respond_async_in_any_form(prefer: str) -> None:
    assert Keeper().ask("GET", "$export", headers={"Prefer": prefer}).status == 202


@each_of("accept", ["*/*", "application/fhir+json", "application/json", "text/html, application/json+fhir;q=0.1"])
def test_accept_takes_json(accept: str) -> None:
    assert Keeper().kick_off(headers={"Accept": accept}).status == 202


TYPE_FILTER = "Observation?status=final&code=a,b"


@each_of(
    ("query", "changes"),
    [
        ([("_outputFormat", "ndjson")], {}),
        ([("_outputFormat", "application/ndjson")], {}),
        ([("_outputFormat", "application/fhir+ndjson")], {}),
        ([("_outputFormat", "application/fhir ndjson")], {}),
        ([("_since", "2026-01-01T00:00:00Z")], {"since": 1_767_225_600_000}),
        ([("_since", "2026-01-01T01:00:00.0019+01:00")], {"since": 1_767_225_600_001}),
        ([("_until", "2026-01-01T00:00:00.001Z")], {"until": 1_767_225_600_001}),
        ([("_until", "2026-01-01T00:00:00.0011Z")], {"until": 1_767_225_600_002}),
        ([("_until", "2199-01-01T00:00:00Z")], {"until": 7_226_582_400_000}),
        ([("_type", "Observation,Patient"), ("_type", "Patient")], {"types": ("Patient", "Observation")}),
        (
            [("_type", "Patient"), ("_elements", "Patient.name,gender")],
            {"types": ("Patient",), "elements": (("Patient", ("name", "gender")),)},
        ),
        (
            [("_type", "Patient,Observation"), ("_elements", "Observation.value[x]"), ("_elements", "status")],
            {
                "types": ("Patient", "Observation"),
                "elements": (
                    ("Patient", ("status",)),
                    ("Observation", (*elements_called("Observation", "value"), "status")),
                ),
            },
        ),
        ([("_type", "Observation"), ("_elements", "Patient.name")], {"types": ("Observation",)}),
        (
            [("_typeFilter", TYPE_FILTER), ("_typeFilter", TYPE_FILTER), ("_typeFilter", "Patient?gender=male")],
            {
                "filters": (
                    TypeFilter("Observation", (("status", "final"), ("code", "a,b"))),
                    TypeFilter("Patient", (("gender", "male"),)),
                )
            },
        ),
        (
            [("_typeFilter", "Observation?code=http%3A//loinc.org%7C8867-4&date=ge2020-01-01T00:00:00%2B01:00")],
            {
                "filters": (
                    TypeFilter(
                        "Observation", (("code", "http://loinc.org|8867-4"), ("date", "ge2020-01-01T00:00:00+01:00"))
                    ),
                )
            },
        ),
        (
            [("_typeFilter", "Observation?code:missing=true")],
            {"filters": (TypeFilter("Observation", (("code:missing", "true"),)),)},
        ),
        # What is empty counts as absent.
        ([("_typeFilter", "Patient?"), ("_typeFilter", "Patient?name=")], {}),
        ([("_type", ""), ("_since", ""), ("foo", ""), ("patient", "")], {}),
        ([("_type", "Patient,,")], {"types": ("Patient",)}),
        ([("_since", ""), ("_since", "2026-01-01T00:00:00Z")], {"since": 1_767_225_600_000}),
    ],
)
def test_parameters_select(query: list[tuple[str, str]], changes: dict[str, Any]) -> None:
    expected = Selection(**{"types": ALL, **changes})

    assert Keeper().started(query).selection == expected


@each_of(
    ("given", "changes"),
    [
        ([("_outputFormat", "Code", "ndjson")], {}),
        ([("_outputFormat", "String", "ndjson")], {}),
        ([("_since", "Instant", "2026-01-01T00:00:00Z")], {"since": 1_767_225_600_000}),
        ([("_since", "DateTime", "2026-01-01T00:00:00Z")], {"since": 1_767_225_600_000}),
        ([("_until", "String", "2026-01-01T00:00:00Z")], {"until": 1_767_225_600_000}),
        ([("_type", "Code", "Patient"), ("_type", "String", "Condition")], {"types": ("Patient", "Condition")}),
        ([("_type", "String", "")], {}),
        ([("_elements", "String", "Patient.name")], {"elements": (("Patient", ("name",)),)}),
        (
            [("_typeFilter", "String", "Patient?gender=male")],
            {"filters": (TypeFilter("Patient", (("gender", "male"),)),)},
        ),
        (
            [
                ("patient", "Reference", {"reference": "Patient/4"}),
                ("patient", "Reference", {"reference": f"{BASE}/Patient/5"}),
                ("patient", "Reference", {"reference": "Patient/4", "display": "again"}),
            ],
            {"patients": ("4", "5")},
        ),
        ([], {}),
    ],
)
def test_a_body_has_parameters(given: list[tuple[str, str, Any]], changes: dict[str, Any]) -> None:
    expected = Selection(**{"types": OF_PATIENTS, "is_of_patients": True, **changes})

    assert Keeper().started(path=PATIENTS, body=parameters(*given)).selection == expected


def test_body_and_query_add_up(keeper: Keeper) -> None:
    body = parameters(("_type", "String", "Patient"))
    headers = {"Content-Type": "application/json; charset=utf-8"}
    job = keeper.started([("_type", "Condition")], body=body, headers=headers)

    assert job.selection.types == ("Patient", "Condition")
    assert job.url == f"{BASE}/$export?_type=Condition"
    refused(
        Keeper(),
        400,
        "value",
        "_since",
        query=[("_since", "2026-01-01T00:00:00Z")],
        body=parameters(("_since", "Instant", "2026-01-01T00:00:00Z")),
    )


def test_the_manifests_request_is_the_url_as_it_was_sent(keeper: Keeper) -> None:
    query = [("_type", "Patient,Condition"), ("_since", "2026-01-01T00:00:00+01:00"), ("_typeFilter", "Patient?name=ö")]
    asked = "_type=Patient%2CCondition&_since=2026-01-01T00%3A00%3A00%2B01%3A00&_typeFilter=Patient%3Fname%3D%C3%B6"

    assert keeper.started(query).url == f"{BASE}/$export?{asked}"


SINCE, UNTIL = "2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z"
FUTURE = "2026-11-26T07:09:14Z"


@each_of(
    ("status", "code", "naming", "request_"),
    [
        (400, "required", "Prefer", {"headers": {"Prefer": ""}}),
        (400, "required", "Prefer", {"headers": {"Prefer": "respond-sync, handling=lenient"}}),
        (406, "not-supported", "Accept", {"headers": {"Accept": "text/csv"}}),
        (406, "not-supported", "Accept", {"headers": {"Accept": "application/fhir+ndjson"}}),
        (406, "not-supported", "Accept", {"headers": {"Accept": "application/json;q=0"}}),
        *(
            (400, "not-supported", naming, {"query": [pair]})
            for naming, pair in [
                ("Foo", ("_type", "Patient,Foo")),
                ("AuditEvent", ("_type", "AuditEvent")),
                ("includeAssociatedData", ("includeAssociatedData", "LatestProvenanceResources")),
                ("organizeOutputBy", ("organizeOutputBy", "Patient")),
                ("allowPartialManifests", ("allowPartialManifests", "true")),
                ("_format", ("_format", "json")),
                ("_count", ("_count", "10")),
                ("_typeFilter", ("_typeFilter", "Foo?name=x")),
                ("_typeFilter", ("_typeFilter", "AuditEvent?patient=4")),
                ("foo", ("_typeFilter", "Patient?foo=x")),
                ("subject", ("_typeFilter", "Observation?subject:Patient.name=x")),
                ("patient.name", ("_typeFilter", "Observation?patient.name=x")),
                ("patient", ("_typeFilter", "Observation?patient:Patient.name=x")),
                ("_has", ("_typeFilter", "Patient?_has:Observation:patient:code=x")),
                ("_count", ("_typeFilter", "Patient?_count=1")),
                ("_include", ("_typeFilter", "Observation?_include=Observation:patient")),
                ("_outputFormat", ("_outputFormat", "text/csv")),
                ("patient", ("patient", "Patient/4")),
                ("gender", ("_typeFilter", "Patient?gender:foo=x")),
            ]
        ),
        (400, "not-supported", "Medication", {"path": PATIENTS, "query": [("_type", "Patient,Medication")]}),
        (400, "not-supported", "Organization", {"path": PATIENTS, "query": [("_typeFilter", "Organization?name=x")]}),
        (400, "not-supported", "patient", {"path": PATIENTS, "query": [("patient", "Patient/4")]}),
        (400, "not-supported", "patient", {"path": PATIENTS, "query": [("patient", "Patient/4")], "body": cohort()}),
        (400, "not-supported", "patient", {"body": cohort("4")}),
        (400, "not-supported", "_typeFilter", {"query": [("_type", "Patient"), ("_typeFilter", TYPE_FILTER)]}),
        *(
            (400, "value", pair[0], {"query": [pair]})
            for pair in [
                ("_since", "yesterday"),
                ("_since", "2026-01-01"),
                ("_since", "2026-01-01T00:00:00"),
                ("_since", "2026-01-01T00:00Z"),
                ("_since", FUTURE),
                ("_until", "2026-01-01"),
                ("_elements", "shoe"),
                ("_elements", "Patient.shoe"),
                ("_elements", "Shoe.name"),
                ("_elements", "Patient.name.family"),
                ("_elements", "resourceType"),
                ("_typeFilter", "Patient"),
                ("_typeFilter", "Patient?name=%FF"),
            ]
        ),
        (400, "value", "birthdate", {"query": [("_typeFilter", "Patient?birthdate=1.1.1970")]}),
        (400, "value", "_since", {"query": [("_since", SINCE), ("_until", UNTIL)]}),
        (400, "value", "_since", {"query": [("_since", SINCE), ("_until", SINCE)]}),
        (400, "value", "_since", {"query": [("_since", SINCE), ("_since", SINCE)]}),
        (400, "value", "_until", {"query": [("_until", SINCE), ("_until", SINCE)]}),
        (400, "value", "_outputFormat", {"query": [("_outputFormat", "ndjson"), ("_outputFormat", "ndjson")]}),
        *(
            (400, "value", given[0], {"path": PATIENTS, "body": parameters(given)})
            for given in [
                ("_since", "Date", "2026-01-01"),
                ("_since", "Integer", 5),
                ("_type", "Uri", "Patient"),
                ("_type", "String", 5),
                ("_elements", "Code", "name"),
                ("patient", "String", "Patient/4"),
                ("patient", "Reference", "Patient/4"),
                ("patient", "Reference", {}),
                ("patient", "Reference", {"display": "Smith"}),
                ("patient", "Reference", {"reference": "4"}),
                ("patient", "Reference", {"reference": "Observation/4"}),
                ("patient", "Reference", {"reference": "Patient/4/_history/1"}),
                ("patient", "Reference", {"reference": "https://other.example/Patient/4"}),
                ("patient", "Reference", {"reference": f"Patient/{'4' * 65}"}),
            ]
        ),
        (400, "too-costly", "patient", {"path": PATIENTS, "body": cohort(*map(str, range(101)))}),
        (400, "too-costly", "_typeFilter", {"query": [("_typeFilter", f"Patient?name={n}") for n in range(21)]}),
        (400, "too-costly", "code", {"query": [("_typeFilter", f"Observation?code={','.join(map(str, range(101)))}")]}),
        (
            400,
            "too-costly",
            "name",
            {"query": [("_typeFilter", "Patient?" + "&".join(f"name={n}" for n in range(101)))]},
        ),
        *(
            (400, "structure", "Parameters", {"body": body})
            for body in [
                "{",
                "[]",
                '"x"',
                {"resourceType": "Patient"},
                {"resourceType": "Parameters", "parameter": {}},
                {"resourceType": "Parameters", "parameter": ["x"]},
                {"resourceType": "Parameters", "parameter": [{"name": "_type"}]},
                {"resourceType": "Parameters", "parameter": [{"name": 5, "valueString": "x"}]},
                {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "x", "valueCode": "y"}]},
                {"resourceType": "Parameters", "shoe": []},
                b"\xff",
                b'{"resourceType":"Parameters","parameter":[{"name":"_typeFilter","valueString":"Patient?name=\\ud800"}]}',
            ]
        ),
        (413, "too-long", "64 KB", {"body": parameters(("_type", "String", "x" * 65_536))}),
        *(
            (415, "not-supported", "fhir+json", {"body": "x", "headers": {"Content-Type": type_}})
            for type_ in [
                "application/fhir+xml",
                "application/x-www-form-urlencoded",
                "text/plain",
                "application/fhir+json; charset=latin1",
            ]
        ),
        (400, "invalid", "access token", {"query": [("access_token", "x")]}),
        (400, "invalid", "UTF-8", {"query": [("_type", "\ufffd")]}),
    ],
)
def test_each_refusal_has_its_status_and_code_and_starts_nothing(
    status: int, code: str, naming: str, request_: dict[str, Any]
) -> None:
    keeper = Keeper()
    refused(keeper, status, code, naming, **request_)
    assert keeper.counters.charges == []


def test_xml_alone_is_not_acceptable_which_is_said_in_xml() -> None:
    answer = Keeper().kick_off(headers={"Accept": "application/fhir+xml"})

    assert answer.status == 406
    assert '<code value="not-supported"/>' in answer.text


@each_of(
    ("method", "path"),
    [(method, path) for method in ("HEAD", "PUT", "DELETE", "PATCH") for path in ("$export", PATIENTS)],
)
def test_another_method_is_405_with_what_is_allowed(method: str, path: str) -> None:
    answer = Keeper().ask(method, path, headers=ASYNC)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST")


def test_twenty_filters_and_a_hundred_patients_and_values_are_taken(keeper: Keeper) -> None:
    filters = [("_typeFilter", f"Patient?name={number}") for number in range(19)]
    values = ("_typeFilter", f"Observation?code={','.join(map(str, range(100)))}")
    job = keeper.started([*filters, values], PATIENTS, body=cohort(*map(str, range(100))))

    assert (len(job.selection.filters), len(job.selection.patients)) == (20, 100)


LENIENT = {"Prefer": "respond-async, handling=lenient"}


@each_of(
    ("query", "changes", "named"),
    [
        ([("organizeOutputBy", "Patient"), ("organizeOutputBy", "x")], {}, ["organizeOutputBy"]),
        ([("_type", "Patient,Foo,AuditEvent")], {"types": ("Patient",)}, ["Foo", "AuditEvent"]),
        ([("_typeFilter", "Foo?name=x")], {}, ["Foo"]),
        ([("_typeFilter", "Patient?foo=x")], {}, ["Patient?foo"]),
        (
            [("_typeFilter", "Patient?foo=x&gender=male&_count=5")],
            {"filters": (TypeFilter("Patient", (("gender", "male"),)),)},
            ["Patient?foo", "Patient?_count"],
        ),
        ([("_typeFilter", "Observation?patient.name=x&_has:a:b:c=d")], {}, ["patient.name", "_has"]),
        ([("<script>", "x")], {}, ["(name withheld)"]),
    ],
)
def test_lenient_handling_ignores_what_row_a_refuses_and_reports_it(
    query: list[tuple[str, str]], changes: dict[str, Any], named: list[str]
) -> None:
    job = Keeper().started(query, headers=LENIENT)

    assert job.selection == Selection(**{"types": ALL, **changes})
    assert len(job.ignored) == len(named)
    assert all(name in text for name, text in zip(named, job.ignored, strict=True))


def test_lenient_handling_ignores_types_outside_the_compartment(keeper: Keeper) -> None:
    job = keeper.started([("_type", "Medication,Patient")], PATIENTS, headers=LENIENT)

    assert (job.selection.types, len(job.ignored)) == (("Patient",), 1)


def test_lenient_handling_ignores_a_hundred_items_at_most(keeper: Keeper) -> None:
    names = [f"Foo{number}" for number in range(101)]

    assert len(keeper.started([("_type", ",".join(["Patient", *names[:100]]))], headers=LENIENT).ignored) == 100
    refused(Keeper(), 400, "too-costly", "100", body=parameters(("_type", "String", ",".join(names))), headers=LENIENT)


@each_of(
    ("status", "code", "request_"),
    [
        (400, "not-supported", {"query": [("_type", "Foo,Bar")]}),
        (400, "not-supported", {"query": [("_type", "Medication")], "path": PATIENTS}),
        (400, "not-supported", {"query": [("_outputFormat", "text/csv")]}),
        (400, "not-supported", {"query": [("patient", "Patient/4")]}),
        (400, "value", {"query": [("_since", "x")]}),
        (400, "value", {"query": [("_elements", "shoe")]}),
        (400, "value", {"query": [("_typeFilter", "Patient?birthdate=x")]}),
        (403, "forbidden", {"query": [("_type", "Patient,Foo")], "scope": "system/Observation.rs"}),
    ],
)
def test_lenient_handling_changes_no_other_row(status: int, code: str, request_: dict[str, Any]) -> None:
    refused(Keeper(), status, code, headers=LENIENT, **request_)


def test_handling_is_strict_by_default_and_by_name(keeper: Keeper) -> None:
    for prefer in ("respond-async", "respond-async, handling=strict"):
        refused(keeper, 400, "not-supported", query=[("foo", "x")], headers={"Prefer": prefer})


@each_of(
    ("caller", "path", "query", "needed"),
    [
        ({"scope": "user/*.rs"}, "$export", [], "system/*.rs"),
        ({"scope": "patient/*.rs profile"}, "$export", [], "system/*.rs"),
        ({"scope": "profile"}, "$export", [], "system/*.rs"),
        ({"scope": "system/Patient.r user/Patient.s"}, "$export", [], "system/*.rs"),
        ({"scope": "system/AuditEvent.rs"}, "$export", [], "system/*.rs"),
        ({"scope": "system/*.rs", "patient": "4"}, "$export", [], "system/*.rs"),
        ({"scope": "system/Patient.rs"}, "$export", [("_type", "Patient,Observation")], "system/Observation.rs"),
        ({"scope": "system/Observation.rs user/Patient.rs"}, PATIENTS, [], "system/Patient.rs"),
    ],
)
def test_what_the_scopes_do_not_open_is_403(
    caller: dict[str, str], path: str, query: list[tuple[str, str]], needed: str
) -> None:
    keeper = Keeper()
    answer = keeper.kick_off(query, path, **caller)

    assert (answer.status, answer.issue["code"]) == (403, "forbidden")
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert f'scope="{needed}"' in challenge
    assert (keeper.calls, keeper.rows()) == ([], [])


def test_without_type_the_job_has_what_the_scopes_open(keeper: Keeper) -> None:
    scope = "system/Patient.rs user/Condition.rs system/Observation.rs?status=final system/Procedure.r profile"
    job = keeper.started(scope=scope)

    assert job.selection.types == ("Patient", "Observation")
    assert job.scope == "system/Patient.rs system/Observation.rs?status=final system/Procedure.r"


def test_a_token_that_was_revoked_a_moment_ago_starts_nothing(keeper: Keeper) -> None:
    keeper.revoked.add("token-7")
    refused(keeper, 401, "expired")


def test_patients_have_to_exist(keeper: Keeper) -> None:
    keeper.deleted.add("5")
    refused(keeper, 422, "not-found", "patient", path=PATIENTS, body=cohort("4", "5"))
    assert keeper.asked == [["4", "5"]]
    assert {event.patient for event in keeper.kept.events} == {"4", "5"}

    keeper.deleted.clear()
    assert keeper.started(path=PATIENTS, body=cohort("4", "5")).selection.patients == ("4", "5")


def test_a_client_with_as_many_jobs_as_it_may_have_waits() -> None:
    keeper = Keeper(places=1)
    job = keeper.started()
    answer = keeper.kick_off()

    assert (answer.status, answer.issue["code"]) == (429, "throttled")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert keeper.calls == [("run", job.id)]
    assert keeper.kick_off(client_id="client-2").status == 202
    keeper.clock.now += JOB_SECONDS
    assert keeper.kick_off().status == 202


def test_a_client_without_quota_is_429_and_starts_nothing() -> None:
    keeper = Keeper(units=2_999)
    assert keeper.kick_off().status == 202
    answer = keeper.kick_off()

    assert (answer.status, answer.issue["code"]) == (429, "throttled")
    assert "Retry-After" in answer.headers
    assert len(keeper.calls) == 1


@each_of("fault", ["GetItem", "TransactWriteItems", "machine", "tokens"])
def test_what_does_not_answer_makes_503_and_takes_no_place(fault: str) -> None:
    keeper = Keeper(places=1, fault=fault)
    answer = keeper.kick_off()

    assert (answer.status, answer.issue["code"]) == (503, "transient")
    assert "Retry-After" in answer.headers
    keeper.fault = ""
    assert (keeper.calls, keeper.rows()) == ([], [])
    assert keeper.kick_off().status == 202


def test_a_worker_that_does_not_answer_makes_503(keeper: Keeper) -> None:
    keeper.fault = "worker"
    refused(keeper, 503, "transient", path=PATIENTS, body=cohort("4"))


def test_a_kick_off_whose_event_cannot_be_kept_starts_nothing(keeper: Keeper) -> None:
    keeper.kept.fault = "ThrottlingException"
    refused(keeper, 503, "transient")
    keeper.kept.fault = ""
    assert keeper.kick_off().status == 202


@pytest.mark.parametrize(("fault", "status"), [("ThrottlingException", 202), ("ValidationException", 503)])
def test_an_audit_trail_that_is_down_stops_nothing_if_the_deployment_says_so(fault: str, status: int) -> None:
    keeper = Keeper(fails_open=True)
    keeper.kept.fault = fault

    assert keeper.kick_off().status == status
    assert len(keeper.calls) == (status == 202)


def test_a_kick_off_is_one_event_of_nobody_with_the_job(keeper: Keeper) -> None:
    job = keeper.started([("_type", "Patient"), ("_typeFilter", "Patient?name=smith&gender=male"), ("foo", "")])

    (event,) = keeper.kept.events
    assert (event.job, event.patient, event.interaction, event.action) == (job.id, "", "operation", "E")
    assert (event.outcome, event.client_id, event.client_name, event.jti) == ("0", "client-1", "Ward 7", "token-7")
    assert event.query == "_type=Patient&_typeFilter=Patient%3Fname%3D***%26gender%3Dmale"
    assert event.unknown_parameters == 1
    assert (job.kick_off.query, job.kick_off.jti, job.kick_off.patient) == (event.query, "token-7", "")


def test_a_kick_off_is_an_event_of_each_patient_that_it_names(keeper: Keeper) -> None:
    job = keeper.started(path=PATIENTS, body=cohort("4", "5"))

    assert {each.patient: each.query for each in keeper.kept.events} == {
        "4": "patient=Patient/4&patient=***",
        "5": "patient=***&patient=Patient/5",
    }
    assert {each.job for each in keeper.kept.events} == {job.id}
    assert job.kick_off.query == "patient=***&patient=***"


def test_a_refused_kick_off_is_recorded_for_whom_it_names(keeper: Keeper) -> None:
    refused(keeper, 400, "value", path=PATIENTS, query=[("_since", "x")], body=cohort("4"))
    refused(keeper, 400, "not-supported", query=[("_typeFilter", "Observation?patient=4&foo=x")])

    named, unnamed = keeper.kept.events
    assert (named.patient, named.status, named.outcome, named.job) == ("4", 400, "4", "")
    assert (unnamed.patient, unnamed.query) == ("", "_typeFilter=Observation%3Fpatient%3D***")


def test_an_nhs_number_that_nobody_has_stays_out_of_the_trail(keeper: Keeper) -> None:
    keeper.never.add("9434765919")
    refused(keeper, 422, "not-found", path=PATIENTS, body=cohort("9434765919"))
    refused(keeper, 400, "value", path=PATIENTS, query=[("_since", "x")], body=cohort("9434765919"))

    assert [each.patient for each in keeper.kept.events] == ["", ""]
    assert "9434765919" not in str(keeper.kept.events)


def test_no_log_line_has_a_parameter_or_a_patient(keeper: Keeper) -> None:
    keeper.started([("_typeFilter", "Patient?name=smith")], PATIENTS, body=cohort("4711"))
    refused(Keeper(observer=keeper.observer), 400, "value", query=[("_since", "smith")])

    assert "smith" not in str(keeper.observer.lines)
    assert "4711" not in str(keeper.observer.lines)
    assert keeper.observer.failures == []


def test_the_table_of_elements_is_stu3s() -> None:
    for type_ in RESOURCE_TYPES:
        shape = shape_of(model_of(type_.name))
        choices: dict[str, tuple[str, ...]] = {}
        for name, element in shape.items():
            assert elements_called(type_.name, name) == (name,)
            if element.choice:
                choices[element.choice] = (*choices.get(element.choice, ()), name)
        for choice, names in choices.items():
            assert elements_called(type_.name, choice) == elements_called(type_.name, f"{choice}[x]") == names
        assert elements_called(type_.name, "shoe") == ()
