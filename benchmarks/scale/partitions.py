"""The partitions of the record table of a population: sorted keys of any number, computed when they are asked for.

A partition is of one of three sorts: those of one patient's own ids (a record, an identifier) hold a few items, which
are made; those of a type hold every resource of a shard; all others hold the resources with one value, which their
number's remainder decides.
"""

import re
from abc import abstractmethod
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Final, overload

from benchmarks.scale.population import KINDS, PATIENT, PERIOD, Kind, Population, numbered, resource_id
from benchmarks.scale.sequences import Mapped, Periodic

from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.search.values import order_text
from careconnect.storage.keys import (
    INDEX_ITEM,
    JSON_ITEM,
    SHARDS,
    Key,
    change_partition,
    entry_sort_key,
    prefix_of,
    type_partition,
    version_item,
)
from careconnect_records.items.actions import Item
from careconnect_records.items.extract import index_keys, search_values
from careconnect_records.items.resource_items import entry_item, index_item, with_version
from careconnect_records.writes.plan import WritePlan, plan_version
from careconnect_records.writes.target import Target

VERSIONS: Final = 3
"""Versions of each patient; any other resource has one."""

_DAY: Final = 86_400_000
_NHS_NUMBER: Final = re.compile(r"Patient\?identifier=9(\d{9})")


def type_of(kind: Kind) -> ResourceType:
    """Return the served type of a kind."""
    found = resource_type(kind.name)
    assert found is not None
    return found


@dataclass(frozen=True, slots=True)
class Segment:
    """The sort keys of a partition that begin with one prefix: those of the `numbers` of a kind, in order."""

    kind: Kind
    prefix: str
    numbers: Sequence[int]
    by_change: bool = False


class Partition(Sequence[str]):
    """The sort keys of a partition, sorted, and an item for each."""

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> Sequence[str]: ...
    def __getitem__(self, position: int | slice) -> str | Sequence[str]:
        """Return the sort key at a position from 0."""
        assert isinstance(position, int)
        if not 0 <= position < len(self):
            raise IndexError(position)
        return self.sort_key(position)

    @abstractmethod
    def sort_key(self, position: int) -> str:
        """Return the sort key at a position that exists."""

    @abstractmethod
    def item(self, position: int) -> Item:
        """Return the item at a position."""


class StoredPartition(Partition):
    """A partition of given items."""

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = sorted(items.items())

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self._items)

    def sort_key(self, position: int) -> str:
        """Return the sort key at a position that exists."""
        return self._items[position][0]

    def item(self, position: int) -> Item:
        """Return the item at a position."""
        return self._items[position][1]


class _IndexPartition(Partition):
    """A partition of index entries, computed segment by segment."""

    def __init__(self, key: str, segments: Sequence[Segment], records: "RecordItems") -> None:
        self._key = key
        self._segments = [one for one in segments if one.numbers]
        self._ends = list(accumulate(len(one.numbers) for one in self._segments))
        self._records = records

    def __len__(self) -> int:
        """Return the number of entries."""
        return self._ends[-1] if self._ends else 0

    def sort_key(self, position: int) -> str:
        """Return the sort key at a position that exists."""
        segment, number = self._at(position)
        order = self._records.order(segment.kind, number, by_change=segment.by_change)
        return entry_sort_key(segment.prefix, order, resource_id(segment.kind, number))

    def item(self, position: int) -> Item:
        """Return the entry at a position."""
        segment, number = self._at(position)
        return entry_item((self._key, self.sort_key(position)), self._records.values(segment.kind, number))

    def _at(self, position: int) -> tuple[Segment, int]:
        place = bisect_right(self._ends, position)
        segment = self._segments[place]
        return segment, segment.numbers[position - self._ends[place] + len(segment.numbers)]


class RecordItems:
    """The items of the record table of a population, made by the writers' own code."""

    def __init__(self, population: Population) -> None:
        self.population = population
        self._shared = self._shared_values()
        self.plan: Callable[[Kind, int], WritePlan] = lru_cache(maxsize=4_096)(self._plan)
        self.values: Callable[[Kind, int], Item] = lru_cache(maxsize=65_536)(self._values)
        self._record: Callable[[int], Mapping[str, Mapping[str, Item]]] = lru_cache(maxsize=256)(self._made_record)

    def partition(self, key: str) -> Partition:
        """Return a partition by its key; an empty one if there is none."""
        if (patient := self._patient_of(key)) is not None:
            return StoredPartition(self._record(patient).get(key, {}))
        return _IndexPartition(key, self._segments(key), self)

    def item(self, key: str, sort_key: str) -> Item | None:
        """Return one item, or None if there is none."""
        found = numbered(key)
        if found is None or key != f"{found[0].name}/{resource_id(*found)}" or not self._exists(*found):
            return None
        if sort_key == INDEX_ITEM:
            return self.plan(*found).index
        return next((body for body in self._bodies(*found) if body["sk"]["S"] == sort_key), None)

    def items(self) -> Iterator[Item]:
        """Yield all items, for a population that is small."""
        for patient in range(self.population.patients):
            for kind, number in self.population.record(patient):
                yield from self._items(kind, number)

    def order(self, kind: Kind, number: int, *, by_change: bool = False) -> str:
        """Return the order key of a resource, in the default order of its type or in that of its last change."""
        if by_change:
            return order_text(self.population.updated(kind, number))
        # Not from the resource: a search for a position compares many.
        return order_text(int(self.population.date(kind, number).timestamp() * 1000))

    def _newest(self, kind: Kind) -> int:
        return VERSIONS if kind is PATIENT else 1

    def _plan(self, kind: Kind, number: int, version: int = 0) -> WritePlan:
        own, version = resource_id(kind, number), version or self._newest(kind)
        updated = self.population.updated(kind, number) - (self._newest(kind) - version) * _DAY
        return plan_version(Target(type_of(kind), own), self.population.resource(kind, number), version, updated)

    def _values(self, kind: Kind, number: int) -> Item:
        """Return the values of an index entry: a search reads thousands, and the rest of a plan takes longer."""
        stamped = with_version(
            self.population.resource(kind, number), self._newest(kind), self.population.updated(kind, number)
        )
        values: Item = index_item(type_of(kind), "", "", {}, values=search_values(stamped))["values"]
        return values

    def _bodies(self, kind: Kind, number: int) -> Iterator[Item]:
        yield from self.plan(kind, number).bodies
        for version in range(1, self._newest(kind)):
            for body in self._plan(kind, number, version).bodies:
                yield {**body, "sk": {"S": version_item(JSON_ITEM, version)}}

    def _items(self, kind: Kind, number: int) -> Iterator[Item]:
        plan = self.plan(kind, number)
        yield from (*self._bodies(kind, number), plan.index, *plan.entries.values())

    def _made_record(self, patient: int) -> Mapping[str, Mapping[str, Item]]:
        partitions: dict[str, dict[str, Item]] = defaultdict(dict)
        for kind, number in self.population.record(patient):
            for item in self._items(kind, number):
                partitions[item["pk"]["S"]][item["sk"]["S"]] = item
        return partitions

    def _exists(self, kind: Kind, number: int) -> bool:
        return number < self.population.total(kind)

    def _patient_of(self, key: str) -> int | None:
        """Return the number of the patient that alone has entries in a partition; None if any may have."""
        if identified := _NHS_NUMBER.fullmatch(key):
            number = int(identified[1])
            return number if self._exists(PATIENT, number) else None
        found = numbered(key)
        return found[1] % self.population.patients if found and self._exists(*found) else None

    def _segments(self, key: str) -> Sequence[Segment]:
        for kind in KINDS:
            for shard in range(SHARDS):
                if key == type_partition(kind.name, shard):
                    return [Segment(kind, "", self._in_shard(kind, shard, by_change=False))]
                if key == change_partition(kind.name, shard):
                    return [Segment(kind, "", self._in_shard(kind, shard, by_change=True), by_change=True)]
        return self._shared.get(key, ())

    def _in_shard(self, kind: Kind, shard: int, *, by_change: bool) -> Sequence[int]:
        population = self.population

        def number_at(position: int) -> int:
            block = population.loaded_at(kind, position) if by_change else position
            return population.in_shard(kind, block, shard)

        return Mapped(population.blocks(kind), number_at)

    def _shared_values(self) -> Mapping[str, Sequence[Segment]]:
        """Return the segments of all partitions of values that many patients share, or that are rare."""
        found: dict[str, dict[str, Segment]] = defaultdict(dict)
        for kind in KINDS:
            total = self.population.total(kind)
            residues: dict[Key, list[int]] = defaultdict(list)
            for number in range(min(PERIOD, total)):
                for one in self._shared_keys(kind, number, rare=False):
                    residues[one].append(number)
            rare: dict[Key, list[int]] = defaultdict(list)
            for number in self.population.rare(kind):
                for one in self._shared_keys(kind, number, rare=True) - residues.keys():
                    rare[one].append(number)
            numbers: dict[Key, Sequence[int]] = {
                one: Periodic(PERIOD, tuple(of), total) for one, of in residues.items()
            }
            for (partition, prefix), of in (numbers | rare).items():
                assert prefix not in found[partition], f"{partition} {prefix} is of two kinds"
                found[partition][prefix] = Segment(kind, prefix, of)
        return {partition: [of[prefix] for prefix in sorted(of)] for partition, of in found.items()}

    def _shared_keys(self, kind: Kind, number: int, *, rare: bool) -> set[Key]:
        """Return the partition and prefix of each entry of a resource that is not its own or its patient's."""
        type_ = type_of(kind)
        resource = with_version(self.population.resource(kind, number, rare=rare), 1, 0)
        own = {part(kind.name, shard) for part in (type_partition, change_partition) for shard in range(SHARDS)}
        keys = index_keys(type_, resource["id"], search_values(resource))
        return {(pk, prefix_of(sk)) for pk, sk in keys if pk not in own and self._patient_of(pk) is None}
