"""Read the items of multi-step writes: an intent is an item as a write will leave it, beside the item before (ADR 43).

An intent has the attributes of the item, and:

- `txn`: the name of its write, whose state decides between the two
- `prev`: the attributes of the item before, without its key; absent if there was none. For a body they are the
  `version` alone: the former body is stored as a version.
- `drop`: present if the write removes the item
- `base`: the write that made `prev`, if its own intents were not removed yet

A write over such a base keeps the index record before the base, at `former_record(base)` beside the resource's own: in
`former`, absent if there was none, with the `base` of that one. What was before in bodies and entries follows from it.

The state of a write is an item of a transaction table: the write's name is its sort key, and the name's beginning its
partition. It also says in which table: a role that writes only the directory has a table of its own. The item after a
state lists the writes that it follows.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from careconnect.fhir.resource_types import Table
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, entries_from, position_of

TXN: Final = "txn"
PREV: Final = "prev"
DROP: Final = "drop"
BASE: Final = "base"
INTENT_ATTRIBUTES: Final = (TXN, PREV, DROP, BASE)
FORMER: Final = "former"

BASES: Final = "bases"
"""The attribute with the names of the writes that a write follows; its item is absent if there are none.

It is put together with the state, and a listing that finds the state finds it too, since it reads it later.
"""

_OF_BASES: Final = "/bases"

DONE: Final = "committed"
"""The `status` of a write that is visible; `pending` and `aborted` are the others."""

Item = Mapping[str, Any]

PARTITIONS: Final = {Table.RECORD: ("r0", "r1"), Table.DIRECTORY: ("d0",)}
"""The partitions of states, by the table of states of those who write this table. A write's name begins with its own.

A listing is a Query of each. The directory has few writes that are not one DynamoDB transaction.
"""

_PARTITION: Final = len("r0")


class StateTables(NamedTuple):
    """The names of the tables of states: of writes by roles that write records, and by the directory's own."""

    record: str
    directory: str

    def of(self, name: str) -> str:
        """Return the name of the table that has a write's state."""
        return self.directory if states_with(name) is Table.DIRECTORY else self.record

    def of_vetoes(self, name: str) -> str:
        """Return the name of the other table: there, a role that cannot change a write's state forbids its commit."""
        return self.record if states_with(name) is Table.DIRECTORY else self.directory

    def queries(self) -> Iterator[dict[str, Any]]:
        """Yield the Queries of all states and of what they follow, strongly consistent: one for each partition."""
        for table, partitions in zip(self, (PARTITIONS[Table.RECORD], PARTITIONS[Table.DIRECTORY]), strict=True):
            for partition in partitions:
                yield {
                    "TableName": table,
                    "KeyConditionExpression": "pk = :partition",
                    "ExpressionAttributeValues": {":partition": {"S": partition}},
                    "ConsistentRead": True,
                }


def states_with(name: str) -> Table:
    """Return which table of states has the one of a write."""
    return Table.DIRECTORY if name[:_PARTITION] in PARTITIONS[Table.DIRECTORY] else Table.RECORD


def state_key(name: str) -> dict[str, Any]:
    """Return the key of a write's state."""
    return {"pk": {"S": name[:_PARTITION]}, "sk": {"S": name}}


def bases_key(name: str) -> dict[str, Any]:
    """Return the key of the list of the writes that a write follows."""
    return {"pk": {"S": name[:_PARTITION]}, "sk": {"S": f"{name}{_OF_BASES}"}}


def write_of(item: Item) -> str:
    """Return the name of the write that an item of a transaction table is about."""
    return str(item["sk"]["S"]).removesuffix(_OF_BASES)


def former_record(base: str) -> str:
    """Return the sort key under which the index record before a write is kept."""
    return f"{INDEX_ITEM}/{base}"


def names_in(items: Collection[Item]) -> set[str]:
    """Return the names of the writes that have put these items, and of those that they follow."""
    return {item[each]["S"] for item in items for each in (TXN, BASE) if TXN in item and each in item}


def previous(item: Item) -> dict[str, Any] | None:
    """Return the item before an intent, None if there was none; of a body, its key and its version alone."""
    return _with_key(item, item[PREV]["M"]) if PREV in item else None


def is_former_body(item: Item) -> bool:
    """Return True for the result of `previous` of a body: the body itself is stored as that version."""
    return bool(item["sk"]["S"] == JSON_ITEM) and "method" not in item


def resource_of(item: Item) -> str:
    """Return the partition key of the resource that an item belongs to."""
    pk, sk = item["pk"]["S"], item["sk"]["S"]
    if sk in (INDEX_ITEM, JSON_ITEM):
        return str(pk)
    # An entry: the type is in its partition, or in its sort key if its partition is that of what it refers to.
    type_name = (pk if "?" in pk else sk).partition("?")[0]
    return f"{type_name}/{position_of(sk)[1]}"


def in_record(item: Item, record: Item) -> dict[str, Any] | None:
    """Return an item as it was when its resource had the index record that `record` keeps; None if there was none.

    A body is returned as by `previous`.
    """
    if FORMER not in record:
        return None
    index, sk = record[FORMER]["M"], item["sk"]["S"]
    if sk == INDEX_ITEM:
        return _with_key(item, index)
    if sk == JSON_ITEM:
        return _with_key(item, {"version": index["version"]})
    if (item["pk"]["S"], sk) in entries_from(index["entries"]["S"]):
        return _with_key(item, {"values": index["values"]})
    return None


def _with_key(item: Item, attributes: Item) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"], **attributes}
