"""Decide which multi-step writes a request shows, so that it shows each whole or not at all (Promise 8, ADR 43).

A request is read in at most three passes:

1. As it was asked. If it meets no intent, that is the answer. Otherwise the states of the writes that it met are read,
   by all calls of that moment: those that are done are shown from then on.
2. Strongly consistent. A write that was not done yet is left out, and so is one that was not met before and is not done
   now. But one that is done may have been done before the request began, and others may have followed it.
3. So all states are listed. What was done then is shown, with all that it follows, and nothing else.

What is left out ended after the request began, if at all, so that nothing of it is released before the request ends.
"""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from careconnect.storage.dynamodb import BATCH, FormatCheckedClient, batch_get, call
from careconnect.storage.intents import (
    BASES,
    DONE,
    StateTables,
    bases_key,
    state_key,
    write_of,
)

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

MOST_LOOKED_UP: Final = 25
"""States that are read one by one. From so many on a listing of thousands takes fewer read units, and a pass less."""

Pay = Callable[[int], None]
"""Counts calls before they are made."""


class SnapshotNeededError(Exception):
    """A pass met writes, by `names`, that its snapshot does not decide, so that the request is read again."""

    def __init__(self, names: Collection[str] = ()) -> None:
        super().__init__("a multi-step write is not decided")
        self.names = frozenset(names)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The names of the writes that one pass shows and leaves out; those of others are added as it meets them.

    A `complete` one leaves out all that it does not show. One of a `single` resource needs no other pass, as nothing
    else is shown that its write might have changed.
    """

    shown: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    complete: bool = False
    single: bool = False


class Snapshots:
    """Makes snapshots by the states of multi-step writes; several calls at once are made in the threads of `pool`."""

    def __init__(self, client: FormatCheckedClient, tables: StateTables, pool: "ThreadPoolExecutor") -> None:
        self._client = client
        self._tables = tables
        self._pool = pool

    def snapshot_after(self, former: Snapshot | None, met: Collection[str], pay: Pay) -> Snapshot:
        """Return the snapshot of the pass after the one that had the `former` one, None for the first."""
        if former is None and len(met) < MOST_LOOKED_UP:
            states = self._states(met, pay)
            left_out = {name for name, status in states.items() if status != DONE}
            # A write without a state was released: it was done before, or was undone and nothing is left of it.
            return Snapshot(set(met) - left_out, left_out)
        return Snapshot(self._listed(pay) | (former.shown if former else set()), complete=True)

    def decide(self, snapshot: Snapshot, names: Collection[str], pay: Pay) -> None:
        """Add the writes that have put intents to a snapshot; raises `SnapshotNeededError`."""
        unknown = set(names) - snapshot.shown - snapshot.left_out
        if snapshot.complete:
            snapshot.left_out.update(unknown)
            return
        if len(unknown) >= MOST_LOOKED_UP:
            raise SnapshotNeededError
        states = self._states(unknown, pay)
        snapshot.left_out.update(name for name, status in states.items() if status != DONE)
        if snapshot.single:
            snapshot.shown.update(name for name, status in states.items() if status == DONE)
        if unknown - snapshot.shown - snapshot.left_out:
            raise SnapshotNeededError

    def decide_bases(self, snapshot: Snapshot, names: Collection[str], pay: Pay) -> None:
        """Add writes that others follow, all of which were done once; raises `SnapshotNeededError`."""
        unknown = set(names) - snapshot.shown - snapshot.left_out
        there = self._states(unknown, pay).keys()
        snapshot.shown.update(unknown - there)
        if there and not snapshot.complete:
            raise SnapshotNeededError
        # It was done after the states were listed.
        snapshot.left_out.update(there)

    def _states(self, names: Iterable[str], pay: Pay) -> dict[str, str]:
        """Return the status of each write that has a state: one BatchGetItem."""
        return {write_of(item): item["status"]["S"] for item in self._items(map(state_key, names), pay)}

    def _items(self, keys: Iterable[Mapping[str, Any]], pay: Pay) -> list[dict[str, Any]]:
        wanted = [(self._tables.of(key["sk"]["S"]), dict(key)) for key in keys]
        if not wanted:
            return []
        pay(math.ceil(len(wanted) / BATCH))
        return list(batch_get(self._client, wanted, consistent=True))

    def _listed(self, pay: Pay) -> set[str]:
        """Return the names of all writes that are done, and of all that these follow."""
        done: set[str] = set()
        bases: dict[str, set[str]] = {}
        for item in self._all(pay):
            name = write_of(item)
            if BASES in item:
                bases[name] = set(item[BASES]["SS"])
            elif item.get("status") == {"S": DONE}:
                done.add(name)
        wanted = set(done)
        while wanted:
            # What a write follows was done before it, though a page of the listing may be older.
            followed = set[str]().union(*(bases.get(name, set()) for name in wanted)) - done
            # Those that are not listed were released, or have begun since their page was read.
            found = self._items(map(bases_key, followed - bases.keys()), pay)
            bases |= {write_of(item): set(item[BASES]["SS"]) for item in found}
            done |= followed
            wanted = followed
        return done

    def _all(self, pay: Pay) -> Iterator[Mapping[str, Any]]:
        """Yield all items: the Queries of all partitions begin at once."""
        requests: list[dict[str, Any]] = [
            {
                **query,
                "ProjectionExpression": "sk, #status, #bases",
                "ExpressionAttributeNames": {"#status": "status", "#bases": BASES},
            }
            for query in self._tables.queries()
        ]
        pay(len(requests))
        first = [self._pool.submit(call, self._client.query, **request) for request in requests]
        for request, begun in zip(requests, first, strict=True):
            answer = begun.result()
            yield from answer["Items"]
            while "LastEvaluatedKey" in answer:
                pay(1)
                answer = call(self._client.query, **request, ExclusiveStartKey=answer["LastEvaluatedKey"])
                yield from answer["Items"]
