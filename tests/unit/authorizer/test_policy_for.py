"""The paths that the policy of each direction opens, as IAM reads it (`access.md`, Rules 1, 2 and 5)."""

import dataclasses
import json
from functools import cache
from itertools import combinations, product
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.request import FhirPath, parse_path
from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES
from careconnect.fhir.resource_types import Table as HomeTable
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth import scopes
from careconnect.oauth.scopes import READING, WRITING, grants_of
from careconnect_testing.aws.iam import allows
from scope_authorizer import policy_for as module
from scope_authorizer.policy_for import Direction, Gateway, gateway_of, policy_for

API = "arn:aws:execute-api:eu-west-2:123456789012:abc123def4"
GATEWAY = gateway_of(f"{API}/live/GET/x")
LONGEST = gateway_of("arn:aws-us-gov:execute-api:us-gov-east-1:123456789012:abc123def4/live/GET/x")

DIRECTORY = {t.name for t in RESOURCE_TYPES if t.table is HomeTable.DIRECTORY}
ALL = {t.name for t in RESOURCE_TYPES}
SERVED = {t.name for t in SERVED_TYPES}
MEMBERS = ALL - DIRECTORY - {"Patient", "Medication"}
"""What is searched below a patient."""
READ, WRITE = Direction.READ, Direction.WRITE
LETTERS_OF = {READ: READING, WRITE: WRITING}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
BELOW = ("", "/4", "/_search", "/4/_history", "/4/_history/1", "/4/$everything", "/$validate")


def opens(scope: str, direction: Direction, path: str, method: str = "GET", *, bound: bool = False) -> bool:
    policy = _policy(scope, direction, bound)
    return allows(policy, "execute-api:Invoke", f"{API}/live/{method}{FHIR_PATH}/{path}")


@cache
def _policy(scope: str, direction: Direction, bound: bool) -> dict[str, Any]:
    """Return a scope's policy, which hundreds of paths are held against."""
    return policy_for(scope, direction, GATEWAY, bound=bound)


def opened(scope: str, direction: Direction, *, bound: bool = False) -> set[str]:
    """Return the types with open paths, checking that none is half open.

    Below a patient's id every path may be open for the sake of its record's types.
    """
    found = {name for name in SERVED if opens(scope, direction, name, bound=bound)}
    below_a_patient = direction is READ and not found.isdisjoint(MEMBERS)
    for name, path, method in product(SERVED, BELOW, METHODS):
        expected = name in found or (name == "Patient" and path.count("/") > 1 and below_a_patient)
        assert opens(scope, direction, name + path, method, bound=bound) is expected, (name, path, method)
    return found


MEDICATIONS = {"MedicationRequest", "Medication"}

OPENED: list[tuple[str, set[str], set[str]]] = [
    ("profile", DIRECTORY, set()),
    ("user/Patient.read", {"Patient"}, set()),
    ("patient/Patient.read", {"Patient"}, set()),
    ("system/Patient.read profile", {"Patient", *DIRECTORY}, set()),
    ("user/Patient.*", {"Patient"}, {"Patient"}),
    ("user/Patient.write", set(), {"Patient"}),
    ("user/Patient.r user/Condition.s user/Encounter.u", {"Patient", "Condition"}, {"Encounter"}),
    ("system/*.read", ALL, set()),
    ("system/*.cruds profile", ALL, ALL),
    ("system/*.cud profile", DIRECTORY, ALL),
    ("system/*.r", ALL, set()),
    ("system/*.s", ALL, set()),
    ("system/*.write", set(), ALL),
    ("user/Organization.read", {"Organization"}, set()),
    ("user/Observation.read", {"Observation"}, set()),
    ("user/Procedure.read", {"Procedure"}, set()),
    ("user/MedicationRequest.read", MEDICATIONS, set()),
    ("user/MedicationOrder.cruds", MEDICATIONS, {"MedicationRequest"}),
    ("user/MedicationPrescription.read", MEDICATIONS, set()),
    ("user/MedicationStatement.*", {"MedicationStatement", "Medication"}, {"MedicationStatement"}),
    ("user/Medication.*", {"Medication"}, {"Medication"}),
    ("system/AuditEvent.read", {"AuditEvent"}, set()),
    ("user/AuditEvent.rs profile", {"AuditEvent", *DIRECTORY}, set()),
    ("system/AuditEvent.r", {"AuditEvent"}, set()),
    ("system/AuditEvent.s system/*.cruds", {"AuditEvent", *ALL}, ALL),
    ("patient/AuditEvent.read", set(), set()),
    ("system/AuditEvent.cruds", set(), set()),
    ("openid fhirUser launch launch/patient offline_access", set(), set()),
    ("user/Appointment.cruds", set(), set()),
    ("user/patient.read", set(), set()),
    ("USER/Patient.read", set(), set()),
    ("user/Patient.READ", set(), set()),
    ("user/Patient.sr", set(), set()),
    ("user/Patient.", set(), set()),
    ("user/Patient.rs?name=x", set(), set()),
    ("user/Observation.rs?category=laboratory", {"Observation"}, set()),
    ("user/Goal.u?status=x&category=y user/Goal.r", {"Goal"}, {"Goal"}),
    ("user/MedicationOrder.cr?intent=order", MEDICATIONS, {"MedicationRequest"}),
    ("user/Observation.rs?identifier=x", set(), set()),
    ("user/Observation.read?category=laboratory", set(), set()),
    ("user/Pat*.read", set(), set()),
    ("user/Patient.read,user/Condition.read", set(), set()),
    ("", set(), set()),
]


@pytest.mark.parametrize(("scope", "reads", "writes"), OPENED, ids=[scope or "(none)" for scope, _, _ in OPENED])
def test_a_scope_opens_these_types_in_each_direction_and_no_other(
    scope: str, reads: set[str], writes: set[str]
) -> None:
    assert opened(scope, READ) == reads
    assert opened(scope, WRITE) == writes


LETTERS = ["".join(letters) for size in range(6) for letters in combinations("cruds", size)]
OF_EACH_KIND = {"Patient", "Condition", "Medication", "MedicationRequest", "Organization"}
"""Types that a policy treats differently."""


@pytest.mark.parametrize("letters", LETTERS)
def test_rule_5_any_letter_of_a_direction_opens_the_type_in_that_direction_alone(letters: str) -> None:
    for name in ALL if len(letters) == 1 else OF_EACH_KIND:
        scope = f"user/{name}.{letters}" if letters else "openid"
        also = {"Medication"} if name.startswith("Medication") and set(letters) & READING else set()
        assert opened(scope, READ) == ({name, *also} if set(letters) & READING else set()), name
        assert opened(scope, WRITE) == ({name} if set(letters) & WRITING else set()), name


def test_a_bound_token_has_the_audit_trail_at_the_level_patient_too_and_not_by_a_wildcard() -> None:
    assert opened("patient/AuditEvent.read", READ, bound=True) == {"AuditEvent"}
    assert opened("patient/*.read system/*.cruds profile", READ, bound=True) == ALL
    assert opened("patient/AuditEvent.read system/*.cruds", WRITE, bound=True) == ALL


def test_a_binding_opens_no_more_of_what_is_not_opened_by_name_only() -> None:
    for (scope, _, _), direction in product(OPENED, Direction):
        if "AuditEvent" not in scope:
            assert opened(scope, direction, bound=True) == opened(scope, direction)


EXPORTS = tuple(product(("$export", "$export/j", "$export/j/Patient.0.1.ndjson"), METHODS))
CANCELS = {("$export/j", "DELETE"), ("$export/j/Patient.0.1.ndjson", "DELETE")}


@pytest.mark.parametrize(
    "scope", ["system/Patient.rs", "system/*.read", "system/Goal.r system/Goal.s", "system/Observation.rs?category=x"]
)
def test_reading_and_searching_at_the_level_system_opens_bulk_exports(scope: str) -> None:
    assert {each for each in EXPORTS if opens(scope, READ, *each)} == set(EXPORTS)
    assert {each for each in EXPORTS if opens(scope, READ, *each, bound=True)} == CANCELS
    assert {each for each in EXPORTS if opens(scope, WRITE, *each)} == set()


@pytest.mark.parametrize(
    "scope",
    ["user/*.rs", "patient/*.cruds", "profile", "openid", "system/*.r system/*.cud", "system/Patient.r user/*.s"],
)
def test_any_other_token_may_cancel_a_bulk_export_alone(scope: str) -> None:
    assert {each for each in EXPORTS if opens(scope, READ, *each)} == CANCELS
    assert not opens(scope, READ, "$exports")


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_type_of_a_patients_record_opens_what_is_below_a_patients_id_for_reading(name: str) -> None:
    """The reader distinguishes these paths: a search of the type, one of another type, and the Patient's own."""
    for letters in ("r", "s", "rs", "cruds"):
        scope = f"user/{name}.{letters}"
        for other in ALL:
            is_open = name in MEMBERS or name == "Patient"
            assert opens(scope, READ, f"Patient/4/{other}") is is_open
            assert opens(scope, READ, f"Patient/4/{other}/_search", "POST") is is_open
        for path in ("Patient", "Patient/4", "Patient/_search", "Patients/4/Condition"):
            assert opens(scope, READ, path) is (name == "Patient" and not path.startswith("Patients"))
        for owner in ALL - {"Patient", "Medication", name}:
            assert not opens(scope, READ, f"{owner}/4/{name}")


def test_nothing_is_written_below_a_patients_id() -> None:
    for name, method in product(MEMBERS, METHODS):
        assert not opens(f"user/{name}.cud", WRITE, f"Patient/4/{name}", method)


def test_a_bundle_takes_any_scope_to_write() -> None:
    for (scope, _, _), direction in product(OPENED, Direction):
        resources = policy_for(scope, direction, GATEWAY)["Statement"][0]["Resource"]
        is_open = [any(each.endswith(f"/POST{FHIR_PATH}{end}") for each in resources) for end in ("", "/")]
        assert is_open == [direction is WRITE and bool(opened(scope, WRITE))] * 2, scope


def test_s3_a_write_scope_does_not_open_a_read() -> None:
    assert not opens("user/Patient.write", READ, "Patient/4")
    assert not opens("user/Patient.write", READ, "Patient")


def test_s5_a_type_without_a_rule_is_closed_to_any_token() -> None:
    for name, direction, method in product(
        ("Appointment", "Account", "DocumentReference", "", "*", "Binary"), Direction, METHODS
    ):
        for path in (name, f"{name}/4", f"{name}/4/Observation"):
            # The base itself takes Bundles.
            is_open = (path, direction, method) == ("", WRITE, "POST")
            assert opens("system/*.cruds profile system/AuditEvent.rs", direction, path, method) is is_open


def test_s7_a_type_does_not_open_what_begins_with_its_name() -> None:
    for name in ("MedicationRequest", "MedicationStatement", "MedicationX", "Medication;", "Medication."):
        assert not opens("user/Medication.read", READ, f"{name}/4")
        assert not opens("user/Medication.read", READ, name)
    assert not opens("user/Organization.read", READ, "OrganizationX/4")
    assert not opens("user/Practitioner.read", READ, "PractitionerRole/4")
    assert not opens("user/Observation.read", READ, "Procedure/4")


# Spellings of a path to a Condition, for a token that opens Patient alone; the last have one of its paths at the end.
SPELLINGS = [
    "/Condition/1",
    "Condition//1",
    "Condition/1/",
    "/Patient/../Condition/1",
    "Patient/../Condition/1",
    "Patient/%2e%2e/Condition/1",
    "Patient/..%2fCondition%2f1",
    "Patient%2f..%2fCondition/1",
    "./Condition/1",
    "%43ondition/1",
    "condition/1",
    "CONDITION/1",
    "Condition;Patient/1",
    "Condition%2F1",
    "Patient;/Condition/1",
    "Patient/4/Condition/1",
    "Patient/4/condition",
    "Patient/4//Condition",
    "Patient//Condition",
    "Condition/%00",
    "Condition/1/careconnect-ri/STU3/Patient",
    "Condition/careconnect-ri/STU3/Patient",
    "Condition/careconnect-ri/STU3/Patient/_search",
    "Condition/1/_history/careconnect-ri/STU3/Patient/4",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("method", METHODS)
def test_s13_no_spelling_of_a_path_gets_past_the_policy_and_the_shape_of_paths(method: str, spelling: str) -> None:
    """The policy closes it, or no function takes it for a path to another type."""
    if opens("user/Patient.read", READ, spelling, method):
        understood = understood_path(spelling)
        assert understood is None or understood.type.name == "Patient"


def understood_path(path: str) -> FhirPath | None:
    """Return the path as the functions parse it, None if they refuse it."""
    try:
        return parse_path(f"{FHIR_PATH}/{path}")
    except OutcomeError:
        return None


_SEGMENTS = st.sampled_from(
    [
        *sorted(SERVED),
        *BELOW,
        "_search",
        "4",
        *("4/Condition", "4/Observation/_search"),
        "_history",
        "$everything",
        "..",
        ".",
        "",
        "careconnect-ri",
        "careconnect-ri/STU3/Patient",
        "STU3",
        "%2e%2e",
        "Condition%2F1",
    ]
)
_SCOPES = st.lists(
    st.one_of(
        st.sampled_from([scope for scope, _, _ in OPENED]),
        st.builds("user/{}.{}".format, st.sampled_from(sorted(ALL)), st.sampled_from(LETTERS[1:])),
    ),
    max_size=4,
).map(" ".join)


@given(
    scope=_SCOPES,
    bound=st.booleans(),
    direction=st.sampled_from(Direction),
    method=st.sampled_from(METHODS),
    path=st.lists(_SEGMENTS, min_size=1, max_size=6).map("/".join),
)
def test_rule_2_the_policy_is_right_for_every_path_that_the_functions_understand(
    scope: str, bound: bool, direction: Direction, method: str, path: str
) -> None:
    """Paths that a letter opens are open; any other open path is below a patient, where the reader checks the type."""
    parsed = understood_path(path)
    if parsed is None:
        return
    letters = grants_of(scope, bound=bound).letters
    held = {name for name in SERVED if letters[name] & LETTERS_OF[direction]}
    below_a_patient = path.startswith("Patient/") and path.count("/") > 1
    expected = (
        "Patient" in held or (direction is READ and bool(held & MEMBERS))
        if below_a_patient
        else parsed.type.name in held
    )
    assert opens(scope, direction, path, method, bound=bound) is expected


@pytest.mark.parametrize("id_", ["4", "a.b-c", "A" * 64, "$everything", quote("é"), "%2e%2e"])
def test_rule_2_the_policy_does_not_depend_on_the_path_asked_for(id_: str) -> None:
    asked = [gateway_of(f"{API}/live/{verb}{FHIR_PATH}/{name}/{id_}") for verb, name in product(METHODS, SERVED)]

    for direction in Direction:
        assert len({json.dumps(policy_for("user/Patient.cruds", direction, gateway)) for gateway in asked}) == 1


def test_rule_2_allow_statements_only() -> None:
    for (scope, _, _), direction in product(OPENED, Direction):
        policy = policy_for(scope, direction, GATEWAY)
        assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
        assert all(statement["Resource"] for statement in policy["Statement"])
        assert policy["Version"] == "2012-10-17"


def test_the_policy_stays_on_its_own_stage() -> None:
    policy = policy_for("system/*.read profile", READ, GATEWAY)

    for other in ("arn:aws:execute-api:eu-west-2:123456789012:other/live", f"{API}/test", f"{API}/live2"):
        assert not allows(policy, "execute-api:Invoke", f"{other}/GET{FHIR_PATH}/Patient/4")
    assert not allows(policy, "execute-api:ManageConnections", f"{API}/live/GET{FHIR_PATH}/Patient/4")


def test_a_token_that_opens_nothing_opens_nothing_but_what_is_open_anyway() -> None:
    for scope, direction in (("openid", READ), ("openid", WRITE), ("user/Patient.cud", READ), ("user/*.rs", WRITE)):
        assert opens(scope, direction, "metadata")
        assert opened(scope, direction) == set()


def _size(scope: str, direction: Direction) -> int:
    """Return the bytes of a policy, laid out as Lambda's Python answers it."""
    return len(json.dumps(policy_for(scope, direction, LONGEST)).encode())


EVERYTHING = "system/*.cruds profile system/AuditEvent.rs"


def test_the_largest_policy_has_room_for_as_many_types_again() -> None:
    """API Gateway takes 8,192 bytes (REST API quotas). Each type adds its two resources, whatever the letters are."""
    largest = _size(EVERYTHING, READ)

    # 3 KB with seventeen types, and the two of bulk exports.
    (statement,) = policy_for(EVERYTHING, READ, LONGEST)["Statement"]
    of_exports = sum(len(json.dumps(each)) + 2 for each in statement["Resource"] if "$export" in each)
    assert largest - of_exports < 3072 / 17 * len(SERVED_TYPES)
    assert 2 * largest < 8_192
    assert _size(EVERYTHING, WRITE) < largest
    # Without Patient there is one resource in the place of its two.
    others = " ".join(f"user/{name}.s" for name in SERVED - {"Patient"})
    assert _size(others, READ) < largest


def test_forty_types_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    made_up = [
        dataclasses.replace(RESOURCE_TYPES[1], name=f"MadeUpResourceType{number:02}")
        for number in range(40 - len(SERVED_TYPES))
    ]
    forty = (*SERVED_TYPES, *made_up)
    monkeypatch.setattr(module, "SERVED_TYPES", forty)
    monkeypatch.setattr(scopes, "SERVED_TYPES", forty)
    assert len(forty) == 40

    # The grants of a scope are cached: no other test may use this one.
    scope = f"{EVERYTHING} launch openid"
    for direction in Direction:
        assert _size(scope, direction) <= 8192
        resources = policy_for(scope, direction, LONGEST)["Statement"][0]["Resource"]
        # Bundles have a path besides, with and without a slash at its end; bulk exports have two.
        assert len(resources) == 2 * (40 if direction is READ else 39) + 2


def test_the_gateway_is_what_the_method_arn_says() -> None:
    assert gateway_of("arn:aws:execute-api:eu-west-2:123456789012:abc123def4/live/GET/a/b") == Gateway(
        stage_pattern="arn:aws:execute-api:*:*:abc123def4/live",
        region="eu-west-2",
        api_id="abc123def4",
        stage="live",
    )


@pytest.mark.parametrize(
    "arn", ["", "arn:aws:s3:::bucket", "arn:aws:execute-api:r:a:api", "x/live/GET/", f"{API}//GET"]
)
def test_what_is_no_method_arn_is_an_error(arn: str) -> None:
    with pytest.raises(ValueError, match=r"method ARN|unpack"):
        gateway_of(arn)
