"""Read access by client and type, over HTTP against the deployed template with IAM enforced (`access.md`)."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT
from careconnect_testing.http.answer import GATEWAY_CHALLENGE
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.stacks.deployed_tokens import deployed_claims, deployed_header, signed_by_the_issuer
from careconnect_testing.stacks.refused_tokens import REFUSED

pytestmark = pytest.mark.integration

DIRECTORY = {"Organization", "Location", "Practitioner", "PractitionerRole", "HealthcareService"}
RECORD = {each.name for each in RESOURCE_TYPES} - DIRECTORY
ACCESS_RECORD = "AuditEvent"
MEMBERS = RECORD - {"Patient", "Medication"}
"""What is searched below a patient."""

PROMISES = PROJECT / "functions/console/web/src/rooms/matrix/promises.json"
"""What the page promises its three clients: declared once, for these tests and for the console's matrix."""

OPEN = {client_id: set(types) for client_id, types in json.loads(PROMISES.read_text(encoding="utf-8")).items()} | {
    "explorer": RECORD | DIRECTORY,
    "editor": RECORD | DIRECTORY,
    "auditor": set(),
}
"""The table of `access.md` by the clients' ids: which types of resources answer 200; every other answers 403."""

SEARCHED_ALONE = {"auditor": {"Patient"}}
"""The types that a client may search, and not read."""

INSUFFICIENT = 'Bearer realm="careconnect", error="insufficient_scope"'


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: Path) -> Api:
    assert list(sample.glob("*.ndjson"))
    return Api(local_stack, http)


@pytest.fixture(scope="module")
def ids(sample: Path) -> dict[str, str]:
    """The id of one resource of each type that the sample holds."""
    found = {}
    for path in sorted(sample.glob("*.ndjson")):
        first = json.loads(path.read_text(encoding="utf-8").splitlines()[0])
        found[first["resourceType"]] = first["id"]
    return found


def test_the_pages_two_calls_to_the_letter(http: httpx.Client, sample: Path, clients: tuple[DemoClient, ...]) -> None:
    client = clients[0]
    issued = http.post(
        f"/token?grant_type=client_credentials&client_id={client.client_id}",
        headers={"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"},
        auth=(client.client_id, client.secret),
    )

    assert issued.status_code == 200
    assert issued.headers["Content-Type"].startswith("application/json")
    members = issued.json()
    assert members.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert (members["token_type"], members["expires_in"]) == ("Bearer", 3600)

    read = http.get(f"{FHIR_PATH}/Patient/4", headers={"Authorization": f"Bearer {members['access_token']}"})
    assert read.status_code == 200
    assert (read.json()["resourceType"], read.json()["id"]) == ("Patient", "4")


def test_what_the_contract_calls_the_directory_is_the_table_of_its_own() -> None:
    assert {each.name for each in RESOURCE_TYPES if each.table is Table.DIRECTORY} == DIRECTORY
    assert {each.name for each in SERVED_TYPES} == RECORD | DIRECTORY | {ACCESS_RECORD}


@pytest.mark.parametrize(
    "client_id", [pytest.param(each, marks=[pytest.mark.long] if place else []) for place, each in enumerate(OPEN)]
)
def test_access_md_each_client_against_every_type(
    api: Api, clients: tuple[DemoClient, ...], ids: dict[str, str], client_id: str
) -> None:
    assert ids.keys() == RECORD | DIRECTORY
    (secret,) = (each.secret for each in clients if each.client_id == client_id)
    token = api.token(client_id, secret)

    requests = {
        (method, path): name
        for name, id_ in ids.items()
        for method, path in (("GET", f"{name}/{id_}"), ("GET", f"{name}?_count=1"), ("POST", f"{name}/_search"))
    }
    requests |= {
        (method, f"Patient/4/{name}{rest}"): name
        for name in MEMBERS
        for method, rest in (("GET", "?_count=1"), ("HEAD", ""), ("POST", "/_search"))
    }
    searched = SEARCHED_ALONE.get(client_id, set())
    expected = {
        (method, path): 200
        if name in OPEN[client_id] or (name in searched and "/" not in path.removesuffix("/_search"))
        else 403
        for (method, path), name in requests.items()
    }
    assert api.statuses(requests, token) == expected


WAYS_TO_ASK = [("GET", ""), ("HEAD", ""), ("POST", "/_search"), ("GET", "/1"), ("HEAD", "/1")]
"""Ways to ask for the access record."""


def test_access_md_each_client_but_the_auditor_is_refused_the_audit_trail(
    api: Api, clients: tuple[DemoClient, ...]
) -> None:
    asked = [(method, f"{ACCESS_RECORD}{rest}") for method, rest in WAYS_TO_ASK]
    refused = {
        client.client_id
        for client in clients
        if set(api.statuses(asked, api.token(client.client_id, client.secret)).values()) == {403}
    }
    assert refused == OPEN.keys() - {"auditor"}


@pytest.mark.parametrize(
    ("scope", "patient"),
    [
        ("system/*.read user/*.cruds patient/*.rs profile", ""),
        ("patient/AuditEvent.read patient/Patient.read", ""),
        ("patient/*.cruds profile", "4"),
    ],
)
def test_access_md_the_audit_trail_is_closed_to_whoever_does_not_hold_its_name(
    api: Api, scope: str, patient: str
) -> None:
    """Neither `*` opens it at any level, nor a `patient/` scope of a client that is bound to nobody."""
    token = api.register(f"no-auditor-{len(scope)}{patient}", scope, patient=patient)

    asked = [(method, f"{ACCESS_RECORD}{rest}") for method, rest in WAYS_TO_ASK]
    assert api.statuses(asked, token) == dict.fromkeys(asked, 403)
    refused = api.get(ACCESS_RECORD, token)
    assert (issue_code(refused), refused.headers["WWW-Authenticate"]) == ("forbidden", INSUFFICIENT)


@pytest.mark.parametrize(
    ("scope", "patient"),
    [("patient/AuditEvent.read", "4"), ("user/AuditEvent.rs patient/AuditEvent.s", "4"), ("system/AuditEvent.rs", "")],
)
def test_access_md_the_audit_trail_is_opened_by_its_name(api: Api, scope: str, patient: str) -> None:
    token = api.register(f"auditor-{len(scope)}{patient}", scope, patient=patient)

    expected = {(method, f"{ACCESS_RECORD}{rest}"): 200 for method, rest in WAYS_TO_ASK if rest != "/1"}
    expected |= {(method, f"{ACCESS_RECORD}/1"): 404 for method in ("GET", "HEAD")}
    assert api.statuses(expected, token) == expected
    assert api.get("Patient/4", token).status_code == 403


@pytest.mark.parametrize("requested", ["system/AuditEvent.read", "system/AuditEvent.r"])
def test_access_md_a_client_for_all_types_does_not_get_the_audit_trail_by_asking(
    http: httpx.Client, explorer: DemoClient, requested: str
) -> None:
    form = {"grant_type": "client_credentials", "scope": requested}
    answer = http.post("/token", data=form, auth=(explorer.client_id, explorer.secret))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_access_md_nobody_writes_the_audit_trail(
    api: Api, bearer: Callable[[DemoClient], dict[str, str]], clients: tuple[DemoClient, ...], method: str
) -> None:
    """405, whatever the token: such a request reaches no function that could."""
    for client in clients:
        for rest in ("", "/1") if method != "POST" else ("",):
            answer = api.http.request(method, f"{FHIR_PATH}/{ACCESS_RECORD}{rest}", headers=bearer(client))
            assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS"), client.name


READ_ROUTES = [("GET", ""), ("HEAD", ""), ("GET", "/4"), ("GET", "/4/_history"), ("POST", "/_search"), ("POST", "/4")]
WRITE_ROUTES = [
    *(("POST", ""), ("PUT", ""), ("PATCH", ""), ("DELETE", "")),
    *(("PUT", "/4"), ("PATCH", "/4"), ("DELETE", "/4"), ("PUT", "/4/_history/1")),
]


@pytest.mark.parametrize("name", ["Patient", "Observation", "Medication", "Organization"])
@pytest.mark.parametrize(
    ("letters", "routes"), [("rs", WRITE_ROUTES), ("cud", READ_ROUTES)], ids=["only reads", "only writes"]
)
def test_access_md_rule_5_the_gateway_refuses_the_other_direction(
    api: Api, name: str, letters: str, routes: list[tuple[str, str]]
) -> None:
    """It says so without a scope: no function was asked."""
    token = api.register(f"one-direction-{letters}-{name}", f"user/{name}.{letters}")

    for method, rest in routes:
        answer = api.get(f"{name}{rest}", token, method)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (403, INSUFFICIENT), (method, rest)


@pytest.mark.parametrize(
    ("held", "method", "rest", "missing"),
    [
        ("s", "GET", "/4", "r"),
        ("s", "GET", "/4/_history/1", "r"),
        ("r", "GET", "?birthdate=nonsense", "s"),
        ("r", "POST", "/_search", "s"),
        ("ru", "POST", "", "c"),
        ("rd", "PUT", "/4", "u"),
        ("u", "PATCH", "/4", "r"),
        ("u", "PUT", "?identifier=a%7Cb", "s"),
        ("u", "DELETE", "/4", "d"),
        ("d", "DELETE", "?identifier=a%7Cb", "s"),
    ],
)
def test_access_md_rule_3_a_function_refuses_a_letter_by_name(
    api: Api, held: str, method: str, rest: str, missing: str
) -> None:
    token = api.register(f"letter-{held}-{method}-{len(rest)}", f"user/Patient.{held}")
    answer = api.get(f"Patient{rest}", token, method, Accept="application/fhir+xml")

    assert (answer.status_code, issue_code(answer)) == (403, "forbidden")
    assert answer.headers["WWW-Authenticate"] == f'{INSUFFICIENT}, scope="user/Patient.{missing}"'
    assert f"user/Patient.{missing} is needed" in answer.text
    assert "application/fhir+xml" in answer.headers["Content-Type"]


@pytest.mark.parametrize(
    ("letter", "method", "rest", "allowed"),
    [
        ("r", "POST", "/5", "GET, HEAD, PUT, PATCH, DELETE"),
        ("s", "GET", "/_search", "POST"),
        ("d", "PATCH", "", "GET, HEAD, POST, PUT, DELETE"),
        ("c", "PUT", "/5/_history/1", "GET, HEAD"),
        ("u", "DELETE", "/5/Observation", "GET, HEAD"),
    ],
)
def test_access_md_rule_5_a_method_that_a_path_does_not_take_is_405(
    api: Api, letter: str, method: str, rest: str, allowed: str
) -> None:
    answer = api.get(f"Patient{rest}", api.register(f"verb-{letter}-{method}", f"user/Patient.{letter}"), method)

    assert (answer.status_code, issue_code(answer)) == (405, "not-supported")
    assert answer.headers["Allow"] == allowed


@pytest.mark.parametrize("type_name", sorted(RECORD))
def test_access_md_a_missing_scope_is_403_with_its_header(
    api: Api, bearer: Callable[[DemoClient], dict[str, str]], clients: tuple[DemoClient, ...], type_name: str
) -> None:
    answer = api.http.get(f"{FHIR_PATH}/{type_name}/1", headers=bearer(clients[2]))

    assert (answer.status_code, issue_code(answer)) == (403, "forbidden")
    assert answer.headers["WWW-Authenticate"] == INSUFFICIENT


def test_access_md_a_search_below_a_patient_takes_the_scope_of_the_type_alone(api: Api) -> None:
    """The scope opens nothing else of the patient, and a scope for Patient does not open the search below it."""
    searches = api.register("below-searches", "user/Observation.s")
    reads = api.register("below-reads", "user/Patient.read")
    found = api.get("Observation?patient=4&_count=100&_total=accurate", searches).json()
    below = api.get("Patient/4/Observation?_count=100&_total=accurate", searches).json()
    assert found["total"] == below["total"] > 0
    assert found["entry"] == below["entry"]

    closed = ("Patient/4", "Patient/4/_history/1", "Patient/4/$everything", "Patient", "Patient/4/Condition")
    assert set(api.statuses([("GET", path) for path in closed], searches).values()) == {403}
    for method, path in (("GET", "Patient/4/Observation"), ("POST", "Patient/4/Observation/_search")):
        assert api.get(path, reads, method).status_code == 403
    for token, name, method, rest in ((reads, "Observation", "GET", ""), (searches, "Condition", "POST", "/_search")):
        refused = api.get(f"Patient/4/{name}{rest}", token, method, Accept="application/fhir+xml")
        assert refused.status_code == 403
        assert refused.headers["WWW-Authenticate"] == f'{INSUFFICIENT}, scope="user/{name}.s"'
        assert "application/fhir+xml" in refused.headers["Content-Type"]


def test_access_md_a_bound_client_finds_its_own_patients_record_below_it_and_no_others(api: Api) -> None:
    bound = api.register("below-bound", "patient/Observation.read", patient="4")
    everyone = api.register("below-everyone", "system/*.read")
    others = api.get("Observation?_count=100", everyone).json()["entry"]
    other = next(
        reference
        for each in others
        if (reference := each["resource"]["subject"]["reference"].removeprefix("Patient/")) != "4"
    )

    assert api.get(f"Patient/{other}/Observation?_total=accurate", everyone).json()["total"] > 0
    assert api.get(f"Patient/{other}/Observation", bound).json()["total"] == 0
    assert (
        api.get("Patient/4/Observation?_total=accurate", bound).json()["total"]
        == api.get("Observation?_total=accurate", bound).json()["total"]
        == api.get("Patient/4/Observation?_total=accurate", everyone).json()["total"]
        > 0
    )


@pytest.mark.parametrize(
    "path",
    [
        *("Patient/4", "Patient", "Organization", "Patient/4/$everything", "Condition?patient=4"),
        *("Patient/4/Condition", "Patient/4/Condition/_search"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_access_md_no_token_is_401_as_a_bad_one_is(api: Api, path: str, method: str) -> None:
    answer = api.get(path, method=method)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == GATEWAY_CHALLENGE
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if method != "HEAD":
        assert issue_code(answer) == "login"


_ASKED = [(path, format_) for path in ("Patient/4", "Organization?name=x") for format_ in ("json", "xml")]


# The emulator restarts the authorizer after each refusal: each access path is tried with one of the tokens, and in
# the long run with all of them.
@pytest.mark.parametrize(
    ("why", "path", "format_"),
    [
        pytest.param(why, path, format_, marks=() if token == 4 * way else pytest.mark.long)
        for token, why in enumerate(REFUSED)
        for way, (path, format_) in enumerate(_ASKED)
    ],
)
def test_access_md_a_bad_token_is_401_with_its_header(api: Api, why: str, path: str, format_: str) -> None:
    answer = api.get(path, REFUSED[why](api.stack, api.http), Accept=f"application/fhir+{format_}")

    assert (answer.status_code, issue_code(answer)) == (401, "login")
    assert answer.headers["WWW-Authenticate"] == GATEWAY_CHALLENGE
    # The gateway has no XML.
    assert answer.headers["Content-Type"] == "application/fhir+json"


def test_the_same_claims_well_signed_are_accepted(api: Api) -> None:
    """This shows that the errors above have the causes that they name."""
    token = signed_by_the_issuer(api.stack, deployed_header(api.http), deployed_claims(api.stack))

    assert api.get("Patient/4", token).status_code == 200


def test_rfc6750_2_a_token_goes_into_the_header_and_nowhere_else(
    api: Api, bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient
) -> None:
    headers = bearer(explorer)
    token = headers["Authorization"].removeprefix("Bearer ")
    form = {"access_token": token}

    assert api.http.get(f"{FHIR_PATH}/Patient/4", params=form).status_code == 401
    assert api.http.post(f"{FHIR_PATH}/Patient/_search", data=form).status_code == 401
    assert api.http.get(f"{FHIR_PATH}/Patient/4", params=form, headers=headers).status_code == 400
    assert api.http.get(f"{FHIR_PATH}/Patient", params=form, headers=headers).status_code == 400
    assert api.http.post(f"{FHIR_PATH}/Patient/_search", data=form, headers=headers).status_code == 400


def test_two_authorization_headers_are_never_200(
    api: Api, bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient
) -> None:
    good = bearer(explorer)["Authorization"]

    for pair in ((good, "Bearer nonsense"), ("Bearer nonsense", good), (good, good)):
        answer = api.http.get(f"{FHIR_PATH}/Condition/nobody", headers=[("Authorization", value) for value in pair])
        assert answer.status_code in (400, 401, 404)
