"""Bringing back deleted tables from their last backups, with all that a backup lacks."""

import time
from dataclasses import replace
from typing import Any

import pytest

from audit_archiver.days import DAY
from careconnect.audit.event import day_of
from careconnect_admin.audit_trail.read_events import AccessRecordReader
from careconnect_admin.errors import OperatorError
from careconnect_admin.restoring.lost_tables import bring_back, lost_tables
from careconnect_admin.stack.restored_tables import OUTPUTS
from careconnect_testing.aws.restorable_stack import OTHERS, Restorable
from careconnect_testing.aws.tables import create_table
from careconnect_testing.records.stored import stored
from careconnect_testing.running.cases import each_of
from careconnect_testing.running.killed import killed_after
from careconnect_testing.stacks.whole_template import whole_template

Shape = dict[str, Any]


@pytest.fixture(autouse=True)
def whole(stack: Restorable) -> None:
    """All tables of the stack, as the template makes them."""
    client = stack.reader.client
    for output, name in OTHERS.items():
        create_table(client, output, name)
    for output, name in stack.target().outputs.items():
        if output.endswith("Table"):
            properties = _template(output)
            if "TimeToLiveSpecification" in properties:
                client.update_time_to_live(
                    TableName=name, TimeToLiveSpecification=properties["TimeToLiveSpecification"]
                )
            if "StreamSpecification" in properties:
                stream = {"StreamEnabled": True, **properties["StreamSpecification"]}
                client.update_table(TableName=name, StreamSpecification=stream)
            if recovery := properties.get("PointInTimeRecoverySpecification"):
                recovery = {"PointInTimeRecoveryEnabled": True} if output == "AuditTable" else recovery
                client.update_continuous_backups(TableName=name, PointInTimeRecoverySpecification=recovery)
            if "DeletionProtectionEnabled" in properties:
                client.update_table(TableName=name, DeletionProtectionEnabled=True)
    stack.reader.calls.clear()


def _template(output: str) -> Shape:
    found: Shape = whole_template()["Resources"][output]["Properties"]
    return found


def shape(stack: Restorable, name: str) -> Shape:
    """Return what requests and operators depend on of a table."""
    client = stack.reader.client
    described = client.describe_table(TableName=name)["Table"]
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return {
        "keys": described["KeySchema"],
        "attributes": sorted(each["AttributeName"] for each in described["AttributeDefinitions"]),
        "indexes": {each["IndexName"]: each["Projection"] for each in described.get("GlobalSecondaryIndexes", ())},
        "protected": described["DeletionProtectionEnabled"],
        "stream": described.get("StreamSpecification"),
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "life": client.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
    }


def delete(stack: Restorable, output: str) -> str:
    """Delete a table, of which DynamoDB keeps a last backup; return its name."""
    client, name = stack.reader.client, stack.target().output(output)
    if output not in ("UsageTable", "ProofTable", "ExportTable"):
        client.create_backup(TableName=name, BackupName=f"{name}$DeletedTableBackup")
    client.update_table(TableName=name, DeletionProtectionEnabled=False)
    client.delete_table(TableName=name)
    return name


def restored(stack: Restorable) -> list[str]:
    """Bring all lost tables back and return what was said."""
    said: list[str] = []
    bring_back(stack.target(), lost_tables(stack.target()), tell=said.append, sleep=lambda _: None)
    return said


def test_nothing_is_lost_of_a_whole_stack(stack: Restorable) -> None:
    assert lost_tables(stack.target()) == []
    assert {name for name in whole_template()["Outputs"] if name.endswith("Table")} == {*OUTPUTS, *OTHERS}


@each_of("output", [*OTHERS, *OUTPUTS])
def test_each_table_comes_back_as_the_template_made_it(stack: Restorable, output: str) -> None:
    name = stack.target().output(output)
    before, held = shape(stack, name), stored(stack.tables(stack.own))

    delete(stack, output)

    assert [(each.output, each.name) for each in lost_tables(stack.target())] == [(output, name)]
    assert len(restored(stack)) == 1
    assert shape(stack, name) == before
    assert stored(stack.tables(stack.own)) == held
    assert lost_tables(stack.target()) == []


def test_a_stack_without_bulk_exports_has_lost_no_table_of_theirs(stack: Restorable) -> None:
    target = stack.target()
    outputs = {name: value for name, value in target.outputs.items() if name != "ExportTable"}
    delete(stack, "ExportTable")

    assert lost_tables(replace(target, outputs=outputs)) == []


def test_the_last_of_several_backups_counts(stack: Restorable) -> None:
    client = stack.reader.client
    client.create_backup(TableName="clients", BackupName="earlier")
    client.put_item(TableName="clients", Item={"client_id": {"S": "later"}})
    delete(stack, "ClientTable")

    restored(stack)

    assert client.scan(TableName="clients")["Count"] == 1


def test_the_index_is_rebuilt_of_what_a_table_of_resources_has_lost(stack: Restorable) -> None:
    client = stack.reader.client
    client.delete_item(TableName=stack.own.record, Key={"pk": {"S": "Observation/o1"}, "sk": {"S": "#index"}})
    delete(stack, "RecordTable")

    restored(stack)

    assert ("records", "Observation/o1", "#index") in stored(stack.tables(stack.own))


def test_the_stream_of_a_lost_trail_is_archived_as_before(stack: Restorable) -> None:
    delete(stack, "AuditTable")

    restored(stack)

    (mapping,) = stack.mappings
    assert mapping == {
        "EventSourceArn": stack.reader.client.describe_table(TableName="audit")["Table"]["LatestStreamArn"],
        "StartingPosition": "TRIM_HORIZON",
        "FunctionName": "arn:aws:lambda:eu-west-2:123456789012:function:archiver:live",
        "BatchSize": 3000,
        "MaximumRetryAttempts": -1,
    }


def without_backup(stack: Restorable) -> None:
    """Make the stack one whose archive outlasts its audit table, and delete that."""
    client = stack.reader.client
    stack.parameters["AuditRetentionDays"] = "90"
    recovery = {"PointInTimeRecoveryEnabled": False}
    client.update_continuous_backups(TableName="audit", PointInTimeRecoverySpecification=recovery)
    client.update_table(TableName="audit", DeletionProtectionEnabled=False)
    client.delete_table(TableName="audit")


def test_a_trail_without_a_backup_is_made_anew_and_stops_no_other_table(stack: Restorable) -> None:
    before = shape(stack, "audit")
    without_backup(stack)
    delete(stack, "ClientTable")

    said = restored(stack)

    assert said[0] == (
        "Creating audit, which has no backup, empty: its events are in the archive (careconnect audit report)"
    )
    assert said[1].startswith("Restoring clients from its backup of ")
    assert shape(stack, "audit") == {**before, "recovery": "DISABLED"}
    assert lost_tables(stack.target()) == []
    assert [each["StartingPosition"] for each in stack.mappings] == ["TRIM_HORIZON"]


def kept_since(stack: Restorable, days_later: int, own: int) -> str:
    """Return the first day from which on readers take the audit table for whole, some days from now."""
    now = int(time.time() * 1000) + days_later * DAY
    return AccessRecordReader(stack.reader.client, "audit").kept_since(now, own)


def test_of_the_days_that_a_trail_has_lost_its_readers_ask_the_archive(stack: Restorable) -> None:
    without_backup(stack)

    restored(stack)

    today = int(time.time() * 1000)
    # Of the day of the loss too, and of the next, from when on it can be told from the rest.
    assert [kept_since(stack, later, 90) for later in (0, 1, 2, 30)] == [
        day_of(today + days * DAY) for days in (0, 1, 2, 2)
    ]
    assert kept_since(stack, 200, 90) == day_of(today + 111 * DAY)


def test_a_trail_that_came_back_from_its_backup_has_lost_nothing(stack: Restorable) -> None:
    delete(stack, "AuditTable")

    restored(stack)

    assert kept_since(stack, 30, 0) == ""


@pytest.mark.parametrize("left", range(1, 14, 2))
def test_a_trail_without_a_backup_is_made_whole_after_a_kill(stack: Restorable, left: int) -> None:
    before = shape(stack, "audit")
    without_backup(stack)
    with killed_after(stack.reader, left):
        restored(stack)

    restored(stack)

    assert shape(stack, "audit") == {**before, "recovery": "DISABLED"}
    assert (lost_tables(stack.target()), len(stack.mappings)) == ([], 1)


@pytest.mark.parametrize("left", [1, 12, 16, 20, 24, 40])
def test_killed_anywhere_it_is_run_again(stack: Restorable, left: int) -> None:
    names = [delete(stack, each) for each in ("AuditTable", "RecordTable", "UsageTable", "ProofTable")]
    with killed_after(stack.reader, left):
        restored(stack)

    restored(stack)

    assert lost_tables(stack.target()) == []
    assert {shape(stack, each)["protected"] for each in names[:2]} == {True}
    assert len(stack.mappings) == 1
    found = stack.serving(stack.own).get("Patient", "name=kanfeld")
    assert found.json["total"] == 1, found.text


def test_without_a_backup_nothing_is_begun(stack: Restorable) -> None:
    client = stack.reader.client
    delete(stack, "TokenTable")
    client.update_table(TableName="clients", DeletionProtectionEnabled=False)
    client.delete_table(TableName="clients")

    with pytest.raises(OperatorError, match="clients is deleted and has no backup"):
        restored(stack)
    assert "tokens" not in client.list_tables()["TableNames"]
