"""Promises of what is stored: versions without gaps, the index that the bodies say, locks, counts, events."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import (
    CURSOR_KEY,
    INDEX_ITEM,
    JSON_ITEM,
    LOCK_ITEM,
    count_key,
    count_shard,
    version_item,
)
from careconnect_records.items.identifier_locks import lock_key, locks_among
from careconnect_records.items.resource_items import entries_from
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.target import Target
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.ledger import Commit, Ledger
from careconnect_testing.simulation.schedule.scheduler import Scheduler
from careconnect_testing.simulation.world.names import BASE, DIRECTORY, RECORDS, REFERENCES
from careconnect_testing.simulation.world.system import BrokenPromiseError

SAME_NAMES: Final = {name: name for name in (RECORDS, DIRECTORY, REFERENCES)}

Item = Mapping[str, Any]
Items = dict[tuple[str, str], Item]


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
                    self._note(table, item["pk"]["S"])
                    found.add(item["pk"]["S"])
        if lost := self.known.keys() - found:
            raise BrokenPromiseError(f"{sorted(lost)} are not in the tables in service")

    def changed(self, _operation: str, request: Mapping[str, Any]) -> None:
        """Check the resources that a call has written."""
        for table, key in _indexes_in(request):
            if table not in self.names.values():
                raise BrokenPromiseError(f"{key} was written to {table}, which is not in service")
            self._note(table, key)

    def _note(self, table: str, key: str) -> None:
        index = self._item(table, key, INDEX_ITEM)
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
        body = self._item(table, key, JSON_ITEM)
        if body is None or body["version"] != index["version"] or body["updated"] != index["updated"]:
            raise BrokenPromiseError(f"the body of {key} is not that of version {version}")
        if former:
            kept = self._item(table, key, version_item(JSON_ITEM, former))
            if kept is None or kept.get("body", {}).get("S", "") != text:
                raise BrokenPromiseError(f"version {former} of {key} is not in the history as it was")
        stored = body.get("body", {}).get("S", "")
        self.known[key] = (version, stored)
        self.ledger.commits.setdefault(key, []).append(
            Commit(
                self.ledger.next_place(),
                self.scheduler.now,
                key,
                version,
                json.loads(stored) if stored else None,
                tuple(index.get("patient", {}).get("S", "").split()),
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
    if "TransactItems" in request:
        actions = [each for action in request["TransactItems"] for each in action.values()]
    else:
        actions = [request]
    for action in actions:
        key = (action.get("Key") or action.get("Item") or {}) if "TableName" in action else {}
        if key.get("sk", {}).get("S") == INDEX_ITEM:
            yield action["TableName"], key["pk"]["S"]


def check_store(database: Database, names: Mapping[str, str] = SAME_NAMES) -> None:
    """Check that everything stored in the tables in service follows from the bodies, once nothing is in progress."""
    targets: Counter[tuple[str, str]] = Counter()
    alive: set[str] = set()
    for table in (names[RECORDS], names[DIRECTORY]):
        items: Items = {(each["pk"]["S"], each["sk"]["S"]): each for each in database.items(table)}
        expected: dict[tuple[str, str], Mapping[str, Any] | None] = {}
        locks: dict[tuple[str, str], set[str]] = defaultdict(set)
        for (key, sort_key), index in items.items():
            if sort_key != INDEX_ITEM:
                continue
            if "claim" in index:
                raise BrokenPromiseError(f"{key} is still leased")
            if index["version"]["N"] == "0":
                if entries_from(index["entries"]["S"]):
                    raise BrokenPromiseError(f"{key} has entries without a version")
                continue
            body = items[key, JSON_ITEM]
            plan = _planned(key, body) if "body" in body else None
            _check_index(key, index, body, plan)
            if plan is None:
                continue
            alive.add(key)
            expected |= plan.entries
            for lock in locks_among(plan.target.type.name, plan.entries):
                named = lock_key(lock)
                locks[named["pk"]["S"], named["sk"]["S"]].add(plan.target.id)
            for reference in json.loads(plan.index["targets"]["S"]):
                targets[reference, count_key(reference, count_shard(plan.target.id))] += 1
        _check_entries(items, expected)
        _check_locks(items, locks)
    for reference, _ in targets:
        if reference not in alive:
            raise BrokenPromiseError(f"something refers to {reference}, which is not there")
    counts = {each["pk"]["S"]: int(each.get("total", {"N": "0"})["N"]) for each in database.items(names[REFERENCES])}
    wanted = {key: number for (_, key), number in targets.items()}
    if {key: number for key, number in counts.items() if number and key != CURSOR_KEY[0]} != wanted:
        raise BrokenPromiseError(f"references are counted {counts}, and are {wanted}")


def _check_index(key: str, index: Item, body: Item, plan: WritePlan | None) -> None:
    if body["version"] != index["version"] or body["updated"] != index["updated"]:
        raise BrokenPromiseError(f"body and index record of {key} are of different versions")
    if plan is None:
        if index["values"]["S"] not in ("{}", "null") and entries_from(index["entries"]["S"]):
            raise BrokenPromiseError(f"{key} is deleted, and in the index")
        return
    if entries_from(index["entries"]["S"]) != plan.entries.keys():
        raise BrokenPromiseError(f"the index record of {key} lists other entries than its body has")
    for name in ("values", "targets", "digest"):
        if index[name] != plan.index[name]:
            raise BrokenPromiseError(f"{name} of {key} are not those of its body")


def _check_entries(items: Items, expected: Mapping[tuple[str, str], Mapping[str, Any] | None]) -> None:
    found = {place: each for place, each in items.items() if not place[1].startswith("#") and place != CURSOR_KEY}
    if found.keys() != expected.keys():
        missing, strange = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
        raise BrokenPromiseError(f"index entries missing: {missing[:3]}, without a body: {strange[:3]}")
    for place, entry in found.items():
        if entry != expected[place]:
            raise BrokenPromiseError(f"the index entry {place} has other values than its body")


def _check_locks(items: Items, wanted: Mapping[tuple[str, str], set[str]]) -> None:
    found = {place: set(each.get("ids", {}).get("SS", ())) for place, each in items.items() if place[1] == LOCK_ITEM}
    if {place: ids for place, ids in found.items() if ids} != wanted:
        raise BrokenPromiseError(f"identifier locks hold {found}, and should {dict(wanted)}")


def _planned(key: str, body: Item) -> WritePlan:
    """Return the plan whose items a stored body should have."""
    type_ = resource_type(key.partition("/")[0])
    assert type_ is not None
    resource = json.loads(body["body"]["S"])
    version, updated = int(body["version"]["N"]), int(body["updated"]["N"])
    return plan_version(Target(type_, resource["id"]), resource, version, updated, base_url=BASE)
