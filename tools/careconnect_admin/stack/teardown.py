"""Destroy a deployed stack and its retained resources, except the archive, which nobody can delete."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect_admin.errors import OperatorError
from careconnect_admin.stack.resources import stack_resources
from careconnect_admin.stack.restored_tables import delete_table, restored_sets
from careconnect_admin.stack.target import StackTarget

PENDING_DAYS: Final = 7
"""The shortest waiting period, in days, that KMS allows before it deletes a key."""

_PAUSE: Final = 5.0
_GONE: Final = frozenset({"ResourceNotFoundException", "NotFoundException"})
_NO_LOCK: Final = "ObjectLockConfigurationNotFoundError"
_EXPORT_KEY: Final = "ExportKey"
_PLACES: Final = ("current", "next", "previous")


class TeardownError(OperatorError):
    """The stack cannot be destroyed, or only in part; the text is the remedy."""


@dataclass(frozen=True, slots=True)
class Remains:
    """A stack's tables by their names in the template, the uses of its keys by id, and the bucket that stays.

    Restored tables are not in the template, and have their own names here.
    `locked_until` is the time at which the retention of the last object in the bucket ends, None if the bucket locks
    nothing: an emulator makes such a bucket.
    """

    tables: dict[str, str]
    keys: dict[str, str]
    bucket: str
    locked_until: datetime | None


class Teardown:
    """The destruction of one stack: data first, the stack last, so that an interrupted run can be repeated.

    `tell` gets a text for each step. AWS errors pass through.
    """

    def __init__(
        self, target: StackTarget, *, tell: Callable[[str], None], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._target = target
        self._cloudformation = target.client("cloudformation")
        self._dynamodb = target.client("dynamodb")
        self._kms = target.client("kms")
        self._tell = tell
        self._sleep = sleep

    def remains(self) -> Remains:
        """Return the tables and keys to destroy, and the bucket that stays.

        Raises `TeardownError` if the stack has termination protection.
        """
        (stack,) = self._cloudformation.describe_stacks(StackName=self._target.name)["Stacks"]
        if stack.get("EnableTerminationProtection"):
            raise TeardownError(f"the stack {self._target.name} has termination protection: end that first")
        restored = {table: table for tables in restored_sets(self._target).values() for table in tables}
        tables = {**stack_resources(self._target, "AWS::DynamoDB::Table"), **restored}
        bucket = self._target.output("ArchiveBucket")
        days = self._retention_days(bucket)
        until = None if days is None else datetime.now(UTC) + timedelta(days=days)
        return Remains(dict(sorted(tables.items())), self._keys(), bucket, until)

    def _keys(self) -> dict[str, str]:
        """Return the use of each key, by its id: of those behind the aliases and of those in the template."""
        alias = self._target.output("SigningKeyAlias")
        # After a rotation the keys behind the aliases are not in the template.
        places: dict[str, list[str]] = {}
        for place in _PLACES:
            if (metadata := self._metadata(f"{alias}-{place}")) is not None:
                places.setdefault(metadata["KeyId"], []).append(place)
        uses = {key: f"{' and '.join(named)} token signing key" for key, named in places.items()}
        for logical_id, key in stack_resources(self._target, "AWS::KMS::Key").items():
            if (metadata := self._metadata(key)) is not None:
                use = (
                    "of bulk exports" if logical_id == _EXPORT_KEY else f"{logical_id} of the template, in use no more"
                )
                uses.setdefault(metadata["KeyId"], f"key {use}")
        return uses

    def destroy(self, remains: Remains) -> None:
        """Delete the tables with their data, schedule the deletion of the keys, and delete the stack.

        Resources that no longer exist are skipped. Raises `TeardownError`.
        """
        # The audit trail goes last, so that the archiver can read its last event.
        for name, table in sorted(remains.tables.items(), key=lambda each: each[0] == "AuditTable"):
            self._tell(f"Deleting {name}")
            delete_table(self._dynamodb, table)
        for key, use in remains.keys.items():
            self._schedule(key, use)
        self._delete_stack()

    def _retention_days(self, bucket: str) -> int | None:
        try:
            lock = self._target.client("s3").get_object_lock_configuration(Bucket=bucket)
        except ClientError as error:
            if error_code(error) == _NO_LOCK:
                return None
            raise
        return int(lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]["Days"])

    def _schedule(self, key: str, use: str) -> None:
        metadata = self._metadata(key)
        if metadata is not None and metadata["KeyState"] != "PendingDeletion":
            self._tell(f"Scheduling the deletion of the {use}, {key}")
            self._kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=PENDING_DAYS)

    def _delete_stack(self) -> None:
        name = self._target.name
        self._tell(f"Deleting the stack {name}: minutes, with a domain of its own a quarter of an hour")
        # CloudFormation still finds a deleted stack by its id, but not by its name.
        stack_id = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackId"]
        self._cloudformation.delete_stack(StackName=name)
        while True:
            try:
                status = self._cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"]
            except ClientError as error:
                if error_code(error) == "ValidationError":
                    return
                raise
            if status == "DELETE_COMPLETE":
                return
            if status != "DELETE_IN_PROGRESS":
                raise TeardownError(
                    f"the stack {name} is {status}: {self._why(stack_id)}; mend that and run this again"
                )
            self._sleep(_PAUSE)

    def _why(self, stack_id: str) -> str:
        """Return the reason of the first failure, which causes the later ones."""
        events = self._cloudformation.describe_stack_events(StackName=stack_id)["StackEvents"]
        failed = [
            each
            for each in events
            if each["ResourceStatus"] == "DELETE_FAILED" and each["LogicalResourceId"] != self._target.name
        ]
        if not failed:
            return "see its events"
        return f"{failed[-1]['LogicalResourceId']}: {failed[-1].get('ResourceStatusReason', 'no reason given')}"

    def _metadata(self, key: str) -> Any:
        try:
            return self._kms.describe_key(KeyId=key)["KeyMetadata"]
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            raise


def deletion_date(target: StackTarget, keys: Iterable[str]) -> datetime | None:
    """Return the time at which KMS deletes the last of the keys, None if it deletes none."""
    kms = target.client("kms")
    dates = [kms.describe_key(KeyId=key)["KeyMetadata"].get("DeletionDate") for key in keys]
    return max((date for date in dates if date is not None), default=None)
