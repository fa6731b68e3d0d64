"""Check that the tables hold exactly what follows from the current bodies: index = bodies."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import (
    COUNT_SHARDS,
    CURSOR_KEY,
    INDEX_ITEM,
    JSON_ITEM,
    LOCK_ITEM,
    count_key,
    count_shard,
    version_item,
)
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import lock_key
from careconnect_records.writes.plan import plan_rebuild
from careconnect_records.writes.target import Target
from careconnect_testing.ledger.stored_items import COUNTS, Stored, resource_of

Place = tuple[str, str]


def faults_of_items(stored: Stored, base_url: str) -> Iterator[str]:
    """Yield each item that does not follow from a stored version, and each that does and is not there."""
    expected: dict[Place, Item] = {}
    locks: defaultdict[str, set[str]] = defaultdict(set)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    current: dict[str, bool] = {}
    referred: list[Place] = []
    for key, versions in stored.bodies().items():
        newest = max(versions)
        for number, body in versions.items():
            expected[key, JSON_ITEM if number == newest else version_item(JSON_ITEM, number)] = body
        type_name, _, id_ = key.partition("/")
        type_ = resource_type(type_name)
        assert type_ is not None
        body, resource = versions[newest], resource_of(versions[newest])
        current[key] = resource is not None
        plan = plan_rebuild(Target(type_, id_, body=body), resource, base_url=base_url)
        expected[key, INDEX_ITEM] = plan.index
        expected |= plan.entries
        for lock in plan.locks_added:
            locks[lock_key(lock)["pk"]["S"]].add(id_)
        for target in plan.incremented:
            counts[count_key(target, count_shard(id_))][type_name] += 1
            referred.append((key, target))
    yield from (f"{key} refers to {target}, which is not there" for key, target in referred if not current.get(target))
    yield from _faults_of_resources(stored, expected, locks)
    yield from _faults_of_counts(stored, counts, current)


def _faults_of_resources(stored: Stored, expected: dict[Place, Item], locks: dict[str, set[str]]) -> Iterator[str]:
    for item in stored.of_resources():
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if (pk, sk) == CURSOR_KEY:
            continue
        if sk == LOCK_ITEM:
            ids = set(item.get("ids", {}).get("SS", ()))
            if ids != locks.pop(pk, set()) or "many" in item:
                yield f"the lock {pk} has the ids {sorted(ids)}"
        elif item != expected.pop((pk, sk), None):
            yield f"{pk} {sk} follows from no body"
    yield from (f"{pk} {sk} is not there" for pk, sk in expected)
    yield from (f"the lock {pk} is not there" for pk in locks)


def _faults_of_counts(stored: Stored, counts: dict[str, Counter[str]], current: dict[str, bool]) -> Iterator[str]:
    tombstones: Counter[str] = Counter()
    for item in stored.items[COUNTS]:
        pk = item["pk"]["S"]
        if pk == CURSOR_KEY[0]:
            continue
        tombstones[pk.partition("#")[0]] += "closed" in item
        found = {name: int(value["N"]) for name, value in item.items() if value != {"N": "0"} and "N" in value}
        due: dict[str, Any] = dict(counts.pop(pk, {}))
        if due:
            due["total"] = sum(due.values())
        if found != due:
            yield f"{pk} counts {found}, not {due}"
    yield from (f"{pk} is not there" for pk in counts)
    for key, is_there in current.items():
        if tombstones[key] != (0 if is_there else COUNT_SHARDS):
            yield f"{key} has {tombstones[key]} tombstones"


def faults_of_uniqueness(stored: Stored, system: str) -> Iterator[str]:
    """Yield each identifier of a system that two resources have, of those that are not deleted."""
    holders: defaultdict[str, list[str]] = defaultdict(list)
    for key, versions in stored.bodies().items():
        for identifier in (resource_of(versions[max(versions)]) or {}).get("identifier", ()):
            if identifier.get("system") == system:
                holders[identifier["value"]].append(key)
    yield from (f"{value} is the identifier of {keys}" for value, keys in holders.items() if len(keys) > 1)
