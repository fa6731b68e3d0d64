"""Read the store as it was at one instant, while it is written (ADR 53).

An index of changes has an item at the instant of each version that was current at any time of the last day: an entry,
or a trace once the version is replaced. So the versions that were current at an instant are its items up to it that are
entries, or traces whose version was replaced later. No write stamped up to that instant can commit any more when a job
begins to read (`SETTLE_SECONDS`): a multi-step write that is not committed by then never will be.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ResourceType, Table
from careconnect.search.values import FIRST_INSTANT
from careconnect.storage.dynamodb import BATCH, FormatCheckedClient, Item, batch_get, call
from careconnect.storage.intents import BASE, DONE, DROP, PREV, TXN, StateTables, previous, state_key
from careconnect.storage.keys import JSON_ITEM, Key, position_of, resource_key, version_item
from careconnect.storage.traces import NEXT, VERSION, is_trace, next_of
from export_worker.errors import TryAgainError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PAGE: Final = 1_000
"""Items of one Query of an index."""

BATCH_BYTES: Final = 4_000_000
"""Bytes of the bodies that one BatchGetItem is planned to return.

There is one at a time: several take more of the processor, which is what limits a step, and of its memory.
"""

_LARGE_BODY: Final = 350_000.0
"""The bytes of a body that are expected before any was read."""

_ATTEMPTS: Final = 8
_PAUSE: Final = 0.05
_VERSIONS: Final = 4
"""Versions of the first Query that looks for the one of an instant; each further one asks for four times as many."""

_NAMES: Final = {f"#{name}": name for name in (VERSION, NEXT, TXN, PREV, DROP, BASE)}
_VALUES: Final = {"#values": "values"}

_Given = TypeVar("_Given")


class Position(NamedTuple):
    """The place of a version in an index of changes: its resource, its instant in epoch milliseconds, its sort key.

    `values` is the text of its stored search values, empty if they were not read or are gone. `version` is its number
    if the version was replaced, else 0.
    """

    id: str
    updated: int
    sort_key: str
    values: str = ""
    version: int = 0
    is_stored_as_former: bool = False
    """Whether its body has the key of a replaced version: an intent may not have moved it yet."""


class ExportStore:
    """Reads index and versions of both tables, always strongly consistent.

    Raises the 503 outcome if DynamoDB fails, and `TryAgainError` if an item changes again and again.
    """

    def __init__(
        self,
        client: "DynamoDBClient",
        tables: Mapping[Table, str],
        states: StateTables,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = FormatCheckedClient(client, tables.values(), outcomes.other_format, clock=clock)
        self._tables = tables
        self._states = states
        self._clock = clock
        self._sleep = sleep
        self._done: dict[str, bool] = {}
        self._body_bytes = _LARGE_BODY

    @property
    def table_names(self) -> str:
        """The names of the tables, which a job does not change."""
        return " ".join(self._tables.values())

    def forget(self) -> None:
        """Forget which writes are done, as a step does that begins: an earlier instant was asked for."""
        self._done = {}

    def pages(
        self, type_: ResourceType, partition: str, low: str, high: str, after: str, *, values: bool
    ) -> Iterator[list[Item]]:
        """Yield the items of a range of a partition, from behind the sort key `after`: one Query for each page.

        An item has its key and, if asked for, its search values; an intent has what is before it in any case.
        """
        if low > high:
            return
        names = {**_NAMES, **_VALUES} if values else _NAMES
        request: dict[str, Any] = {
            "TableName": self._tables[type_.table],
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {":pk": {"S": partition}, ":low": {"S": low}, ":high": {"S": high}},
            "ProjectionExpression": ", ".join(("pk", "sk", *names)),
            "ExpressionAttributeNames": names,
            "ConsistentRead": True,
            "Limit": PAGE,
        }
        if after:
            request["ExclusiveStartKey"] = {"pk": {"S": partition}, "sk": {"S": after}}
        while True:
            answer = call(self._client.query, **request)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def positions(self, type_: ResourceType, items: Iterable[Item], at: int) -> list[Position]:
        """Return the positions of those versions that were current at an instant, of items of an index up to it."""
        found = []
        for each in items:
            item: Item | None = each if TXN not in each else self._settled(type_, each, at)
            if item is None:
                continue
            sort_key = item["sk"]["S"]
            order, resource_id = position_of(sort_key)
            updated = int(order) + FIRST_INSTANT
            if NEXT not in item:
                found.append(Position(resource_id, updated, sort_key, item["values"]["S"] if "values" in item else ""))
            elif next_of(item) > at:
                number = int(item[VERSION]["N"])
                found.append(Position(resource_id, updated, sort_key, "", number, TXN not in item))
        return found

    def bodies(
        self, type_: ResourceType, partition: str, positions: Iterable[Position]
    ) -> Iterator[tuple[Position, Item]]:
        """Yield each position with the body of its version, in order: one BatchGetItem for each hundred or less."""
        for chunk in self._chunks(iter(positions)):
            yield from self._versions_at(type_, partition, chunk)

    def current(self, type_: ResourceType, items: Iterable[Item]) -> Iterator[tuple[Item, Item | None]]:
        """Yield each item of an index with the stored body of its resource, in order: as `bodies` reads them.

        Intents are yielded as they are stored, and None for a body that is not there.
        """
        for chunk in self._chunks(iter(items)):
            yield from self._with_bodies(type_, chunk)

    def now(self, type_: ResourceType, ids: Sequence[str]) -> dict[str, Item]:
        """Return the versions of at most `BATCH` resources that are current now, by their ids: of those that ever were.

        One BatchGetItem, and more for a resource that a multi-step write holds.
        """
        at, found = int(self._clock() * 1_000), {}
        for (key, _), stored in self._bodies(
            type_, [(resource_key(type_.name, id_), JSON_ITEM) for id_ in ids]
        ).items():
            resource_id = key.partition("/")[2]
            body = self.version_at(type_, resource_id, at) if TXN in stored else stored
            if body is not None:
                found[resource_id] = body
        return found

    def version_at(self, type_: ResourceType, resource_id: str, at: int) -> Item | None:
        """Return the version of a resource that was current at an instant, None if there was none."""
        for attempt in range(_ATTEMPTS):
            self._pause(attempt)
            body = self._body(type_, resource_id, JSON_ITEM)
            if body is None:
                return None
            is_of_then = int(body["updated"]["N"]) <= at
            if TXN in body:
                done = self._is_done(body[TXN]["S"]) if is_of_then else False
                if done is None:
                    continue
                if done:
                    return body
                former = previous(body)
                highest = int(former["version"]["N"]) if former else 0
            elif is_of_then:
                return body
            else:
                highest = int(body["version"]["N"]) - 1
            if not highest:
                return None
            is_there, found = self._former_at(type_, resource_id, highest, at)
            if is_there:
                return found
        raise TryAgainError("VersionNotFound")

    def version(self, type_: ResourceType, resource_id: str, number: int) -> Item | None:
        """Return a replaced version."""
        return self._body(type_, resource_id, version_item(JSON_ITEM, number))

    def _former_at(self, type_: ResourceType, resource_id: str, highest: int, at: int) -> tuple[bool, Item | None]:
        """Return whether the replaced versions begin with the `highest`, and the last one up to an instant."""
        expected, limit = highest, _VERSIONS
        request: dict[str, Any] = {
            "TableName": self._tables[type_.table],
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :low AND :high",
            "ExpressionAttributeValues": {
                ":pk": {"S": resource_key(type_.name, resource_id)},
                ":low": {"S": version_item(JSON_ITEM, 0)},
                ":high": {"S": version_item(JSON_ITEM, highest)},
            },
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        while True:
            answer = call(self._client.query, **request, Limit=limit)
            for body in answer["Items"]:
                if int(body["version"]["N"]) != expected:
                    # The write that had replaced it was undone, and is released at this moment.
                    return False, None
                expected -= 1
                if int(body["updated"]["N"]) <= at:
                    return True, body
            if "LastEvaluatedKey" not in answer:
                return expected < highest, None
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
            limit = min(4 * limit, BATCH)

    def _settled(self, type_: ResourceType, item: Item, at: int) -> Item | None:
        """Return an item of an index as it was at an instant, an intent that cannot have been done by then as before.

        The intent of a trace may stay one: its version was current then, whatever becomes of the write.
        """
        current: Item | None = item
        while current is not None and TXN in current:
            if is_trace(current) and next_of(current) > at:
                return current
            done = self._is_done(current[TXN]["S"])
            if done is not None:
                return (None if DROP in current else current) if done else previous(current)
            # It was released, so the item is another one now.
            current = self._item(type_, current["pk"]["S"], current["sk"]["S"])
        return current

    def _is_done(self, name: str) -> bool | None:
        """Return whether a write that may have been done by the instant was; None if nothing is left of it."""
        if name not in self._done:
            key = state_key(name)
            answer = call(self._client.get_item, TableName=self._states.of(name), Key=key, ConsistentRead=True)
            if "Item" not in answer:
                return None
            self._done[name] = answer["Item"]["status"]["S"] == DONE
        return self._done[name]

    def _versions_at(
        self, type_: ResourceType, partition: str, positions: Sequence[Position]
    ) -> list[tuple[Position, Item]]:
        """Return each position with the body of its version: one BatchGetItem, and more for what changes meanwhile."""
        name = f"{type_.name}/"
        keys = [
            (name + each.id, version_item(JSON_ITEM, each.version) if each.is_stored_as_former else JSON_ITEM)
            for each in positions
        ]
        bodies = self._bodies(type_, keys)
        found = []
        for position, key in zip(positions, keys, strict=True):
            body = bodies.get(key)
            if body is None or int(body["updated"]["N"]) != position.updated:
                body = self._sought(type_, partition, position)
            found.append((position, body))
        return found

    def _sought(self, type_: ResourceType, partition: str, position: Position) -> Item:
        """Return the body of a version that is being replaced, or was since its position was read."""
        numbers = {position.version} - {0}
        for attempt in range(_ATTEMPTS):
            self._pause(attempt)
            body = self._body(type_, position.id, JSON_ITEM)
            if body is not None:
                if int(body["updated"]["N"]) == position.updated:
                    return body
                before = previous(body) if TXN in body else None
                if before:
                    numbers.add(int(before["version"]["N"]))
            # Its trace has the number by now.
            entry = self._item(type_, partition, position.sort_key)
            if entry and is_trace(entry):
                numbers.add(int(entry[VERSION]["N"]))
            for number in sorted(numbers):
                former = self.version(type_, position.id, number)
                if former and int(former["updated"]["N"]) == position.updated:
                    return former
        raise TryAgainError("VersionNotFound")

    def _with_bodies(self, type_: ResourceType, items: Sequence[Item]) -> list[tuple[Item, Item | None]]:
        keys = [(resource_key(type_.name, position_of(item["sk"]["S"])[1]), JSON_ITEM) for item in items]
        bodies = self._bodies(type_, keys)
        return [(item, bodies.get(key)) for item, key in zip(items, keys, strict=True)]

    def _bodies(self, type_: ResourceType, wanted: Sequence[Key]) -> dict[Key, Item]:
        """Return bodies by their keys."""
        table = self._tables[type_.table]
        # A resource may be wanted twice: a range may have several traces of it.
        keys = [(table, {"pk": {"S": pk}, "sk": {"S": sk}}) for pk, sk in dict.fromkeys(wanted)]
        found: dict[Key, Item] = {}
        size = 0
        for item in batch_get(self._client, keys, consistent=True, sleep=self._sleep):
            found[item["pk"]["S"], item["sk"]["S"]] = item
            if "body" in item:
                size += len(item["body"]["S"])
        # It follows what is read: large bodies come together.
        self._body_bytes = max(self._body_bytes / 2, size / max(len(found), 1), 1.0)
        return found

    def _chunks(self, given: Iterator[_Given]) -> Iterator[list[_Given]]:
        while chunk := list(islice(given, max(1, min(BATCH, int(BATCH_BYTES / self._body_bytes))))):
            yield chunk

    def _body(self, type_: ResourceType, resource_id: str, sort_key: str) -> Item | None:
        return self._item(type_, resource_key(type_.name, resource_id), sort_key)

    def _item(self, type_: ResourceType, partition: str, sort_key: str) -> Item | None:
        key = {"pk": {"S": partition}, "sk": {"S": sort_key}}
        answer = call(self._client.get_item, TableName=self._tables[type_.table], Key=key, ConsistentRead=True)
        found: Item | None = answer.get("Item")
        return found

    def _pause(self, attempt: int) -> None:
        if attempt:
            self._sleep(_PAUSE * attempt)
