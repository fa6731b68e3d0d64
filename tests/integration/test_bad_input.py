"""Requests that are wrong in each way there is: the status, the outcome, its format and CORS, over HTTP (`fhir.md`)."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from careconnect.fhir.resource_types import RESOURCE_TYPES
from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.running.cases import each_of

pytestmark = pytest.mark.integration

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: Path) -> Api:
    assert list(sample.glob("*.ndjson"))
    return Api(local_stack, http)


@pytest.fixture
def token(bearer: Callable[[DemoClient], dict[str, str]], explorer: DemoClient) -> str:
    return bearer(explorer)["Authorization"].removeprefix("Bearer ")


WRONG = [
    ("Patient/no-such-id", 404, "not-found"),
    ("Patient/4/_history/999", 404, "not-found"),
    ("Organization/no-such-id", 404, "not-found"),
    ("Appointment/1", 404, "not-supported"),
    ("Nonsense", 404, "not-supported"),
    ("Patient/4/nonsense", 404, "not-supported"),
    ("Patient/$nonsense", 404, "not-supported"),
    ("Patient/4/$nonsense", 404, "not-supported"),
    ("Patient/bad_id", 400, "value"),
    (f"Patient/{'x' * 65}", 400, "value"),
    ("Patient?birthdate=nonsense", 400, "value"),
    ("Patient?name:nonsense=x", 400, "not-supported"),
    ("Patient?_count=-1", 400, "value"),
    ("Patient?_cursor=nonsense", 400, "value"),
    ("Organization?_sort=nonsense", 400, "value"),
    ("Patient?_format=html", 406, "not-supported"),
    ("Patient/4?_format=html", 406, "not-supported"),
]


@pytest.mark.parametrize(("path", "status", "code"), WRONG)
def test_fhir_md_statuses(api: Api, token: str, path: str, status: int, code: str) -> None:
    for format_ in ("json", "xml"):
        answer = api.get(path, token, Accept=f"application/fhir+{format_}", Origin="https://app.example")

        assert (answer.status_code, issue_code(answer)) == (status, code)
        # What cannot be had in the format asked for comes as JSON.
        expected = "json" if "_format=html" in path else format_
        assert answer.headers["Content-Type"] == f"application/fhir+{expected}; charset=utf-8"
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"]


# Each as it is written: a client's library would set some of them right.
EXPLAINED = [
    # Here the gateway answers, for which no scope opens that path.
    ("//Patient/4", 403, "single slashes, as in Patient/4"),
    ("/Patient//4", 404, "empty part"),
    ("/Patient/4/", 404, "ends with a slash"),
    ("/patient/4", 404, "case-sensitive: write Patient."),
    ("/Pateint/4", 404, "the nearest is Patient."),
    ("/Appointment/4", 404, "not served"),
    ("/Patient/4/$evrything", 404, "Patient/{id}/$everything"),
]


@pytest.mark.parametrize(("path", "status", "said"), EXPLAINED)
def test_fhir_md_other_paths_are_explained(api: Api, token: str, path: str, status: int, said: str) -> None:
    answered, body = api.raw(f"{FHIR_PATH}{path}", {"Authorization": f"Bearer {token}"})

    assert (answered, said in body) == (status, True)


def test_fhir_md_a_refusal_says_what_to_do(api: Api) -> None:
    token = api.register("told", "user/*.cruds")
    told = [
        ("POST", "/Bundle", 404, "send it to the FHIR base, POST /careconnect-ri/STU3."),
        ("POST", "/Observation/4", 405, "PUT changes it, POST /Observation creates one."),
        ("PATCH", "/Observation", 405, "give the id in the path: PATCH /Observation/{id}."),
        ("PUT", "/Observation", 412, "Give the id in the path: PUT /Observation/{id}."),
        ("DELETE", "/Observation?identifier=1", 412, "send identifier=system|value"),
    ]
    for method, path, status, text in told:
        answer = api.get(path.removeprefix("/"), token, method)
        assert (answer.status_code, text in answer.text) == (status, True), answer.text


def test_what_is_acceptable_is_neither(api: Api, token: str) -> None:
    answer = api.get("Patient/4", token, Accept="text/html")

    assert (answer.status_code, issue_code(answer)) == (406, "not-supported")


@pytest.mark.parametrize(("method", "below"), [("PATCH", ""), ("POST", "/4")])
@pytest.mark.parametrize("format_", ["json", "xml"])
def test_write_md_verbs_that_are_not_offered(api: Api, method: str, below: str, format_: str) -> None:
    token = api.register(f"offered-{method}-{format_}", "user/*.cruds")
    for each in (RESOURCE_TYPES[-1], RESOURCE_TYPES[1]):
        answer = api.get(f"{each.name}{below}", token, method, Accept=f"application/fhir+{format_}")

        assert (answer.status_code, issue_code(answer)) == (405, "not-supported")
        assert method not in answer.headers["Allow"].split(", ")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_rfc9110_9_3_7_a_preflight_needs_no_token(api: Api) -> None:
    for path in ("Patient/4", "Patient", "Organization/1", "metadata"):
        answer = api.get(path, method="OPTIONS", Origin="https://app.example", Access_Control_Request_Method="GET")

        assert answer.status_code == 204
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(
            answer.headers["Access-Control-Allow-Methods"].split(", ")
        )


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("application/json", b"{}", 415, "not-supported"),
        ("application/fhir+json", b"", 415, "not-supported"),
        ("text/plain", b"name=x", 415, "not-supported"),
        (FORM, b"name=" + b"x" * 70_000, 413, "too-long"),
        (FORM, b"name=%ff", 400, "invalid"),
        (FORM, b"name=\xff", 400, "invalid"),
        (FORM, b"birthdate=nonsense", 400, "value"),
        (FORM, b"access_token=x", 400, "invalid"),
    ],
)
@pytest.mark.parametrize("format_", ["json", "xml"])
def test_fhir_md_posted_searches(
    api: Api, token: str, content_type: str, body: bytes, status: int, code: str, format_: str
) -> None:
    for name in ("Patient", "Organization"):
        answer = api.http.post(
            f"{FHIR_PATH}/{name}/_search",
            content=body,
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": content_type,
                "Accept": f"application/fhir+{format_}",
            },
        )
        if name == "Organization" and body == b"birthdate=nonsense":
            # An organisation has no such parameter, so this one is ignored.
            assert answer.status_code == 200
            continue
        assert (answer.status_code, issue_code(answer)) == (status, code)
        assert f"fhir+{format_}" in answer.headers["Content-Type"]


@pytest.mark.parametrize("given", ["my-request-1", "A.b~c_d"])
def test_fhir_md_a_request_id_is_echoed(api: Api, token: str, given: str) -> None:
    for path in ("Patient/4", "Patient/nobody", "Nonsense", "metadata"):
        answer = api.get(path, token, X_Request_Id=given)
        assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"] == given


def test_the_gateways_own_errors_are_outcomes_too(api: Api) -> None:
    for method, path in (("GET", "/nonsense"), ("POST", "/nonsense/more"), ("GET", "/")):
        answer = api.http.request(method, path)
        assert (answer.status_code, issue_code(answer)) == (404, "not-supported")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"


@each_of("query", ["name=%ff", "name=%ED%A0%80", "%ff=x", "name=%F0%9F"])
def test_a_query_that_is_not_utf_8_is_400(api: Api, token: str, query: str) -> None:
    for path in ("Patient", "Organization"):
        status, body = api.raw(f"{FHIR_PATH}/{path}?{query}", {"Authorization": f"Bearer {token}"})

        assert (status, '"code":"invalid"' in body) == (400, True)


def test_the_fhir_base_takes_bundles_alone(api: Api) -> None:
    for path in (FHIR_PATH, f"{FHIR_PATH}/"):
        for method in ("GET", "PUT", "PATCH", "DELETE"):
            answer = api.http.request(method, path)
            assert (answer.status_code, issue_code(answer)) == (405, "not-supported")
            assert answer.headers["Allow"] == "OPTIONS, POST"
        assert api.http.post(path).status_code == 401


def test_a_local_run_never_asks_for_https(api: Api) -> None:
    # Of a function, and of the gateway.
    for path in ("metadata", "Patient/4"):
        assert "Strict-Transport-Security" not in api.get(path).headers


@pytest.mark.parametrize(
    "query", ["%", "%zz", "name=%ff", "=x", "&&&", "name", "name=%00", "?", "a=b=c", "name=%F0%9F"]
)
def test_no_query_makes_a_5xx(api: Api, token: str, query: str) -> None:
    status, body = api.raw(f"{FHIR_PATH}/Patient?{query}", {"Authorization": f"Bearer {token}"})

    assert status in (200, 400), body


def test_the_gateways_own_errors_name_the_gateways_request_whatever_the_caller_calls_it(api: Api) -> None:
    for headers in ({"X_Request_Id": "my-request-1"}, {"X_Correlation_Id": "my-request-1"}, {}):
        answer = api.get("Patient/4", **headers)

        assert answer.status_code == 401
        assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"]
        assert answer.headers["X-Request-Id"] not in ("", "my-request-1")
