"""Write records to DynamoDB: each resource whole or not at all, many to a transaction (ADR 4)."""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from careconnect.aws import error_code
from careconnect.record_keys import INDEX_ITEM
from careconnect.resource_types import Home
from careconnect_admin.loading.attempts import ATTEMPTS, PASSING, Pauses, read_items
from careconnect_admin.loading.outcome import Outcome, Written, planned, written
from careconnect_admin.loading.table_index import TableIndex
from careconnect_records.change import (
    Change,
    State,
    body_actions,
    packed,
    planned_change,
)
from careconnect_records.record import GONE, Content, Item, entries_text, epoch_milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# DynamoDB's quotas for a batch.
_BATCH_WRITES: Final = 25
_BATCH_READS: Final = 100


@dataclass(frozen=True, slots=True)
class RecordTables:
    """The two tables that hold resources, and the client to write them with."""

    client: "DynamoDBClient"
    record: str
    directory: str

    def name(self, home: Home) -> str:
        """Return the name of the table for `home`."""
        return self.record if home is Home.RECORD else self.directory

    def index(self, home: Home) -> TableIndex:
        """Return what the table for `home` says of its own index."""
        return TableIndex(self.client, self.name(home))

    def reindex_is_due(self) -> bool:
        """Say whether records of a table may lack entries or values of this release: one GetItem for each."""
        return any(self.index(home).is_behind() for home in Home)


class RecordWriter:
    """Brings resources' records up to date. Safe for use by several threads on different resources.

    `base_url` is the server's own root URL, whose references are its own. Errors of the service that
    would meet every resource alike (denied, no such table, no connection) are raised as botocore raises them.
    A `dry_run` reads what is there, tells what would become of each resource, and writes nothing.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        clock: Callable[[], datetime],
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
        dry_run: bool = False,
    ) -> None:
        self._dry_run = dry_run
        self._tables = tables
        self._client = tables.client
        self._clock = clock
        self._base_url = base_url
        self._pauses = Pauses(sleep)

    def ensure_cursor_keys(self) -> None:
        """Give each table the key that seals its `next` links, unless it has one."""
        if not self._dry_run:
            for home in Home:
                self._tables.index(home).ensure()

    def write(self, contents: Sequence[Content]) -> list[Written]:
        """Write resources, no two of them the same one, and return what became of each, in order."""
        states = self._read_states(contents)
        outcomes: dict[int, Written] = {}
        changes: list[Change] = []
        for position, content in enumerate(contents):
            change = self._planned(content, states.get(content.key), position)
            if isinstance(change, Written):
                outcomes[position] = change
            else:
                changes.append(change)
        if self._dry_run:
            outcomes.update((change.position, written(change)) for change in changes)
            changes = []
        for group in packed(changes):
            outcomes.update(self._write_group(group))
        return [outcomes[position] for position in range(len(contents))]

    def present(self, contents: Sequence[Content]) -> frozenset[str]:
        """Return the keys of those resources that the tables hold and that are not deleted."""
        return frozenset(key for key, state in self._read_states(contents).items() if state.digest != GONE)

    def _planned(self, content: Content, state: State | None, position: int = 0) -> Change | Written:
        now = epoch_milliseconds(self._clock())
        return planned(lambda: planned_change(content, state, position, now=now, base_url=self._base_url))

    def _actions(self, change: Change) -> list[dict[str, Any]]:
        return change.actions(self._tables.name(change.content.served.home))

    def _write_group(self, group: Sequence[Change]) -> Iterator[tuple[int, Written]]:
        if len(group) > 1 or group[0].fits:
            try:
                self._transact([action for change in group for action in self._actions(change)])
            except ClientError as error:
                if error_code(error) not in PASSING | {"ValidationException"}:
                    raise
            else:
                yield from ((change.position, written(change)) for change in group)
                return
        for change in group:
            yield change.position, self._write_alone(change.content)

    def _write_alone(self, content: Content) -> Written:
        """Write one resource on what is there now, again as long as another loader gets in between."""
        code = ""
        for attempt in range(ATTEMPTS):
            self._pauses.before(attempt)
            change = self._planned(content, self._read_states([content]).get(content.key))
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
                if code not in PASSING:
                    raise
            else:
                return written(change)
        return Written(Outcome.FAILED, f"not written in {ATTEMPTS} attempts ({code})")

    def _write_large(self, change: Change) -> None:
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
        self._client.put_item(TableName=table, Item=claimed, **change.condition)
        self._batch_write(table, [{"PutRequest": {"Item": item}} for item in change.record.entries])
        gone = known - change.record.keys
        self._batch_write(
            table, [{"DeleteRequest": {"Key": {"pk": {"S": pk}, "sk": {"S": sk}}}} for pk, sk in sorted(gone)]
        )
        self._transact(body_actions(table, change.record, State(claimed).condition()))

    def _transact(self, actions: Sequence[Any]) -> None:
        self._client.transact_write_items(TransactItems=actions)

    def _read_states(self, contents: Sequence[Content]) -> dict[str, State]:
        """Return the index records of resources by partition key, those that there are."""
        states: dict[str, State] = {}
        for start in range(0, len(contents), _BATCH_READS):
            asked: dict[str, Any] = {}
            for content in contents[start : start + _BATCH_READS]:
                table = asked.setdefault(self._tables.name(content.served.home), {"Keys": [], "ConsistentRead": True})
                table["Keys"].append({"pk": {"S": content.key}, "sk": {"S": INDEX_ITEM}})
            for item in read_items(self._client, asked, self._pauses):
                states[item["pk"]["S"]] = State(item)
        return states

    def _batch_write(self, table: str, requests: Sequence[Any]) -> None:
        for start in range(0, len(requests), _BATCH_WRITES):
            asked: Any = {table: requests[start : start + _BATCH_WRITES]}
            attempt = 0
            while asked:
                self._pauses.before(attempt)
                asked = self._client.batch_write_item(RequestItems=asked).get("UnprocessedItems") or {}
                attempt += 1
