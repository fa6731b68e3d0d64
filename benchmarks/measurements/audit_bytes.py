"""Measure the bytes of an audit event in the table, in its index and in the archive.

    python -m benchmarks.measurements.audit_bytes [--write]

The events are made as the functions make them, and archived as the archiver does. All ids are as long as those that
this deployment creates (UUIDs), the caller sends no request id and no `traceparent`, and no event has a `why`. Beside
the events as they are stored are forms that would be smaller (`docs/savings.md`, Not done).
"""

import random
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from benchmarks.figures import AUDIT_BYTES, audit_form, keep_or_print
from benchmarks.measurements.record_bytes import OVERHEAD

from audit_archiver.archived_batch import pack
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect.audit.event import Action, AuditEvent, new_event_id, time_of
from careconnect.audit.patient_index import PROJECTED
from careconnect_records.items.actions import Item
from careconnect_records.items.resource_items import item_size

_DAYS: Final = 90
_BEGIN: Final = 1_796_000_000
"""Epoch seconds of the first event."""

KINDS: Final = ("read", "search", "write", "token", "page")

_KEYS: Final = ("pk", "sk", "patient")
_KEEP_THEIR_NAME: Final = frozenset((*_KEYS, "expires_at"))
"""Attributes that the table names: its keys, and the end of an event."""

_STATED_BY: Final = {"gateway_request_id": "request_id", "sub": "client"}
"""Attributes that repeat another one."""

_PATIENTS: Final = 20
"""The patients of a measured page, each with an audit event; their events could be stored as one item."""

_MANY: Final = 1_000
_SEED: Final = 41


def events_of(kind: str, number: int) -> list[AuditEvent]:
    """Return events of a kind of request: `read`, `search`, `write` or `token`."""
    chance = random.Random(f"{_SEED} {kind}")

    def some_id() -> str:
        return str(uuid.UUID(int=chance.getrandbits(128), version=4))

    clients = [some_id() for _ in range(20)]
    return [_event(kind, each / 30, some_id, chance, chance.choice(clients)) for each in range(number)]


def _event(kind: str, after: float, some_id: Any, chance: random.Random, client: str) -> AuditEvent:
    patient, request = some_id(), some_id()
    facts: dict[str, dict[str, Any]] = {
        "read": {"action": Action.READ, "interaction": "read", "type": "Observation",
                 "ids": (f"Observation/{some_id()}",), "patient": patient, "service": "fhir_reader"},
        "search": {"action": Action.READ, "interaction": "search-type", "type": "Observation", "patient": patient,
                   "query": f"patient={patient}&code=8867-4&_count=20", "service": "fhir_reader"},
        "write": {"action": Action.CREATE, "interaction": "create", "type": "Observation",
                  "ids": (f"Observation/{some_id()}",), "patient": patient, "service": "record_writer"},
        "token": {"action": Action.EXECUTE, "interaction": "token", "service": "token_issuer"},
    }  # fmt: skip
    return AuditEvent(
        id=new_event_id(_BEGIN + after, lambda: f"{chance.getrandbits(128):032x}"),
        client_id=client,
        client_name="Ward 7, St Elsewhere",
        subject=client,
        jti=some_id(),
        request_id=request,
        gateway_request_id=request,
        address=f"203.0.113.{chance.randrange(250)}",
        **facts[kind],
    )


def _shared(number: int) -> list[AuditEvent]:
    """Return events of pages of patients, one for all patients of a page."""
    events = events_of("search", number * _PATIENTS)
    pages = [events[begin : begin + _PATIENTS] for begin in range(0, len(events), _PATIENTS)]
    return [
        replace(page[0], type="Patient", query=f"_count={_PATIENTS}", patient=" ".join(each.patient for each in page))
        for page in pages
    ]


def _in_form(item: Item, *, ids_once: bool, short_names: bool) -> Item:
    """Return an event's item without ids that it states twice, or with names of one letter."""
    if ids_once:
        item = {name: value for name, value in item.items() if value != item.get(_STATED_BY.get(name, ""))}
    if short_names:
        letters = enumerate(item, ord("A"))
        item = {name if name in _KEEP_THEIR_NAME else chr(letter): item[name] for letter, name in letters}
    return item


def _object(items: Sequence[Item], kind: Kind) -> int:
    """Return the bytes of the archived object with a change of each item."""
    _, body = pack([_record(item, each * 7, kind) for each, item in enumerate(items)])
    return len(body)


def _record(item: Item, sequence: int, kind: Kind) -> StreamRecord:
    record = StreamRecord(
        time=time_of(item["sk"]["S"]) // 1000 * 1000,
        sequence=10**23 + sequence,
        kind=kind,
        partition=item["pk"]["S"],
        sort_key=item["sk"]["S"],
        new=item if kind is Kind.INSERT else None,
        old=None if kind is Kind.INSERT else item,
        principal="" if kind is Kind.INSERT else "dynamodb.amazonaws.com",
    )
    return record if kind is Kind.INSERT else record.as_ended


def _bytes_of(kind: str, **form: bool) -> dict[str, int]:
    events = _shared(_MANY) if kind == "page" else events_of(kind, _MANY)
    stored = [event.item(_DAYS) for event in events]
    items = [_in_form(item, **form) for item in stored]
    is_indexed = "patient" in stored[0]
    lean = _in_form({name: stored[0][name] for name in (*_KEYS, *PROJECTED) if name in stored[0]}, **form)
    found = {
        "table": _size(items[0]),
        "index": _size(lean) if is_indexed else 0,
        "whole_index": _size(items[0]) if is_indexed else 0,
        "line": round(_object(items, Kind.INSERT) / _MANY),
        "alone": _object(items[:1], Kind.INSERT),
        "removal": round(_object(items, Kind.REMOVE) / _MANY),
    }
    if kind == "page":
        # The key of an entry is one patient and the event.
        patient = events[0].patient.partition(" ")[0]
        entry = {name: value for name, value in lean.items() if name != "patient"}
        return {**found, "index": _size(entry | {"pk": {"S": patient}})}
    return found


def _size(item: Item) -> int:
    return item_size(item) + OVERHEAD


def audit_bytes() -> dict[str, dict[str, dict[str, int]]]:
    """Return the bytes of an event of each form and kind.

    `table` and the two of an index are with DynamoDB's own; `line` is that of an object of many, `alone` an object of
    one; `removal` is the line of a removal by TTL, of which key and stamp are archived. Those of a `page` are of one
    item for all its patients, but for `index`: the entry of each.
    """
    forms = [{"ids_once": ids, "short_names": names} for ids in (False, True) for names in (False, True)]
    return {audit_form(**form): {kind: _bytes_of(kind, **form) for kind in KINDS} for form in forms}


if __name__ == "__main__":
    keep_or_print(AUDIT_BYTES, audit_bytes, "benchmarks.measurements.audit_bytes", __doc__.partition("\n")[0])
