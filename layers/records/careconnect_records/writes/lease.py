"""Hold a lease on an index record: each transaction of a multi-step write requires it (ADR 25)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from careconnect.storage.keys import count_shard
from careconnect_records.items.actions import Item, table_action
from careconnect_records.items.reference_counts import count_action
from careconnect_records.items.resource_items import item_size
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.plan import MAX_ACTIONS, MAX_BYTES
from careconnect_records.writes.target import Target

_ATTRIBUTES: Final = ("claim", "claimed", "begun", "raising", "raised", "lowering", "lowered")
"""The attributes that an index record has while it is leased, and at no other time."""

_AT_ONCE: Final = MAX_ACTIONS - 1


class Lease:
    """The lease of a target. The target's index record was read after the lease was put on it or taken over."""

    def __init__(self, tables: RecordTables, target: Target) -> None:
        item = target.index or {}
        self._tables = tables
        self._target = target
        self._table = tables.name(target.type.table)
        self._key = {"pk": item["pk"], "sk": item["sk"]}
        self._item = item
        self._names = {"#claim": "claim"}
        self._values = {":claim": item["claim"]}

    def do(self, actions: Iterable[Item]) -> None:
        """Do idempotent actions in as many transactions as they take."""
        holds = table_action(
            self._table, self._key, condition="#claim = :claim", names=self._names, values=self._values
        )
        for step in steps(actions):
            self._transact([holds, *step])

    def increment(self, keys: Sequence[str], *, strict: bool) -> None:
        """Increment the reference counts of resources, and note in the index record how many are done."""
        self._count(keys, 1, noted_in="raised", by=1, unless_deleted=strict)

    def undo_increments(self, keys: Sequence[str]) -> None:
        """Decrement the reference counts that were incremented for a version that will not be written."""
        self._count(keys, -1, noted_in="raised", by=-1)

    def decrement(self, keys: Sequence[str]) -> None:
        """Decrement the reference counts of resources, and note in the index record how many are done."""
        self._count(keys, -1, noted_in="lowered", by=1)

    def end(self) -> None:
        """End the lease. The index record of a resource without a version is deleted."""
        condition: Any = {
            "ConditionExpression": "#claim = :claim",
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }
        if self._target.version == 0:
            self._tables.client.delete_item(TableName=self._table, Key=self._key, **condition)
            return
        names = {f"#{name}": name for name in _ATTRIBUTES}
        condition["ExpressionAttributeNames"] = names
        self._tables.client.update_item(
            TableName=self._table, Key=self._key, UpdateExpression=f"REMOVE {', '.join(names)}", **condition
        )

    def _count(self, keys: Sequence[str], number: int, *, noted_in: str, by: int, unless_deleted: bool = False) -> None:
        shard, counts = count_shard(self._target.id), {self._target.type.name: number}
        done = int(self._item[noted_in]["N"])
        for start in range(0, len(keys), _AT_ONCE):
            part = keys[start : start + _AT_ONCE]
            after = done + by * len(part)
            noted = table_action(
                self._table,
                self._key,
                update="SET #counter = :after",
                condition="#claim = :claim AND #counter = :before",
                names={**self._names, "#counter": noted_in},
                values={**self._values, ":before": {"N": str(done)}, ":after": {"N": str(after)}},
            )
            counted = (
                count_action(self._tables.reference, key, shard, counts, unless_deleted=unless_deleted) for key in part
            )
            self._transact([noted, *counted])
            done = after

    def _transact(self, actions: Sequence[Any]) -> None:
        self._tables.client.transact_write_items(TransactItems=actions)


def steps(actions: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield actions in order, in groups that one transaction takes each, together with one action more."""
    step: list[Item] = []
    size = 0
    for action in actions:
        bytes_ = item_size(action["Put"]["Item"]) if "Put" in action else 0
        if step and (len(step) == _AT_ONCE or size + bytes_ > MAX_BYTES):
            yield step
            step, size = [], 0
        step.append(action)
        size += bytes_
    if step:
        yield step
