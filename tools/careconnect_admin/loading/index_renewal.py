"""Renew the index of stored resources, each as a whole and under the version that it has (ADR 22)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.aws import error_code
from careconnect.record_keys import INDEX_ITEM, JSON_ITEM, Key, resource_key
from careconnect.resource_types import ResourceType
from careconnect_admin.loading.attempts import ATTEMPTS, PASSING, Pauses, read_items
from careconnect_admin.loading.full_guards import full_guards
from careconnect_admin.loading.outcome import Outcome, Written, planned
from careconnect_admin.loading.turns import Turns, lane_of
from careconnect_records.actions import Item
from careconnect_records.change import Change, State, planned_renewal
from careconnect_records.exact_json import JsonError, parse_json
from careconnect_records.packing import packed
from careconnect_records.record import TooLargeError, content_of
from careconnect_records.stepwise import StepwiseWrite, StillAtWorkError
from careconnect_records.tables import RecordTables
from careconnect_records.transaction import group_actions, write_actions

AT_ONCE: Final = 50
"""Resources that one call reads: two items of each, and DynamoDB's quota for a BatchGetItem is 100."""

_FORMER: Final = "reindex-"
"""How a claim begins that a renewal of an earlier release has made, and that another may take over."""

_Items = Mapping[Key, Item]


class _UnsettledError(Exception):
    """Somebody is at work on a resource; the text is what to say if that does not end."""


class IndexRenewer:
    """Brings entries and stored values up to date. Safe for use by several threads on different resources.

    `base_url` is the server's own root URL, whose references are its own. Errors of the service that would meet every
    resource alike are raised as botocore raises them. `clock` gives seconds since 1970. A `dry_run` tells what would be
    written, and writes nothing.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        base_url: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        dry_run: bool = False,
    ) -> None:
        self._tables = tables
        self._client = tables.client
        self._base_url = base_url
        self._pauses = Pauses(sleep)
        self._turns = Turns()
        self._dry_run = dry_run
        self._steps = StepwiseWrite(tables, lambda: int(clock() * 1000), self._pauses.before)

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
        for group in packed(sorted(changes, key=lambda change: lane_of(change.content))):
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
        if state.is_unfinished:
            raise _UnsettledError("another writer is at work on it")
        if state.is_claimed and not index["claim"]["S"].startswith(_FORMER):
            raise _UnsettledError("a load of it is not finished: load it again, or delete it")
        if body.get("version") != index["version"]:
            raise _UnsettledError("its body is not that of its index record: load it again")
        if state.is_gone:
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
        if group[0].fits():
            try:
                with self._turns.taken(group):
                    self._transact(group_actions(group, self._tables))
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
                change = self._planned(served, resource_id, values, self._settled(served, resource_id))
                if isinstance(change, Change) and not self._dry_run:
                    self._write(change)
            except _UnsettledError as error:
                reason = str(error)
            except TooLargeError as error:
                return Written(Outcome.FAILED, str(error))
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

    def _settled(self, served: ResourceType, resource_id: str) -> _Items:
        """Read a resource, once what another writer began on it is ended."""
        items = self._read(served, [resource_id])
        index = items.get((resource_key(served.name, resource_id), INDEX_ITEM))
        if index is None or self._dry_run or not (state := State(index)).is_unfinished:
            return items
        try:
            self._steps.finish(served, state)
        except StillAtWorkError:
            return items
        return self._read(served, [resource_id])

    def _write(self, change: Change) -> None:
        full = full_guards(self._client, self._tables, change, self._pauses)
        if change.fits():
            with self._turns.taken([change]):
                self._transact(write_actions(change, self._tables, strict=False, full=full))
        else:
            self._steps.write(change, strict=False, full=full)

    def _read(self, served: ResourceType, ids: Iterable[str]) -> _Items:
        keys = [
            {"pk": {"S": resource_key(served.name, resource_id)}, "sk": {"S": sort_key}}
            for resource_id in ids
            for sort_key in (JSON_ITEM, INDEX_ITEM)
        ]
        asked = {self._tables.name(served.home): {"Keys": keys, "ConsistentRead": True}}
        found = read_items(self._client, asked, self._pauses)
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in found}

    def _transact(self, actions: Sequence[Any]) -> None:
        self._client.transact_write_items(TransactItems=actions)
