"""What the policy opens, as IAM reads it (`access.md`, Rules 1, 2 and 5)."""

import json
from collections.abc import Mapping
from functools import cache
from itertools import combinations, product
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careconnect.fhir_path import FhirPath, Route, parse_path
from careconnect.outcomes import OutcomeError
from careconnect.resource_types import FHIR_PATH, RESOURCE_TYPES, SERVED_TYPES, ResourceType
from careconnect.resource_types import Home as HomeTable
from careconnect.scopes import WRITING, Interaction, grants_of
from careconnect_testing.iam import allows
from scope_authorizer.policy_for import Gateway, gateway_of, policy_for

API = "arn:aws:execute-api:eu-west-2:123456789012:abc123def4"
GATEWAY = gateway_of(f"{API}/live/GET/x")
LONGEST = gateway_of("arn:aws-us-gov:execute-api:us-gov-east-1:123456789012:abc123def4/live/GET/x")

DIRECTORY = {t.name for t in RESOURCE_TYPES if t.home is HomeTable.DIRECTORY}
ALL = {t.name for t in RESOURCE_TYPES}
SERVED = {t.name for t in SERVED_TYPES}
READ_PATHS = ("/4", "/4/_history/1", "/4/_history")
WRITES = ("PUT", "PATCH", "DELETE")
VERBS = ("GET", "HEAD", "POST", *WRITES)


def opens(scope: str, method: str, path: str, *, bound: bool = False) -> bool:
    return allows(_policy(scope, bound), "execute-api:Invoke", f"{API}/live/{method}{FHIR_PATH}/{path}")


@cache
def _policy(scope: str, bound: bool) -> dict[str, Any]:
    """Return a scope's policy, which hundreds of paths are held against."""
    return policy_for(scope, GATEWAY, bound=bound)


def understood_path(path: str) -> FhirPath | None:
    """Return what the reader takes a path for, None if it refuses it."""
    try:
        return parse_path(f"{FHIR_PATH}/{path}")
    except OutcomeError:
        return None


def readable(scope: str) -> set[str]:
    """Return the types whose every way of reading is open, checking that none is half open."""
    found = {t for t in SERVED if opens(scope, "GET", f"{t}/4")}
    for name in SERVED:
        ways = {opens(scope, method, name + path) for method in ("GET", "HEAD") for path in READ_PATHS}
        assert ways == {name in found}, name
    return found


def searchable(scope: str) -> set[str]:
    """Return the types whose every way of searching is open, checking that none is half open."""
    found = {t for t in SERVED if opens(scope, "GET", t)}
    for name in SERVED:
        ways = {opens(scope, "GET", name), opens(scope, "HEAD", name), opens(scope, "POST", f"{name}/_search")}
        assert ways == {name in found}, name
    return found


MEDICATIONS = {"MedicationRequest", "Medication"}
MEDICATION_NAMES = ("MedicationRequest", "MedicationStatement", "MedicationOrder", "MedicationPrescription")

OPENED = [
    ("profile", DIRECTORY, DIRECTORY),
    ("user/Patient.read", {"Patient"}, {"Patient"}),
    ("patient/Patient.read", {"Patient"}, {"Patient"}),
    ("system/Patient.read", {"Patient"}, {"Patient"}),
    ("user/Patient.read profile", {"Patient", *DIRECTORY}, {"Patient", *DIRECTORY}),
    ("user/Patient.*", {"Patient"}, {"Patient"}),
    ("user/Patient.write", set(), set()),
    ("user/Patient.r", {"Patient"}, set()),
    ("user/Patient.s", set(), {"Patient"}),
    ("user/Patient.rs", {"Patient"}, {"Patient"}),
    ("user/Patient.cruds", {"Patient"}, {"Patient"}),
    ("user/Patient.cud", set(), set()),
    ("user/Patient.r user/Patient.s", {"Patient"}, {"Patient"}),
    ("system/*.read", ALL, ALL),
    ("system/*.cruds profile", ALL, ALL),
    ("system/*.cud profile", DIRECTORY, DIRECTORY),
    ("system/*.r", ALL, set()),
    ("system/*.s", set(), ALL),
    ("system/*.write", set(), set()),
    ("user/Organization.read", {"Organization"}, {"Organization"}),
    ("user/Observation.read", {"Observation"}, {"Observation"}),
    ("user/Procedure.read", {"Procedure"}, {"Procedure"}),
    ("user/MedicationRequest.read", MEDICATIONS, MEDICATIONS),
    ("user/MedicationOrder.read", MEDICATIONS, MEDICATIONS),
    ("user/MedicationPrescription.read", MEDICATIONS, MEDICATIONS),
    ("user/MedicationStatement.read", {"MedicationStatement", "Medication"}, {"MedicationStatement", "Medication"}),
    ("user/Medication.read", {"Medication"}, {"Medication"}),
    ("system/AuditEvent.read", {"AuditEvent"}, {"AuditEvent"}),
    ("user/AuditEvent.rs profile", {"AuditEvent", *DIRECTORY}, {"AuditEvent", *DIRECTORY}),
    ("system/AuditEvent.r", {"AuditEvent"}, set()),
    ("system/AuditEvent.s", set(), {"AuditEvent"}),
    ("patient/AuditEvent.read", set(), set()),
    ("system/AuditEvent.cruds", set(), set()),
    ("openid fhirUser launch launch/patient offline_access", set(), set()),
    ("user/Appointment.read", set(), set()),
    ("user/patient.read", set(), set()),
    ("USER/Patient.read", set(), set()),
    ("user/Patient.READ", set(), set()),
    ("user/Patient.sr", set(), set()),
    ("user/Patient.", set(), set()),
    ("user/Patient.rs?name=x", set(), set()),
    ("user/Pat*.read", set(), set()),
    ("user/Patient.read,user/Condition.read", set(), set()),
    ("", set(), set()),
]


RECORD = {
    "Condition",
    "Observation",
    "Encounter",
    "Procedure",
    "AllergyIntolerance",
    "Immunization",
    "MedicationRequest",
    "MedicationStatement",
    "EpisodeOfCare",
}


@pytest.mark.parametrize("scope", [scope for scope, _, _ in OPENED])
def test_a_search_below_a_patient_is_open_to_whoever_may_search_the_type(scope: str) -> None:
    """Whatever else is open is a path that the reader tells from those that are opened."""
    granted = set(grants_of(scope).types(Interaction.SEARCH)) & RECORD
    patients = grants_of(scope).letters["Patient"]
    reads_patients = Interaction.READ in patients
    for name in ALL:
        below = f"Patient/4/{name}"
        gets = [opens(scope, method, below) for method in ("GET", "HEAD")]
        assert gets == [reads_patients or name in granted] * 2, name
        assert opens(scope, "POST", f"{below}/_search") is bool(granted), name
        # Who may post one search below a patient and searches Patient may post anything there: 404, but for searches.
        assert opens(scope, "POST", below) is (bool(granted) and Interaction.SEARCH in patients), name
        writes = {"PUT": "u", "PATCH": "ru", "DELETE": "d"}
        for method, letters in writes.items():
            assert opens(scope, method, below) is (set(letters) <= patients), name
        for owner in ALL - {"Patient"}:
            if not grants_of(scope).permits(owner, Interaction.READ):
                assert not any(opens(scope, method, f"{owner}/4/{name}") for method in ("GET", "HEAD"))


BOTH_MEDICATIONS = "user/MedicationRequest.s user/MedicationStatement.s"


def test_two_names_said_in_one_pattern_open_no_third_that_is_a_path() -> None:
    """`Medication*t`, if both are opened: what else fits it is a path of no function, or a version of that name."""
    for name in ("MedicationRequest", "MedicationStatement"):
        assert all(opens(BOTH_MEDICATIONS, method, f"Patient/4/{name}") for method in ("GET", "HEAD"))
        (other,) = {"MedicationRequest", "MedicationStatement"} - {name}
        assert not opens(f"user/{name}.s", "GET", f"Patient/4/{other}")
    for name in SERVED - {"MedicationRequest", "MedicationStatement"}:
        assert not opens(BOTH_MEDICATIONS, "GET", f"Patient/4/{name}"), name
    for path in (
        "Patient/4/Medicationt",
        "Patient/4/Medication/1/MedicationRequest",
        "Patient/4/Medication/_history/t",
    ):
        assert opens(BOTH_MEDICATIONS, "GET", path)
        assert understood_path(path) is None
    version = "Patient/4/_history/Medicationt"
    assert opens(BOTH_MEDICATIONS, "GET", version)
    # That takes `r` of Patient, which the reader asks for.
    assert (parsed := understood_path(version))
    assert parsed.route is Route.VERSION


def test_a_search_below_a_patient_opens_no_read_of_the_patient() -> None:
    for path in ("Patient/4", "Patient/4/_history/1", "Patient/4/$everything", "Patient", "Patient/4/ObservationX"):
        assert not any(opens("user/Observation.s", method, path) for method in ("GET", "HEAD", "POST")), path
        assert not any(opens(f"{BOTH_MEDICATIONS} profile", method, path) for method in ("GET", "HEAD")), path
    assert not opens("user/Observation.r", "GET", "Patient/4/Observation")
    assert not opens("user/Observation.r", "POST", "Patient/4/Observation/_search")


@pytest.mark.parametrize(("scope", "reads", "searches"), OPENED, ids=[scope or "(none)" for scope, _, _ in OPENED])
def test_a_scope_opens_these_types_and_no_other(scope: str, reads: set[str], searches: set[str]) -> None:
    assert readable(scope) == reads
    assert searchable(scope) == searches


def test_a_bound_token_has_the_access_record_at_the_level_patient_too_and_not_by_a_wildcard() -> None:
    for method, path in (("GET", ""), ("HEAD", ""), ("GET", "/4"), ("HEAD", "/4"), ("POST", "/_search")):
        assert opens("patient/AuditEvent.read", method, f"AuditEvent{path}", bound=True)
        assert not opens("patient/*.read system/*.cruds profile", method, f"AuditEvent{path}", bound=True)


@pytest.mark.parametrize("letters", ["read", "rs", "r", "s"])
def test_no_token_writes_the_access_record(letters: str) -> None:
    """A `POST` of an id is all that is let through besides, for who may search: 405, as of every type."""
    for method, path in product(WRITES, ("", "/4", "/_search")):
        assert not opens(f"system/AuditEvent.{letters} system/*.cruds", method, f"AuditEvent{path}")
    assert not opens(f"system/AuditEvent.{letters} system/*.cruds", "POST", "AuditEvent")


def test_a_binding_opens_no_more_of_what_is_not_opened_by_name_only() -> None:
    for scope, _, _ in OPENED:
        if "AuditEvent" not in scope:
            assert _policy(scope, bound=True) == _policy(scope, bound=False)


# What each verb takes, by the path below the base. A condition is a search; a patch's `test` reads.
TAKES = {
    ("GET", ""): "s",
    ("HEAD", ""): "s",
    ("POST", ""): "c",
    ("PUT", ""): "su",
    ("DELETE", ""): "ds",
    ("POST", "/_search"): "s",
    **{(method, path): "r" for method in ("GET", "HEAD") for path in (*READ_PATHS, "/4/$everything")},
    ("PUT", "/4"): "u",
    ("PATCH", "/4"): "ru",
    ("DELETE", "/4"): "d",
}
# Answered with 405, whatever the token holds.
REFUSED_TO_ALL = {("PATCH", ""), ("POST", "/4")}
LETTERS = ["".join(letters) for size in range(6) for letters in combinations("cruds", size)]


@pytest.mark.parametrize("letters", LETTERS)
def test_every_set_of_letters_opens_its_verbs_on_its_paths_and_no_other(letters: str) -> None:
    """Over all types, with every verb and every shape of a path."""
    for name in ALL:
        scope = f"user/{name}.{letters}" if letters else "openid"
        allowed = {
            (method, path)
            for method, path in product(VERBS, ("", "/4", "/_search", *READ_PATHS))
            if opens(scope, method, name + path)
        }
        for method, path in product(VERBS, ("", "/4", "/_search")):
            if (method, path) in TAKES:
                assert ((method, path) in allowed) == (set(TAKES[method, path]) <= set(letters)), (method, path)
        for method, path in allowed:
            # Beyond that, only what no function does: a PUT of a search or of a version, a POST to an id.
            own = {"GET": "rs", "HEAD": "rs", "POST": "cs", "PUT": "u", "PATCH": "u", "DELETE": "d"}[method]
            assert set(own) & set(letters) or (method, path) in REFUSED_TO_ALL, (method, path)
        others = {other for other in ALL - {name, "Medication"} if not other.startswith("Patient")}
        assert not any(opens(scope, method, other + path) for other in others for method, path in TAKES)


@pytest.mark.parametrize("letters", LETTERS)
def test_rule_5_a_read_token_cannot_write_and_a_write_token_cannot_read(letters: str) -> None:
    scope = f"system/*.{letters}" if letters else "profile"
    for name in ALL:
        if not set(letters) & WRITING:
            assert not any(opens(scope, method, name + path) for method in WRITES for path in ("", "/4"))
            assert not opens(scope, "POST", name)
        if letters and not set(letters) & {"r", "s"}:
            paths = ("", *READ_PATHS, "/_search")
            assert not any(opens(scope, method, name + path) for method in ("GET", "HEAD") for path in paths)
            assert not opens(scope, "POST", f"{name}/_search")


def test_profile_and_another_medications_scope_open_no_write() -> None:
    for name, scope in (
        *((name, "profile") for name in DIRECTORY),
        *(("Medication", f"user/{other}.cruds") for other in MEDICATION_NAMES),
    ):
        assert opens(scope, "GET", f"{name}/4")
        assert not any(opens(scope, method, name + path) for method in WRITES for path in ("", "/4"))
        assert not opens(scope, "POST", name)
    assert opens("user/MedicationOrder.c", "POST", "MedicationRequest")
    assert opens("user/Medication.c", "POST", "Medication")


def test_s3_a_write_scope_does_not_open_a_read() -> None:
    assert not opens("user/Patient.write", "GET", "Patient/4")
    assert not opens("user/Patient.write", "GET", "Patient")


def test_s5_a_type_without_a_rule_is_closed_to_any_token() -> None:
    for name in ("Appointment", "Account", "DocumentReference", "", "*", "Binary"):
        for method in VERBS:
            assert not opens("system/*.cruds profile", method, f"{name}/4")
            assert not opens("system/*.cruds profile", method, name)


def test_s7_procedure_has_a_scope_of_its_own() -> None:
    assert not opens("user/Observation.read", "GET", "Procedure/4")
    assert not opens("user/Procedure.read", "GET", "Observation/4")


def test_s7_medication_does_not_open_what_begins_with_its_name() -> None:
    for name in ("MedicationRequest", "MedicationStatement", "MedicationX"):
        assert not opens("user/Medication.read", "GET", f"{name}/4")
        assert not opens("user/Medication.read", "GET", name)
    assert not opens("user/Organization.read", "GET", "OrganizationX/4")
    assert not opens("user/Practitioner.read", "GET", "PractitionerRole/4")


# Spellings of a path to a Condition, for a token that opens Patient alone.
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
    "Condition/1/careconnect-ri/STU3/Patient",
    "Condition/careconnect-ri/STU3/Patient",
    "Condition/careconnect-ri/STU3/Patient/_search",
    "Condition/%00",
]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_s13_no_spelling_of_a_path_gets_past_the_policy_and_the_reader(method: str, spelling: str) -> None:
    """The policy closes it, or the reader does not take it for a path to another type."""
    if opens("user/Patient.read", method, spelling):
        understood = understood_path(spelling)
        assert understood is None or understood.type.name == "Patient"


def _takes(route: Route) -> Mapping[str, str]:
    path = {Route.TYPE: "", Route.SEARCH: "/_search"}.get(route, "/4" if route is Route.INSTANCE else READ_PATHS[1])
    return {method: letters for (method, below), letters in TAKES.items() if below == path}


_SEGMENTS = st.sampled_from(
    [
        *sorted(SERVED),
        *READ_PATHS,
        "_search",
        "4",
        *("4/Condition", "4/Observation/_search"),
        "_history",
        "$everything",
        "..",
        ".",
        "",
        "careconnect-ri",
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
    method=st.sampled_from(VERBS),
    path=st.lists(_SEGMENTS, min_size=1, max_size=6).map("/".join),
)
def test_rule_2_the_policy_is_right_for_every_path_that_the_reader_understands(
    scope: str, bound: bool, method: str, path: str
) -> None:
    """What is granted is open, and what is open is granted or a path that only the reader tells from such.

    `tests/unit/fhir/search/test_compartment_paths.py` has the reader refuse the latter.
    """
    parsed = understood_path(path)
    if parsed is None:
        return
    below_a_patient = parsed.compartment is not None
    takes = _takes(parsed.route)
    if method not in takes or (below_a_patient and method not in parsed.allowed.split(", ")):
        return
    grants = grants_of(scope, bound=bound)
    granted = all(grants.permits(parsed.type.name, Interaction(letter)) for letter in takes[method])
    # A pattern cannot stop at a slash, so `Patient/*/Condition` is a version of that name too.
    is_told_apart_by_the_reader = below_a_patient or parsed.version in ALL
    if granted or not is_told_apart_by_the_reader:
        assert opens(scope, method, path, bound=bound) == granted


@pytest.mark.parametrize("method", VERBS)
@pytest.mark.parametrize(
    "start", ["Condition/1", "Condition", "Condition/1/_history", "Patient/4/Condition", "metadata"]
)
def test_what_a_verbs_pattern_lets_pass_beyond_its_path_is_no_path_of_the_api(start: str, method: str) -> None:
    """A `*` in the place of a verb matches a slash too, so the opened path may stand at the end of another."""
    for end in ("Location", "Location/4", "Location/4/_history/1"):
        path = f"{start}{FHIR_PATH}/{end}"
        assert opens("user/Location.cruds", method, path)
        assert not opens("user/Location.rs", method, path)
        assert not opens("user/AuditEvent.rs", method, path.replace("Location", "AuditEvent"))
        assert understood_path(path) is None


@pytest.mark.parametrize("id_", ["4", "a.b-c", "A" * 64, "$everything", quote("é"), "%2e%2e"])
def test_rule_2_the_policy_does_not_depend_on_the_path_asked_for(id_: str) -> None:
    asked = [gateway_of(f"{API}/live/GET{FHIR_PATH}/{name}/{id_}") for name in ("Patient", "Condition")]

    assert len({json.dumps(policy_for("user/Patient.read", gateway)) for gateway in asked}) == 1


def test_rule_2_allow_statements_only() -> None:
    for scope, _, _ in OPENED:
        policy = policy_for(scope, GATEWAY)
        assert {statement["Effect"] for statement in policy["Statement"]} == {"Allow"}
        assert all(statement["Resource"] for statement in policy["Statement"])
        assert policy["Version"] == "2012-10-17"


def test_the_policy_stays_on_its_own_stage() -> None:
    policy = policy_for("system/*.read profile", GATEWAY)

    for other in ("arn:aws:execute-api:eu-west-2:123456789012:other/live", f"{API}/test", f"{API}/live2"):
        assert not allows(policy, "execute-api:Invoke", f"{other}/GET{FHIR_PATH}/Patient/4")
    assert not allows(policy, "execute-api:ManageConnections", f"{API}/live/GET{FHIR_PATH}/Patient/4")


def test_a_types_path_at_the_end_of_another_opens_nothing() -> None:
    for verb in ("GET", "HEAD", "POST"):
        assert not opens("user/Patient.read", verb, f"Condition/1{FHIR_PATH}/Patient")


def test_a_token_that_opens_nothing_opens_nothing_but_what_is_open_anyway() -> None:
    assert opens("openid", "GET", "metadata")
    assert readable("openid") | searchable("openid") == set()


def _size(letters: Mapping[str, str]) -> int:
    """Return the bytes of the policy for some letters of each type, laid out as Lambda's Python answers it."""
    return len(json.dumps(policy_for(_scope(letters), LONGEST)).encode())


def _scope(letters: Mapping[str, str]) -> str:
    return " ".join(f"user/{name}.{held}" for name, held in letters.items() if held)


def _largest(others: Mapping[str, str], each: ResourceType) -> str:
    return max(LETTERS, key=lambda letters: _size({**others, each.name: letters}))


@pytest.mark.parametrize("of_patient", LETTERS)
def test_the_largest_policy_is_within_the_gateways_limit(of_patient: str) -> None:
    """API Gateway takes 8,192 bytes of policy (REST API quotas).

    A type adds to the policy by itself, but for those in a patient's compartment, which depend on what is held of
    Patient and on whether one of them is searched: so the largest is that of the largest for each type. Medication is
    opened for reading by its neighbours too, and two of these are said together: they begin with what is large.
    """
    letters = {**dict.fromkeys(ALL, "cds"), "Patient": of_patient, "AuditEvent": "rs"}
    for each in SERVED_TYPES[1:]:
        letters[each.name] = _largest(letters, each)

    assert _size(letters) < 8192 * 0.95


def test_a_policy_for_everything_is_small() -> None:
    assert _size(dict.fromkeys(ALL, "cruds")) < 3072


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
