"""Promises of a restore: the contents of the restored time, and nothing of who was erased since."""

import json
from collections.abc import Mapping
from typing import Any

from careconnect.storage.keys import JSON_ITEM, is_body
from careconnect_admin.erasing.unlink import unlinked
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import former_patients_of, patients_of
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.ledger import Ledger
from careconnect_testing.simulation.world.names import BASE, DIRECTORY, RECORDS
from careconnect_testing.simulation.world.system import BrokenPromiseError

Bodies = Mapping[tuple[str, str], Item]


def restored_contents(database: Database, names: Mapping[str, str]) -> Bodies:
    """Return the bodies of restored tables, by key and sort key."""
    items = [dict(item) for table in (RECORDS, DIRECTORY) for item in database.items(names[table])]
    return {(item["pk"]["S"], item["sk"]["S"]): item for item in items if is_body(item["sk"]["S"])}


def check_restored(before: Bodies, ready: Bodies, ledger: Ledger, since: float) -> None:
    """Check tables that are `ready` for service against what was restored; raises `BrokenPromiseError`."""
    erased = {each.patient for each in ledger.erasures if each.is_done and each.ended_at >= since}
    for (key, sort_key), body in ready.items():
        if left := {*patients_of(body), *former_patients_of(body)} & erased:
            raise BrokenPromiseError(f"{key} {sort_key} of {sorted(left)} has come back by a restore")
    begun = {each.patient for each in ledger.erasures}
    gone = {f"Patient/{each}" for each in begun} | {key for (key, _), each in before.items() if _is_of(each, begun)}
    for key in {key for key, _ in ready}:
        then, now = before.get((key, JSON_ITEM), {}), ready[key, JSON_ITEM]
        if _bare(then, gone) != _bare(now, gone) and not (_is_of(then, begun) and "gone" in now):
            raise BrokenPromiseError(f"{key} is not as it was at the restored time")


def _is_of(body: Item, patients: set[str]) -> bool:
    return bool(patients & {*patients_of(body)})


def _bare(body: Item, targets: set[str]) -> Any:
    """Return a content without its version, and without all references that may have been unlinked."""
    if "body" not in body:
        return None
    content = {name: value for name, value in json.loads(body["body"]["S"]).items() if name != "meta"}
    return unlinked(content, targets, base_url=BASE)
