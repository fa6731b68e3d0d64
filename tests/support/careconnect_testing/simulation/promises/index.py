"""Check that the tables hold exactly what follows from the current bodies: index = bodies."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import (
    COUNT_SHARDS,
    CURSOR_KEY,
    INDEX_ITEM,
    JSON_ITEM,
    LOCK_ITEM,
    count_key,
    count_shard,
    is_body,
    version_item,
)
from careconnect.storage.traces import is_trace
from careconnect_admin.erasing.tombstones import ERASED
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import lock_key
from careconnect_records.items.traces import trace_in_place_of
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.writes.plan import WritePlan, plan_rebuild
from careconnect_records.writes.target import Target

RECORDS: Final = ("RecordTable", "DirectoryTable")
COUNTS: Final = "ReferenceTable"

Place = tuple[str, str]


@dataclass(frozen=True)
class Stored:
    """The items of the tables of resources and of reference counts, by the table's output."""

    items: Mapping[str, list[Item]]

    def of_resources(self) -> Iterator[Item]:
        """Yield the items of both tables of resources."""
        for name in RECORDS:
            yield from self.items[name]

    def bodies(self) -> dict[str, dict[int, Item]]:
        """Return the body of each version of each resource, by key and version."""
        found: dict[str, dict[int, Item]] = {}
        for item in self.of_resources():
            if is_body(item["sk"]["S"]):
                versions = found.setdefault(item["pk"]["S"], {})
                version = int(item["version"]["N"])
                assert version not in versions, f"{item['pk']['S']} has two bodies of version {version}"
                versions[version] = item
        return found


def faults_of_items(stored: Stored, base_url: str) -> Iterator[str]:
    """Yield each item that does not follow from a stored version, traces aside, and each that does and is not there."""
    expected: dict[Place, Item] = {}
    locks: defaultdict[str, set[str]] = defaultdict(set)
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    current: dict[str, bool] = {}
    referred: list[Place] = []
    for key, versions in stored.bodies().items():
        newest = max(versions)
        for number, body in versions.items():
            expected[key, JSON_ITEM if number == newest else version_item(JSON_ITEM, number)] = body
        target = _target_of(key)
        type_name, id_ = target.type.name, target.id
        current[key] = "body" in versions[newest]
        plan = _plan_of(target, versions[newest], base_url)
        expected[key, INDEX_ITEM] = plan.index
        expected |= plan.entries
        for lock in plan.locks_added:
            locks[lock_key(lock)["pk"]["S"]].add(id_)
        for other in plan.incremented:
            counts[count_key(other, count_shard(id_))][type_name] += 1
            referred.append((key, other))
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
        elif not is_trace(item) and item != expected.pop((pk, sk), None):
            yield f"{pk} {sk} follows from no body"
    yield from (f"{pk} {sk} is not there" for pk, sk in expected)
    yield from (f"the lock {pk} is not there" for pk in locks)


def faults_of_traces(stored: Stored, base_url: str) -> Iterator[str]:
    """Yield each replaced entry that has left no trace, and each trace of none (ADR 53).

    In a compartment, a write that was undone leaves a trace too, and the erasure of its patient leaves none.
    """
    found = {(item["pk"]["S"], item["sk"]["S"]): item for item in stored.of_resources() if is_trace(item)}
    bodies = stored.bodies()
    erased = {key for key, versions in bodies.items() if any(ERASED in each for each in versions.values())}
    explained: set[Place] = set()
    for key, versions in bodies.items():
        target = _target_of(key)
        current = _plan_of(target, versions[max(versions)], base_url).entries
        for number in range(1, max(versions)):
            body, next_ = versions[number], int(versions[number + 1]["updated"]["N"])
            for place in _plan_of(target, body, base_url).entries.keys() - current.keys():
                trace = trace_in_place_of(target.type, place, number, next_)
                explained.add(place)
                if ERASED in body:
                    # It may have had a content.
                    explained.add((place[0].replace("?_deleted^", "?_lastUpdated^"), place[1]))
                elif trace and place[0] not in erased and _bare(found.get(place, {})) != _bare(trace):
                    yield f"{place} is no trace of version {number} of {key}"
    for place in found.keys() - explained:
        if "?" in place[0]:
            yield f"{place} is a trace of nothing"


def _bare(trace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what must be in a trace: in a compartment, a write that was undone may be the last to have left it."""
    return trace if "version" in trace else {"pk": trace.get("pk"), "sk": trace.get("sk")}


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


def _target_of(key: str) -> Target:
    type_name, _, resource_id = key.partition("/")
    type_ = resource_type(type_name)
    assert type_ is not None
    return Target(type_, resource_id)


def _plan_of(target: Target, body: Item, base_url: str) -> WritePlan:
    """Return the plan of what is stored of a version beside its body."""
    resource = parse_json_body(body["body"]["S"].encode()) if "body" in body else None
    return plan_rebuild(replace(target, body=body), resource, base_url=base_url)
