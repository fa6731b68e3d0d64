"""Entries of what is just being written in several steps: whether they hold, its index record alone says (ADR 23)."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from careconnect.fhir.resource_types import ResourceType
from fhir_reader.store.stored import BATCH, Pay

Item = Mapping[str, Any]
Resource = tuple[ResourceType, str]

LookUp = Callable[[Iterable[Resource]], Mapping[tuple[str, str], Item]]
"""Returns index records by (type name, id), strongly consistent."""


@dataclass(frozen=True, slots=True)
class PendingEntries:
    """Looks up the index records of entries that are staged; `resource_of` tells from a sort key whose entry it is.

    `pay` is told of each call before it is made. Where nothing is staged there is none.
    """

    partition: str
    resource_of: Callable[[str], Resource | None]
    look_up: LookUp
    pay: Pay | None

    def resolved(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return the entries that hold among some of the partition's, each with the values that hold."""
        if not any("staged" in item for item in items):
            return items
        resources = [self.resource_of(item["sk"]["S"]) if "staged" in item else None for item in items]
        wanted = dict.fromkeys(resource for resource in resources if resource)
        if self.pay:
            self.pay(math.ceil(len(wanted) / BATCH))
        records = self.look_up(wanted)
        resolved = (
            self._held(item, records.get((resource[0].name, resource[1]))) if resource else item
            for item, resource in zip(items, resources, strict=True)
        )
        return [item for item in resolved if item is not None]

    def _held(self, item: Item, record: Item | None) -> Item | None:
        """Return a staged entry as its resource's index record has it, None if it is not among the record's."""
        if record is None or [self.partition, item["sk"]["S"]] not in json.loads(record["entries"]["S"]):
            return None
        return {"sk": item["sk"], "values": record["values"]}
