"""List the items that one `POST` of an Observation writes: bytes, write units, and what each is for."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from benchmarks.setup.units import item_size_of, units_of

from careconnect_testing.http.writes import observation, patient
from careconnect_testing.parts.record_writers import WRITE, writer_in_memory
from careconnect_testing.parts.recorded_writes import with_record

_PATIENT: Final = "c6af9ac6-7b61-41e6-9a41-93e8deadbeef"
_NUMBERS: Final = itertools.count(10**31)
"""The ends of ids that are as long as UUIDs."""

_SEEN: Final = json.dumps(observation(f"Patient/{_PATIENT}", valueQuantity={"value": 61.5, "unit": "kg"}))

_BODY: Final = ("body", "reads")
_EVENT: Final = ("audit event, with its entry by patient", "the audit trail")
_OTHERS: Final[Mapping[str, tuple[str, str]]] = {
    "Observation/": ("index record", "the next write: it lists what the version has elsewhere"),
    "Observation?": ("entry among all Observations", "searches over all patients"),
    "Observation?_lastUpdated": ("entry by time of change", "searches by `_lastUpdated`, and exports `_since` a time"),
    "Observation?code": ("entry by code", "searches by code over all patients"),
    f"Patient/{_PATIENT}": ("entry in the patient's record", "searches in a record"),
    f"Patient/{_PATIENT}#": ("reference count", "nothing deletes the patient meanwhile"),
}
"""What an item is and is for, by how its partition begins; the longest counts."""


@dataclass(frozen=True, slots=True)
class WrittenItem:
    """An item of the transaction: its bytes if it is put whole, and its units with those of an index.

    `alone` are the units that it would take outside a transaction. `is_event` says that it is in the audit table.
    """

    what: str
    purpose: str
    bytes: int | None
    units: float
    alone: float
    is_event: bool


def write_items() -> list[WrittenItem]:
    """Write an Observation, and return the items of its one transaction."""
    with writer_in_memory() as made:
        writer, audit = with_record(replace(made, ids=_NUMBERS))
        writer.made({**patient("9990000000"), "id": _PATIENT})
        asked: list[Mapping[str, Any]] = []
        writer.reader.client.meta.events.register(
            f"provide-client-params.dynamodb.{WRITE}", lambda params, **_: asked.append(params)
        )
        answer = writer.send("POST", "Observation", _SEEN)
        assert answer.status == 201, answer.text
        [transaction] = asked
    return [_written(action, audit.table) for action in transaction["TransactItems"]]


def _written(action: Mapping[str, Any], audit_table: str) -> WrittenItem:
    ((kind, request),) = action.items()
    item = request.get("Item")
    calls = ((WRITE, {"TransactItems": [action]}), (f"{kind}Item", request))
    units, alone = (units_of(call, asked, {}, audit_table=audit_table).writes for call, asked in calls)
    is_event = request["TableName"] == audit_table
    named = _EVENT if is_event else _named(request)
    return WrittenItem(*named, item_size_of(item) if item else None, units, alone, is_event)


def _named(request: Mapping[str, Any]) -> tuple[str, str]:
    if "body" in request.get("Item", ()):
        return _BODY
    partition = (request.get("Item") or request["Key"])["pk"]["S"]
    return _OTHERS[max((begin for begin in _OTHERS if partition.startswith(begin)), key=len)]
