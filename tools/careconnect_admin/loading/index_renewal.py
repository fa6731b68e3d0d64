"""Renew the index of stored resources, each as a whole and under the version that it has (ADR 22)."""

import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.aws import error_code
from careconnect.record_keys import INDEX_ITEM, JSON_ITEM, Key, resource_key
from careconnect.resource_types import ResourceType
from careconnect_admin.loading.attempts import ATTEMPTS, PASSING, Pauses, read_items
from careconnect_admin.loading.outcome import Outcome, Written, planned
from careconnect_admin.loading.writer import RecordTables
from careconnect_records.change import (
    MOST_ACTIONS,
    MOST_BYTES,
    Change,
    State,
    body_actions,
    packed,
    planned_renewal,
)
from careconnect_records.exact_json import JsonError, parse_json
from careconnect_records.record import GONE, Item, content_of, entries_text, item_size

AT_ONCE: Final = 50
"""Resources that one call reads: two items of each, and DynamoDB's quota for a BatchGetItem is 100."""

_OURS: Final = "reindex-"
"""How a claim begins that a renewal has made, and that another may take over."""

_Items = Mapping[Key, Item]


class _UnsettledError(Exception):
    """Somebody is at work on a resource; the text is what to say if that does not end."""


class IndexRenewer:
    """Brings entries and stored values up to date. Safe for use by several threads on different resources.

    `base_url` is the server's own root URL, whose references are its own. Errors of the service that would meet every
    resource alike are raised as botocore raises them. A `dry_run` tells what would be written, and writes nothing.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
        dry_run: bool = False,
    ) -> None:
        self._tables = tables
        self._client = tables.client
        self._base_url = base_url
        self._pauses = Pauses(sleep)
        self._dry_run = dry_run

    def renew(self, served: ResourceType, indexed: Mapping[str, str]) -> list[Written]:
        """Renew up to `AT_ONCE` resources of a type and return what became of each, in order.

        `indexed` has the values of the type's entry for each id. What is deleted has nothing to renew.
        """
        items = self._read(served, indexed)
        written: dict[int, Written] = {}
        changes: list[Change] = []
        for position, (resource_id, values) in enumerate(indexed.items()):
            try:
                change = self._planned(served, resource_id, values, items, position)
            except _UnsettledError:
                written[position] = self._renew_alone(served, resource_id, values)
                continue
            if isinstance(change, Change):
                changes.append(change)
            else:
                written[position] = change
        for group in packed(changes):
            written.update(self._write_group(group, indexed))
        return [written[position] for position in range(len(indexed))]

    def _planned(
        self, served: ResourceType, resource_id: str, values: str, items: _Items, position: int = 0
    ) -> Change | Written:
        key = resource_key(served.name, resource_id)
        index, body = items.get((key, INDEX_ITEM)), items.get((key, JSON_ITEM), {})
        if index is None:
            return Written(Outcome.DELETED)
        state = State(index)
        if state.is_claimed and not index["claim"]["S"].startswith(_OURS):
            raise _UnsettledError("a load of it is not finished: load it again, or delete it")
        if body.get("version") != index["version"]:
            raise _UnsettledError("its body is not that of its index record: load it again")
        if state.digest == GONE:
            return Written(Outcome.DELETED)
        try:
            content = content_of(served, parse_json(body["body"]["S"]))
        except JsonError as error:
            return Written(Outcome.FAILED, str(error))
        return planned(lambda: planned_renewal(content, state, body, values, position, base_url=self._base_url))

    def _write_group(self, group: Sequence[Change], indexed: Mapping[str, str]) -> Iterator[tuple[int, Written]]:
        if self._dry_run:
            yield from ((change.position, Written(Outcome.LOADED)) for change in group)
            return
        if group[0].fits:
            try:
                self._transact([action for change in group for action in change.actions(self._table(change))])
            except ClientError as error:
                if error_code(error) not in PASSING | {"ValidationException"}:
                    raise
            else:
                yield from ((change.position, Written(Outcome.LOADED)) for change in group)
                return
        for change in group:
            resource_id = change.content.resource_id
            yield change.position, self._renew_alone(change.content.served, resource_id, indexed[resource_id])

    def _renew_alone(self, served: ResourceType, resource_id: str, values: str) -> Written:
        """Renew one resource as it is now, again as long as a load gets in between."""
        reason = ""
        for attempt in range(ATTEMPTS):
            self._pauses.before(attempt)
            try:
                change = self._planned(served, resource_id, values, self._read(served, [resource_id]))
                if isinstance(change, Change) and not self._dry_run:
                    self._write(change)
            except _UnsettledError as error:
                reason = str(error)
            except ClientError as error:
                code = error_code(error)
                if code == "ValidationException":
                    return Written(Outcome.FAILED, "DynamoDB does not accept its items")
                if code not in PASSING:
                    raise
                reason = f"not written in {ATTEMPTS} attempts ({code})"
            else:
                return Written(Outcome.LOADED) if isinstance(change, Change) else change
        return Written(Outcome.FAILED, reason)

    def _write(self, change: Change) -> None:
        table = self._table(change)
        if change.fits:
            self._transact(change.actions(table))
        else:
            self._write_in_steps(change, table)

    def _write_in_steps(self, change: Change, table: str) -> None:
        """Write a resource with more entries than a transaction takes, as long as nobody else begins to.

        The index record is claimed with all entries, former and new, so that none is forgotten if this ends in
        between; former ones go when the new ones are there.
        """
        former = change.state.item if change.state else {}
        known = change.stale | change.record.keys | (change.state.entries if change.state else frozenset())
        claimed: Item = {
            **former,
            "entries": {"S": entries_text(sorted(known))},
            "claim": {"S": f"{_OURS}{uuid.uuid4().hex}"},
        }
        self._client.put_item(TableName=table, Item=claimed, **change.condition)
        still_ours = State(claimed).condition()
        key = {"pk": claimed["pk"], "sk": claimed["sk"]}
        for step in _steps(change.entry_actions(table)):
            self._transact([{"ConditionCheck": {"TableName": table, "Key": key, **still_ours}}, *step])
        self._transact(body_actions(table, change.record, still_ours))

    def _read(self, served: ResourceType, ids: Iterable[str]) -> _Items:
        keys = [
            {"pk": {"S": resource_key(served.name, resource_id)}, "sk": {"S": sort_key}}
            for resource_id in ids
            for sort_key in (JSON_ITEM, INDEX_ITEM)
        ]
        asked = {self._tables.name(served.home): {"Keys": keys, "ConsistentRead": True}}
        found = read_items(self._client, asked, self._pauses)
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}

    def _table(self, change: Change) -> str:
        return self._tables.name(change.content.served.home)

    def _transact(self, actions: Sequence[Any]) -> None:
        self._client.transact_write_items(TransactItems=actions)


def _steps(actions: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Group the writes of entries, in order, so that a transaction takes each group and one action more."""
    step: list[dict[str, Any]] = []
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
