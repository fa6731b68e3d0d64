"""What is done to a resource under the claim on its index record, and only as long as that holds (ADR 25)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.storage.keys import count_shard
from careconnect_records.items.actions import Item, table_action
from careconnect_records.items.record import item_size
from careconnect_records.items.reference_counts import count_action
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.change import MOST_ACTIONS, MOST_BYTES

CLAIM: Final = ("claim", "claimed", "begun", "raising", "raised", "lowering", "lowered")
"""The attributes that an index record has while it is claimed, and no longer."""

_AT_ONCE: Final = MOST_ACTIONS - 1


class Lease:
    """A claim on an index record of one of the tables, `item` as it was when it was claimed or taken over."""

    def __init__(self, tables: RecordTables, served: ResourceType, item: Item) -> None:
        self._tables = tables
        self._served = served
        self._table = tables.name(served.home)
        self._key = {"pk": item["pk"], "sk": item["sk"]}
        self._item = item
        self._names = {"#claim": "claim"}
        self._values = {":claim": item["claim"]}

    def do(self, actions: Iterable[Item]) -> None:
        """Do what may be done twice, in as many transactions as it takes."""
        holds = table_action(
            self._table, self._key, condition="#claim = :claim", names=self._names, values=self._values
        )
        for step in steps(actions):
            self._transact([holds, *step])

    def increment(self, targets: Sequence[str], *, strict: bool) -> None:
        """Count the resource for what it comes to refer to, and note how many are done."""
        self._count(targets, 1, noted_in="raised", by=1, unless_closed=strict)

    def undo_increments(self, targets: Sequence[str]) -> None:
        """Count the resource no more for what it was counted for and will not refer to."""
        self._count(targets, -1, noted_in="raised", by=-1)

    def decrement(self, targets: Sequence[str]) -> None:
        """Count the resource no more for what it does not refer to any more, and note how many are done."""
        self._count(targets, -1, noted_in="lowered", by=1)

    def end(self) -> None:
        """End the claim; a record that never became one goes with it."""
        condition: Any = {
            "ConditionExpression": "#claim = :claim",
            "ExpressionAttributeNames": self._names,
            "ExpressionAttributeValues": self._values,
        }
        if self._item["version"]["N"] == "0":
            self._tables.client.delete_item(TableName=self._table, Key=self._key, **condition)
            return
        names = {f"#{name}": name for name in CLAIM}
        condition["ExpressionAttributeNames"] = names
        self._tables.client.update_item(
            TableName=self._table, Key=self._key, UpdateExpression=f"REMOVE {', '.join(names)}", **condition
        )

    def _count(
        self, targets: Sequence[str], number: int, *, noted_in: str, by: int, unless_closed: bool = False
    ) -> None:
        shard = count_shard(self._key["pk"]["S"].partition("/")[2])
        done = int(self._item[noted_in]["N"])
        for start in range(0, len(targets), _AT_ONCE):
            part = targets[start : start + _AT_ONCE]
            after = done + by * len(part)
            noted = table_action(
                self._table,
                self._key,
                update="SET #counter = :after",
                condition="#claim = :claim AND #counter = :before",
                names={**self._names, "#counter": noted_in},
                values={**self._values, ":before": {"N": str(done)}, ":after": {"N": str(after)}},
            )
            counts = {self._served.name: number}
            self._transact(
                [
                    noted,
                    *(
                        count_action(self._tables.reference, target, shard, counts, unless_closed=unless_closed)
                        for target in part
                    ),
                ]
            )
            done = after

    def _transact(self, actions: Sequence[Any]) -> None:
        self._tables.client.transact_write_items(TransactItems=actions)


def steps(actions: Iterable[Item]) -> Iterator[list[Item]]:
    """Group actions, in order, so that a transaction takes each group and one action more."""
    step: list[Item] = []
    size = 0
    for action in actions:
        bytes_ = item_size(action["Put"]["Item"]) if "Put" in action else 0
        if step and (len(step) == _AT_ONCE or size + bytes_ > MOST_BYTES):
            yield step
            step, size = [], 0
        step.append(action)
        size += bytes_
    if step:
        yield step
