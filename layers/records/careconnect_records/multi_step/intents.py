"""Build the intents of multi-step writes."""

from collections.abc import Iterator

from careconnect.storage.intents import BASE, DROP, FORMER, PREV, TXN, former_record
from careconnect.storage.traces import EXPIRES
from careconnect_records.items.actions import Item, put, table_action
from careconnect_records.items.resource_items import entry_item
from careconnect_records.items.traces import trace_before
from careconnect_records.writes.plan import WritePlan


def intent(item: Item, name: str, before: Item | None, base: str = "", *, drop: bool = False) -> Item:
    """Return the intent of a write of this name that leaves `item` (`drop`: nothing) in place of `before`."""
    # DynamoDB must not delete it: what is before it may have to be put back.
    made = {**{each: value for each, value in item.items() if each != EXPIRES}, TXN: {"S": name}}
    if before is not None:
        made[PREV] = {"M": {each: value for each, value in before.items() if each not in ("pk", "sk")}}
    if base:
        made[BASE] = {"S": base}
    if drop:
        made[DROP] = {"BOOL": True}
    return made


def former_of(item: Item) -> Item:
    """Return the attributes by which the index record before an intent is kept, when another write follows."""
    kept: Item = {FORMER: item[PREV]} if PREV in item else {}
    return kept | ({BASE: item[BASE]} if BASE in item else {})


def former_action(plan: WritePlan, table: str, name: str) -> Item | None:
    """Return the action that keeps the index record before the write that a plan follows, None if it follows none.

    If one that followed it before was undone, that one has kept it.
    """
    target = plan.target
    if not target.base:
        return None
    key: Item = {"pk": {"S": target.key}, "sk": {"S": former_record(target.base)}}
    if target.former is not None:
        # It goes with this write's release, however it ends.
        return put(table, {**key, TXN: {"S": name}, DROP: {"BOOL": True}, **target.former})
    return table_action(
        table,
        key,
        update="SET #txn = :name",
        condition="#txn = :intent",
        names={"#txn": TXN},
        values={":name": {"S": name}, ":intent": {"S": target.intent}},
    )


def index_intent(plan: WritePlan, name: str) -> Item:
    """Return the intent of a plan's index record."""
    return intent(plan.index, name, plan.target.index, plan.target.base)


def content_intents(plan: WritePlan, name: str) -> Iterator[Item]:
    """Yield the intents of a plan's bodies and entries: of all that depends on the index record.

    The first `len(plan.bodies)` belong in one transaction: a body's intent has of the former body nothing but the
    version, and the version may be an intent of a write that was undone, whose own body depends on it.
    """
    target = plan.target
    if plan.previous:
        # A version never changes: `txn` says only that it is removed again if the write is undone.
        yield intent(plan.previous, name, None)
    if plan.body:
        before = {"version": {"N": str(target.version)}} if target.version else None
        yield intent(plan.body, name, before, target.base)
    values = (target.index or {}).get("values", {"S": ""})
    existing = target.entries
    for key, item in plan.entries.items():
        before = entry_item(key, values) if key in existing else trace_before(target.type, key, plan.updated)
        yield intent(item, name, before, target.base)
    for key, trace in plan.traces.items():
        yield intent(trace, name, entry_item(key, values), target.base)
    for pk, sk in sorted(plan.removed - plan.traces.keys()):
        yield intent({"pk": {"S": pk}, "sk": {"S": sk}}, name, entry_item((pk, sk), values), target.base, drop=True)
