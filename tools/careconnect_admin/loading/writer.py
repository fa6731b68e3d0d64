"""Write records to DynamoDB: each resource whole or not at all, many to a transaction (ADR 4)."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM
from careconnect_admin.errors import OtherFormatError
from careconnect_admin.loading.attempts import ATTEMPTS, PASSING, Pauses, read_items
from careconnect_admin.loading.full_locks import full_guards
from careconnect_admin.loading.outcome import Outcome, Written, planned, written
from careconnect_admin.loading.shard_locks import ShardLocks
from careconnect_records.items.actions import Item
from careconnect_records.items.record import NewVersion, TooLargeError, epoch_milliseconds
from careconnect_records.items.table_formats import begin_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.writes.change import StoredVersion, WritePlan, plan_write
from careconnect_records.writes.multi_step_write import MultiStepWrite, StillAtWorkError
from careconnect_records.writes.packing import packed
from careconnect_records.writes.transaction import group_actions, write_actions

# DynamoDB's quota for a batch.
_BATCH_READS: Final = 100


class Plan(Protocol):
    """Says what there is to write for a resource, in place of `plan_write`."""

    def __call__(
        self, content: NewVersion, state: StoredVersion | None, position: int, *, now: int
    ) -> WritePlan | None:
        """Return the change, None if there is nothing to write."""


Announce = Callable[[Sequence[WritePlan]], None]


def nothing(_changes: Sequence[WritePlan]) -> None:
    """Announce nothing."""


class RecordWriter:
    """Brings resources' records up to date. Safe for use by several threads on different resources.

    `base_url` is the server's own root URL, whose references are its own. Errors of the service that
    would meet every resource alike (denied, no such table, no connection) are raised as botocore raises them.
    A `dry_run` reads what is there, tells what would become of each resource, and writes nothing. `client` is to be
    gone through in place of one that raises `OtherFormatError` where a table is laid out otherwise than this release
    has it, `plan` in place of `plan_write`. `announce` is called with changes before they are made,
    and with some of them again; none is made if it raises.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        clock: Callable[[], datetime],
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
        dry_run: bool = False,
        client: FormatCheckedClient | None = None,
        plan: Plan | None = None,
        announce: Announce = nothing,
    ) -> None:
        self._dry_run = dry_run
        checked = client or FormatCheckedClient(tables.client, tables.of_resources, OtherFormatError)
        self._tables = tables.through(checked)
        self._client = self._tables.client
        self._clock = clock
        self._plan = plan or partial(plan_write, base_url=base_url)
        self._announce = announce
        self._pauses = Pauses(sleep)
        self._locks = ShardLocks()
        self._steps = MultiStepWrite(self._tables, lambda: epoch_milliseconds(clock()), self._pauses.before)

    def begin_tables(self) -> None:
        """Have each table say how it is laid out, before anything is in it."""
        if not self._dry_run:
            for table in self._tables.of_resources:
                begin_table(self._client, table)

    def write(self, contents: Sequence[NewVersion]) -> list[Written]:
        """Write resources, no two of them the same one, and return what became of each, in order."""
        states = self._read_states(contents)
        outcomes: dict[int, Written] = {}
        changes: list[WritePlan] = []
        for position, content in enumerate(contents):
            state = states.get(content.key)
            if state is not None and state.is_leased and not self._dry_run:
                outcomes[position] = self._write_alone(content)
                continue
            change = self._planned(content, state, position)
            if isinstance(change, Written):
                outcomes[position] = change
            else:
                changes.append(change)
        if self._dry_run:
            outcomes.update((change.position, written(change)) for change in changes)
            changes = []
        self._announce(changes)
        for group in packed(self._with_former(changes)):
            outcomes.update(self._write_group(group))
        return [outcomes[position] for position in range(len(contents))]

    def present(self, contents: Sequence[NewVersion]) -> frozenset[str]:
        """Return the keys of those resources that the tables hold and that are not deleted."""
        return frozenset(key for key, state in self._read_states(contents).items() if not state.is_gone)

    def _planned(self, content: NewVersion, state: StoredVersion | None, position: int = 0) -> WritePlan | Written:
        now = epoch_milliseconds(self._clock())
        return planned(lambda: self._plan(content, state, position, now=now))

    def _write_group(self, group: Sequence[WritePlan]) -> Iterator[tuple[int, Written]]:
        if len(group) > 1 or group[0].fits():
            try:
                with self._locks.taken(group):
                    self._transact(group_actions(group, self._tables))
            except ClientError as error:
                if error_code(error) not in PASSING | {"ValidationException"}:
                    raise
            else:
                yield from ((change.position, written(change)) for change in group)
                return
        for change in group:
            yield change.position, self._write_alone(change.content)

    def _write_alone(self, content: NewVersion) -> Written:
        """Write one resource on what is there now, again as long as another writer gets in between."""
        code = ""
        for attempt in range(ATTEMPTS):
            self._pauses.before(attempt)
            try:
                change = self._write_on_what_is_there(content)
            except StillAtWorkError:
                code = "another writer is at work on it"
            except TooLargeError as error:
                return Written(Outcome.FAILED, str(error))
            except ClientError as error:
                code = error_code(error)
                if code == "ValidationException":
                    return Written(Outcome.FAILED, "DynamoDB does not accept its items")
                if code not in PASSING:
                    raise
            else:
                return written(change) if isinstance(change, WritePlan) else change
        return Written(Outcome.FAILED, f"not written in {ATTEMPTS} attempts ({code})", passing=True)

    def _write_on_what_is_there(self, content: NewVersion) -> WritePlan | Written:
        change = self._planned(content, self._settled_state(content))
        if isinstance(change, Written):
            return change
        self._announce([change])
        [change] = self._with_former([change])
        full = full_guards(self._client, self._tables, change, self._pauses)
        if change.fits():
            with self._locks.taken([change]):
                self._transact(write_actions(change, self._tables, strict=False, full=full))
        else:
            self._steps.write(change, strict=False, full=full)
        return change

    def _settled_state(self, content: NewVersion) -> StoredVersion | None:
        """Return the index record of a resource, once what another writer began on it is ended."""
        state = self._read_states([content]).get(content.key)
        if state is None or not state.is_leased:
            return state
        self._steps.finish(content.served, state)
        return self._read_states([content]).get(content.key)

    def _with_former(self, changes: Sequence[WritePlan]) -> list[WritePlan]:
        """Return changes with the bodies of the versions that they replace."""
        wanted = [(change.content, JSON_ITEM) for change in changes if change.needs_former]
        bodies = {item["pk"]["S"]: item for item in self._read_items(wanted)}
        return [change.keeping(bodies.get(change.content.key)) for change in changes]

    def _transact(self, actions: Sequence[Any]) -> None:
        self._client.transact_write_items(TransactItems=actions)

    def _read_states(self, contents: Sequence[NewVersion]) -> dict[str, StoredVersion]:
        """Return the index records of resources by partition key, those that there are."""
        items = self._read_items([(content, INDEX_ITEM) for content in contents])
        return {item["pk"]["S"]: StoredVersion(item) for item in items}

    def _read_items(self, keys: Sequence[tuple[NewVersion, str]]) -> Iterator[Item]:
        for start in range(0, len(keys), _BATCH_READS):
            asked: dict[str, Any] = {}
            for content, sort_key in keys[start : start + _BATCH_READS]:
                table = asked.setdefault(self._tables.name(content.served.home), {"Keys": [], "ConsistentRead": True})
                table["Keys"].append({"pk": {"S": content.key}, "sk": {"S": sort_key}})
            yield from read_items(self._client, asked, self._pauses)
