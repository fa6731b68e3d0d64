"""The states of multi-step writes: one item of the transaction table for each, which alone says how it ended.

A state is `pending` at first, and then `committed` or `aborted` for good. `beat` counts the steps of a pending one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect.storage.intents import DONE, STATES
from careconnect_records.items.actions import Item, table_action

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PENDING: Final = "pending"
_ABORTED: Final = "aborted"
_NAMES: Final = {"#status": "status", "#beat": "beat"}


@dataclass(frozen=True, slots=True)
class WriteState:
    """The state of a multi-step write: `done` is None while it is pending. `beat` grows with each of its steps."""

    done: bool | None
    beat: int


class WriteStates:
    """Reads and changes the states in a transaction table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def begin_action(self, name: str) -> Item:
        """Return the action that makes a state."""
        item = {**_key(name), "status": {"S": PENDING}, "beat": {"N": "0"}}
        return {"Put": {"TableName": self._table, "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}

    def step_action(self, name: str) -> Item:
        """Return the action with which each step fails unless the write is pending."""
        return self._change(name, "ADD #beat :one", {":one": {"N": "1"}})

    def commit_action(self, name: str) -> Item:
        """Return the action that makes everything visible, if the write is pending."""
        return self._change(name, "SET #status = :done", {":done": {"S": DONE}})

    def abort(self, name: str, beat: int | None = None) -> bool:
        """End a pending write, perhaps only if it has made no step since `beat`; return False if it was not."""
        values: Item = {":aborted": {"S": _ABORTED}}
        condition = ""
        if beat is not None:
            values[":beat"] = {"N": str(beat)}
            condition = " AND #beat = :beat"
        request: Any = self._change(name, "SET #status = :aborted", values, condition)["Update"]
        try:
            self._client.update_item(**request)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def read(self, name: str) -> WriteState | None:
        """Return the state of a write, None if nothing is left of it."""
        key: Any = _key(name)
        answer = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _state(answer["Item"]) if "Item" in answer else None

    def all(self) -> Iterator[tuple[str, WriteState]]:
        """Yield the names and the states of all writes of which something is left."""
        request: Any = {
            "TableName": self._table,
            "KeyConditionExpression": "pk = :states",
            "ExpressionAttributeValues": {":states": {"S": STATES}},
            "ConsistentRead": True,
        }
        while True:
            answer = self._client.query(**request)
            yield from ((item["sk"]["S"], _state(item)) for item in answer["Items"])
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def remove(self, name: str) -> None:
        """Remove the state of a write of which nothing else is left."""
        key: Any = _key(name)
        self._client.delete_item(TableName=self._table, Key=key)

    def _change(self, name: str, update: str, values: Item, condition: str = "") -> Item:
        return table_action(
            self._table,
            _key(name),
            update=update,
            condition=f"#status = :pending{condition}",
            names=_NAMES,
            values={":pending": {"S": PENDING}, **values},
        )


def _key(name: str) -> Item:
    return {"pk": {"S": STATES}, "sk": {"S": name}}


def _state(item: Any) -> WriteState:
    status = item["status"]["S"]
    return WriteState(None if status == PENDING else status == DONE, int(item["beat"]["N"]))
