"""Errors as OperationOutcomes of STU3 (`fhir.md`, Statuses; `access.md`, Errors)."""

import json
from collections.abc import Callable

import pytest
from fhir.resources.STU3.operationoutcome import OperationOutcome as Stu3Outcome

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OperationOutcome, OutcomeError, outcome_of, safe_name
from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect_testing.running.cases import each_of

# STU3 value set issue-type.
ISSUE_TYPES = frozenset(
    """invalid structure required value invariant security login unknown expired forbidden suppressed processing
    not-supported duplicate not-found too-long code-invalid extension too-costly business-rule conflict incomplete
    transient lock-error no-store exception timeout throttled informational""".split()  # noqa: SIM905 - readable
)

CASES: list[tuple[Callable[[], OutcomeError], int, str, dict[str, str]]] = [
    (outcomes.login_required, 401, "login", {"WWW-Authenticate": 'Bearer realm="careconnect"'}),
    (
        outcomes.expired_token,
        401,
        "expired",
        {"WWW-Authenticate": 'Bearer realm="careconnect", error="invalid_token"'},
    ),
    (
        lambda: outcomes.insufficient_scope("user/Patient.r"),
        403,
        "forbidden",
        {"WWW-Authenticate": 'Bearer realm="careconnect", error="insufficient_scope", scope="user/Patient.r"'},
    ),
    (outcomes.not_found, 404, "not-found", {}),
    (outcomes.not_supported, 404, "not-supported", {}),
    (outcomes.gone, 410, "not-found", {}),
    (outcomes.invalid_id, 400, "value", {}),
    (lambda: outcomes.invalid_parameter("name", "no good"), 400, "value", {}),
    (lambda: outcomes.too_costly("code", "it takes more than 8 seconds"), 400, "too-costly", {}),
    (lambda: outcomes.too_many_requests(17, quota=100_000), 429, "throttled", {"Retry-After": "17"}),
    (lambda: outcomes.invalid_request("Malformed."), 400, "invalid", {}),
    (lambda: outcomes.method_not_allowed("GET, HEAD"), 405, "not-supported", {"Allow": "GET, HEAD"}),
    (outcomes.not_acceptable, 406, "not-supported", {}),
    (outcomes.other_fhir_version, 406, "not-supported", {}),
    (outcomes.too_large, 413, "too-long", {}),
    (outcomes.unsupported_media_type, 415, "not-supported", {}),
    (lambda: outcomes.unavailable("ThrottlingException"), 503, "transient", {"Retry-After": "2"}),
    (outcomes.other_format, 503, "transient", {"Retry-After": "60"}),
    (outcomes.internal, 500, "exception", {}),
]


@each_of(("make", "status", "code", "headers"), CASES)
def test_each_case_has_its_status_code_and_headers(
    make: Callable[[], OutcomeError], status: int, code: str, headers: dict[str, str]
) -> None:
    error = make()

    assert (error.status, error.code, error.headers) == (status, code, headers)
    assert code in ISSUE_TYPES


@each_of("make", [case[0] for case in CASES])
def test_both_forms_are_valid_stu3_and_say_the_same(make: Callable[[], OutcomeError]) -> None:
    outcome = outcome_of(make())

    from_json = Stu3Outcome.model_validate_json(outcome.json())
    from_xml = Stu3Outcome.model_validate_xml(resource_xml(outcome.json()).encode())

    assert from_json.model_dump_json() == from_xml.model_dump_json()


@each_of("make", [case[0] for case in CASES])
def test_the_reason_is_for_the_log_alone(make: Callable[[], OutcomeError]) -> None:
    error = make()
    outcome = outcome_of(error)

    assert "ThrottlingException" not in outcome.json()
    assert str(error) == (error.reason or error.text)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("_count", "_count"),
        ("address-postalcode", "address-postalcode"),
        ("patient.identifier", "patient.identifier"),
        ("family:exact", "family:exact"),
        ("<script>", "(name withheld)"),
        ("a b", "(name withheld)"),
        ("9434765870", "(name withheld)"),
        ("x" * 129, "(name withheld)"),
        ("", "(name withheld)"),
    ],
)
def test_a_parameters_name_is_echoed_only_if_it_looks_like_one(name: str, shown: str) -> None:
    assert safe_name(name) == shown
    error = outcomes.invalid_parameter(name, "no good")
    assert error.text == f"{shown}: no good"
    assert error.where == f"http.{shown}"


def test_text_is_escaped_in_both_forms() -> None:
    outcome = OperationOutcome((Issue("invalid", "\"<&>' ä"),))

    assert json.loads(outcome.json())["issue"][0]["diagnostics"] == "\"<&>' ä"
    parsed = Stu3Outcome.model_validate_xml(resource_xml(outcome.json()).encode())
    assert parsed.issue[0].diagnostics == "\"<&>' ä"


def test_a_resources_faults_are_reported_each_with_its_place() -> None:
    faults = (Issue("required", "missing", expression="Patient.a"), Issue("value", "no date", expression="Patient.b"))
    error = outcomes.invalid_resource(faults)
    told = json.loads(outcome_of(error).json())["issue"]

    assert (error.status, error.code, error.where, error.metrics) == (
        422,
        "required",
        "Patient.a",
        ("ResourceInvalid",),
    )
    assert [(one["code"], one["diagnostics"], one["expression"]) for one in told] == [
        ("required", "missing", ["Patient.a"]),
        ("value", "no date", ["Patient.b"]),
    ]
