"""Remove the intents of multi-step writes that have ended: what a write was to leave stays, or what was before.

Every call is on condition that the intent is there, and may be repeated by anybody. Searches read index records, bodies
and entries by snapshots, so `release_all` lets their intents stay for `VISIBLE_SECONDS` after the write has ended: no
request lasts as long. Identifier locks and reference counts are read by writers alone, who release them at once.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect.storage.intents import BASE, DROP, PREV, TXN, is_former_body, previous
from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect_records.items.actions import Item
from careconnect_records.items.reference_counts import release_count, writes_holding
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.reading import read_items
from careconnect_records.multi_step.states import WriteStates
from careconnect_records.multi_step.write_set import listed_in, write_set_key

VISIBLE_SECONDS: Final = 30.0
"""Seconds from the end of a write, as everyone sees it, until its intents are removed."""

MAX_SECONDS: Final = 200.0
"""Seconds after which a run begins no further write, as after a load of thousands: the function has 300."""

_THREADS: Final = 8


class Release:
    """Removes the intents of multi-step writes from all items.

    `elapsed` gives seconds since an arbitrary start. Errors are botocore's.
    """

    def __init__(self, tables: RecordTables, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._tables = tables
        self._elapsed = elapsed
        self._client = tables.client
        self._states = WriteStates(tables)

    def release_ended(self, sleep: Callable[[float], None] = time.sleep) -> int:
        """Release the writes that ended at least `VISIBLE_SECONDS` ago; return the number of all that were found.

        Those that make no step for as long are aborted: the next run releases them, and what `MAX_SECONDS` leave.
        """
        end = self._elapsed() + MAX_SECONDS
        found = dict(self._states.all())
        if not found:
            return 0
        sleep(VISIBLE_SECONDS)
        for name, state in found.items():
            if state.done is None:
                self._states.abort(name, state.beat)
        self._release({name: state.done for name, state in found.items() if state.done is not None}, end)
        return len(found)

    def release_all(self) -> None:
        """Release all writes while nobody reads or writes."""
        self._release(self.abort_pending())

    def abort_pending(self) -> dict[str, bool]:
        """Abort all writes that are pending, and return by name whether each write was done."""
        for name, state in self._states.all():
            if state.done is None:
                self._states.abort(name)
        return {name: bool(state.done) for name, state in self._states.all()}

    def _release(self, ended: Mapping[str, bool], end: float = math.inf) -> None:
        """Release writes by name; the first error is raised once all others are released."""
        failure: ClientError | None = None
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="release") as executor:
            for name, done in ended.items():
                if self._elapsed() > end:
                    break
                try:
                    self._write(executor, name, done=done)
                except ClientError as error:
                    # Such as a conflict, which botocore does not repeat: the next run goes on with it.
                    failure = failure or error
        if failure:
            raise failure

    def item(self, table: str, item: Item, *, done: bool) -> None:
        """Release an item of a table of resources: keep what a write has left (`done`), or what was before."""
        key: Any = {name: item[name] for name in ("pk", "sk")}
        condition: Any = {
            "ConditionExpression": "#txn = :txn",
            "ExpressionAttributeNames": {"#txn": TXN},
            "ExpressionAttributeValues": {":txn": item[TXN]},
        }
        before = previous(item)
        if done and DROP not in item:
            names = {f"#{each}": each for each in (TXN, PREV, BASE)}
            condition["ExpressionAttributeNames"] = names
            update = f"REMOVE {', '.join(names)}"
            _unless_changed(self._client.update_item, TableName=table, Key=key, UpdateExpression=update, **condition)
            return
        if done or before is None:
            _unless_changed(self._client.delete_item, TableName=table, Key=key, **condition)
            return
        if is_former_body(before):
            before = self.former_body(table, before)
        if before:
            _unless_changed(self._client.put_item, TableName=table, Item=before, **condition)

    def former_body(self, table: str, item: Mapping[str, Any]) -> Item | None:
        """Return the body before an intent of a body, from its version; None if it was released meanwhile."""
        key: Any = {"pk": item["pk"], "sk": {"S": version_item(JSON_ITEM, int(item["version"]["N"]))}}
        answer: Any = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
        found = answer.get("Item")
        return {**{name: value for name, value in found.items() if name != TXN}, "sk": item["sk"]} if found else None

    def count(self, item: Item, name: str, *, done: bool) -> None:
        """Release an item of reference counts from one write."""
        _unless_changed(self._client.update_item, **release_count(self._tables.reference, item, name, done=done))

    def _write(self, executor: ThreadPoolExecutor, name: str, *, done: bool) -> None:
        lists = []
        for table in self._tables.of_resources:
            key: Any = write_set_key(name)
            answer: Any = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
            if "Item" not in answer:
                continue
            lists.append((table, key))
            keys, counts = listed_in(answer["Item"])
            of_counts = ((self._tables.reference, {"pk": {"S": each}}) for each in counts)
            held = [each for each in read_items(self._client, of_counts) if name in writes_holding(each)]
            list(executor.map(lambda each: self.count(each, name, done=done), held))
            # A body first: what was before it is in the version, which is an item of the write too.
            bodies = [each for each in keys if each[1] == JSON_ITEM]
            for part in (bodies, [each for each in keys if each[1] != JSON_ITEM]):
                wanted = ((table, {"pk": {"S": pk}, "sk": {"S": sk}}) for pk, sk in part)
                items = [each for each in read_items(self._client, wanted) if each.get(TXN) == {"S": name}]
                list(executor.map(lambda each, table=table: self.item(table, each, done=done), items))
        for table, key in lists:
            self._client.delete_item(TableName=table, Key=key)
        self._states.remove(name)


def _unless_changed(operation: Callable[..., Any], **request: Any) -> None:
    """Do a call, or nothing if its condition fails: somebody else has released the item, or written over it."""
    try:
        operation(**request)
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
