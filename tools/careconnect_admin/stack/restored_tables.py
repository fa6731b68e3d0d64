"""The tables of resources and of their writes that are in service, and restored ones beside them (ADR 40)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack.resources import stack_resources
from careconnect_admin.stack.target import StackTarget

PARAMETER: Final = "RestoredTables"
"""The stack's parameter that names the restored tables in service by their `suffix`; empty for the stack's own."""

OUTPUTS: Final = (
    "RecordTable",
    "DirectoryTable",
    "ReferenceTable",
    "TransactionTable",
    "DirectoryTransactionTable",
)
"""The tables of resources and of their writes, in the order of `RecordTables`."""
_KINDS: Final = ("record", "directory", "reference", "transaction", "directory-transaction")
_SUFFIX: Final = "%Y%m%dT%H%M%SZ"
_WAIT: Final = {"Delay": 5, "MaxAttempts": 120}
_GONE: Final = frozenset({"ResourceNotFoundException", "TableNotFoundException"})


@dataclass(frozen=True, slots=True)
class TableSet:
    """The tables of resources, reference counts and states; `suffix` is empty for the stack's own."""

    suffix: str
    record: str
    directory: str
    reference: str
    transaction: str
    directory_transaction: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of `OUTPUTS`."""
        return self.record, self.directory, self.reference, self.transaction, self.directory_transaction


def restored_set(stack: str, suffix: str) -> TableSet:
    """Return the tables that a restore of a stack to the time in `suffix` makes."""
    return TableSet(suffix, *(f"{stack}-restored-{suffix}-{kind}" for kind in _KINDS))


def suffix_of(time: datetime) -> str:
    """Return the suffix of the tables that are restored to `time`, which is in UTC."""
    return f"{time:{_SUFFIX}}"


def time_of(suffix: str) -> datetime:
    """Return the time, in UTC, that the tables with a suffix are restored to."""
    return datetime.strptime(suffix, _SUFFIX).replace(tzinfo=UTC)


def own_set(target: StackTarget) -> TableSet:
    """Return the tables that are resources of the stack, in service or not."""
    found = stack_resources(target, "AWS::DynamoDB::Table")
    return TableSet("", *(found[name] for name in OUTPUTS))


def set_in_service(target: StackTarget) -> TableSet:
    """Return the tables that the functions use."""
    return TableSet(target.parameters.get(PARAMETER, ""), *(target.output(name) for name in OUTPUTS))


def restored_sets(target: StackTarget) -> Mapping[str, tuple[str, ...]]:
    """Return by suffix the restored tables of a stack that exist, in service or not, the oldest time first."""
    name = re.compile(rf"{re.escape(target.name)}-restored-(\d{{8}}T\d{{6}}Z)-({'|'.join(_KINDS)})")
    found: dict[str, tuple[str, ...]] = {}
    for table in sorted(_tables(target)):
        if matched := name.fullmatch(table):
            found[matched[1]] = (*found.get(matched[1], ()), table)
    return found


def _tables(target: StackTarget) -> Iterator[str]:
    for page in target.client("dynamodb").get_paginator("list_tables").paginate():
        yield from page["TableNames"]


def describe_table(dynamodb: Any, table: str) -> Any:
    """Return the description of a table, None if there is none."""
    try:
        return dynamodb.describe_table(TableName=table)["Table"]
    except ClientError as error:
        if error_code(error) in _GONE:
            return None
        raise


def delete_table(dynamodb: Any, table: str) -> None:
    """Delete a table that exists, protected or not, and wait until it is gone."""
    try:
        described = dynamodb.describe_table(TableName=table)["Table"]
        if described.get("DeletionProtectionEnabled"):
            dynamodb.update_table(TableName=table, DeletionProtectionEnabled=False)
            dynamodb.get_waiter("table_exists").wait(TableName=table, WaiterConfig=_WAIT)
        if described["TableStatus"] != "DELETING":
            dynamodb.delete_table(TableName=table)
    except ClientError as error:
        if error_code(error) not in _GONE:
            raise
    dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig=_WAIT)


def require_parameter(target: StackTarget) -> None:
    """Raise `OperatorError` if the deployed template cannot put restored tables into service."""
    if PARAMETER not in target.parameters:
        raise OperatorError(f"the stack {target.name} has no parameter {PARAMETER}: deploy this release first")
