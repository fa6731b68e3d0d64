"""Synthetic index entries in memory: people with visits, and the context of a search for them."""

import copy
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from careconnect.fhir.rendering.formats import Format
from careconnect.fhir.rendering.views import View
from careconnect.fhir.resource_types import ResourceType, resource_type
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import grants_of
from careconnect.search.links import Links
from careconnect.search.result_parameters import ResultParameters
from careconnect_testing.parts.stores import EVERYTHING, FHIR_BASE
from fhir_reader.budget import MAX_CALLS, RequestBudget
from fhir_reader.search.context import SearchContext
from fhir_reader.store.resource_store import EntryStream, ResourceStore, Result, VersionStore
from fhir_reader.store.stored import BATCH, Entry, IndexRange, NextLimit, StoredResource

PEOPLE = 240
VISITS = 3
"""The number of encounters of each person."""


def served(name: str) -> ResourceType:
    found = resource_type(name)
    assert found is not None
    return found


@dataclass(frozen=True)
class _Stream:
    found: list[Entry]

    @property
    def lower_bound(self) -> int:
        return len(self.found)

    def parts(self) -> Iterator[list[Entry]]:
        yield self.found


class EntriesInMemory:
    """A store of index entries alone, which finds references by value. Calls are counted in a budget, if given."""

    def __init__(self, values: dict[str, dict[str, list[Any]]]) -> None:
        self._budget: RequestBudget | None = None
        self._entries: dict[str, Entry] = {}
        self._pointing: dict[tuple[str, str, str], list[Entry]] = {}
        for key, each in values.items():
            name, _, resource_id = key.partition("/")
            entry = self._entries[key] = Entry(
                served(name), resource_id, "0" * 15, json.dumps({"_lastUpdated": [0], **each})
            )
            for parameter, stored in each.items():
                for target in stored:
                    if isinstance(target, str):
                        self._pointing.setdefault((target, name, parameter), []).append(entry)

    def charged_to(self, budget: RequestBudget | None) -> "EntriesInMemory":
        other = copy.copy(self)
        other._budget = budget
        return other

    def all_of(self, name: str) -> list[Entry]:
        """Return the index entries of a type."""
        return [entry for entry in self._entries.values() if entry.type.name == name]

    def stored_keys(self, keys: Iterable[tuple[ResourceType, str]]) -> list[str]:
        return [key for key in (f"{type_.name}/{resource_id}" for type_, resource_id in keys) if key in self._entries]

    def entries_by_id(self, type_: ResourceType, ids: Iterable[str]) -> list[Entry]:
        keys = [f"{type_.name}/{resource_id}" for resource_id in ids]
        if self._budget:
            self._budget.call(math.ceil(len(keys) / BATCH))
            self._budget.examine(len(keys))
        return [self._entries[key] for key in keys if key in self._entries]

    def entries(
        self, type_: ResourceType, ranges: Iterable[IndexRange], _next_limit: NextLimit | None = None
    ) -> list[EntryStream]:
        streams: list[EntryStream] = [_Stream(self._in_range(type_, one)) for one in ranges]
        if self._budget:
            self._budget.call(len(streams))
        return streams

    def systems(self, _type: object, _partition: object, limit: int) -> list[str] | None:
        if self._budget:
            self._budget.call(1 + limit)
        return None

    def _in_range(self, type_: ResourceType, range_: IndexRange) -> list[Entry]:
        if "?" in range_.partition:
            # All entries of the type are in its first shard.
            return self.all_of(type_.name) if range_.partition.endswith("?0") else []
        parameter = range_.prefix.partition("?")[2].removesuffix("#")
        return self._pointing.get((range_.partition, type_.name, parameter), [])

    @property
    def versions(self) -> VersionStore:
        raise NotImplementedError

    def consistent(self) -> "EntriesInMemory":
        return self

    def at_one_moment(self, read: Callable[[ResourceStore], Result], *, single: bool = False) -> Result:
        return read(self)

    def read(self, *_: object) -> StoredResource | None:
        raise NotImplementedError

    def read_all(self, _keys: object) -> dict[tuple[str, str], StoredResource]:
        raise NotImplementedError

    def compartment(self, *_: object) -> Iterator[list[tuple[str, Entry]]]:
        raise NotImplementedError

    def seal_key(self) -> bytes:
        raise NotImplementedError


def _values(number: int) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    """Yield the entries of a person with visits, each ending in an observation."""
    patient = [f"Patient/p{number}"]
    yield patient[0], {"_id": [["", f"p{number}"]], "gender": [["", "male" if number % 2 else "female"]]}
    for visit in range(VISITS):
        encounter = f"e{number}-{visit}"
        finished = "finished" if number % 3 == 0 and visit == VISITS - 1 else "planned"
        yield f"Encounter/{encounter}", {"_id": [["", encounter]], "patient": patient, "status": [["", finished]]}
        yield (
            f"Observation/o{number}-{visit}",
            {
                "patient": patient,
                "encounter": [f"Encounter/{encounter}"],
                "code": [["", "rare" if number % 5 == 0 and visit == VISITS - 1 else "common"]],
            },
        )


PEOPLE_AND_VISITS = EntriesInMemory(dict(one for number in range(PEOPLE) for one in _values(number)))


def context(store: EntriesInMemory = PEOPLE_AND_VISITS, *, calls: int = MAX_CALLS, patient: str = "") -> SearchContext:
    """Return the context of a request with `calls` left, by a client that may be bound to a patient."""
    budget = RequestBudget(10**9, lambda _: None, lambda: 0.0)
    budget.call(MAX_CALLS - calls)
    caller = Caller("c", EVERYTHING, grants_of(EVERYTHING), patient)
    links = Links(FHIR_BASE, "", caller, store.seal_key, sealed=False)
    result = ResultParameters(View(Format.JSON))
    return SearchContext(store.charged_to(budget), store, budget, caller, result, FHIR_BASE, links)
