"""Remove the intents of multi-step writes that have ended: what a write was to leave stays, or what was before.

Every call is on condition that the intent is there, and may be repeated by anybody. Searches read index records, bodies
and entries by snapshots, so `release_all` lets their intents stay for `VISIBLE_SECONDS` after the write has ended: no
request lasts as long. Identifier locks and reference counts are read by writers alone, who release them at once.
"""

import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect.storage.intents import BASE, DROP, PREV, TXN, is_former_body, previous
from careconnect.storage.keys import JSON_ITEM, version_item
from careconnect.storage.traces import EXPIRES, expiry_of, is_trace, next_of
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

WRITES_AT_ONCE: Final = 16
"""Writes that are released at once: two clients make 33 small ones a second, and must not get ahead of a run."""

_CALLS_AT_ONCE: Final = 32
_AT_ONCE: Final = 100


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
        """Release writes by name, several at once; the first error is raised once all others are released."""
        failure: ClientError | None = None
        with ThreadPoolExecutor(_CALLS_AT_ONCE) as calls, ThreadPoolExecutor(WRITES_AT_ONCE) as writes:
            waiting = [writes.submit(self._write, calls, name, end, done=done) for name, done in ended.items()]
            try:
                for each in waiting:
                    try:
                        each.result()
                    except ClientError as error:
                        # Such as a conflict, which botocore does not repeat: the next run goes on with it.
                        failure = failure or error
            except BaseException:
                writes.shutdown(wait=False, cancel_futures=True)
                raise
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
            if is_trace(item):
                update = f"SET #expires = :expires {update}"
                names["#expires"] = EXPIRES
                condition["ExpressionAttributeValues"][":expires"] = expiry_of(next_of(item))
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

    def _write(self, calls: ThreadPoolExecutor, name: str, end: float, *, done: bool) -> None:
        """Release a write, unless the time is over."""
        if self._elapsed() > end:
            return
        lists = {}
        for table in self._tables.of_resources:
            key: Any = write_set_key(name)
            answer: Any = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
            if "Item" in answer:
                lists[table] = key
                self._listed(calls, name, table, answer["Item"], done=done)
        for table, key in lists.items():
            self._client.delete_item(TableName=table, Key=key)
        self._states.remove(name, done=done)

    def _listed(self, calls: ThreadPoolExecutor, name: str, table: str, listed: Item, *, done: bool) -> None:
        """Release what a list of a write names, a hundred items at a time."""
        keys, counts = listed_in(listed)
        # A body before the others: what was before it is in the version, which is an item of the write too.
        keys.sort(key=lambda each: each[1] != JSON_ITEM)
        of_counts = [(self._tables.reference, {"pk": {"S": each}}) for each in counts]
        places = iter([*of_counts, *((table, {"pk": {"S": pk}, "sk": {"S": sk}}) for pk, sk in keys)])
        while part := list(islice(places, _AT_ONCE)):
            found = list(read_items(self._client, part))
            held = [each for each in found if "sk" not in each and name in writes_holding(each)]
            list(calls.map(lambda each: self.count(each, name, done=done), held))
            own = [each for each in found if each.get(TXN) == {"S": name}]
            for is_body in (True, False):
                items = [each for each in own if (each["sk"]["S"] == JSON_ITEM) is is_body]
                list(calls.map(lambda each: self.item(table, each, done=done), items))


def _unless_changed(operation: Callable[..., Any], **request: Any) -> None:
    """Do a call, or nothing if its condition fails: somebody else has released the item, or written over it."""
    try:
        operation(**request)
    except ClientError as error:
        if error_code(error) != "ConditionalCheckFailedException":
            raise
