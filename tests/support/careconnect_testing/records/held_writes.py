"""Multi-step writes that were done, or cut off, and hold their items: as a large resource does for a minute."""

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import INDEX_ITEM, JSON_ITEM
from careconnect_records.items.actions import Item
from careconnect_records.items.tables import RecordTables
from careconnect_records.multi_step.resolve import IntentResolver
from careconnect_records.multi_step.write import MultiStepWrite
from careconnect_records.writes.plan import WritePlan
from careconnect_records.writes.plan_write import plan_write
from careconnect_records.writes.target import Target

Resource = dict[str, Any]


class _CutOff(MultiStepWrite):
    """Does everything but the commit."""

    def _commit(self, name: str, releases: Sequence[Item], events: Sequence[Item], end: float) -> None:
        pass


def hold(tables: RecordTables, *resources: Resource, done: bool, now: float | None = None) -> None:
    """Write new versions of resources together; if they are not `done`, the write is cut off before its commit.

    No other write may hold them. `now` is in epoch seconds, by default the real time.
    """
    kind = MultiStepWrite if done else _CutOff
    plans = [_plan_of(tables, each, time.time() if now is None else now) for each in resources]
    kind(tables, IntentResolver(tables)).write(plans, strict=False, seconds=60)


def _plan_of(tables: RecordTables, resource: Resource, now: float) -> WritePlan:
    type_ = resource_type(resource["resourceType"])
    assert type_ is not None
    target = Target(type_, resource["id"])

    def item(sort_key: str) -> Any:
        key = {"pk": {"S": target.key}, "sk": {"S": sort_key}}
        return tables.client.get_item(TableName=tables.name(type_.table), Key=key, ConsistentRead=True).get("Item")

    target = replace(target, index=item(INDEX_ITEM))
    # No two versions are the same.
    other = {**resource, "meta": {"tag": [{"code": uuid.uuid4().hex}]}}
    plan = plan_write(target, other, now=int(now * 1000), base_url="")
    assert plan is not None
    return plan.keeping(item(JSON_ITEM))
