"""Restoring into new tables, with all that DynamoDB does not restore."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.storage.keys import CURSOR_KEY, FORMAT
from careconnect_admin.errors import OperatorError
from careconnect_admin.restoring import restore_tables as module
from careconnect_admin.restoring.restore_tables import point_in_time, ready_set
from careconnect_admin.stack.restored_tables import TableSet
from careconnect_testing.aws.restorable_stack import INSTANT, Restorable
from careconnect_testing.http.writes import observation
from careconnect_testing.records.stored import stored
from careconnect_testing.running.cases import each_of
from careconnect_testing.running.killed import killed_after


def test_all_three_are_restored_to_the_same_instant(stack: Restorable) -> None:
    asked: list[dict[str, Any]] = []
    stack.reader.client.meta.events.register(
        "provide-client-params.dynamodb.RestoreTableToPointInTime", lambda params, **_: asked.append(params)
    )

    restored = stack.restore()

    assert asked == [
        {
            "SourceTableName": source,
            "TargetTableName": name,
            "RestoreDateTime": INSTANT,
            "BillingModeOverride": "PAY_PER_REQUEST",
            "SSESpecificationOverride": {"Enabled": True},
        }
        for source, name in zip(stack.own.names, restored.names, strict=True)
    ]
    assert stored(stack.tables(restored)) == stored(stack.tables(stack.own))
    assert stack.steps == []


@each_of("protection", ["true", "false"])
def test_a_restored_table_gets_what_dynamodb_does_not_restore(stack: Restorable, protection: str) -> None:
    client, own = stack.reader.client, stack.own
    stack.parameters["DeletionProtection"] = protection
    live = {"Enabled": True, "AttributeName": "expires_at"}
    if protection == "true":
        client.update_time_to_live(TableName=own.record, TimeToLiveSpecification=live)
    arn = client.describe_table(TableName=own.record)["Table"]["TableArn"]
    client.tag_resource(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "records"}])

    restored = stack.restore(INSTANT + timedelta(seconds=protection == "true"))

    for source, name in zip(own.names, restored.names, strict=True):
        described = client.describe_table(TableName=name)["Table"]
        assert described["DeletionProtectionEnabled"] == (protection == "true")
        backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
        of_source, of_new = (
            client.describe_time_to_live(TableName=each)["TimeToLiveDescription"] for each in (source, name)
        )
        assert of_new == of_source
        tags = client.list_tags_of_resource(ResourceArn=described["TableArn"])["Tags"]
        assert tags == ([{"Key": "owner", "Value": "records"}] if source == own.record else [])


def test_a_restored_part_of_a_transaction_is_mended(stack: Restorable) -> None:
    stack.reader.client.delete_item(
        TableName=stack.own.record, Key={"pk": {"S": "Observation/o1"}, "sk": {"S": "#index"}}
    )
    restored = stack.restore()

    assert ("records", "Observation/o1", "#index") in stored(stack.tables(restored))
    assert ("records", "Observation/o1", "#index") not in stored(stack.tables(stack.own))


@pytest.mark.parametrize("left", [2, 12, 30])
def test_killed_anywhere_it_is_run_again_and_is_not_ready_before(stack: Restorable, left: int) -> None:
    client, begun = stack.reader.client, []
    client.meta.events.register(
        "provide-client-params.dynamodb.RestoreTableToPointInTime", lambda params, **_: begun.append(params)
    )

    with killed_after(stack.reader, left):
        stack.restore()
    suffix = "20261128T030000Z"
    if left > 2:
        with pytest.raises(OperatorError, match="not complete"):
            ready_set(stack.target(), [suffix])

    restored = stack.restore()

    assert ready_set(stack.target(), [suffix]) == restored
    assert sorted({each["TargetTableName"] for each in begun}) == sorted(restored.names)
    assert stored(stack.tables(restored)) == stored(stack.tables(stack.own))


def test_tables_of_another_release_are_not_ready(stack: Restorable) -> None:
    restored = stack.restore()
    key = dict(zip(("pk", "sk"), ({"S": each} for each in CURSOR_KEY), strict=True))
    stack.reader.client.update_item(
        TableName=restored.record,
        Key=key,
        UpdateExpression="SET #format = :format",
        ExpressionAttributeNames={"#format": "format"},
        ExpressionAttributeValues={":format": {"N": str(FORMAT + 1)}},
    )

    with pytest.raises(OperatorError, match="not complete"):
        ready_set(stack.target(), [restored.suffix])


def test_a_copy_of_complete_tables_is_not_complete_by_that(stack: Restorable) -> None:
    first = stack.restore()
    client = stack.reader.client
    second = TableSet("20261128T040000Z", "careconnect-restored-20261128T040000Z-record", "", "", "", "")
    client.restore_table_to_point_in_time(
        SourceTableName=first.record, TargetTableName=second.record, UseLatestRestorableTime=True
    )

    with pytest.raises(OperatorError, match="not complete"):
        ready_set(stack.target(), [second.suffix])


@each_of(
    ("code", "text"),
    [
        ("InvalidRestoreTimeException", "cannot be restored to that time: it has no point-in-time recovery"),
        ("TableNotFoundException", "is not there: run `careconnect restore --lost` first"),
    ],
)
def test_why_a_table_cannot_be_restored_is_said(stack: Restorable, code: str, text: str) -> None:
    recovery = {"PointInTimeRecoveryEnabled": False}
    stack.reader.client.update_continuous_backups(TableName=stack.own.record, PointInTimeRecoverySpecification=recovery)

    def refuse(name: str) -> None:
        if name == "RestoreTableToPointInTime":
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, name)

    stack.reader.faults.append(refuse)
    with pytest.raises(OperatorError, match=text):
        stack.restore()
    stack.reader.faults.clear()


def test_the_times_that_can_be_given_are_said(stack: Restorable) -> None:
    def refuse(name: str) -> None:
        if name == "RestoreTableToPointInTime":
            raise ClientError({"Error": {"Code": "InvalidRestoreTimeException", "Message": "no"}}, name)

    stack.reader.faults.append(refuse)
    with pytest.raises(OperatorError, match=r"give one from 20\d\d-\d\d-\d\dT\S+Z to 20\d\d-\S+Z"):
        stack.restore()


def test_tables_in_service_are_not_restored_into(stack: Restorable) -> None:
    stack.switch(stack.restore())

    with pytest.raises(OperatorError, match="in service"):
        stack.restore()


def test_a_table_that_is_too_new_for_recovery_is_waited_for(stack: Restorable) -> None:
    refused: list[str] = []

    def refuse(name: str) -> None:
        if name == "UpdateContinuousBackups" and len(refused) < 2:
            refused.append(name)
            raise ClientError({"Error": {"Code": "ContinuousBackupsUnavailableException", "Message": "wait"}}, name)

    stack.reader.faults.append(refuse)
    stack.restore()
    assert len(refused) == 2


@each_of("text", ["", "yesterday", "2026-11-28", "2026-11-28T03:00:00", "2999-01-01T00:00:00Z"])
def test_an_instant_is_past_and_has_a_zone(text: str) -> None:
    with pytest.raises(OperatorError, match="--to takes an instant"):
        point_in_time(text)


@each_of("text", ["2025-11-28T03:00:00Z", "2025-11-28T04:00:00+01:00", "20251128T030000Z", "2025-11-28T03:00:00.750Z"])
def test_an_instant_is_one_in_utc_in_whole_seconds(text: str) -> None:
    assert point_in_time(text) == datetime(2025, 11, 28, 3, tzinfo=UTC)


def test_one_of_several_times_is_named(stack: Restorable) -> None:
    stack.restore()
    assert stack.writer.update({**observation("Patient/4"), "id": "between"}).status == 201
    stack.restore(INSTANT + timedelta(hours=1))

    with pytest.raises(OperatorError, match="20261128T030000Z, 20261128T040000Z: name one with --to"):
        ready_set(stack.target(), ["20261128T030000Z", "20261128T040000Z"])
    with pytest.raises(OperatorError, match="begin with"):
        ready_set(stack.target(), [])
    assert module.ready_set(stack.target(), ["20261128T040000Z"]).suffix == "20261128T040000Z"
