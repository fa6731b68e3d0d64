"""Show the items of multi-step writes as a snapshot decides them: as a write leaves them, or as they were before."""

import math
from collections.abc import Callable, Sequence
from typing import Final

from careconnect.fhir import outcomes
from careconnect.storage.dynamodb import BATCH, FormatCheckedClient, Item, batch_get
from careconnect.storage.intents import (
    BASE,
    DROP,
    TXN,
    former_record,
    in_record,
    is_former_body,
    names_in,
    previous,
    resource_of,
)
from careconnect.storage.keys import JSON_ITEM, Key, version_item
from fhir_reader.store.snapshot import Pay, Snapshot, SnapshotNeededError, Snapshots

_ATTEMPTS: Final = 3
"""The most reads of a body, if a release puts its former version back meanwhile."""


class VisibleItems:
    """Shows items by snapshots. `table_of` returns the name of the table that has a resource, by its partition key."""

    def __init__(self, client: FormatCheckedClient, snapshots: Snapshots, table_of: Callable[[str], str]) -> None:
        self._client = client
        self._snapshots = snapshots
        self._table_of = table_of

    def of(self, items: list[Item], snapshot: Snapshot | None, pay: Pay) -> list[Item]:
        """Return items as a snapshot shows them, those of bodies with the former bodies: some BatchGetItems.

        Raises `SnapshotNeededError`.
        """
        for _ in range(_ATTEMPTS):
            if not any(TXN in item for item in items):
                return items
            if snapshot is None:
                raise SnapshotNeededError(names_in(items))
            shown = self._shown(items, snapshot, pay)
            wanted = [one for one in shown if one and is_former_body(one)]
            keys = [(one["pk"]["S"], version_item(JSON_ITEM, int(one["version"]["N"]))) for one in wanted]
            former = self._read(keys, pay)
            if len(former) == len(wanted):
                bodies = {body["pk"]["S"]: body for body in former}
                return [bodies[one["pk"]["S"]] if is_former_body(one) else one for one in shown if one]
            # A write that had replaced one was undone, and is released at this moment.
            items = self._read([(item["pk"]["S"], item["sk"]["S"]) for item in items], pay)
        raise outcomes.unavailable("too many writes")

    def _shown(self, items: Sequence[Item], snapshot: Snapshot, pay: Pay) -> list[Item | None]:
        """Return each item as the snapshot shows it, of a former body the key and the version."""
        self._snapshots.decide(snapshot, {item[TXN]["S"] for item in items if TXN in item}, pay)
        shown: list[Item | None] = []
        before: dict[int, str] = {}
        for position, item in enumerate(items):
            if TXN not in item:
                shown.append(item)
            elif item[TXN]["S"] in snapshot.shown:
                shown.append(None if DROP in item else item)
            else:
                shown.append(previous(item))
                if BASE in item and not snapshot.single:
                    before[position] = item[BASE]["S"]
        while before:
            self._snapshots.decide_bases(snapshot, before.values(), pay)
            # What was before a write that is left out too.
            before = {position: base for position, base in before.items() if base not in snapshot.shown}
            keys = {each: (resource_of(items[each]), former_record(base)) for each, base in before.items()}
            records = {(one["pk"]["S"], one["sk"]["S"]): one for one in self._read(sorted(set(keys.values())), pay)}
            before = {}
            for position, key in keys.items():
                if key not in records:
                    raise outcomes.unavailable("a former record is gone")
                shown[position] = in_record(items[position], records[key])
                if BASE in records[key]:
                    before[position] = records[key][BASE]["S"]
        return shown

    def _read(self, keys: Sequence[Key], pay: Pay) -> list[Item]:
        """Return items of resources, strongly consistent: one BatchGetItem for each hundred."""
        pay(math.ceil(len(keys) / BATCH))
        wanted = [(self._table_of(pk), {"pk": {"S": pk}, "sk": {"S": sk}}) for pk, sk in keys]
        return list(batch_get(self._client, wanted, consistent=True))
