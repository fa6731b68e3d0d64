"""Plan a write: everything that one transaction writes, decided from the target and the requested content alone."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

from careconnect.storage.keys import COUNT_SHARDS, Key, count_shard, version_item
from careconnect_records.items.actions import Item
from careconnect_records.items.extract import deletion_key, index_keys, search_values
from careconnect_records.items.identifier_locks import locks_among
from careconnect_records.items.reference_counts import targets_of
from careconnect_records.items.resource_items import (
    LARGEST_BODY,
    IndexTooLargeError,
    TooLargeError,
    body_item,
    digest_of,
    entry_item,
    former_patients_of,
    index_item,
    item_size,
    patients_of,
    patients_stamp,
    with_version,
)
from careconnect_records.items.traces import trace_in_place_of
from careconnect_records.writes.target import Target

# DynamoDB's quotas for a transaction: 100 actions and 4 MB, of which a part is left for the JSON around the items.
MAX_ACTIONS: Final = 100
MAX_BYTES: Final = 3_500_000


# Without slots, for its cached sizes.
@dataclass(frozen=True, kw_only=True)
class WritePlan:
    """Everything that a write of one resource changes in the tables.

    `index` and `body` are the new index record and body, `entries` the new index entries by key, `removed` the keys of
    the old ones, of which some leave `traces`. `previous` is the body of the replaced version, under the key by which
    the history finds it. `locks_added` and `locks_removed` are the locks of identifiers that the resource gains and
    loses, `incremented` and `decremented` the resources whose reference counts change. `deletes` says that the resource
    is deleted. `body` is None in a rebuild, which writes none.
    """

    target: Target
    index: Item
    body: Item | None
    entries: Mapping[Key, Item]
    removed: frozenset[Key]
    locks_added: frozenset[Key]
    locks_removed: frozenset[Key]
    incremented: frozenset[str]
    decremented: frozenset[str]
    deletes: bool
    previous: Item | None = None

    @property
    def version(self) -> int:
        """The version that the resource gets."""
        return int(self.index["version"]["N"])

    @property
    def updated(self) -> int:
        """The time of the write in epoch milliseconds."""
        return int(self.index["updated"]["N"])

    @property
    def patients(self) -> frozenset[str]:
        """The ids of the patients whose compartments hold the resource, before or after the write."""
        return frozenset((*patients_of(self.index), *self.target.patients))

    @property
    def restores(self) -> bool:
        """Whether the write restores a deleted resource."""
        return self.target.is_deleted and not self.deletes

    @property
    def replaces_version(self) -> bool:
        """Whether there is a stored version: its body has to be read and kept."""
        return self.target.version > 0

    def keeping(self, body: Item | None) -> "WritePlan":
        """Return the plan with the stored `body` as the previous version, if it is the body of that version."""
        stored = self.target.index
        if stored is None or not self.replaces_version or body is None or body["version"] != stored["version"]:
            return self
        return replace(self, previous={**body, "sk": {"S": version_item(body["sk"]["S"], self.target.version)}})

    @cached_property
    def traces(self) -> Mapping[Key, Item]:
        """What removed entries leave, by key."""
        target, updated = self.target, self.updated if self.removed else 0
        found = {key: trace_in_place_of(target.type, key, target.version, updated) for key in sorted(self.removed)}
        return {key: trace for key, trace in found.items() if trace}

    @property
    def bodies(self) -> tuple[Item, ...]:
        """The bodies to write: the new version's, and the previous one's under its new key."""
        return tuple(item for item in (self.body, self.previous) if item)

    @cached_property
    def entry_sizes(self) -> Mapping[Key, int]:
        """The approximate number of bytes of each index entry."""
        return {key: item_size(item) for key, item in self.entries.items()}

    @cached_property
    def size(self) -> int:
        """The approximate number of bytes that are written."""
        return sum(map(item_size, (*self.bodies, self.index))) + sum(self.entry_sizes.values())

    @property
    def count(self) -> int:
        """The number of actions that the write takes in a transaction, without the checks of the target's locks."""
        sets = (self.bodies, self.entries, self.removed, self.locks_added, self.locks_removed)
        counts = len(self.incremented) + len(self.decremented)
        return 1 + sum(map(len, sets)) + counts + (COUNT_SHARDS if self.deletes or self.restores else 0)

    def fits(self, others: int = 1) -> bool:
        """Return True if the write and `others` more actions, each of at most a kilobyte, fit into one transaction.

        After a multi-step write whose intents are still there, none does: a reader that began before that one has to
        meet an intent, or it would show a part of it.
        """
        return (
            not self.target.base
            and self.count + len(self.target.locks) + others <= MAX_ACTIONS
            and self.size <= MAX_BYTES
        )


def plan_holding(target: Target) -> WritePlan:
    """Return the plan that changes nothing of a stored resource, done only if nobody else writes it meanwhile."""
    nothing: frozenset[Any] = frozenset()
    return WritePlan(
        target=target,
        index=target.index or {},
        body=None,
        entries={},
        removed=nothing,
        locks_added=nothing,
        locks_removed=nothing,
        incremented=nothing,
        decremented=nothing,
        deletes=False,
    )


def changed_counts(plans: Iterable[WritePlan]) -> dict[tuple[str, int], Counter[str]]:
    """Return the changes of reference counts by type, for each target's key and shard."""
    counts: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for plan in plans:
        shard, type_name = count_shard(plan.target.id), plan.target.type.name
        for keys, change in ((plan.incremented, 1), (plan.decremented, -1)):
            for key in keys:
                counts[key, shard][type_name] += change
    return counts


def plan_rebuild(target: Target, resource: dict[str, Any] | None, *, base_url: str) -> WritePlan:
    """Return the plan that writes everything but the bodies, for a target of which only the body is stored.

    Raises `TooLargeError`, and `SearchValueError` for a date that the calendar does not have.
    """
    body = target.body or {}
    plan = plan_version(
        target,
        resource,
        int(body["version"]["N"]),
        int(body["updated"]["N"]),
        base_url=base_url,
        patients=patients_of(body),
        former=former_patients_of(body),
    )
    return replace(plan, body=None)


def plan_version(
    target: Target,
    resource: dict[str, Any] | None,
    version: int,
    updated: int,
    *,
    base_url: str = "",
    method: str = "PUT",
    status: int = 200,
    patients: tuple[str, ...] = (),
    former: tuple[str, ...] = (),
    digest: str = "",
) -> WritePlan:
    """Return the plan that stores a resource as this `version`, written at `updated` (epoch milliseconds).

    A deletion (`resource` None) has one entry, by its time, and belongs to `patients`, as the deleted resource did.
    `former` are the patients in whose compartments it was before, those of this version perhaps among them. `digest` is
    the resource's, if it was computed already. Raises `TooLargeError`, and `SearchValueError` for a date that the
    calendar does not have.
    """
    values: dict[str, list[Any]] = {}
    keys = [deletion_key(target.type, target.id, updated)]
    references: frozenset[str] = frozenset()
    stamped = None if resource is None else with_version(resource, version, updated)
    if stamped is not None:
        values = search_values(stamped, base_url=base_url)
        keys = index_keys(target.type, target.id, values)
        patients = target.type.patients_of(target.id, values)
        references = targets_of(stamped, base_url=base_url)
    numbers: Item = {"version": {"N": str(version)}, "updated": {"N": str(updated)}}
    stamp = numbers | patients_stamp(patients, former)
    body = body_item(target.key, stamped, stamp, method, status)
    index = index_item(
        target.type,
        target.key,
        digest or digest_of(resource),
        stamp,
        values=values,
        entries=keys,
        references=references,
    )
    for item, error in ((body, TooLargeError), (index, IndexTooLargeError)):
        if item_size(item) > LARGEST_BODY:
            raise error(f"too large: {item_size(item):,} bytes as stored, {LARGEST_BODY:,} at most")
    stored_entries, stored_references = target.entries, target.references
    locks, stored_locks = locks_among(target.type.name, keys), locks_among(target.type.name, stored_entries)
    return WritePlan(
        target=target,
        index=index,
        body=body,
        entries={key: entry_item(key, index["values"]) for key in keys},
        removed=stored_entries - frozenset(keys),
        locks_added=locks - stored_locks,
        locks_removed=stored_locks - locks,
        incremented=references - stored_references,
        decremented=stored_references - references,
        deletes=resource is None,
    )
