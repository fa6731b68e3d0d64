"""Promises of what is stored: versions without gaps, the index that the bodies say, locks, counts, events."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from careconnect.storage.intents import DONE, DROP, TXN, StateTables, is_former_body, previous, state_key
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM, version_item
from careconnect_records.items.resource_items import patients_of
from careconnect_records.multi_step.write_set import listed_in, write_set_key
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.ledger import Commit, Ledger
from careconnect_testing.simulation.promises.index import Stored, faults_of_items, faults_of_traces
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.names import (
    BASE,
    DIRECTORY,
    DIRECTORY_TRANSACTIONS,
    OF_RESOURCES,
    RECORDS,
    REFERENCES,
    TRANSACTIONS,
)
from careconnect_testing.simulation.world.system import BrokenPromiseError

SAME_NAMES: Final = {name: name for name in OF_RESOURCES}

Item = Mapping[str, Any]


@dataclass
class StoredVersions:
    """Watches every write: notes new versions in the ledger, and checks each as it is stored."""

    database: Database
    ledger: Ledger
    scheduler: Scheduler
    names: dict[str, str]
    """The tables in service, by their names at the beginning."""
    known: dict[str, tuple[int, str]] = field(default_factory=dict)
    """The current version and body of each resource."""
    _updated: dict[str, int] = field(default_factory=dict)

    def begin(self) -> None:
        """Note what is stored at the beginning, as one moment."""
        self.switched()

    def switched(self) -> None:
        """Note what is stored in tables that are new in service; nothing may be lost."""
        found = set()
        for name in (RECORDS, DIRECTORY):
            table = self.names[name]
            for item in self.database.items(table):
                if item["sk"]["S"] == INDEX_ITEM:
                    self._note_between(table, item["pk"]["S"], int(item["version"]["N"]))
                    self._note(table, item["pk"]["S"])
                    found.add(item["pk"]["S"])
        if lost := self.known.keys() - found:
            raise BrokenPromiseError(f"{sorted(lost)} are not in the tables in service")

    def changed(self, _operation: str, request: Mapping[str, Any]) -> None:
        """Check the resources that a call has written."""
        for table, key in (*_indexes_in(request), *self._ended_by(request)):
            if table not in self.names.values():
                raise BrokenPromiseError(f"{key} was written to {table}, which is not in service")
            self._note(table, key)

    def _ended_by(self, request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the tables and keys of the index records of multi-step writes whose states a request changes."""
        for action in _actions_of(request):
            key = action.get("Key", {})
            if action.get("TableName") in self._states and key:
                for table in (self.names[RECORDS], self.names[DIRECTORY]):
                    place = write_set_key(key["sk"]["S"])
                    listed = self._item(table, place["pk"]["S"], place["sk"]["S"])
                    yield from ((table, pk) for pk, sk in (listed_in(listed)[0] if listed else ()) if sk == INDEX_ITEM)

    @property
    def _states(self) -> StateTables:
        return StateTables(self.names[TRANSACTIONS], self.names[DIRECTORY_TRANSACTIONS])

    def _visible(self, table: str, pk: str, sk: str) -> Item | None:
        """Return an item as the state of its write decides it."""
        item = self._item(table, pk, sk)
        if item is None or TXN not in item:
            return item
        name = item[TXN]["S"]
        key = state_key(name)
        state = self._item(self._states.of(name), key["pk"]["S"], key["sk"]["S"])
        if state and state["status"]["S"] == DONE:
            return None if DROP in item else item
        before = previous(item)
        if before and is_former_body(before):
            return self._item(table, pk, version_item(JSON_ITEM, int(before["version"]["N"])))
        return before

    def _note_between(self, table: str, key: str, last: int) -> None:
        """Note the versions of a resource that were current in tables that were not in service yet."""
        for version in range(self.known.get(key, (last, ""))[0] + 1, last):
            body = self._item(table, key, version_item(JSON_ITEM, version))
            if body is None:
                raise BrokenPromiseError(f"{key} has no version {version}, though it has {last}")
            self._add(key, version, body.get("body", {}).get("S", ""), patients_of(dict(body)))

    def _note(self, table: str, key: str) -> None:
        index = self._visible(table, key, INDEX_ITEM)
        if index is None:
            if key in self.known:
                raise BrokenPromiseError(f"{key} has lost its index record")
            return
        version = int(index["version"]["N"])
        former, text = self.known.get(key, (0, ""))
        if version == former:
            return
        if version != former + 1:
            raise BrokenPromiseError(f"{key} went from version {former} to {version}")
        updated = int(index["updated"]["N"])
        if updated <= self._updated.get(key, 0):
            raise BrokenPromiseError(f"version {version} of {key} is not later than the one before")
        self._updated[key] = updated
        body = self._visible(table, key, JSON_ITEM)
        if body is None or body["version"] != index["version"] or body["updated"] != index["updated"]:
            raise BrokenPromiseError(f"the body of {key} is not that of version {version}")
        if former:
            kept = self._item(table, key, version_item(JSON_ITEM, former))
            if kept is None or (kept.get("body", {}).get("S", "") != text and not self._is_erased(key, former)):
                raise BrokenPromiseError(f"version {former} of {key} is not in the history as it was")
        patients = tuple(index.get("patient", {}).get("S", "").split())
        # Who has read the resource before may still name one who is erased, and the erasure sees to it.
        former_patients = set(index.get("former_patients", {}).get("S", "").split()) - self.ledger.erased.keys()
        if former_patients != self.ledger.patients_before(key, version).difference(patients):
            raise BrokenPromiseError(f"version {version} of {key} names {sorted(former_patients)} as former patients")
        self._add(key, version, body.get("body", {}).get("S", ""), patients)

    def _is_erased(self, key: str, version: int) -> bool:
        """Return True if a version may have been erased by now."""
        return self.ledger.is_erased(key, version, self.ledger.place + 1)

    def _add(self, key: str, version: int, stored: str, patients: tuple[str, ...]) -> None:
        self.known[key] = (version, stored)
        self.ledger.commits.setdefault(key, []).append(
            Commit(
                self.ledger.next_place(),
                self.scheduler.now,
                key,
                version,
                json.loads(stored) if stored else None,
                patients,
                self.scheduler.current.name,
            )
        )

    def _item(self, table: str, pk: str, sk: str) -> Item | None:
        found = self.database.execute(
            "get_item", {"TableName": table, "Key": {"pk": {"S": pk}, "sk": {"S": sk}}, "ConsistentRead": True}
        )
        item: Item | None = found.get("Item")
        return item


def _indexes_in(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the tables and keys of the index records that a request writes."""
    for action in _actions_of(request):
        key = (action.get("Key") or action.get("Item") or {}) if "TableName" in action else {}
        if key.get("sk", {}).get("S") == INDEX_ITEM:
            yield action["TableName"], key["pk"]["S"]


def _actions_of(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if "TransactItems" in request:
        return [each for action in request["TransactItems"] for each in action.values()]
    return [request]


def check_store(database: Database, names: Mapping[str, str] = SAME_NAMES, *, was_rebuilt: bool = False) -> None:
    """Check that everything stored in the tables in service follows from the bodies, once nothing is in progress.

    An index that was rebuilt has no traces of what was replaced before.
    """
    tables = {"RecordTable": names[RECORDS], "DirectoryTable": names[DIRECTORY], "ReferenceTable": names[REFERENCES]}
    stored = Stored({output: list(map(dict, database.items(table))) for output, table in tables.items()})
    for table in (TRANSACTIONS, DIRECTORY_TRANSACTIONS):
        if left := list(database.items(names[table])):
            raise BrokenPromiseError(f"{len(left)} writes are not released")
    faults = faults_of_items(stored, BASE)
    for fault in faults if was_rebuilt else chain(faults, faults_of_traces(stored, BASE)):
        raise BrokenPromiseError(fault)
