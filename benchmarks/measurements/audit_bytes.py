"""Measure the bytes of an audit event in the table, in its index and in the archive.

    python -m benchmarks.measurements.audit_bytes [--write]

The events are made as the functions make them, and archived as the archiver does. All ids are as long as those that
this deployment creates (UUIDs), the caller sends no `traceparent`, and no event has a `why`.
"""

import random
import uuid
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.figures import AUDIT_BYTES, keep_or_print
from benchmarks.measurements.record_bytes import OVERHEAD

from audit_archiver.archived_batch import pack
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect.audit.event import Action, AuditEvent, new_event_id
from careconnect.audit.patient_index import PROJECTED
from careconnect_records.items.resource_items import item_size

_DAYS: Final = 90
_BEGIN: Final = 1_796_000_000
"""Epoch seconds of the first event."""

_KEYS: Final = ("pk", "sk", "patient")
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


def _record(event: AuditEvent, sequence: int, kind: Kind) -> StreamRecord:
    item = event.item(_DAYS)
    record = StreamRecord(
        time=event.at // 1000 * 1000,
        sequence=10**23 + sequence,
        kind=kind,
        partition=item["pk"]["S"],
        sort_key=item["sk"]["S"],
        new=item if kind is Kind.INSERT else None,
        old=None if kind is Kind.INSERT else item,
        principal="" if kind is Kind.INSERT else "dynamodb.amazonaws.com",
    )
    return record if kind is Kind.INSERT else record.as_ended


def _object(events: Sequence[AuditEvent], kind: Kind) -> int:
    _, body = pack([_record(event, each * 7, kind) for each, event in enumerate(events)])
    return len(body)


def audit_bytes() -> dict[str, dict[str, int]]:
    """Return the bytes of an event of each kind.

    `table` and the two of an index are with DynamoDB's own; `line` is that of an object of many, `alone` an object of
    one; `removal` is the line of a removal by TTL, of which key and stamp are archived.
    """
    found = {}
    for kind in ("read", "search", "write", "token"):
        events = events_of(kind, _MANY)
        item = events[0].item(_DAYS)
        whole = item_size(item) + OVERHEAD
        lean = item_size({name: item[name] for name in (*_KEYS, *PROJECTED) if name in item}) + OVERHEAD
        found[kind] = {
            "table": whole,
            "index": lean if "patient" in item else 0,
            "whole_index": whole if "patient" in item else 0,
            "line": round(_object(events, Kind.INSERT) / _MANY),
            "alone": _object(events[:1], Kind.INSERT),
            "removal": round(_object(events, Kind.REMOVE) / _MANY),
        }
    return found


if __name__ == "__main__":
    keep_or_print(AUDIT_BYTES, audit_bytes, "benchmarks.measurements.audit_bytes", __doc__.partition("\n")[0])
