"""`sam deploy`, by the book, on the emulator: what the template includes is uploaded and comes out whole."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from careconnect_admin.local.emulator import Emulator
from careconnect_admin.local.template import read_template
from careconnect_admin.project import PROJECT, TEMPLATE
from careconnect_admin.stack.emulator_client import REGION

_STACK = "by-the-book"
_BUCKET = "by-the-book"
_RESOURCES = read_template(TEMPLATE)["Resources"]


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with Emulator(tmp_path_factory.mktemp("log") / "emulator.log") as emulator:
        yield emulator


@pytest.fixture(scope="module")
def resources(emulator: Emulator) -> dict[str, dict[str, Any]]:
    """What `sam deploy` has made of the template, by logical id."""
    emulator.client("s3").create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    command = [str(Path(sys.executable).parent / "sam"), "deploy", "--template-file", str(TEMPLATE)]
    command += ["--stack-name", _STACK, "--no-resolve-s3", "--s3-bucket", _BUCKET, "--no-confirm-changeset"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    settings = {
        "AWS_ACCESS_KEY_ID": emulator.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": emulator.credentials.secret_access_key,
        "AWS_ENDPOINT_URL": emulator.endpoint,
        "SAM_CLI_TELEMETRY": "0",
    }
    done = subprocess.run(command, cwd=PROJECT, env=kept | settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = emulator.client("cloudformation").describe_stack_resources(StackName=_STACK)["StackResources"]
    return {each["LogicalResourceId"]: each for each in found}


def test_the_files_are_uploaded_as_they_are(emulator: Emulator, resources: dict[str, dict[str, Any]]) -> None:
    s3 = emulator.client("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=_BUCKET)["Contents"]]
    uploaded = {s3.get_object(Bucket=_BUCKET, Key=key)["Body"].read() for key in keys}

    assert resources
    assert {(PROJECT / name).read_bytes() for name in ("api.yaml", "monitoring.yaml")} <= uploaded


def test_the_api_has_every_path_and_method(emulator: Emulator, resources: dict[str, dict[str, Any]]) -> None:
    api = resources["Api"]["PhysicalResourceId"]
    found = emulator.client("apigateway").get_resources(restApiId=api, limit=500)["items"]
    routes = {each["path"]: set(each["resourceMethods"]) for each in found if each.get("resourceMethods")}

    paths = _RESOURCES["Api"]["Properties"]["DefinitionBody"]["paths"]
    assert routes == {path: {verb.upper() for verb in methods} for path, methods in paths.items()}


def test_every_resource_without_a_condition_is_there(resources: dict[str, dict[str, Any]]) -> None:
    expected = {
        name
        for name, each in _RESOURCES.items()
        if "Condition" not in each and each["Type"] != "AWS::Serverless::LayerVersion"
    }
    assert {"Dashboard", "LatencyAlarm", "Api"} <= expected <= resources.keys()
