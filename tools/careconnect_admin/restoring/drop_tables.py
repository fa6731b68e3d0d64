"""Remove the tables that are out of service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from careconnect_admin.errors import OperatorError
from careconnect_admin.restoring.own_item import switch_of
from careconnect_admin.restoring.restore_tables import complete_table
from careconnect_admin.restoring.switch_tables import Switch, unfinished_switches
from careconnect_admin.stack.restored_tables import (
    delete_table,
    describe_table,
    own_set,
    restored_sets,
    set_in_service,
)
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.table_formats import close_table

_DROPPED: Final = "careconnect restore --drop"
_WAIT: Final = {"Delay": 5, "MaxAttempts": 120}


@dataclass(frozen=True, slots=True)
class OutOfService:
    """The tables to remove: `restored` ones, and `own` tables of the stack, which are emptied.

    An own table stays as an empty and closed one of the same name, since CloudFormation has to find it.
    """

    restored: tuple[str, ...]
    own: tuple[str, ...]


def out_of_service(target: StackTarget) -> OutOfService:
    """Return what `drop_tables` removes; raises `OperatorError` if a switch to the tables in service has not ended."""
    dynamodb, current = target.client("dynamodb"), set_in_service(target)
    if current.suffix and switch_of(dynamodb, current) is not None:
        raise OperatorError("the switch to these tables has not ended: run `careconnect restore --switch` again")
    restored = [
        table for suffix, tables in restored_sets(target).items() if suffix != current.suffix for table in tables
    ]
    own = own_set(target).names if current.suffix else ()
    return OutOfService(tuple(restored), tuple(table for table in own if not _is_emptied(dynamodb, table)))


def drop_tables(target: StackTarget, remove: OutOfService, *, tell: Callable[[str], None]) -> None:
    """Start writers that an abandoned switch stopped, delete restored tables, and empty the stack's own.

    A run that was killed is repeated.
    """
    dynamodb, current = target.client("dynamodb"), set_in_service(target)
    for abandoned in unfinished_switches(target):
        Switch(target, abandoned, lambda _: None, tell).abandon()
    for table in remove.restored:
        tell(f"Deleting {table}")
        delete_table(dynamodb, table)
    protected = target.parameters.get("DeletionProtection") != "false"
    for source, table in zip(current.names, own_set(target).names, strict=True):
        if table in remove.own:
            tell(f"Emptying {table}")
            _empty(dynamodb, table, source, protected=protected)


def _is_emptied(dynamodb: Any, table: str) -> bool:
    """Return True if `_empty` has completed: point-in-time recovery comes last."""
    if describe_table(dynamodb, table) is None:
        return False
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovers = backups.get("PointInTimeRecoveryDescription", {}).get("PointInTimeRecoveryStatus") == "ENABLED"
    # The item of the format number stays.
    return recovers and len(dynamodb.scan(TableName=table, Limit=2)["Items"]) <= 1


def _empty(dynamodb: Any, table: str, source: str, *, protected: bool) -> None:
    """Replace a table by an empty, closed one with the keys of `source`, the table of the same kind in service."""
    delete_table(dynamodb, table)
    described = dynamodb.describe_table(TableName=source)["Table"]
    dynamodb.create_table(
        TableName=table,
        KeySchema=described["KeySchema"],
        AttributeDefinitions=described["AttributeDefinitions"],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True},
    )
    dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=_WAIT)
    if len(described["KeySchema"]) > 1:
        close_table(dynamodb, table, _DROPPED)
    complete_table(dynamodb, source, table, protected=protected)
