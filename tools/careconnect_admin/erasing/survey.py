"""Find everything that tables hold of a patient, and the references of others to it."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect.audit.query import PATIENT
from careconnect.storage.intents import PREV
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, resource_key
from careconnect.storage.traces import NEXT
from careconnect_admin.erasing.tombstones import ERASED
from careconnect_admin.loading.pages import items_of
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import former_patients_of, patients_of
from careconnect_records.items.tables import RecordTables

_OF_HIS: Final = {
    "FilterExpression": "begins_with(sk, :json) AND (contains(patient, :patient) OR contains(former_patients, :patient)"
    " OR attribute_exists(#erased))",
    "ProjectionExpression": "pk, sk, patient, former_patients, #erased",
    "ExpressionAttributeNames": {"#erased": ERASED},
}
_REFERRING: Final = {
    "FilterExpression": "sk = :index AND (targets <> :none OR attribute_exists(#prev))",
    "ProjectionExpression": "pk, targets, patient, #prev",
    "ExpressionAttributeNames": {"#prev": PREV},
    "ExpressionAttributeValues": {":index": {"S": INDEX_ITEM}, ":none": {"S": "[]"}},
}


@dataclass(frozen=True, slots=True)
class Survey:
    """What the tables hold of a patient.

    `current` are the keys of the resources in the record, deleted ones too. `versions` counts, by key, the
    former versions in the record; `naming` are the keys of others' resources that say they were in it. `references` has
    the keys of what others' resources refer to, by their keys: resources of the record, or erased ones. `traces` counts
    what says that a resource was in the compartment (ADR 53).
    """

    current: frozenset[str]
    versions: Mapping[str, int]
    naming: frozenset[str]
    references: Mapping[str, tuple[str, ...]]
    traces: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to erase."""
        return not (self.current or self.versions or self.naming or self.references or self.traces)

    @property
    def of_others(self) -> frozenset[str]:
        """The keys of the resources that stay, but for former versions of the record."""
        return frozenset(self.versions) - self.current


def survey(tables: RecordTables, patient: str) -> Survey:
    """Return what the tables hold of a patient: two scans of each table of resources, strongly consistent, a Query."""
    current, erased, naming = set[str](), set[str](), set[str]()
    versions: Counter[str] = Counter()
    contains = {":json": {"S": JSON_ITEM}, ":patient": {"S": patient}}
    for item in _items(tables, **_OF_HIS, ExpressionAttributeValues=contains):
        key, is_current = item["pk"]["S"], item["sk"]["S"] == JSON_ITEM
        if patient in patients_of(item):
            if is_current:
                current.add(key)
            else:
                versions[key] += 1
        elif patient in former_patients_of(item):
            naming.add(key)
        elif is_current and ERASED in item:
            erased.add(key)
    gone = {*current, *erased, resource_key(PATIENT.name, patient)}
    references = {}
    for item in _items(tables, **_REFERRING):
        key = item["pk"]["S"]
        if key not in current and (found := _targets(item) & gone):
            references[key] = tuple(sorted(found))
    # Those of the record go as a whole.
    traces = sum(1 for _ in traces_of(tables, patient))
    return Survey(frozenset(current), versions, frozenset(naming - current), references, traces)


def traces_of(tables: RecordTables, patient: str) -> Iterator[Item]:
    """Yield the traces in a patient's compartment, also those that a multi-step write holds or would put back."""
    yield from items_of(
        tables.client.query,
        TableName=tables.name(PATIENT.table),
        ConsistentRead=True,
        KeyConditionExpression="pk = :pk",
        FilterExpression="attribute_exists(#next) OR attribute_exists(#prev.#next)",
        ExpressionAttributeNames={"#next": NEXT, "#prev": PREV},
        ExpressionAttributeValues={":pk": {"S": resource_key(PATIENT.name, patient)}},
    )


def _targets(item: Item) -> set[str]:
    """Return what a resource refers to, and before a multi-step write did, but for the patient in whose record it is.

    A resource goes with that patient.
    """
    records = [each for each in (item, item.get(PREV, {}).get("M", {})) if "targets" in each]
    return {target for each in records for target in json.loads(each["targets"]["S"])}.difference(
        *(own_patients(each) for each in records)
    )


def own_patients(item: Item) -> set[str]:
    """Return the keys of the patients in whose records a version is."""
    return {resource_key(PATIENT.name, each) for each in patients_of(item)}


def _items(tables: RecordTables, **request: Any) -> Iterator[Item]:
    for table in tables.of_resources:
        yield from items_of(tables.client.scan, TableName=table, ConsistentRead=True, **request)
