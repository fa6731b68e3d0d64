"""The states of multi-step writes: one item of a transaction table for each, which alone says how it ended.

A state is `pending` at first, and then `committed` or `aborted` for good. `beat` counts the steps of a pending one.

A role changes the states of one table alone. It aborts a write with its state in the other one by a *veto*: an item
with the key of that state in its own table, beside which no step and no commit succeeds.
"""

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.fhir.resource_types import Table
from careconnect.runtime.aws import error_code
from careconnect.storage.intents import BASES, DONE, PARTITIONS, bases_key, state_key, write_of
from careconnect_records.items.actions import Item, put, table_action
from careconnect_records.items.tables import RecordTables

PENDING: Final = "pending"
_AS_ABORTED: Final = {":aborted": {"S": "aborted"}}
_NAMES: Final = {"#status": "status", "#beat": "beat"}
_NOT_PENDING: Final = frozenset(("ConditionalCheckFailedException", "TransactionCanceledException"))

STATE_ACTIONS: Final = 2
"""Actions on states in each transaction of a multi-step write."""


@dataclass(frozen=True, slots=True)
class WriteState:
    """The state of a multi-step write: `done` is None while it is pending. `beat` grows with each of its steps."""

    done: bool | None
    beat: int


def new_name(states: Table) -> str:
    """Return a name for a write whose state is among those of records, or of the directory's own writes."""
    random, partitions = uuid.uuid4(), PARTITIONS[states]
    return f"{partitions[random.int % len(partitions)]}{random.hex}"


class WriteStates:
    """Reads and changes the states in the transaction tables; each write's name says in which its state is."""

    def __init__(self, tables: RecordTables) -> None:
        self._client = tables.client
        self._tables = tables.states
        self._may_end = tables.may_end

    def begin_action(self, name: str) -> Item:
        """Return the action that makes a state."""
        state = {**state_key(name), "status": {"S": PENDING}, "beat": {"N": "0"}}
        condition = {"ConditionExpression": "attribute_not_exists(pk)"}
        return {"Put": {"TableName": self._tables.of(name), "Item": state, **condition}}

    def bases_action(self, name: str, bases: Collection[str]) -> Item:
        """Return the action that lists the writes that a write follows, as a part of the transaction that begins it."""
        return put(self._tables.of(name), {**bases_key(name), BASES: {"SS": sorted(bases)}})

    def step_actions(self, name: str) -> list[Item]:
        """Return the `STATE_ACTIONS` with which each step fails unless the write is pending."""
        return [self._change(name, "ADD #beat :one", {":one": {"N": "1"}}), self._unless_vetoed(name)]

    def commit_actions(self, name: str) -> list[Item]:
        """Return the `STATE_ACTIONS` that make everything visible, if the write is pending."""
        return [self._change(name, "SET #status = :done", {":done": {"S": DONE}}), self._unless_vetoed(name)]

    def abort(self, name: str, beat: int | None = None) -> bool:
        """End a pending write, perhaps only if it has made no step since `beat`; return False if it was not."""
        values, condition = {}, ""
        if beat is not None:
            values, condition = {":beat": {"N": str(beat)}}, " AND #beat = :beat"
        try:
            if self._may_end(name):
                request: Any = self._change(name, "SET #status = :aborted", values | _AS_ABORTED, condition)["Update"]
                self._client.update_item(**request)
            else:
                veto = put(self._tables.of_vetoes(name), state_key(name))
                actions: Any = [veto, self._change(name, "", values, condition)]
                self._client.transact_write_items(TransactItems=actions)
        except ClientError as error:
            if error_code(error) not in _NOT_PENDING:
                raise
            return False
        return True

    def read(self, name: str) -> WriteState | None:
        """Return the state of a write, None if nothing is left of it."""
        item = self._item(self._tables.of(name), name)
        if item is None:
            return None
        state = _state(item)
        if state.done is None and not self._may_end(name) and self._item(self._tables.of_vetoes(name), name):
            return WriteState(done=False, beat=state.beat)
        return state

    def all(self) -> Iterator[tuple[str, WriteState]]:
        """Yield the names and the states of all writes of which something is left."""
        for query in self._tables.queries():
            request: Any = query
            while True:
                answer = self._client.query(**request)
                for item in answer["Items"]:
                    if BASES not in item:
                        yield write_of(item), _state(item)
                if "LastEvaluatedKey" not in answer:
                    break
                request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def remove(self, name: str, *, done: bool) -> None:
        """Remove the state of a write of which nothing else is left."""
        if not done:
            # The state last: without it nothing commits.
            self._client.delete_item(TableName=self._tables.of_vetoes(name), Key=state_key(name))
        for key in (bases_key(name), state_key(name)):
            self._client.delete_item(TableName=self._tables.of(name), Key=key)

    def _change(self, name: str, update: str, values: Item, condition: str = "") -> Item:
        """Return the action that changes the state of a pending write, or only checks it if `update` is empty."""
        return table_action(
            self._tables.of(name),
            state_key(name),
            update=update,
            condition=f"#status = :pending{condition}",
            names=_NAMES,
            values={":pending": {"S": PENDING}, **values},
        )

    def _unless_vetoed(self, name: str) -> Item:
        check = {"TableName": self._tables.of_vetoes(name), "Key": state_key(name)}
        return {"ConditionCheck": {**check, "ConditionExpression": "attribute_not_exists(pk)"}}

    def _item(self, table: str, name: str) -> Item | None:
        answer: Any = self._client.get_item(TableName=table, Key=state_key(name), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item


def _state(item: Any) -> WriteState:
    status = item["status"]["S"]
    return WriteState(None if status == PENDING else status == DONE, int(item["beat"]["N"]))
