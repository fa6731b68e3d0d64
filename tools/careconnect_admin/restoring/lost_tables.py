"""Bring deleted tables back under their names, from their last backups, with all that a backup lacks."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import day_of
from careconnect.audit.patient_index import definition
from careconnect.audit.retention import TEMPORARY
from careconnect.audit.told_retentions import retention_row
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.reindex import Progress, ReindexReport, reindex
from careconnect_admin.restoring.restore_tables import enable_recovery, wait_for
from careconnect_admin.stack.resources import stack_resources
from careconnect_admin.stack.restored_tables import OUTPUTS, describe_table
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.tables import RecordTables

AUDIT: Final = "AuditTable"
EXPORTS: Final = "ExportTable"
"""The table of bulk exports' jobs, which a stack with `BulkExport=off` does not have."""
_PASSING: Final = ("UsageTable", "ProofTable", EXPORTS)
"""The tables of what passes, which have no backup; the audit table has none if its archive outlasts it."""
# The audit table comes first, so that all that follows can be recorded.
_TABLES: Final = (AUDIT, "ClientTable", "TokenTable", *OUTPUTS, *_PASSING)
_EXPIRING: Final = (AUDIT, "TokenTable", "RecordTable", "DirectoryTable", "TransactionTable", *_PASSING)
_LIFE: Final = {"Enabled": True, "AttributeName": "expires_at"}
_MAPPED: Final = (
    *("FunctionName", "BatchSize", "MaximumBatchingWindowInSeconds", "ParallelizationFactor"),
    *("BisectBatchOnFunctionError", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds"),
)


@dataclass(frozen=True, slots=True)
class LostTable:
    """A table of the stack that is deleted, or that an interrupted run has not completed.

    `output` is its name in the template. `backup` is the ARN of its last backup, `at` the time of that; both are empty
    if it is there again, or has none.
    """

    output: str
    name: str
    backup: str = ""
    at: datetime | None = None


def lost_tables(target: StackTarget) -> Sequence[LostTable]:
    """Return the lost tables, in the order to bring them back in; raises `OperatorError` if one has no backup."""
    dynamodb = target.client("dynamodb")
    there = [each for each in _TABLES if each != EXPORTS or each in target.outputs]
    return [lost for output in there if (lost := _lost(dynamodb, output, target.output(output)))]


def _lost(dynamodb: Any, output: str, name: str) -> LostTable | None:
    described = describe_table(dynamodb, name)
    if described is not None:
        return None if _is_complete(dynamodb, output, described) else LostTable(output, name)
    if output in _PASSING:
        return LostTable(output, name)
    pages = dynamodb.get_paginator("list_backups").paginate(TableName=name, BackupType="ALL")
    backups = [each for page in pages for each in page["BackupSummaries"]]
    if not backups and output == AUDIT:
        return LostTable(output, name)
    if not backups:
        raise OperatorError(f"{name} is deleted and has no backup: DynamoDB keeps the last one for 35 days")
    last = max(backups, key=lambda backup: backup["BackupCreationDateTime"])
    return LostTable(output, name, last["BackupArn"], last["BackupCreationDateTime"])


def _is_complete(dynamodb: Any, output: str, described: Any) -> bool:
    """Return True for a table that was never lost, or that has what `bring_back` gives it last."""
    name = described["TableName"]
    if output in (AUDIT, *_PASSING):
        lives = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        return lives["TimeToLiveStatus"] in ("ENABLED", "ENABLING")
    if "RestoreSummary" not in described:
        return True
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") == "ENABLED")


def bring_back(
    target: StackTarget,
    lost: Sequence[LostTable],
    *,
    tell: Callable[[str], None],
    progress: Progress = lambda _part, _done: None,
    sleep: Callable[[float], None] = time.sleep,
) -> ReindexReport:
    """Make the lost tables whole, and return the report of reindexing if resources were in them.

    A run that was killed is repeated: tables that are there again are only completed. AWS errors pass through.
    """
    dynamodb = target.client("dynamodb")
    for each in lost:
        _start(dynamodb, each, tell)
    for each in lost:
        wait_for(dynamodb, each.name, sleep)
        if each.output not in _PASSING and target.parameters.get("DeletionProtection") != "false":
            dynamodb.update_table(TableName=each.name, DeletionProtectionEnabled=True)
            wait_for(dynamodb, each.name, sleep)
        if each.output == AUDIT:
            _map_stream(target, each.name, sleep)
            keeps_for_ever = target.parameters.get("AuditRetentionDays", "0") == "0"
            if keeps_for_ever:
                enable_recovery(dynamodb, each.name, sleep)
            if not (keeps_for_ever and "RestoreSummary" in describe_table(dynamodb, each.name)):
                _tell_loss(dynamodb, each.name)
        if each.output in _EXPIRING:
            _expire(dynamodb, each)
    report = ReindexReport()
    if any(each.output in OUTPUTS for each in lost):
        tables = RecordTables(dynamodb, *(target.output(name) for name in OUTPUTS))
        report = reindex(tables, progress, base_url=target.output("BaseUrl"), sleep=sleep)
    for each in lost:
        if each.output not in (AUDIT, *_PASSING):
            enable_recovery(dynamodb, each.name, sleep)
    return report


def _start(dynamodb: Any, lost: LostTable, tell: Callable[[str], None]) -> None:
    if lost.backup:
        tell(f"Restoring {lost.name} from its backup of {lost.at:%Y-%m-%dT%H:%M:%SZ}")
        dynamodb.restore_table_from_backup(TargetTableName=lost.name, BackupArn=lost.backup)
    elif describe_table(dynamodb, lost.name) is None:
        where = ": its events are in the archive (careconnect audit report)" if lost.output == AUDIT else ""
        tell(f"Creating {lost.name}, which has no backup, empty{where}")
        keys = {"pk": "HASH", "sk": "RANGE"} if lost.output in (AUDIT, EXPORTS) else {"pk": "HASH"}
        names, more = [*keys], {}
        if lost.output == AUDIT:
            names.append("patient")
            more = {"GlobalSecondaryIndexes": [definition()]}
        dynamodb.create_table(
            TableName=lost.name,
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in names],
            KeySchema=[{"AttributeName": each, "KeyType": kind} for each, kind in keys.items()],
            BillingMode="PAY_PER_REQUEST",
            SSESpecification={"Enabled": True},
            **more,
        )


def _tell_loss(dynamodb: Any, table: str) -> None:
    """Let readers of the audit table ask the archive for the events until today, as if they had ended."""
    today = day_of(int(time.time() * 1000))
    DynamoDbAuditStore(dynamodb, table).keep_row(retention_row(today, TEMPORARY))


def _expire(dynamodb: Any, lost: LostTable) -> None:
    lives = dynamodb.describe_time_to_live(TableName=lost.name)["TimeToLiveDescription"]
    if lives["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        dynamodb.update_time_to_live(TableName=lost.name, TimeToLiveSpecification=_LIFE)


def _map_stream(target: StackTarget, table: str, sleep: Callable[[float], None]) -> None:
    """Give the audit table a stream, and map that to the archiver as the stack's own mapping was."""
    dynamodb, functions = target.client("dynamodb"), target.client("lambda")
    if not describe_table(dynamodb, table).get("StreamSpecification", {}).get("StreamEnabled"):
        stream = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        dynamodb.update_table(TableName=table, StreamSpecification=stream)
        wait_for(dynamodb, table, sleep)
    arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
    (mapping,) = stack_resources(target, "AWS::Lambda::EventSourceMapping").values()
    own = functions.get_event_source_mapping(UUID=mapping)
    own["FunctionName"] = own["FunctionArn"]
    if not functions.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]:
        functions.create_event_source_mapping(
            EventSourceArn=arn,
            StartingPosition="TRIM_HORIZON",
            **{name: own[name] for name in _MAPPED if name in own},
        )
