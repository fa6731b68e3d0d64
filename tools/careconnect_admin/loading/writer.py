"""Write records to DynamoDB: each resource whole or not at all, many to a transaction (ADR 0004)."""

import random
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.aws import error_code
from careconnect.record_keys import CURSOR_KEY, INDEX_ITEM, Key
from careconnect.resource_types import Home
from careconnect.search_values import SearchValueError
from careconnect_admin.loading.items import (
    Content,
    Item,
    Record,
    TooLargeError,
    build_record,
    entries_from,
    entries_text,
    epoch_milliseconds,
    item_size,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's quotas: a transaction takes 100 actions and 4 MB (a part is left for its JSON), a batch 25 or 100.
_MOST_ACTIONS: Final = 100
_MOST_BYTES: Final = 3_500_000
_BATCH_WRITES: Final = 25
_BATCH_READS: Final = 100

_ATTEMPTS: Final = 8
_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_PASSING: Final = frozenset(
    (
        "TransactionCanceledException",
        "TransactionConflictException",
        "TransactionInProgressException",
        "ConditionalCheckFailedException",
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
    )
)


class Outcome(Enum):
    """What became of one resource."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome for one resource, with the reason of a failure."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The two tables that hold resources, and the client to write them with."""

    client: "DynamoDBClient"
    record: str
    directory: str

    def name(self, home: Home) -> str:
        """Return the name of the table for `home`."""
        return self.record if home is Home.RECORD else self.directory


@dataclass(frozen=True, slots=True)
class _State:
    """The index record that a resource has, as it was read."""

    item: Item

    @property
    def version(self) -> int:
        return int(self.item["version"]["N"])

    @property
    def updated(self) -> int:
        return int(self.item["updated"]["N"])

    @property
    def digest(self) -> str:
        return str(self.item["digest"]["S"])

    @property
    def entries(self) -> frozenset[Key]:
        return entries_from(self.item["entries"]["S"])

    def condition(self) -> dict[str, Any]:
        """Return the condition under which the record is still the one that was read."""
        values: dict[str, Any] = {":version": self.item["version"]}
        claim = "attribute_not_exists(#claim)"
        if "claim" in self.item:
            claim = "#claim = :claim"
            values[":claim"] = self.item["claim"]
        return {
            "ConditionExpression": f"#version = :version AND {claim}",
            "ExpressionAttributeNames": {"#version": "version", "#claim": "claim"},
            "ExpressionAttributeValues": values,
        }


_ABSENT: Final = {"ConditionExpression": "attribute_not_exists(pk)"}


@dataclass(frozen=True, slots=True)
class _Change:
    """What has to be written for one resource: its record, and the entries that it leaves behind."""

    position: int
    content: Content
    state: _State | None
    record: Record
    stale: frozenset[Key]
    size: int

    @property
    def actions(self) -> int:
        return len(self.record.bodies) + 1 + len(self.record.entries) + len(self.stale)

    @property
    def fits(self) -> bool:
        return self.actions <= _MOST_ACTIONS and self.size <= _MOST_BYTES

    @property
    def outcome(self) -> Outcome:
        return Outcome.DELETED if self.content.resource is None else Outcome.LOADED


class RecordWriter:
    """Brings resources' records up to date. Safe for use by several threads on different resources.

    `base_url` is the server's own root URL, whose references are its own. Errors of the service that
    would meet every resource alike (denied, no such table, no connection) are raised as botocore raises them.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        clock: Callable[[], datetime],
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._tables = tables
        self._client = tables.client
        self._clock = clock
        self._base_url = base_url
        self._sleep = sleep

    def ensure_cursor_keys(self) -> None:
        """Give each table the key that seals its `next` links, unless it has one."""
        pk, sk = CURSOR_KEY
        for table in (self._tables.record, self._tables.directory):
            try:
                self._client.put_item(
                    TableName=table,
                    Item={"pk": {"S": pk}, "sk": {"S": sk}, "key": {"B": secrets.token_bytes(32)}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise

    def write(self, contents: Sequence[Content]) -> list[Written]:
        """Write resources, no two of them the same one, and return what became of each, in order."""
        states = self._read_states(contents)
        written: dict[int, Written] = {}
        changes: list[_Change] = []
        for position, content in enumerate(contents):
            change = self._change(content, states.get(content.key), position)
            if isinstance(change, Written):
                written[position] = change
            else:
                changes.append(change)
        for group in _packed(changes):
            written.update(self._write_group(group))
        return [written[position] for position in range(len(contents))]

    def _change(self, content: Content, state: _State | None, position: int = 0) -> _Change | Written:
        """Return what there is to write, or why there is nothing to write."""
        if state is None and content.resource is None:
            return Written(Outcome.UNCHANGED)
        try:
            record = self._record(content, state)
        except (TooLargeError, SearchValueError) as error:
            return Written(Outcome.FAILED, str(error))
        if state is not None and record.index == state.item:
            return Written(Outcome.UNCHANGED)
        stale = (state.entries if state else frozenset()) - record.keys
        size = sum(item_size(item) for item in (*record.bodies, record.index, *record.entries))
        return _Change(position, content, state, record, stale, size)

    def _record(self, content: Content, state: _State | None) -> Record:
        now = epoch_milliseconds(self._clock())
        if state is None:
            return build_record(content, 1, now, base_url=self._base_url)
        if state.digest == content.digest:
            # The same content is the same version; only its index may be out of date after an upgrade.
            return build_record(content, state.version, state.updated, base_url=self._base_url)
        return build_record(content, state.version + 1, max(now, state.updated), base_url=self._base_url)

    def _write_group(self, group: Sequence[_Change]) -> Iterator[tuple[int, Written]]:
        if len(group) > 1 or group[0].fits:
            try:
                self._transact([action for change in group for action in self._actions(change)])
            except ClientError as error:
                if error_code(error) not in _PASSING | {"ValidationException"}:
                    raise
            else:
                yield from ((change.position, Written(change.outcome)) for change in group)
                return
        for change in group:
            yield change.position, self._write_alone(change.content)

    def _write_alone(self, content: Content) -> Written:
        """Write one resource on what is there now, again as long as another loader gets in between."""
        code = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                self._pause(attempt)
            change = self._change(content, self._read_states([content]).get(content.key))
            if isinstance(change, Written):
                return change
            try:
                if change.fits:
                    self._transact(self._actions(change))
                else:
                    self._write_large(change)
            except ClientError as error:
                code = error_code(error)
                if code == "ValidationException":
                    return Written(Outcome.FAILED, "DynamoDB does not accept its items")
                if code not in _PASSING:
                    raise
            else:
                return Written(change.outcome)
        return Written(Outcome.FAILED, f"not written in {_ATTEMPTS} attempts ({code})")

    def _write_large(self, change: _Change) -> None:
        """Write a resource with more entries than a transaction takes.

        Entries first, bodies last: a reader leaves out an entry whose body is not there, and so a load that
        dies in between is finished by the next, whereas a body without its entries would never be found. The
        index record is claimed before, with all entries old and new, so that none is forgotten whatever happens.
        """
        table = self._tables.name(change.content.served.home)
        known = change.stale | change.record.keys | (change.state.entries if change.state else frozenset())
        base = change.state.item if change.state else {**change.record.index, "version": {"N": "0"}}
        claimed: Item = {
            **base,
            "entries": {"S": entries_text(sorted(known))},
            "digest": {"S": ""},
            "claim": {"S": uuid.uuid4().hex},
        }
        condition = change.state.condition() if change.state else _ABSENT
        self._client.put_item(TableName=table, Item=claimed, **condition)
        self._batch_write(table, [{"PutRequest": {"Item": item}} for item in change.record.entries])
        gone = known - change.record.keys
        self._batch_write(
            table, [{"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": sk}}}} for pk, sk in sorted(gone)]
        )
        self._transact(_body_actions(table, change.record, _State(claimed).condition()))

    def _actions(self, change: _Change) -> list[dict[str, Any]]:
        table = self._tables.name(change.content.served.home)
        condition = change.state.condition() if change.state else _ABSENT
        return [
            *_body_actions(table, change.record, condition),
            *({"Put": {"TableName": table, "Item": item}} for item in change.record.entries),
            *(
                {"Delete": {"TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}}}
                for pk, sk in sorted(change.stale)
            ),
        ]

    def _transact(self, actions: Sequence[Any]) -> None:
        self._client.transact_write_items(TransactItems=actions)

    def _read_states(self, contents: Sequence[Content]) -> dict[str, _State]:
        """Return the index records of resources by partition key, those that there are."""
        states: dict[str, _State] = {}
        for start in range(0, len(contents), _BATCH_READS):
            asked: dict[str, Any] = {}
            for content in contents[start : start + _BATCH_READS]:
                table = asked.setdefault(self._tables.name(content.served.home), {"Keys": [], "ConsistentRead": True})
                table["Keys"].append({"pk": {"S": content.key}, "sk": {"S": INDEX_ITEM}})
            attempt = 0
            while asked:
                if attempt:
                    self._pause(attempt)
                answer: Any = self._client.batch_get_item(RequestItems=asked)
                for items in answer["Responses"].values():
                    states.update((item["pk"]["S"], _State(item)) for item in items)
                asked = answer.get("UnprocessedKeys") or {}
                attempt += 1
        return states

    def _batch_write(self, table: str, requests: Sequence[Any]) -> None:
        for start in range(0, len(requests), _BATCH_WRITES):
            asked: Any = {table: requests[start : start + _BATCH_WRITES]}
            attempt = 0
            while asked:
                if attempt:
                    self._pause(attempt)
                asked = self._client.batch_write_item(RequestItems=asked).get("UnprocessedItems") or {}
                attempt += 1

    def _pause(self, attempt: int) -> None:
        longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt)
        # Jitter keeps two loaders from meeting again; it needs no secrecy.
        self._sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311


def _body_actions(table: str, record: Record, condition: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the writes of the index record, under `condition`, and of the bodies."""
    return [
        {"Put": {"TableName": table, "Item": record.index, **condition}},
        *({"Put": {"TableName": table, "Item": item}} for item in record.bodies),
    ]


def _packed(changes: Iterable[_Change]) -> Iterator[list[_Change]]:
    """Group changes, in order, into as few transactions as the quotas allow; one that does not fit stands alone."""
    group: list[_Change] = []
    actions = size = 0
    for change in changes:
        if group and (actions + change.actions > _MOST_ACTIONS or size + change.size > _MOST_BYTES):
            yield group
            group, actions, size = [], 0, 0
        group.append(change)
        actions += change.actions
        size += change.size
    if group:
        yield group
