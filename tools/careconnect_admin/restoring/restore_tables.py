"""Restore the tables in service to a point in time, into new tables beside them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect_admin.errors import OperatorError
from careconnect_admin.loading.reindex import Progress, ReindexReport, reindex
from careconnect_admin.restoring.own_item import is_ready, set_ready
from careconnect_admin.stack.restored_tables import (
    TableSet,
    describe_table,
    restored_set,
    set_in_service,
    suffix_of,
)
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.tables import RecordTables

_PAUSE: Final = 10.0
_ATTEMPTS: Final = 30
_RESERVED_TAGS: Final = "aws:"


def point_in_time(text: str) -> datetime:
    """Return a past instant in UTC, in whole seconds; raises `OperatorError` for a text that is not one."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise OperatorError("--to takes an instant with a zone, such as 2026-11-28T03:00:00Z")
    if instant > datetime.now(UTC):
        raise OperatorError("--to takes an instant that is past")
    return instant.astimezone(UTC).replace(microsecond=0)


def start_restore(dynamodb: Any, source: str, name: str, instant: datetime) -> None:
    """Start DynamoDB's restore of the table `source` into the new table `name`; raises `OperatorError`."""
    try:
        dynamodb.restore_table_to_point_in_time(
            SourceTableName=source,
            TargetTableName=name,
            RestoreDateTime=instant,
            BillingModeOverride="PAY_PER_REQUEST",
            SSESpecificationOverride={"Enabled": True},
        )
    except ClientError as error:
        match error_code(error):
            case "InvalidRestoreTimeException":
                raise OperatorError(f"{source} cannot be restored to that time: {_window(dynamodb, source)}") from error
            case "TableNotFoundException" | "SourceTableNotFoundException":
                raise OperatorError(f"{source} is not there: run `careconnect restore --lost` first") from error
        raise


def _window(dynamodb: Any, source: str) -> str:
    described = dynamodb.describe_continuous_backups(TableName=source)["ContinuousBackupsDescription"]
    recovery = described.get("PointInTimeRecoveryDescription", {})
    if "EarliestRestorableDateTime" not in recovery:
        return "it has no point-in-time recovery"
    first, last = (
        f"{recovery[name].astimezone(UTC) + timedelta(seconds=more):%Y-%m-%dT%H:%M:%SZ}"
        for name, more in (("EarliestRestorableDateTime", 1), ("LatestRestorableDateTime", 0))
    )
    return f"give one from {first} to {last}"


def restore_tables(
    target: StackTarget,
    instant: datetime,
    *,
    tell: Callable[[str], None],
    progress: Progress,
    sleep: Callable[[float], None] = time.sleep,
) -> ReindexReport:
    """Restore the tables in service to `instant` into new tables, complete these, and return the report of reindexing.

    A run that was killed is repeated with the same time: tables that exist are not restored again. Raises
    `OperatorError`; AWS errors pass through.
    """
    dynamodb, current = target.client("dynamodb"), set_in_service(target)
    restored = restored_set(target.name, suffix_of(instant))
    if restored.suffix == current.suffix:
        raise OperatorError("the tables of that time are in service: give a time that is a second earlier")
    for source, name in zip(current.names, restored.names, strict=True):
        if describe_table(dynamodb, name) is None:
            tell(f"Restoring {source} into {name}")
            start_restore(dynamodb, source, name, instant)
    tell("Waiting for DynamoDB: minutes, for a large table hours")
    for name in restored.names:
        wait_for(dynamodb, name, sleep)
    protected = target.parameters.get("DeletionProtection") != "false"
    for source, name in zip(current.names, restored.names, strict=True):
        complete_table(dynamodb, source, name, protected=protected, sleep=sleep)
    tables = RecordTables(dynamodb, *restored.names)
    # No request uses these tables yet, so there is nothing to wait for.
    report = reindex(tables, progress, base_url=target.output("BaseUrl"), sleep=lambda _: None)
    set_ready(dynamodb, restored)
    return report


def complete_table(
    dynamodb: Any, source: str, name: str, *, protected: bool, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Give a new table what DynamoDB does not restore: the time to live and the tags of `source`, and protection.

    Point-in-time recovery comes last, so that a table that has it is complete.
    """
    live = dynamodb.describe_time_to_live(TableName=source)["TimeToLiveDescription"]
    new = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    if live["TimeToLiveStatus"] in ("ENABLED", "ENABLING") and new["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
        specification = {"Enabled": True, "AttributeName": live["AttributeName"]}
        dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)
    described = dynamodb.describe_table(TableName=name)["Table"]
    pages = dynamodb.get_paginator("list_tags_of_resource").paginate(
        ResourceArn=dynamodb.describe_table(TableName=source)["Table"]["TableArn"]
    )
    tags = [tag for page in pages for tag in page["Tags"] if not tag["Key"].startswith(_RESERVED_TAGS)]
    if tags:
        dynamodb.tag_resource(ResourceArn=described["TableArn"], Tags=tags)
    if protected and not described.get("DeletionProtectionEnabled"):
        dynamodb.update_table(TableName=name, DeletionProtectionEnabled=True)
    enable_recovery(dynamodb, name, sleep)


def wait_for(dynamodb: Any, name: str, sleep: Callable[[float], None]) -> None:
    """Wait until a table is there and can be used."""
    while (describe_table(dynamodb, name) or {}).get("TableStatus") != "ACTIVE":
        sleep(_PAUSE)


def enable_recovery(dynamodb: Any, name: str, sleep: Callable[[float], None]) -> None:
    """Give a table point-in-time recovery."""
    recovery = {"PointInTimeRecoveryEnabled": True}
    _patiently(
        partial(dynamodb.update_continuous_backups, TableName=name, PointInTimeRecoverySpecification=recovery), sleep
    )


def _patiently(call: Callable[[], Any], sleep: Callable[[float], None]) -> None:
    """Make a call that DynamoDB refuses for some time after a table was made or changed."""
    for attempt in range(_ATTEMPTS):
        try:
            call()
        except ClientError as error:
            if error_code(error) not in ("ContinuousBackupsUnavailableException", "ResourceInUseException"):
                raise
            if attempt == _ATTEMPTS - 1:
                raise
            sleep(_PAUSE)
        else:
            return


def ready_set(target: StackTarget, suffixes: list[str]) -> TableSet:
    """Return the one restored set among `suffixes` that `restore_tables` has completed; raises `OperatorError`."""
    if not suffixes:
        raise OperatorError("there are no restored tables out of service: begin with `careconnect restore --to TIME`")
    if len(suffixes) > 1:
        raise OperatorError(f"there are tables of several times, {', '.join(suffixes)}: name one with --to")
    found = restored_set(target.name, suffixes[0])
    if not is_ready(target.client("dynamodb"), found):
        raise OperatorError(
            f"the tables of {found.suffix} are not complete: run `careconnect restore --to {found.suffix}` again"
        )
    return found
