"""The local stack over a miniature template: deployed, reached, held to its roles, and gone afterwards."""

import json
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from careconnect_admin.local import local_stack as module
from careconnect_admin.local.deploy.deployment import DeploymentError
from careconnect_admin.local.emulator.emulator import free_port
from careconnect_admin.local.emulator.readiness import NotReadyError
from careconnect_admin.local.local_stack import LocalStack, PortTakenError
from careconnect_admin.stack import running_stack
from careconnect_admin.stack.running_stack import running_stacks

pytestmark = [pytest.mark.integration, pytest.mark.slow]

HANDLER = """
import json, os, greeting

def lambda_handler(event, context):
    print("called")
    status = 503 if event["path"].endswith("/sick") else 200
    seen = {"greeting": greeting.TEXT, "path": event["path"], "environment": dict(os.environ)}
    return {"statusCode": status, "body": json.dumps(seen)}
"""

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  BaseUrl: {Type: String}
  DeletionProtection: {Type: String}
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: python3.13}
    Properties: {ContentUri: layer}
  OpenTable: &table
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      BillingMode: PAY_PER_REQUEST
  ClosedTable: *table
  HelloFunction:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.13
      CodeUri: code
      Handler: hello.lambda_handler
      Layers: [!Ref Layer]
      Environment: {Variables: {BASE_URL: !Ref BaseUrl}}
      Policies:
        - Version: "2012-10-17"
          Statement: [{Effect: Allow, Action: dynamodb:GetItem, Resource: !GetAtt OpenTable.Arn}]
      Events:
        Hello: {Type: Api, Properties: {RestApiId: !Ref Api, Method: get, Path: /hello}}
        Sick: {Type: Api, Properties: {RestApiId: !Ref Api, Method: get, Path: /sick}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: live
      DefinitionBody:
        openapi: 3.0.1
        info: {title: Miniature, version: "1"}
        paths:
          /hello: {get: &call {x-amazon-apigateway-integration: {type: aws_proxy, httpMethod: POST, uri: !Sub
            "arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${HelloFunction.Arn}/invocations"}}}
          /sick: {get: *call}
        x-amazon-apigateway-gateway-responses:
          MISSING_AUTHENTICATION_TOKEN:
            statusCode: 404
            responseParameters: {gatewayresponse.header.X-Own: "'yes'"}
            responseTemplates: {application/json: '{"own": true}'}
Outputs:
  OpenTable: {Value: !Ref OpenTable}
  ClosedTable: {Value: !Ref ClosedTable}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("miniature")
    (folder / "code").mkdir()
    (folder / "code" / "hello.py").write_text(HANDLER)
    (folder / "layer").mkdir()
    (folder / "layer" / "greeting.py").write_text('TEXT = "good day"')
    (folder / "template.yaml").write_text(TEMPLATE)
    return folder / "template.yaml"


@pytest.fixture(scope="module")
def stack(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with ExitStack() as parts:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
            patch.setenv("AWS_PROFILE", "nobody")
            patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            log_folder = tmp_path_factory.mktemp("log")
            stack = parts.enter_context(LocalStack(log_folder=log_folder, template=template, ready_path="/hello"))
        yield stack


def test_the_deployed_function_answers_at_a_clean_path_with_its_layer(stack: LocalStack) -> None:
    seen = httpx.get(f"{stack.base_url}/hello", timeout=30).json()

    assert seen["greeting"] == "good day"
    assert seen["path"] == "/hello"
    assert seen["environment"]["BASE_URL"] == stack.base_url


def test_nothing_of_the_user_s_aws_and_proxy_settings_reaches_a_function(stack: LocalStack) -> None:
    environment = httpx.get(f"{stack.base_url}/hello", timeout=30).json()["environment"]

    assert "AWS_PROFILE" not in environment
    assert "HTTP_PROXY" not in environment
    assert environment["AWS_ENDPOINT_URL"] == stack.endpoint
    assert environment["AWS_ACCESS_KEY_ID"] != stack.credentials.access_key_id
    assert stack.credentials.secret_access_key not in environment.values()


def test_the_template_s_gateway_responses_hold(stack: LocalStack) -> None:
    answer = httpx.get(f"{stack.base_url}/nowhere", timeout=30)

    assert answer.status_code == 404
    assert answer.headers["X-Own"] == "yes"
    assert answer.json() == {"own": True}


def test_a_role_s_client_may_do_what_the_role_may_and_no_more(stack: LocalStack) -> None:
    dynamodb = stack.role_client("dynamodb", "HelloFunction")
    key = {"pk": {"S": "x"}}

    assert "Item" not in dynamodb.get_item(TableName=stack.stack.outputs["OpenTable"], Key=key)
    for table, call in (("ClosedTable", "get_item"), ("OpenTable", "delete_item")):
        with pytest.raises(ClientError) as denied:
            getattr(dynamodb, call)(TableName=stack.stack.outputs[table], Key=key)
        assert denied.value.response["Error"]["Code"] == "AccessDeniedException"


def test_a_function_s_log_can_be_read(stack: LocalStack) -> None:
    httpx.get(f"{stack.base_url}/hello", timeout=30)

    assert "called" in stack.function_log("HelloFunction")


@pytest.mark.long
def test_a_log_of_more_lines_than_one_answer_holds_is_read_to_its_end(stack: LocalStack) -> None:
    logs = stack.client("logs")
    group = f"/aws/lambda/{stack.stack.resources['HelloFunction']}"
    httpx.get(f"{stack.base_url}/hello", timeout=30)
    logs.create_log_stream(logGroupName=group, logStreamName="many")
    now = int(time.time() * 1000)
    # Two of each millisecond: where an answer ends, one of a pair may be before its end and one behind it.
    for start in range(0, 25_000, 5_000):
        numbers = range(start, start + 5_000)
        events = [{"timestamp": now + number // 2, "message": f"line {number}"} for number in numbers]
        logs.put_log_events(logGroupName=group, logStreamName="many", logEvents=events)

    lines = [line for line in stack.function_log("HelloFunction") if line.startswith("line ")]

    assert lines == [f"line {number}" for number in range(25_000)]


def test_nobody_without_the_administrator_s_secret_gets_in(stack: LocalStack) -> None:
    stranger = httpx.post(
        stack.endpoint, headers={"X-Amz-Target": "DynamoDB_20120810.ListTables"}, content="{}", timeout=30
    )

    assert stranger.status_code in {400, 401, 403}


def test_another_terminal_finds_the_stack_and_may_administer_it(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running_stack, "LOCAL_FOLDER", tmp_path)
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    port = free_port()
    folder = tmp_path / str(port)
    with LocalStack(log_folder=folder, port=port, template=template, ready_path="/hello") as stack:
        assert running_stacks() == ()
        environment = stack.announce()
        assert {stat.S_IMODE(path.stat().st_mode) for path in (environment, folder / "stack.json")} == {0o600}

        (found,) = running_stacks()
        assert running_stacks(port) == (found,)
        assert running_stacks(port + 1) == ()
        assert found.port == port
        assert (found.endpoint, found.base_url) == (stack.endpoint, stack.base_url)
        assert found.secret_access_key not in repr(found)

        code = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"
        pipeline = ["sh", "-c", f'. "{environment}" && exec "{sys.executable}" -c "{code}"']
        caller = subprocess.run(pipeline, check=True, capture_output=True, text=True).stdout
        assert caller.strip() == "arn:aws:iam::000000000000:root"
        left_behind = (folder / "stack.json").read_text()

    assert [path.name for path in folder.iterdir()] == ["emulator.log"]
    # A stack that was killed leaves its file.
    (folder / "stack.json").write_text(left_behind)
    assert running_stacks() == ()


def test_a_taken_port_is_one_line(template: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(PortTakenError, match=rf"^Port {port} is taken .*$"),
            LocalStack(log_folder=tmp_path, port=port, template=template),
        ):
            pytest.fail("started on a taken port")
    assert not list(tmp_path.iterdir())


def test_a_stack_that_fails_says_why_and_leaves_the_port_free(template: Path, tmp_path: Path) -> None:
    function = {
        "Runtime": "python3.13",
        "Handler": "hello.lambda_handler",
        "Role": "arn:aws:iam::000000000000:role/none",
        "Code": {"ZipFile": "x"},
        "Layers": ["arn:aws:lambda:eu-west-2:000000000000:layer:none:1"],
    }
    broken = json.dumps({"Type": "AWS::Lambda::Function", "Properties": function})
    text = TEMPLATE.replace("Resources:", f"Resources:\n  Broken: {broken}")
    (template.parent / "broken.yaml").write_text(text)
    port = free_port()

    with (
        pytest.raises(DeploymentError, match=r"Broken: .*layer:none:1 does not exist"),
        LocalStack(log_folder=tmp_path, port=port, template=template.parent / "broken.yaml"),
    ):
        pytest.fail("started a broken stack")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", port))


@pytest.mark.long
def test_a_service_that_never_gets_well_is_said_to_be_so(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_READY_SECONDS", 2.0)
    with (
        pytest.raises(NotReadyError, match="503"),
        LocalStack(log_folder=tmp_path, template=template, ready_path="/sick"),
    ):
        pytest.fail("ready although the service is not")
