"""Put restored tables into service, while nothing is written (ADR 40)."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from careconnect_admin.errors import OperatorError
from careconnect_admin.restoring.carry_versions import Announce
from careconnect_admin.restoring.own_item import begin_switch, end_switch, switch_of
from careconnect_admin.restoring.prepare_restored import prepare_restored
from careconnect_admin.stack.resources import stack_resources
from careconnect_admin.stack.restored_tables import (
    PARAMETER,
    TableSet,
    describe_table,
    own_set,
    restored_set,
    restored_sets,
)
from careconnect_admin.stack.target import StackTarget
from careconnect_records.items.table_formats import close_table
from careconnect_records.items.tables import RecordTables

WRITERS: Final = ("RecordWriterFunction", "DirectoryWriterFunction", "BundleFunction", "RecoveryFunction")
"""The functions that may write resources."""

WAIT_SECONDS: Final = 30.0
"""How long a write may go on after its function was stopped: a function runs for 26 s at most."""

_PAUSE: Final = 5.0
_SHIFT: Final = "TrafficShift"
_CLOSED_BY: Final = "careconnect restore"
_DONE: Final = frozenset({"UPDATE_COMPLETE", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"})


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch to the `restored` tables of a stack. A run that was killed is repeated.

    `announce` is called with patients before a version of theirs is written, `tell` with a text for each step,
    `progress` with the number of resources whose versions were carried over. The `erased` patients are erased from the
    restored tables before these are in service.
    """

    target: StackTarget
    restored: TableSet
    announce: Announce
    tell: Callable[[str], None]
    progress: Callable[[int], None] = lambda _: None
    sleep: Callable[[float], None] = time.sleep
    erased: Sequence[str] = ()

    def run(self) -> int:
        """Stop the writers, carry versions over, change the stack, close the old tables, and start the writers.

        Return the number of resources that had been written since the restored time. Raises `OperatorError`; the
        writers then stay stopped, until a later run or `abandon`.
        """
        dynamodb = self.target.client("dynamodb")
        replaced = self._set(self._begun(dynamodb))
        self.tell("Stopping the writers: writes fail until this has ended")
        for function in self._writers().values():
            _reserve(self.target.client("lambda"), function, 0)
        try:
            carried = self._put_into_service(dynamodb, replaced)
        except BaseException:
            self.tell("The writers stay stopped: run this again, or give up with `careconnect restore --drop`")
            raise
        self.abandon()
        return carried

    def _put_into_service(self, dynamodb: Any, replaced: TableSet) -> int:
        carried = 0
        if self._in_service() != self.restored.suffix:
            self.sleep(WAIT_SECONDS)
            carried = prepare_restored(
                RecordTables(dynamodb, *replaced.names),
                RecordTables(dynamodb, *self.restored.names),
                self.erased,
                base_url=self.target.output("BaseUrl"),
                announce=self.announce,
                tell=self.tell,
                progress=self.progress,
                sleep=self.sleep,
            )
            self._update_stack()
        for table in (replaced.record, replaced.directory):
            close_table(dynamodb, table, _CLOSED_BY)
        return carried

    def abandon(self) -> None:
        """Start the writers as they were before a switch, if one is unfinished."""
        dynamodb = self.target.client("dynamodb")
        begun = switch_of(dynamodb, self.restored)
        if begun is None:
            return
        for name, function in self._writers().items():
            _reserve(self.target.client("lambda"), function, begun[1].get(name))
        end_switch(dynamodb, self.restored)

    def _begun(self, dynamodb: Any) -> str:
        """Return the suffix of the tables that are replaced, from an unfinished switch or of a new one."""
        if begun := switch_of(dynamodb, self.restored):
            return begun[0]
        for other in unfinished_switches(self.target):
            # It has stopped the writers, and alone knows what to start them with.
            raise OperatorError(f"the switch to {other.suffix} has not ended: repeat it with --to, or --drop")
        reserved = {
            name: number
            for name, function in self._writers().items()
            if (number := _reserved(self.target.client("lambda"), function)) is not None
        }
        replaced = self._in_service()
        begin_switch(dynamodb, self.restored, replaced, reserved)
        return replaced

    def _set(self, suffix: str) -> TableSet:
        return restored_set(self.target.name, suffix) if suffix else own_set(self.target)

    def _writers(self) -> Mapping[str, str]:
        functions = stack_resources(self.target, "AWS::Lambda::Function")
        return {name: functions[name] for name in WRITERS}

    def _in_service(self) -> str:
        """Return the suffix in the stack's parameter, once no update is in progress."""
        stack = self._settled()
        return str(next(each["ParameterValue"] for each in stack["Parameters"] if each["ParameterKey"] == PARAMETER))

    def _settled(self) -> Any:
        while True:
            (stack,) = self.target.client("cloudformation").describe_stacks(StackName=self.target.name)["Stacks"]
            if stack["StackStatus"] in _DONE or not stack["StackStatus"].endswith("_IN_PROGRESS"):
                return stack
            self.sleep(_PAUSE)

    def _update_stack(self) -> None:
        """Change the stack's parameters, and wait; raises `OperatorError` if CloudFormation rolls back."""
        self.tell("Updating the stack: minutes")
        changed = {PARAMETER: self.restored.suffix}
        if self.target.parameters.get(_SHIFT) == "true":
            # Writes fail meanwhile: the alarm of a gradual deployment would undo the update.
            changed[_SHIFT] = "false"
            self.tell(f"{_SHIFT} is false from here on: the next deployment has to give it again")
        kept = [
            {"ParameterKey": name, "UsePreviousValue": True} for name in self.target.parameters if name not in changed
        ]
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in changed.items()]
        self.target.client("cloudformation").update_stack(
            StackName=self.target.name,
            UsePreviousTemplate=True,
            Parameters=[*kept, *given],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        stack = self._settled()
        if stack["StackStatus"] not in _DONE:
            raise OperatorError(f"the stack {self.target.name} is {stack['StackStatus']}: see its events")


def unfinished_switches(target: StackTarget) -> list[TableSet]:
    """Return the restored tables of a stack to which a switch has begun and not ended."""
    dynamodb = target.client("dynamodb")
    found = [restored_set(target.name, suffix) for suffix in restored_sets(target)]
    # A record table that is being restored or deleted cannot be read.
    active = [each for each in found if (describe_table(dynamodb, each.record) or {}).get("TableStatus") == "ACTIVE"]
    return [each for each in active if switch_of(dynamodb, each) is not None]


def _reserved(functions: Any, function: str) -> int | None:
    found = functions.get_function_concurrency(FunctionName=function).get("ReservedConcurrentExecutions")
    return None if found is None else int(found)


def _reserve(functions: Any, function: str, number: int | None) -> None:
    if number is None:
        functions.delete_function_concurrency(FunctionName=function)
    else:
        functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=number)
