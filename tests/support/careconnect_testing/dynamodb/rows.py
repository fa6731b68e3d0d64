"""Items in the order of their keys, as they are and as they were some writes ago."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from careconnect_testing.dynamodb.values import Item

MAX_BEHIND: Final = 1000
"""Writes that a read can be behind."""

Place = tuple[Any, ...]
"""The place of an item in its partition: the parts of a key that follow the partition key, sortable."""


class _Top:
    """Is greater than every part of a place."""

    def __lt__(self, _: Any) -> bool:
        return False

    def __gt__(self, _: Any) -> bool:
        return True

    __le__, __ge__ = __lt__, __gt__


TOP: Final = _Top()


@dataclass(frozen=True, slots=True)
class Row:
    """A stored item, which nobody changes, and its size in bytes."""

    item: Item
    size: int


@dataclass(slots=True)
class _Partition:
    places: list[Place] = field(default_factory=list)
    rows: dict[Place, Row] = field(default_factory=dict)


class Rows:
    """The rows of a table or an index, by partition key and place.

    `behind` is a number of writes: a read sees each row as it was that many writes of these rows ago.
    """

    def __init__(self) -> None:
        self._partitions: dict[Any, _Partition] = {}
        self._before: deque[tuple[Any, Place, Row | None]] = deque(maxlen=MAX_BEHIND)

    def __iter__(self) -> Iterator[Row]:
        """Yield every row as it is."""
        for partition in self._partitions.values():
            yield from partition.rows.values()

    @property
    def partitions(self) -> list[Any]:
        """The partition keys that have rows."""
        return list(self._partitions)

    def copy(self) -> "Rows":
        """Return the same rows, to be changed separately."""
        copy = Rows()
        copy._partitions = {
            key: _Partition(list(each.places), dict(each.rows)) for key, each in self._partitions.items()
        }
        return copy

    def get(self, hash_key: Any, place: Place, behind: int = 0) -> Row | None:
        """Return a row."""
        if behind:
            former = self.former(hash_key, behind)
            if place in former:
                return former[place]
        partition = self._partitions.get(hash_key)
        return None if partition is None else partition.rows.get(place)

    def put(self, hash_key: Any, place: Place, row: Row | None) -> Row | None:
        """Store or, by None, remove a row; return the one before it."""
        partition = self._partitions.get(hash_key)
        before = None if partition is None else partition.rows.get(place)
        self._before.append((hash_key, place, before))
        if row is not None:
            if partition is None:
                partition = self._partitions[hash_key] = _Partition()
            if before is None:
                partition.places.insert(bisect_left(partition.places, place), place)
            partition.rows[place] = row
        elif partition is not None and before is not None:
            del partition.places[bisect_left(partition.places, place)]
            del partition.rows[place]
            if not partition.places:
                del self._partitions[hash_key]
        return before

    def former(self, hash_key: Any, behind: int) -> Mapping[Place, Row | None]:
        """Return the rows of a partition that the last `behind` writes changed, as they were before those."""
        return {place: row for each, place, row in islice(reversed(self._before), behind) if each == hash_key}

    def next(
        self, hash_key: Any, start: Place, stop: Place, *, forward: bool = True, behind: int = 0
    ) -> tuple[Place, Row] | None:
        """Return the first row from `start` (included) to `stop` (not included), or the last one if not `forward`."""
        former = self.former(hash_key, behind) if behind else {}
        partition = self._partitions.get(hash_key)
        places = partition.places if partition is not None else []
        found: Place | None = None
        if forward:
            at = bisect_left(places, start)
            while at < len(places) and places[at] in former:
                at += 1
            found = places[at] if at < len(places) and places[at] < stop else None
        else:
            at = bisect_left(places, stop) - 1
            while at >= 0 and places[at] in former:
                at -= 1
            found = places[at] if at >= 0 and places[at] >= start else None
        others = [place for place, row in former.items() if row is not None and start <= place < stop]
        if others:
            first = min(others) if forward else max(others)
            if found is None or (first < found if forward else first > found):
                found = first
        if found is None:
            return None
        row = former.get(found) or (partition and partition.rows[found])
        assert row
        return found, row
