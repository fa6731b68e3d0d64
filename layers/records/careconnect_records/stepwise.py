"""Write a resource that one transaction does not take, in steps that a reader sees nothing of (ADR 25).

1. Its index record is claimed, with the entries that come, and what comes to be referred to.
2. Entries are staged: whoever meets one asks the index record whether it holds, and what it says. Marks and guards are
   raised. Each of these steps holds under the claim alone, and those that count note in the record how far they are.
3. One transaction writes the index record and the bodies: from then on the new version is there, whole.
4. What was staged is made an entry, or removed, what is not referred to any more is lowered, and the claim ends.

Killed anywhere, the index record says what there is to do: `finish` is the fourth step, after the third or without it.
"""

import json
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.record_keys import INDEX_ITEM, Key
from careconnect.resource_types import ResourceType
from careconnect_records.actions import Item, delete, put, table_action
from careconnect_records.change import MOST_ACTIONS, MOST_BYTES, Change, State
from careconnect_records.identifier_guards import Guard, guard_action, guards_among
from careconnect_records.record import TooLargeError, entries_from, entries_text, item_size, texts_text
from careconnect_records.reference_marks import count_action, shard_for
from careconnect_records.tables import RecordTables
from careconnect_records.transaction import closing_actions, record_actions

ABANDONED_AFTER: Final = 5_000
"""Milliseconds after which a claim is taken for one whose writer has ended: a step takes a hundredth of that."""

_CLAIM: Final = ("claim", "claimed", "begun", "raising", "raised", "lowering", "lowered")
_LARGEST_ITEM: Final = 390_000
_NONE_EXPECTED: Mapping[Key, Guard] = {}


class StillAtWorkError(Exception):
    """Another writer is at work on a resource: it was claimed a moment ago."""


class StepwiseWrite:
    """Writes resources in steps, and ends what others have begun. `clock` gives milliseconds since 1970.

    What another writer does in between makes botocore raise `TransactionCanceledException`, or
    `ConditionalCheckFailedException`: then the record is to be read again, and finished if it is claimed.
    """

    def __init__(self, tables: RecordTables, clock: Callable[[], int]) -> None:
        self._tables = tables
        self._client = tables.client
        self._clock = clock

    def write(
        self,
        change: Change,
        *,
        strict: bool,
        expected: Mapping[Key, Guard] = _NONE_EXPECTED,
        full: Collection[Key] = (),
    ) -> None:
        """Write a change as `transaction.write_actions` would; raises `TooLargeError` before anything is written."""
        claim = self._claim(change)
        try:
            index = self._write_under(claim, change, strict=strict, expected=expected, full=full)
        except ClientError:
            # Nobody else has to wait until this claim is old.
            with suppress(ClientError):
                self._take_over(change.content.served, claim)
            raise
        self._tidy(change.content.served, State(index))

    def _write_under(
        self,
        claim: Item,
        change: Change,
        *,
        strict: bool,
        expected: Mapping[Key, Guard],
        full: Collection[Key],
    ) -> Item:
        """Do the second and the third step, and return the index record as it is then."""
        served, table = change.content.served, self._tables.name(change.content.served.home)
        resource_id = change.content.resource_id
        former = change.state.entries if change.state else frozenset()
        under = _Claim(self._tables, table, claim)
        for step in _steps(_stage_actions(table, change, former)):
            under.transact(step)
        under.count(served, resource_id, sorted(change.raised), "raised", 1, strict=strict)
        added = (
            guard_action(table, guard, added=resource_id, full=guard in full) for guard in sorted(change.guards_added)
        )
        for step in _steps(added):
            under.transact(step)
        index = {
            **change.record.index,
            **{name: claim[name] for name in ("claim", "begun")},
            "claimed": {"S": entries_text(sorted(former - change.record.keys))},
            "lowering": {"S": texts_text(change.lowered)},
            "lowered": {"N": "0"},
        }
        record, *bodies = record_actions(table, change)
        record["Put"] = {"TableName": table, "Item": index, **State(claim).condition()}
        known = {guard: _raised(guard, expected[guard], change, full) for guard in sorted(expected)}
        actions: list[Any] = [
            record,
            *bodies,
            *closing_actions(self._tables.reference, change, strict=strict),
            *(guard_action(table, guard, expected=guard_is) for guard, guard_is in known.items()),
        ]
        self._client.transact_write_items(TransactItems=actions)
        return index

    def finish(self, served: ResourceType, state: State) -> None:
        """End what another writer has begun on a claimed record, if it goes on no more.

        Raises `StillAtWorkError` if it may.
        """
        if self._clock() - int(state.item["begun"]["N"]) < ABANDONED_AFTER:
            raise StillAtWorkError
        self._take_over(served, state.item)

    def _take_over(self, served: ResourceType, item: Item) -> None:
        """Make a claim one's own, as far as it has come by now, and end it."""
        answer = self._client.update_item(
            TableName=self._tables.name(served.home),
            Key={"pk": item["pk"], "sk": item["sk"]},
            UpdateExpression="SET #claim = :ours, #begun = :now",
            ConditionExpression="#claim = :claim",
            ExpressionAttributeNames={"#claim": "claim", "#begun": "begun"},
            ExpressionAttributeValues={
                ":claim": item["claim"],
                ":ours": {"S": uuid.uuid4().hex},
                ":now": {"N": str(self._clock())},
            },
            ReturnValues="ALL_NEW",
        )
        self._tidy(served, State(dict(answer["Attributes"])))

    def _claim(self, change: Change) -> Item:
        """Claim the index record of a change, and return it as it is then."""
        former = change.state.entries if change.state else frozenset()
        base = change.state.item if change.state else _not_there_yet(change)
        claim: Item = {
            **base,
            "claim": {"S": uuid.uuid4().hex},
            "begun": {"N": str(self._clock())},
            "claimed": {"S": entries_text(sorted(change.record.keys - former))},
            "raising": {"S": texts_text(change.raised)},
            "raised": {"N": "0"},
        }
        if item_size(claim) > _LARGEST_ITEM:
            raise TooLargeError("too large: more is indexed of it, and was before, than an item holds")
        self._client.put_item(TableName=self._tables.name(change.content.served.home), Item=claim, **change.condition)
        return claim

    def _tidy(self, served: ResourceType, state: State) -> None:
        """Bring entries, guards and marks to what a claimed index record says, and end its claim."""
        item, table = state.item, self._tables.name(served.home)
        resource_id = item["pk"]["S"].partition("/")[2]
        under = _Claim(self._tables, table, item)
        claimed = entries_from(item["claimed"]["S"])
        for step in _steps(_settle_actions(table, state, claimed)):
            under.transact(step)
        gone = guards_among(served.name, claimed) - guards_among(served.name, state.entries)
        for step in _steps(guard_action(table, guard, removed=resource_id) for guard in sorted(gone)):
            under.transact(step)
        if "raising" in item:
            # The third step did not come: what was counted for it is not.
            raised = json.loads(item["raising"]["S"])[: int(item["raised"]["N"])]
            under.count(served, resource_id, list(reversed(raised)), "raised", -1)
        else:
            lowering = json.loads(item["lowering"]["S"])[int(item["lowered"]["N"]) :]
            under.count(served, resource_id, lowering, "lowered", -1)
        under.end()


class _Claim:
    """What is done under a claim: only as long as it holds."""

    def __init__(self, tables: RecordTables, table: str, item: Item) -> None:
        self._tables = tables
        self._table = table
        self._key = {"pk": item["pk"], "sk": item["sk"]}
        self._item = item
        self._names = {"#claim": "claim"}
        self._values = {":claim": item["claim"]}

    def transact(self, actions: Sequence[Item]) -> None:
        """Do a step that may be done twice."""
        holds = table_action(
            self._table, self._key, condition="#claim = :claim", names=self._names, values=self._values
        )
        self._tables.client.transact_write_items(TransactItems=[holds, *actions])  # type: ignore[list-item]

    def count(
        self,
        served: ResourceType,
        resource_id: str,
        targets: Sequence[str],
        counter: str,
        number: int,
        *,
        strict: bool = False,
    ) -> None:
        """Count the resource for its targets, or no more; how many are done is noted with them."""
        done = int(self._item.get(counter, {"N": "0"})["N"])
        direction = number if counter == "raised" else 1
        for start in range(0, len(targets), MOST_ACTIONS - 1):
            part = targets[start : start + MOST_ACTIONS - 1]
            after = done + direction * len(part)
            noted = table_action(
                self._table,
                self._key,
                update="SET #counter = :after",
                condition="#claim = :claim AND #counter = :before",
                names={**self._names, "#counter": counter},
                values={**self._values, ":before": {"N": str(done)}, ":after": {"N": str(after)}},
            )
            shard = shard_for(resource_id)
            counts = [
                count_action(self._tables.reference, target, shard, {served.name: number}, unless_closed=strict)
                for target in part
            ]
            self._tables.client.transact_write_items(TransactItems=[noted, *counts])  # type: ignore[list-item]
            done = after

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
        names = {f"#{name}": name for name in _CLAIM}
        condition["ExpressionAttributeNames"] = names
        self._tables.client.update_item(
            TableName=self._table, Key=self._key, UpdateExpression=f"REMOVE {', '.join(names)}", **condition
        )


def _not_there_yet(change: Change) -> Item:
    """Return the index record of a resource that is not there before its first version is."""
    return {
        "pk": change.record.index["pk"],
        "sk": {"S": INDEX_ITEM},
        "version": {"N": "0"},
        "updated": {"N": "0"},
        "digest": {"S": ""},
        "values": {"S": "{}"},
        "entries": {"S": "[]"},
        "targets": {"S": "[]"},
    }


def _stage_actions(table: str, change: Change, former: frozenset[Key]) -> Iterator[Item]:
    """Yield the actions after which the index record alone says which entries hold."""
    values = change.record.index["values"]
    for pk, sk in sorted(change.record.keys):
        yield put(table, {"pk": {"S": pk}, "sk": {"S": sk}, "values": values, "staged": {"BOOL": True}})
    for pk, sk in sorted(former - change.record.keys):
        yield table_action(
            table,
            {"pk": {"S": pk}, "sk": {"S": sk}},
            update="SET #staged = :yes",
            names={"#staged": "staged"},
            values={":yes": {"BOOL": True}},
        )


def _settle_actions(table: str, state: State, claimed: frozenset[Key]) -> Iterator[Item]:
    """Yield the actions after which an index record's entries are there, and the others that it claimed are not."""
    values = state.item["values"]
    for pk, sk in sorted(state.entries):
        yield put(table, {"pk": {"S": pk}, "sk": {"S": sk}, "values": values})
    yield from (delete(table, key) for key in sorted(claimed - state.entries))


def _steps(actions: Iterator[Item]) -> Iterator[list[Item]]:
    """Group actions, in order, so that a transaction takes each group and one action more."""
    step: list[Item] = []
    size = 0
    for action in actions:
        bytes_ = item_size(action["Put"]["Item"]) if "Put" in action else 0
        if step and (len(step) == MOST_ACTIONS - 1 or size + bytes_ > MOST_BYTES):
            yield step
            step, size = [], 0
        step.append(action)
        size += bytes_
    if step:
        yield step


def _raised(guard: Key, known: Guard, change: Change, full: Collection[Key]) -> Guard:
    """Return what a guard that was read says once the second step has added the change's own id to it."""
    if guard not in change.guards_added:
        return known
    if known.many or guard in full:
        return Guard(known.ids, many=True, times=known.times + 1)
    return Guard(known.ids | {change.content.resource_id}, times=known.times + 1)
