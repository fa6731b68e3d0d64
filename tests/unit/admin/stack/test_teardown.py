"""`careconnect destroy`: the resources that it removes, its confirmations, and the remains after a failure."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.aws.cloud_formation import FakeCloudFormation, denied
from careconnect_testing.parts.audit_trails import audit_table
from careconnect_testing.parts.issuer import quick_rsa_keys
from careconnect_testing.stacks.command_line import printed

NAME = "careconnect"
Run = Callable[..., Result]


class Aws:
    """A deployed stack with two protected tables and a rotated key, next to resources of other stacks."""

    def __init__(self) -> None:
        self.dynamodb: Any = boto3.client("dynamodb", "eu-west-2")
        self.kms: Any = boto3.client("kms", "eu-west-2")
        self.sts: Any = boto3.client("sts", "eu-west-2")
        for table in ("records", "clients", "others"):
            self.dynamodb.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
                DeletionProtectionEnabled=True,
            )
        self.events = audit_table(self.dynamodb, "audit")
        self.first, self.current, self.others, self.exports = (
            self.kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(4)
        )
        for place, key in (("current", self.current), ("next", self.current), ("previous", self.first)):
            self.kms.create_alias(AliasName=f"alias/s-{place}", TargetKeyId=key)
        self.s3: Any = boto3.client("s3", "eu-west-2")
        self.s3.create_bucket(
            Bucket="the-archive",
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": "eu-west-2"},
        )
        retention: Any = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 365}}
        self.s3.put_object_lock_configuration(
            Bucket="the-archive", ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": retention}
        )
        self.cloudformation = FakeCloudFormation(
            {
                "Records": ("AWS::DynamoDB::Table", "records"),
                "AuditTable": ("AWS::DynamoDB::Table", "audit"),
                "Clients": ("AWS::DynamoDB::Table", "clients"),
                "SigningKey": ("AWS::KMS::Key", self.first),
                "ExportKey": ("AWS::KMS::Key", self.exports),
                "Role": ("AWS::IAM::Role", "role"),
            }
        )

    def tables(self) -> list[str]:
        return sorted(self.dynamodb.list_tables()["TableNames"])

    def pending(self) -> set[str]:
        keys = [self.kms.describe_key(KeyId=key)["KeyMetadata"] for key in (self.first, self.current, self.others)]
        return {key["KeyId"] for key in keys if key["KeyState"] == "PendingDeletion"}


@pytest.fixture
def aws() -> Iterator[Aws]:
    with mock_aws(), quick_rsa_keys():
        yield Aws()


@pytest.fixture
def is_local() -> bool:
    return False


@pytest.fixture
def run(aws: Aws, is_local: bool, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a runner of `careconnect destroy`."""
    outputs = {"SigningKeyAlias": "alias/s", "ArchiveBucket": "the-archive", "AuditTable": "audit"}
    target = StackTarget(NAME, outputs, lambda service: getattr(aws, service), is_local=is_local, place="eu-west-2")
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return lambda *arguments, **options: CliRunner().invoke(app, ["destroy", *arguments], **options)


def untouched(aws: Aws) -> bool:
    is_whole = aws.tables() == ["audit", "clients", "others", "records"]
    return is_whole and not aws.events() and not aws.pending() and not aws.cloudformation.calls


def test_tables_keys_and_stack_go_and_nothing_of_others(aws: Aws, run: Run) -> None:
    result = run("--yes", NAME)

    assert (result.exit_code, result.stdout) == (0, f"Destroyed {NAME}\n")
    assert aws.tables() == ["others"]
    assert aws.pending() == {aws.first, aws.current}
    assert aws.cloudformation.status == "DELETE_COMPLETE"
    day = datetime.now(UTC) + timedelta(days=7)
    assert any(f"KMS deletes its keys on {each:%Y-%m-%d}" in result.stderr for each in (day, day - timedelta(days=1)))


def test_restored_tables_go_too(aws: Aws, run: Run) -> None:
    restored, foreign = f"{NAME}-restored-20261128T030000Z-record", f"{NAME}2-restored-20261128T030000Z-record"
    for table in (restored, foreign):
        aws.dynamodb.create_table(
            TableName=table,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
        )

    assert f"the table {restored} ({restored})" in run(input="n\n").stderr
    assert run("--yes", NAME).exit_code == 0
    assert aws.tables() == sorted([foreign, "others"])


def test_the_archive_stays_and_until_when_is_said(aws: Aws, run: Run) -> None:
    before = datetime.now(UTC) + timedelta(days=365)
    asked = run(input="n\n").stderr
    said = run("--yes", NAME).stderr
    days = {f"{each:%Y-%m-%d}" for each in (before, datetime.now(UTC) + timedelta(days=365))}

    assert any(f"leaves the bucket the-archive, whose objects are locked until {day}" in asked for day in days)
    assert any(f"The bucket the-archive stays, locked until {day}" in said for day in days)
    assert [each["Name"] for each in aws.s3.list_buckets()["Buckets"]] == ["the-archive"]


def test_an_archive_that_locks_nothing_does_not_stop_it(aws: Aws, run: Run) -> None:
    """A bucket that CloudFormation made on the emulator has no Object Lock."""
    error = ClientError({"Error": {"Code": "ObjectLockConfigurationNotFoundError", "Message": "none"}}, "GetObjectLock")

    def unlocked(**_: Any) -> None:
        raise error

    aws.s3.meta.events.register("before-call.s3.GetObjectLockConfiguration", unlocked)

    assert "leaves the bucket the-archive, whose objects nothing locks" in run(input="n\n").stderr
    result = run("--yes", NAME)
    assert result.exit_code == 0
    assert "The bucket the-archive stays: it has no Object Lock" in result.stderr


def test_it_shows_what_goes_and_asks_twice(aws: Aws, run: Run) -> None:
    refused = run(input="n\n")
    assert "nothing was destroyed" in refused.stderr
    for text in (
        "(eu-west-2)",
        "the table Records (records)",
        f"the current and next token signing key, {aws.current}\n",
        f"the previous token signing key, {aws.first}\n",
    ):
        assert text in refused.stderr
    wrong = run(input="y\ncareconect\n")
    assert "that is not its name: nothing was destroyed" in wrong.stderr
    assert (refused.exit_code, wrong.exit_code) == (1, 1)
    assert untouched(aws)

    assert run(input=f"y\n{NAME}\n").exit_code == 0
    assert aws.tables() == ["others"]


def test_a_key_of_the_template_that_no_alias_has_is_named_by_the_template(aws: Aws, run: Run) -> None:
    aws.kms.update_alias(AliasName="alias/s-previous", TargetKeyId=aws.current)

    said = run("--yes", NAME).stderr

    assert f"deletion of the current and next and previous token signing key, {aws.current}\n" in said
    assert f"deletion of the key SigningKey of the template, in use no more, {aws.first}\n" in said
    assert f"deletion of the key of bulk exports, {aws.exports}\n" in said


@pytest.mark.parametrize("is_local", [True])
def test_the_local_stack_is_never_meant(aws: Aws, run: Run) -> None:
    result = run("--yes", NAME)

    assert result.exit_code == 1
    assert "name the deployment with --stack" in result.stderr
    assert untouched(aws)


def test_another_name_after_yes_destroys_nothing(aws: Aws, run: Run) -> None:
    result = run("--yes", "careconnect-2")

    assert result.exit_code == 1
    assert printed(result) == [
        "careconnect: --yes careconnect-2 does not name the stack careconnect: nothing was destroyed"
    ]
    assert untouched(aws)


def test_a_protected_stack_is_left_whole(aws: Aws, run: Run) -> None:
    aws.cloudformation.is_protected = True

    assert "termination protection" in run("--yes", NAME).stderr
    assert untouched(aws)


def test_a_stack_that_does_not_go_is_reported_with_the_first_reason(aws: Aws, run: Run) -> None:
    aws.cloudformation.at_the_end = "DELETE_FAILED"

    result = run("--yes", NAME)

    assert (result.exit_code, result.stdout) == (1, "")
    assert printed(result)[-1] == (
        "careconnect: the stack careconnect is DELETE_FAILED: Role: in use; mend that and run this again"
    )


def test_its_event_comes_first_and_the_audit_trail_goes_last(aws: Aws, run: Run) -> None:
    seen: list[tuple[str, list[tuple[str, str, str]]]] = []

    def note(params: Any, **_: Any) -> None:
        events = [(event.interaction, event.query, event.outcome.value) for event in aws.events()]
        seen.append((params["TableName"], events))

    aws.dynamodb.meta.events.register("before-parameter-build.dynamodb.DeleteTable", note)
    run("--yes", NAME)

    assert seen == [(table, [("destroy", f"stack={NAME}", "0")]) for table in ("clients", "records", "audit")]


def test_without_its_event_nothing_is_destroyed(aws: Aws, run: Run) -> None:
    def refuse(**_: Any) -> None:
        raise denied("BatchExecuteStatement")

    aws.dynamodb.meta.events.register("before-call.dynamodb.BatchExecuteStatement", refuse)
    assert run("--yes", NAME).exit_code == 1
    assert untouched(aws)


@pytest.mark.parametrize("operation", ["dynamodb.DeleteTable", "kms.ScheduleKeyDeletion"])
def test_what_was_interrupted_is_finished_by_a_repetition(aws: Aws, run: Run, operation: str) -> None:
    service, name = operation.split(".")
    calls: list[str] = []

    def second_is_denied(**_: Any) -> None:
        calls.append(name)
        if len(calls) == 2:
            raise denied(name)

    events = getattr(aws, service).meta.events
    events.register(f"before-call.{operation}", second_is_denied)
    result = run("--yes", NAME)
    assert result.exit_code == 1
    assert f"AWS denies {name}" in result.stderr
    assert aws.cloudformation.calls == []

    assert run("--yes", NAME).exit_code == 0
    assert aws.tables() == ["others"]
    assert aws.pending() == {aws.first, aws.current}
