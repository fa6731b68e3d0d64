"""Move resources from the record of one patient to that of another, beside readers and writers (ADR 49).

All are written in one transaction, each on condition that it is as it was read. So a run that was killed has moved all
or nothing, and is repeated.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from careconnect.audit.query import PATIENT
from careconnect.fhir.request import MAX_BUNDLE_ENTRIES
from careconnect.fhir.resource_types import ResourceType, resource_type, valid_id
from careconnect.search.values import SearchValueError
from careconnect.storage.dynamodb import FormatCheckedClient
from careconnect.storage.intents import PREV
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, resource_key
from careconnect_admin.errors import OperatorError, OtherFormatError
from careconnect_admin.loading.attempts import ATTEMPTS, Pauses
from careconnect_admin.loading.load_request import LoadOutcome, LoadRequest, target_of_key
from careconnect_admin.loading.pages import items_of
from careconnect_admin.loading.writer import RecordWriter
from careconnect_admin.moving.move_survey import (
    MAX_NAMED,
    MoveSurvey,
    Moving,
    connected,
    fit_in_transaction,
    links_among,
    too_much,
)
from careconnect_admin.moving.refiled import elements_referring, refiled
from careconnect_records.items.resource_items import TooLargeError, digest_of, epoch_milliseconds, patients_of
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.reading import read_items
from careconnect_records.multi_step.resolve import IntentResolver, ResolvedItem, StillAtWorkError
from careconnect_records.parsing.exact_json import parse_json
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target

_IN_RECORD: Final = {
    "FilterExpression": "sk = :index AND (contains(patient, :patient) OR contains(#prev.patient, :patient))",
    "ProjectionExpression": "pk, patient, #prev.patient",
    "ExpressionAttributeNames": {"#prev": PREV},
}

_ATTEMPTS: Final = 2 * ATTEMPTS
"""How often a held item is read: its writer may take eight seconds, or is aborted three after its last step."""


class StoppedError(OperatorError):
    """Something stops the move; the text says what, and what to do."""

    def __init__(self, found: MoveSurvey) -> None:
        told = found.stops[:MAX_NAMED]
        if len(found.stops) > MAX_NAMED:
            told.append(f"and {len(found.stops) - MAX_NAMED:,} more")
        super().__init__("; ".join(told))


class ChangedError(OperatorError):
    """Others have changed what is to be moved."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} was changed meanwhile, so nothing was moved: run it again")


class Move:
    """Moves resources from the patient with the id `former` to `patient`. Errors of the service are botocore's."""

    def __init__(
        self,
        tables: RecordTables,
        former: str,
        patient: str,
        *,
        base_url: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        checked = FormatCheckedClient(tables.client, tables.of_resources, OtherFormatError)
        self._tables = tables.through(checked)
        self._former, self._patient = former, patient
        self._base_url = base_url
        self._clock = clock
        self._sleep = sleep
        self._resolver = IntentResolver(self._tables, elapsed)
        self._read_versions: dict[str, int] = {}
        self._writer = RecordWriter(
            tables,
            clock=clock,
            base_url=base_url,
            sleep=sleep,
            elapsed=elapsed,
            client=checked,
            plan=self._plan_moved,
            strict=True,
        )

    def survey(self, names: Iterable[str], *, along: bool) -> MoveSurvey:
        """Return what there is to move of the named resources, and `along` with them what references connect."""
        record = self._record()
        faults: list[str] = []
        named: dict[str, Target] = {}
        for name in dict.fromkeys(names):
            if target := _target(name):
                named[name] = target
            else:
                faults.append(f"{name} is no resource of a record, as in Observation/1")
        stored = self._targets([*named.values(), Target(PATIENT, self._patient)])
        patient = stored.get(resource_key(PATIENT.name, self._patient))
        if patient is None or not patient.exists:
            faults.append(f"Patient/{self._patient} is not stored")
        moved = {key: stored[key] for key in named if key in stored and self._has_moved(stored[key])}
        faults += [self._absence(key, stored.get(key)) for key in named if key not in moved and key not in record]
        links = links_among(record, moved.values())
        begun = {key for key in named if key in record or key in moved}
        together = connected(begun, links) if along else begun
        crossing = {(source, to) for source, to in links if (source in together) != (to in together)}
        keys = sorted(together - moved.keys(), key=lambda key: (key not in named, key))
        moving: dict[str, Moving] = {}
        # What is too much is not read.
        for key, each in self._moving([record[key] for key in keys[:MAX_BUNDLE_ENTRIES]]).items():
            if isinstance(each, Moving):
                moving[key] = each
            else:
                faults.append(f"{key}: {each}")
        if len(keys) > MAX_BUNDLE_ENTRIES or not fit_in_transaction(moving.values()):
            faults.append(too_much(len(keys)))
        return MoveSurvey(moving, sorted(moving.keys() - named), sorted(moved), crossing, faults)

    def move(self, found: MoveSurvey) -> None:
        """Do what a survey has found, all of it or nothing.

        Raises `StoppedError` if something stops it, `ChangedError` if something has changed since, and
        `OperatorError` if it may not be done.
        """
        if found.stops:
            raise StoppedError(found)
        self._read_versions = {key: each.target.version for key, each in found.moving.items()}
        requests = [LoadRequest(each.target, each.resource) for each in found.moving.values()]
        results = self._writer.write_together(requests)
        if reasons := [each.reason for each in results if each.outcome is LoadOutcome.FAILED]:
            raise OperatorError(
                f"{next(filter(None, reasons), 'not written')}: run it again, which says what has moved"
            )

    def _plan_moved(self, target: Target, resource: dict[str, Any] | None, *, now: int) -> WritePlan | None:
        """Plan the version in the other record, unless another has come since the content was read."""
        read = self._read_versions[target.key]
        if target.version == read:
            return plan_write(target, resource, now=now, base_url=self._base_url)
        if target.version == read + 1 and target.digest == digest_of(resource):
            # An attempt of ours had no answer, and was done.
            return None
        raise ChangedError(target.key)

    def _record(self) -> dict[str, Target]:
        """Return the resources in the former patient's record by key, but for the Patient and deleted ones."""
        own = resource_key(PATIENT.name, self._former)
        found = items_of(
            self._tables.client.scan,
            TableName=self._tables.record,
            ConsistentRead=True,
            **_IN_RECORD,
            ExpressionAttributeValues={":index": {"S": INDEX_ITEM}, ":patient": {"S": self._former}},
        )
        targets = [
            target_of_key(item["pk"]["S"])
            for item in found
            if self._former in {*patients_of(item), *patients_of(item.get(PREV, {}).get("M"))}
        ]
        record = self._targets(target for target in targets if target.key != own)
        return {key: each for key, each in record.items() if self._former in each.patients and each.exists}

    def _has_moved(self, target: Target) -> bool:
        return target.exists and self._patient in target.patients and self._former in target.former_patients

    def _absence(self, key: str, target: Target | None) -> str:
        """Return why a named resource is not moved."""
        if target is None or target.version == 0:
            return f"{key} is not stored"
        if target.is_deleted:
            return f"{key} is deleted: bring it back by an update first"
        return f"{key} is not in the record of Patient/{self._former}"

    def _moving(self, targets: Sequence[Target]) -> dict[str, Moving | str]:
        """Return by key what is to be moved, or why it cannot be."""
        bodies = self._settled(targets, JSON_ITEM)
        return {target.key: self._made(target, bodies.get(target.key)) for target in targets}

    def _made(self, target: Target, body: ResolvedItem | None) -> Moving | str:
        if body is None or body.item is None or int(body.item["version"]["N"]) != target.version:
            return "another writer is at work on it, run it again"
        former, patient = (resource_key(PATIENT.name, each) for each in (self._former, self._patient))
        stored = parse_json(body.item["body"]["S"])
        resource = refiled(stored, former, patient, base_url=self._base_url)
        elements = tuple(elements_referring(stored, former, base_url=self._base_url))
        try:
            plan = plan_write(target, resource, now=epoch_milliseconds(self._clock()), base_url=self._base_url)
        except (TooLargeError, SearchValueError) as error:
            return str(error)
        return Moving(target, resource, elements, plan) if plan else "it would stay as it is"

    def _targets(self, targets: Iterable[Target]) -> dict[str, Target]:
        """Return by key the targets that have an index record, as their last writes left them."""
        asked = {target.key: target for target in targets}
        found = self._settled(asked.values(), INDEX_ITEM)
        return {key: each.as_index_of(asked[key]) for key, each in found.items()}

    def _settled(self, targets: Iterable[Target], sort_key: str) -> dict[str, ResolvedItem]:
        """Return by key an item of each target as its last write left it; raises `OperatorError` if one is at work."""
        wanted = [(self._tables.name(each.type.table), each.key) for each in targets]
        tables = {key: table for table, key in wanted}
        pauses = Pauses(self._sleep)
        for attempt in range(_ATTEMPTS):
            pauses.before(attempt)
            keys = ((table, {"pk": {"S": key}, "sk": {"S": sort_key}}) for table, key in wanted)
            items = list(read_items(self._tables.client, keys, self._sleep))
            try:
                return {item["pk"]["S"]: self._resolver.resolved(tables[item["pk"]["S"]], item) for item in items}
            except StillAtWorkError:
                continue
        raise OperatorError("another writer is at work on the record: run it again")


def _target(name: str) -> Target | None:
    """Return the target of a name (`Observation/1`), None if it is no resource that belongs to a patient."""
    type_name, _, resource_id = name.partition("/")
    served = resource_type(type_name)
    return Target(served, resource_id) if served and _is_filed(served) and valid_id(resource_id) else None


def _is_filed(served: ResourceType) -> bool:
    """Return True for a type whose resources an element puts into a patient's record."""
    return served.patient_parameter is not None
