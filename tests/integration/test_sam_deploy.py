"""The rehearsal of docs/deploy.md, line by line, on the emulator: `sam deploy` to `sam delete`."""

from dataclasses import dataclass
from typing import Any

import pytest

from careconnect_admin.local.emulator.emulator import Emulator
from careconnect_admin.project import PROJECT
from careconnect_admin.stack.emulator_client import REGION
from careconnect_admin.stack.running_stack import RunningStack, announce
from careconnect_testing.running.page_commands import commands_of, run_commands
from careconnect_testing.stacks.whole_template import whole_template

# One process deploys, and checks the result.
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("sam deploy")]

_STACK = "rehearsal"
_RESOURCES = whole_template()["Resources"]
_KEPT = {
    *("ClientTable", "TokenTable", "RecordTable", "DirectoryTable", "ReferenceTable", "AuditTable"),
    *("TransactionTable", "DirectoryTransactionTable"),
    "SigningKey",
}


@dataclass(frozen=True)
class TrialDeployment:
    """The resources of the stack once it was in use, and those left after its removal."""

    resources: dict[str, dict[str, Any]]
    uploaded: set[bytes]
    routes: dict[str, set[str]]
    clients: list[dict[str, Any]]
    loaded: int
    printed: str
    status: str
    tables_left: set[str]
    keys_left: set[str]


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> TrialDeployment:
    """The rehearsal, with the files that it makes in a folder of this test."""
    folder = tmp_path_factory.mktemp("rehearsal")
    *before, delete = commands_of("deploy.md", "A rehearsal without an account")
    assert delete.startswith("sam delete")
    with Emulator(folder / "emulator.log") as emulator:
        key = emulator.credentials
        running = RunningStack("", emulator.endpoint, REGION, _STACK, key.access_key_id, key.secret_access_key)
        with announce(running, folder) as environment:
            here = {
                ".local/3000/aws.env": str(environment),
                "samconfig.local.toml": str(folder / "samconfig.local.toml"),
                "build/records": str(folder / "records"),
            }
            printed = run_commands(before, here)
            resources = _resources(emulator)
            s3, dynamodb = emulator.client("s3"), emulator.client("dynamodb")
            own = {
                each["PhysicalResourceId"] for each in resources.values() if each["ResourceType"] == "AWS::S3::Bucket"
            }
            [bucket] = {each["Name"] for each in s3.list_buckets()["Buckets"]} - own
            keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
            api = resources["Api"]["PhysicalResourceId"]
            found = emulator.client("apigateway").get_resources(restApiId=api, limit=500)["items"]
            records = resources["RecordTable"]["PhysicalResourceId"]
            used = {
                "uploaded": {s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys},
                "routes": {each["path"]: set(each["resourceMethods"]) for each in found if each.get("resourceMethods")},
                "clients": dynamodb.scan(TableName=resources["ClientTable"]["PhysicalResourceId"])["Items"],
                "loaded": dynamodb.scan(TableName=records, Select="COUNT")["Count"],
            }
            run_commands([before[0], delete], here)
        stacks = emulator.client("cloudformation").list_stacks()["StackSummaries"]
        return TrialDeployment(
            resources,
            **used,
            printed=printed,
            status=next(each["StackStatus"] for each in stacks if each["StackName"] == _STACK),
            tables_left=set(dynamodb.list_tables()["TableNames"]),
            keys_left=_usable_keys(emulator),
        )


def _usable_keys(emulator: Emulator) -> set[str]:
    """Return the ids of the keys that are not about to be deleted."""
    kms = emulator.client("kms")
    found = [kms.describe_key(KeyId=each["KeyId"])["KeyMetadata"] for each in kms.list_keys()["Keys"]]
    return {each["KeyId"] for each in found if each["KeyState"] != "PendingDeletion"}


def _resources(emulator: Emulator) -> dict[str, dict[str, Any]]:
    """Return the resources that `sam deploy` created from the template, by logical id."""
    found = emulator.client("cloudformation").describe_stack_resources(StackName=_STACK)["StackResources"]
    return {each["LogicalResourceId"]: each for each in found}


def test_the_files_are_uploaded_as_they_are(trial: TrialDeployment) -> None:
    included = {path.read_bytes() for path in (PROJECT / "infra").iterdir()}
    assert included <= trial.uploaded


def test_the_api_has_every_path_and_method(trial: TrialDeployment) -> None:
    deployed = _RESOURCES["Api"]["Properties"]["DefinitionBody"]["paths"]
    # Some are there on a condition, which holds.
    paths = {path: methods["Fn::If"][1] if "Fn::If" in methods else methods for path, methods in deployed.items()}
    assert trial.routes == {path: {verb.upper() for verb in methods} for path, methods in paths.items()}


def test_every_resource_without_a_condition_is_there(trial: TrialDeployment) -> None:
    expected = {
        name
        for name, each in _RESOURCES.items()
        if "Condition" not in each and each["Type"] != "AWS::Serverless::LayerVersion"
    }
    assert {"Dashboard", "LatencyAlarm", "Api"} <= expected <= trial.resources.keys()


def test_a_client_is_registered_and_records_are_loaded(trial: TrialDeployment) -> None:
    assert [each["name"]["S"] for each in trial.clients] == ["My application"]
    assert trial.clients[0]["client_id"]["S"] in trial.printed
    assert trial.loaded > 1000


def test_deleting_the_stack_keeps_tables_and_keys(trial: TrialDeployment) -> None:
    kept = {trial.resources[name]["PhysicalResourceId"] for name in _KEPT}

    assert trial.status == "DELETE_COMPLETE"
    assert trial.tables_left | trial.keys_left == kept


def test_answers_stay_out_of_what_git_knows() -> None:
    assert "/samconfig.local.toml" in (PROJECT / ".gitignore").read_text(encoding="utf-8").splitlines()
