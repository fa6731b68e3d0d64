"""Write load requests to DynamoDB: each resource whole or not at all, or several of them (ADR 4)."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from botocore.exceptions import ClientError

from careconnect.runtime.aws import error_code
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM
from careconnect_admin.errors import OtherFormatError
from careconnect_admin.loading.attempts import ATTEMPTS, PASSING, Pauses
from careconnect_admin.loading.full_locks import full_locks
from careconnect_admin.loading.load_request import (
    LoadRequest,
    LoadResult,
    failed,
    planned,
    refused_together,
    result_of,
)
from careconnect_admin.loading.shard_locks import ShardLocks
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import TooLargeError, epoch_milliseconds
from careconnect_records.items.table_formats import begin_table
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.reading import read_items
from careconnect_records.multi_step.resolve import IntentResolver, StillAtWorkError
from careconnect_records.multi_step.write import (
    SECONDS_TOGETHER,
    InDoubtError,
    MultiStepWrite,
    OutOfTimeError,
    OvertakenError,
)
from careconnect_records.writes.packing import packed
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target
from careconnect_records.writes.transaction import group_actions, write_actions


class Plan(Protocol):
    """Plans a write, as `plan_write` does."""

    def __call__(self, target: Target, resource: dict[str, Any] | None, *, now: int) -> WritePlan | None:
        """Return the plan, None if there is nothing to write."""


Announce = Callable[[Sequence[WritePlan]], None]


def nothing(_plans: Sequence[WritePlan]) -> None:
    """Announce nothing."""


class RecordWriter:
    """Writes load requests. Safe for use by several threads on different resources.

    `base_url` is the server's own root URL: absolute references below it are its own. A `dry_run` reads the tables and
    returns the results that a load would have, without writing. `client` replaces the client that raises
    `OtherFormatError` for a table in another release's format, `plan` replaces `plan_write`. `announce` is called with
    plans before they are written, with some of them again after a conflict; if it raises, none is written. What is
    written together fails, if it is `strict`, where it would refer to a deleted resource.

    Errors of the service that concern every resource alike (access denied, no such table, no connection) are raised as
    botocore raises them.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        clock: Callable[[], datetime],
        base_url: str = "",
        sleep: Callable[[float], None] = time.sleep,
        elapsed: Callable[[], float] = time.monotonic,
        dry_run: bool = False,
        client: FormatCheckedClient | None = None,
        plan: Plan | None = None,
        announce: Announce = nothing,
        strict: bool = False,
    ) -> None:
        self._dry_run = dry_run
        self._strict = strict
        checked = client or FormatCheckedClient(tables.client, tables.of_resources, OtherFormatError)
        self._tables = tables.through(checked)
        self._client = self._tables.client
        self._clock = clock
        self._plan = plan or partial(plan_write, base_url=base_url)
        self._announce = announce
        self._sleep = sleep
        self._pauses = Pauses(sleep)
        self._locks = ShardLocks()
        self._resolver = IntentResolver(self._tables, elapsed)
        self._steps = MultiStepWrite(self._tables, self._resolver, sleep)

    def begin_tables(self) -> None:
        """Put the format of a new table into it before the first write."""
        if not self._dry_run:
            for table in self._tables.of_resources:
                begin_table(self._client, table)

    def write(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        """Write requests, no two of them for the same resource, and return their results in order."""
        by_key = {request.target.key: request for request in requests}
        stored = self._read_targets(request.target for request in requests)
        results: dict[str, LoadResult] = {}
        plans: list[WritePlan] = []
        for key, request in by_key.items():
            target = stored.get(key, request.target)
            try:
                target = self._resolved(target)
            except StillAtWorkError:
                if not self._dry_run:
                    [results[key]] = self.write_together([request])
                    continue
            plan = self._planned(target, request, self._now())
            if isinstance(plan, LoadResult):
                results[key] = plan
            else:
                plans.append(plan)
        if self._dry_run:
            results |= {plan.target.key: result_of(plan) for plan in plans}
            plans = []
        self._announce(plans)
        try:
            plans = self._keeping_previous(plans)
        except StillAtWorkError:
            # A body is released at this moment: all are read again, each for itself.
            results |= self._each_alone(plans, by_key)
            plans = []
        for group in packed(plans):
            results |= self._write_group(group, by_key)
        return [results[key] for key in by_key]

    def write_together(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        """Write requests, no two of them for the same resource, at one moment or not at all; return their results.

        It is repeated after a conflict with another writer. If it fails, all results are failures, and those of the
        requests at fault have the reason.
        """
        code = ""
        for attempt in range(ATTEMPTS):
            self._pauses.before(attempt)
            try:
                return self._attempt(requests)
            except (StillAtWorkError, OvertakenError, OutOfTimeError):
                code = "another writer is at work on it"
            except TooLargeError as error:
                return failed(len(requests), str(error))
            except ClientError as error:
                code = error_code(error)
                if code == "ValidationException":
                    return failed(len(requests), "DynamoDB does not accept its items")
                if code not in PASSING:
                    raise
        return failed(len(requests), f"not written in {ATTEMPTS} attempts ({code})", passing=True)

    def present(self, targets: Sequence[Target]) -> frozenset[str]:
        """Return the keys of the targets that are stored and not deleted."""
        found = self._read_targets(targets).items()
        # One that a multi-step write holds is written about now: it counts as it will be.
        return frozenset(key for key, target in found if target.exists)

    def _planned_together(
        self, targets: Sequence[Target], requests: Sequence[LoadRequest]
    ) -> list[WritePlan | LoadResult]:
        """Return what is planned of each request, all at one time, after that of each stored version (ADR 53)."""
        now = max((self._now(), *(target.updated + 1 for target in targets)))
        return [self._planned(target, request, now) for target, request in zip(targets, requests, strict=True)]

    def _now(self) -> int:
        return epoch_milliseconds(self._clock())

    def _planned(self, target: Target, request: LoadRequest, now: int) -> WritePlan | LoadResult:
        return planned(lambda: self._plan(target, request.resource, now=now), request.refusal)

    def _write_group(self, group: Sequence[WritePlan], requests: Mapping[str, LoadRequest]) -> dict[str, LoadResult]:
        """Write a group of plans in one transaction, or each of its requests alone if that fails."""
        if len(group) > 1 or group[0].fits():
            try:
                with self._locks.taken(group):
                    self._transact(group_actions(group, self._tables))
            except ClientError as error:
                if error_code(error) not in PASSING | {"ValidationException"}:
                    raise
            else:
                return {plan.target.key: result_of(plan) for plan in group}
        return self._each_alone(group, requests)

    def _each_alone(self, plans: Sequence[WritePlan], requests: Mapping[str, LoadRequest]) -> dict[str, LoadResult]:
        return {plan.target.key: self.write_together([requests[plan.target.key]])[0] for plan in plans}

    def _attempt(self, requests: Sequence[LoadRequest]) -> list[LoadResult]:
        stored = self._read_targets(request.target for request in requests)
        targets = [self._resolved(stored.get(request.target.key, request.target)) for request in requests]
        every = self._planned_together(targets, requests)
        if refused := refused_together(every):
            return refused
        plans = [plan for plan in every if isinstance(plan, WritePlan)]
        if plans and not self._dry_run:
            self._announce(plans)
            self._write_plans(self._keeping_previous(plans))
        return [result_of(plan) for plan in every]

    def _write_plans(self, plans: Sequence[WritePlan]) -> None:
        """Write plans at one moment; a single one that fits takes one transaction."""
        try:
            if len(plans) == 1 and plans[0].fits():
                full = full_locks(self._tables, plans[0], self._sleep)
                with self._locks.taken(plans):
                    self._transact(write_actions(plans[0], self._tables, strict=self._strict, full=full))
            else:
                self._write_in_steps(plans)
        except (ClientError, OvertakenError, OutOfTimeError, StillAtWorkError):
            for plan in plans:
                with suppress(ClientError, StillAtWorkError):
                    self._resolver.release_hidden(plan)
            raise

    def _write_in_steps(self, plans: Sequence[WritePlan]) -> None:
        try:
            self._steps.write(plans, strict=self._strict, seconds=SECONDS_TOGETHER)
        except InDoubtError as error:
            raise error.__cause__ or error from None

    def _resolved(self, target: Target) -> Target:
        """Return a target with its index record as its last write left it; raises `StillAtWorkError`."""
        if target.index is None:
            return target
        return self._resolver.resolved(self._tables.name(target.type.table), target.index).as_index_of(target)

    def _keeping_previous(self, plans: Sequence[WritePlan]) -> list[WritePlan]:
        """Return plans with the bodies of the versions that they replace."""
        wanted = [(plan.target, JSON_ITEM) for plan in plans if plan.replaces_version]
        bodies = {item["pk"]["S"]: item for item in self._read_items(wanted)}
        return [plan.keeping(self._body(plan.target, bodies.get(plan.target.key))) for plan in plans]

    def _body(self, target: Target, item: Item | None) -> Item | None:
        """Return a target's body as its last write left it; raises `StillAtWorkError`."""
        return self._resolver.resolved(self._tables.name(target.type.table), item).item if item else None

    def _transact(self, actions: Sequence[Any]) -> None:
        self._client.transact_write_items(TransactItems=actions)

    def _read_targets(self, targets: Iterable[Target]) -> dict[str, Target]:
        """Return by key the targets that have an index record, each with it."""
        asked = {target.key: target for target in targets}
        items = self._read_items([(target, INDEX_ITEM) for target in asked.values()])
        return {item["pk"]["S"]: replace(asked[item["pk"]["S"]], index=item) for item in items}

    def _read_items(self, keys: Iterable[tuple[Target, str]]) -> Iterator[Item]:
        wanted = (
            (self._tables.name(target.type.table), {"pk": {"S": target.key}, "sk": {"S": sort_key}})
            for target, sort_key in keys
        )
        return read_items(self._client, wanted, self._sleep)
