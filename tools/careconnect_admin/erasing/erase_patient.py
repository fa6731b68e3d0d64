"""Erase a patient beside readers and writers (ADR 48).

Each round does what a survey has found, in this order, and a killed run is simply repeated:

1. Others' references are replaced by their display, each in a new version.
2. The Patient is replaced by a tombstone: from then on no write can add to the record. Then its resources are, each on
   condition that it is as it was read, with entries, locks and counts. Others' resources forget that they were his.
3. After a pause, every request has ended that has read something before. Multi-step writes are released.
4. What identified only him loses its lock, each former version of his becomes a tombstone, and the traces in his
   compartment go.

A survey that finds nothing is the end.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from careconnect.audit.query import PATIENT
from careconnect.runtime.aws import error_code
from careconnect.search.values import SearchValueError
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.intents import TXN
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, resource_key
from careconnect.storage.traces import NEXT
from careconnect_admin.erasing.survey import Survey, own_patients, survey, traces_of
from careconnect_admin.erasing.tombstones import ERASED, forgotten, is_former, tombstone
from careconnect_admin.erasing.unlink import unlinked
from careconnect_admin.errors import OperatorError, OtherFormatError
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest, target_of_key
from careconnect_admin.loading.pages import items_of
from careconnect_admin.loading.writer import Announce, RecordWriter
from careconnect_records.items.actions import Item
from careconnect_records.items.extract import index_keys, search_values
from careconnect_records.items.identifier_locks import lock_key, locks_among
from careconnect_records.items.resource_items import patients_of
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.release import Release
from careconnect_records.multi_step.resolve import IntentResolver, StillAtWorkError
from careconnect_records.multi_step.states import WriteStates
from careconnect_records.parsing.exact_json import parse_json
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target

WAIT_SECONDS: Final = 30.0
"""How long a request may go on that has read something before: a function runs for 26 s at most."""

_ROUNDS: Final = 20
_CHUNK: Final = 50
_MAX_NAMED: Final = 20

Progress = Callable[[str, int], None]


class LinkedError(OperatorError):
    """Others refer to the record, and nothing allows to replace that."""

    def __init__(self, found: Survey) -> None:
        named = ", ".join(sorted(found.references)[:_MAX_NAMED])
        more = f" and {len(found.references) - _MAX_NAMED:,} more" if len(found.references) > _MAX_NAMED else ""
        super().__init__(f"resources of others refer to the record: {named}{more}. Correct them, or give --unlink")


class Erasure:
    """Erases patients from tables. `announce` is called with the plans of others' new versions before they are written.

    Errors of the service are raised as botocore raises them; every run may be repeated.
    """

    def __init__(
        self,
        tables: RecordTables,
        *,
        base_url: str,
        announce: Announce,
        progress: Progress = lambda _part, _done: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        checked = FormatCheckedClient(tables.client, tables.of_resources, OtherFormatError)
        self._tables = tables.through(checked)
        self._client = self._tables.client
        self._base_url = base_url
        self._progress = progress
        self._sleep = sleep
        self._resolver = IntentResolver(self._tables, elapsed)
        self._patient = ""
        self._read_versions: dict[str, int] = {}
        timed: Any = {"clock": clock, "sleep": sleep, "elapsed": elapsed, "client": checked, "base_url": base_url}
        self._unlinker = RecordWriter(tables, plan=self._plan_unlinked, announce=announce, **timed)
        self._eraser = RecordWriter(tables, plan=self._plan_tombstone, **timed)

    def survey(self, patient: str) -> Survey:
        """Return what there is to erase of a patient."""
        return survey(self._tables, patient)

    def erase(self, patient: str, *, unlink: bool) -> None:
        """Erase a patient; raises `LinkedError` if others refer to the record and may not be unlinked."""
        self._patient = patient
        for _ in range(_ROUNDS):
            self._progress("Looking for what is left", 0)
            found = self.survey(patient)
            if found.is_clean:
                return
            if found.references and not unlink:
                raise LinkedError(found)
            self._do(found)
        raise OperatorError("others write what is to be erased again and again, so it is not all gone: run it again")

    def _do(self, found: Survey) -> None:
        """Do what a survey has found."""
        self._unlink(found)
        own = resource_key(PATIENT.name, self._patient)
        self._write(self._eraser, [own] if own in found.current else [])
        self._write(self._eraser, sorted(found.current - {own}))
        for key in sorted(found.naming):
            self._forget(target_of_key(key))
        self._settle()
        for done, key in enumerate(sorted(found.current | found.versions.keys())):
            self._progress("Erasing versions", done)
            self._clear(target_of_key(key))
        self._remove_traces()

    def _unlink(self, found: Survey) -> None:
        requests = []
        for key, targets in sorted(found.references.items()):
            target = target_of_key(key)
            body = self._item(target, JSON_ITEM)
            # One that a multi-step write holds is unlinked in the next round.
            if body is not None and TXN not in body and "body" in body and self._patient not in patients_of(body):
                self._read_versions[key] = int(body["version"]["N"])
                others = {each for each in set(targets) - own_patients(body) if self._is_going(each)}
                resource = unlinked(parse_json(body["body"]["S"]), others, base_url=self._base_url)
                requests.append(LoadRequest(target, resource))
        self._written(self._unlinker, requests, "Unlinking")

    def _is_going(self, key: str) -> bool:
        """Return True if a resource is in the record or erased, and not only by a write that has not been done."""
        target = target_of_key(key)
        if key == resource_key(PATIENT.name, self._patient) or ERASED in (self._item(target, JSON_ITEM) or {}):
            return True
        index = self._item(target, INDEX_ITEM)
        try:
            resolved = self._resolver.resolved(self._tables.name(target.type.table), index).item if index else None
        except StillAtWorkError:
            # The next round knows.
            return False
        return self._patient in patients_of(resolved)

    def _plan_unlinked(self, target: Target, resource: dict[str, Any] | None, *, now: int) -> WritePlan | None:
        """Plan the version without references, unless another has come since the content was read."""
        if target.version != self._read_versions[target.key]:
            return None
        plan = plan_write(target, resource, now=now, base_url=self._base_url)
        return plan and self._without_patient(plan)

    def _plan_tombstone(self, target: Target, resource: dict[str, Any] | None, *, now: int) -> WritePlan | None:
        """Plan the tombstone of a resource, unless it is in another record by now."""
        if self._patient not in target.patients:
            return None
        number, updated = target.version + 1, max(now, target.updated + 1)
        former = target.former_patients
        plan = plan_version(target, resource, number, updated, method="DELETE", status=204, former=former)
        return self._without_patient(replace(plan, body={**(plan.body or {}), ERASED: {"BOOL": True}}))

    def _without_patient(self, plan: WritePlan) -> WritePlan:
        """Return a plan whose version does not say that it was in the patient's record."""
        body = forgotten(plan.body, self._patient) if plan.body else None
        return replace(plan, index=forgotten(plan.index, self._patient), body=body)

    def _write(self, writer: RecordWriter, keys: Sequence[str]) -> None:
        self._written(writer, [LoadRequest(target_of_key(key), None) for key in keys], "Erasing")

    def _written(self, writer: RecordWriter, requests: Sequence[LoadRequest], part: str) -> None:
        for first in range(0, len(requests), _CHUNK):
            self._progress(part, first)
            chunk = requests[first : first + _CHUNK]
            for request, result in zip(chunk, writer.write(chunk), strict=True):
                # What another write holds is found again in the next round.
                if result.outcome is LoadOutcome.FAILED and not result.passing:
                    raise OperatorError(f"{request.target.key}: {result.reason}")

    def _forget(self, target: Target) -> None:
        """Let what is in another record no longer say that it was in the patient's: no version changes by it."""
        # The index record first: while a multi-step write holds it the bodies stay, by which it is found again.
        for item in filter(None, (self._item(target, INDEX_ITEM), *self._bodies(target))):
            changed = forgotten(item, self._patient)
            if TXN in item or (changed != item and not self._is_put(target, item, changed)):
                return

    def _is_put(self, target: Target, item: Item, changed: Item) -> bool:
        """Put a changed item, and return True, unless it is another version's by now."""
        return self._is_done(
            self._client.put_item,
            TableName=self._tables.name(target.type.table),
            Item=changed,
            ConditionExpression="#version = :version AND attribute_not_exists(#txn)",
            ExpressionAttributeNames={"#version": "version", "#txn": TXN},
            ExpressionAttributeValues={":version": item["version"]},
        )

    def _settle(self) -> None:
        """Wait until what has read something before has ended, and release the multi-step writes of until then."""
        self._progress("Waiting for requests to end", 0)
        self._sleep(WAIT_SECONDS)
        states = WriteStates(self._tables)
        begun = {name for name, _ in states.all()}
        while begun & {name for name, _ in states.all()}:
            Release(self._tables).release_ended(self._sleep)

    def _clear(self, target: Target) -> None:
        """Replace the former versions that are in the record by tombstones; others stay."""
        index = self._item(target, INDEX_ITEM)
        try:
            current = self._resolver.resolved(self._tables.name(target.type.table), index).item if index else None
        except StillAtWorkError:
            return
        if current is None or self._patient in patients_of(current):
            # It is written now, and found again.
            return
        number = int(current["version"]["N"])
        own = [item for item in self._bodies(target) if self._patient in patients_of(item) and is_former(item, number)]
        if not self._free_locks(target, own):
            return
        for item in own:
            self._client.put_item(TableName=self._tables.name(target.type.table), Item=tombstone(item))

    def _remove_traces(self) -> None:
        """Delete the traces in the patient's compartment; those of a write that is at work are found again."""
        for item in traces_of(self._tables, self._patient):
            self._is_done(
                self._client.delete_item,
                TableName=self._tables.name(PATIENT.table),
                Key={"pk": item["pk"], "sk": item["sk"]},
                ConditionExpression="attribute_exists(#next) AND attribute_not_exists(#txn)",
                ExpressionAttributeNames={"#next": NEXT, "#txn": TXN},
            )

    def _free_locks(self, target: Target, bodies: Iterable[Item]) -> bool:
        """Delete the locks of identifiers that nobody has any more; return False if one is held."""
        table, is_free = self._tables.name(target.type.table), True
        for lock in sorted({lock for body in bodies if "body" in body for lock in self._locks(target, body)}):
            key = lock_key(lock)
            unused = "attribute_not_exists(#ids) AND attribute_not_exists(#many) AND attribute_not_exists(#txn)"
            if not self._is_done(
                self._client.delete_item,
                TableName=table,
                Key=key,
                ConditionExpression=unused,
                ExpressionAttributeNames={"#ids": "ids", "#many": "many", "#txn": TXN},
            ):
                # Somebody else has the identifier, or a multi-step write is at it.
                answer: Any = self._client.get_item(TableName=table, Key=key, ConsistentRead=True)
                is_free = is_free and TXN not in answer.get("Item", {})
        return is_free

    def _locks(self, target: Target, body: Item) -> frozenset[tuple[str, str]]:
        try:
            values = search_values(parse_json(body["body"]["S"]), base_url=self._base_url)
        except SearchValueError:
            # It could not be indexed, and has no locks.
            return frozenset()
        return locks_among(target.type.name, index_keys(target.type, target.id, values))

    def _bodies(self, target: Target) -> list[Item]:
        bodies = items_of(
            self._client.query,
            TableName=self._tables.name(target.type.table),
            ConsistentRead=True,
            KeyConditionExpression="pk = :pk AND begins_with(sk, :json)",
            ExpressionAttributeValues={":pk": {"S": target.key}, ":json": {"S": JSON_ITEM}},
        )
        return list(bodies)

    def _item(self, target: Target, sort_key: str) -> Item | None:
        key: Any = {"pk": {"S": target.key}, "sk": {"S": sort_key}}
        answer: Any = self._client.get_item(
            TableName=self._tables.name(target.type.table), Key=key, ConsistentRead=True
        )
        item: Item | None = answer.get("Item")
        return item

    def _is_done(self, operation: Callable[..., Any], **request: Any) -> bool:
        """Do a call on condition, and return whether the condition held."""
        try:
            operation(**request)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True
