"""The gateway fails closed: no request without a verified token reaches a function that can read a record (ADR 16)."""

import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.answer import GATEWAY_CHALLENGE
from careconnect_testing.http.api import Api, issue_code
from careconnect_testing.stacks.refused_tokens import REFUSED
from careconnect_testing.stacks.whole_template import whole_template

_TEMPLATE = whole_template()
_RESOURCES: dict[str, dict[str, Any]] = _TEMPLATE["Resources"]
_PATHS: dict[str, dict[str, Any]] = {
    # Those of bulk exports are there if the stack has them.
    path: methods["Fn::If"][1] if "Fn::If" in methods else methods
    for path, methods in _RESOURCES["Api"]["Properties"]["DefinitionBody"]["paths"].items()
}
_TABLES = ("RecordTable", "DirectoryTable")
_METHODS = ("GET", "HEAD", "POST")
_READS = ("Patient/4", "Patient?_count=1", "Patient/4/$everything", "Organization", "Observation?patient=4")
_REQUESTS = tuple((path, method) for path in _READS for method in _METHODS)
_SOME = [(why, *request) for why, request in zip(REFUSED, _REQUESTS, strict=False)][::4]
"""Some bad tokens, each with another request."""
_WITHOUT_ROUTE = {"ArchiverFunction", "VerifierFunction", "RecoveryFunction", "ExportWorkerFunction"}
"""A stream, a schedule or a state machine invokes these, at any time."""


def _readers() -> set[str]:
    """Return the functions with a role that may read a table of records."""
    functions = {name: each for name, each in _RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"}
    policies = {name: json.dumps(each["Properties"].get("Policies", ())) for name, each in functions.items()}
    return {name for name, text in policies.items() if any(f'"{table}"' in text for table in _TABLES)}


def test_the_functions_that_can_read_a_record_are_the_readers_the_writers_and_the_worker_of_exports() -> None:
    readers = {"PatientRecordFunction", "DirectoryFunction"}

    writers = {"RecordWriterFunction", "DirectoryWriterFunction", "BundleFunction", "RecoveryFunction"}
    assert _readers() == readers | writers | {"ExportWorkerFunction"}


def test_every_path_to_a_reader_takes_an_access_token() -> None:
    readers = [f"${{{reader}.Arn}}" for reader in _readers()]
    for path, methods in _PATHS.items():
        for verb, method in methods.items():
            uri = method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
            if any(reader in uri for reader in readers):
                assert method["security"] in ([{"ReadAuthorizer": []}], [{"WriteAuthorizer": []}]), (path, verb)


def test_nothing_but_this_apis_stage_may_invoke_a_function() -> None:
    """Another API of the AWS account, or one created by a finder of the ARN, would bypass the authorizer."""
    api = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}"
    permissions = {
        name: each["Properties"] for name, each in _RESOURCES.items() if each["Type"] == "AWS::Lambda::Permission"
    }
    functions = {name for name, each in _RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"}
    functions -= _WITHOUT_ROUTE

    assert {permission["FunctionName"]["Ref"] for permission in permissions.values()} == {
        f"{name}.Alias" for name in functions
    }
    for permission in permissions.values():
        of_authorizer = permission["FunctionName"]["Ref"].endswith("AuthorizerFunction.Alias")
        assert permission["Principal"] == "apigateway.amazonaws.com"
        assert permission["SourceArn"] == {"Fn::Sub": f"{api}/authorizers/*" if of_authorizer else f"{api}/live/*/*"}


def test_the_stage_is_not_traced_and_has_no_other_edge() -> None:
    """X-Ray would keep the URLs of requests, and with them patients' ids."""
    assert _RESOURCES["Api"]["Properties"]["TracingEnabled"] is False
    for each in _RESOURCES.values():
        if each["Type"] == "AWS::Serverless::Function":
            assert "FunctionUrlConfig" not in each["Properties"]
            # The auditor's scheduled work is no request.
            assert {event["Type"] for event in each["Properties"].get("Events", {}).values()} <= {"Schedule"}


@pytest.fixture(scope="module")
def api(local_stack: LocalStack, http: httpx.Client, sample: Path) -> Api:
    assert list(sample.glob("*.ndjson"))
    return Api(local_stack, http)


def _invocations(stack: LocalStack) -> Counter[str]:
    """Return how often requests invoked each reader until now, by the lines that Lambda itself writes."""
    return Counter(
        {
            reader: sum(line.startswith("START RequestId") for line in stack.function_log(reader))
            for reader in _readers() - _WITHOUT_ROUTE
        }
    )


# The emulator restarts the authorizer after each refusal, since a refusal is an exception to it.
@pytest.mark.integration
@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(_SOME, id="some"),
        pytest.param(
            # A fifth of the requests for each kind of token, in turns: each request meets a fifth of the kinds.
            [(why, *request) for turn, why in enumerate(REFUSED) for request in _REQUESTS[turn % 5 :: 5]],
            id="all",
            marks=pytest.mark.long,
        ),
    ],
)
def test_no_bad_token_invokes_a_reader(
    api: Api,
    bearer: Callable[[DemoClient], dict[str, str]],
    explorer: DemoClient,
    asked: list[tuple[str, str, str]],
) -> None:
    tokens = {why: REFUSED[why](api.stack, api.http) for why, _, _ in asked} | {"none": ""}
    before = _invocations(api.stack)

    answers = {
        (why, path, method): api.get(path, tokens[why], method)
        for why, path, method in [*asked, *[("none", *request) for request in _REQUESTS]]
    }

    assert {key for key, answer in answers.items() if answer.status_code != 401} == set()
    assert {issue_code(answer) for (_, _, method), answer in answers.items() if method != "HEAD"} == {"login"}
    # A valid token does invoke it, once, which shows that the log records invocations.
    assert api.http.get("/careconnect-ri/STU3/Patient/4", headers=bearer(explorer)).status_code == 200
    # The log may be a moment later than the answer.
    deadline = time.monotonic() + 30
    while _invocations(api.stack) == before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert _invocations(api.stack) - before == Counter({"PatientRecordFunction": 1})


@pytest.mark.integration
def test_no_malformed_authorization_invokes_a_reader(api: Api) -> None:
    before = _invocations(api.stack)

    for authorization in ("", "Bearer", "Basic YTpi", "abc", "Negotiate x", "Bearer: x", "bearer", "Token x"):
        answer = api.get("Patient/4", Authorization=authorization)
        assert (answer.status_code, issue_code(answer)) == (401, "login"), authorization
        assert answer.headers["WWW-Authenticate"] == GATEWAY_CHALLENGE
    assert _invocations(api.stack) == before


@pytest.mark.integration
@pytest.mark.parametrize("why", ["S1 forged signature", "S8 expired", "S9 revoked"])
def test_a_refusal_names_what_may_be_wrong_and_what_to_do(api: Api, why: str) -> None:
    answer = api.get("Patient/4", REFUSED[why](api.stack, api.http))

    (issue,) = answer.json()["issue"]
    for cause in ("malformed", "expired", "revoked", "not of this server", "token endpoint"):
        assert cause in issue["diagnostics"]
    assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"]


@pytest.mark.integration
def test_the_gateways_own_answer_carries_its_own_id_and_no_echo(api: Api) -> None:
    answer = api.get("Patient/4", X_Request_Id="chosen-by-the-caller")

    assert answer.status_code == 401
    assert "chosen-by-the-caller" not in str(answer.headers) + answer.text
    assert answer.headers["X-Request-Id"] == answer.headers["X-Correlation-Id"] != ""


@pytest.mark.integration
def test_a_token_that_cannot_be_judged_is_503_with_retry_after(api: Api) -> None:
    """The authorizer without its right to the token table, as with a service that is down."""
    iam, role = api.stack.client("iam"), api.stack.stack.resources["ReadAuthorizerFunctionRole"]
    token = api.register("cannot-be-judged", "user/Patient.read")
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    before = _invocations(api.stack)
    iam.delete_role_policy(RoleName=role, PolicyName=name)
    try:
        answer = api.get("Patient/4", token)
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document))

    assert (answer.status_code, issue_code(answer)) == (503, "transient")
    assert answer.headers["Retry-After"] == "2"
    assert _invocations(api.stack) == before
    assert api.get("Patient/4", token).status_code == 200


@pytest.mark.integration
@pytest.mark.parametrize(
    "function", ["TokenFunction", "ReadAuthorizerFunction", "WriteAuthorizerFunction", "DiscoveryFunction"]
)
def test_what_answers_without_a_token_can_read_no_record(local_stack: LocalStack, function: str) -> None:
    for table in _TABLES:
        with pytest.raises(ClientError) as caught:
            local_stack.role_client("dynamodb", function).get_item(
                TableName=local_stack.stack.outputs[table], Key={"pk": {"S": "Patient/4"}, "sk": {"S": "#json"}}
            )
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
