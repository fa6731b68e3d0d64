"""Draw an archive of a hundred days into a folder: objects as the archiver puts them, of events that nobody caused."""

import gzip
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from audit_archiver.archived_batch import BatchKey
from audit_archiver.days import DAY, days_from, start_of
from audit_archiver.stream_record import Kind, StreamRecord
from careconnect.audit.event import Action, AuditEvent, day_of, event_id

DAYS: Final = tuple(days_from("2026-01-01", "2026-04-10"))
PATIENTS: Final = 5_000

_BATCH: Final = 1_000
_OF_A_DAY: Final = 10
_FASTEST: Final = 1
"""gzip's level. The archiver's takes six times as long, and leaves a seventh less."""
_HEX: Final = "".join("0123456789abcdef"[number % 16] for number in range(32))


def draw(folder: Path, events: int) -> None:
    """Write the objects of so many events, evenly over the days; they are the same each time."""
    draws = random.Random(41)
    size = batch_of(events)
    for begin in range(0, events, size):
        numbers = range(begin, min(begin + size, events))
        lines = b"".join(_lines(numbers, events, draws))
        key = BatchKey(_at(numbers[0], events), _at(numbers[-1], events), hashlib.sha256(lines).hexdigest())
        path = folder / str(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(lines, _FASTEST, mtime=0))


def batch_of(events: int) -> int:
    """Return the events of an object: a thousand, or in a small archive so few that a day has ten objects.

    A reader that has several objects at once then has as many of them for a day as for all days.
    """
    return min(_BATCH, max(1, events // len(DAYS) // _OF_A_DAY))


def patient_of(number: int) -> str:
    """Return the patient of an event."""
    return str(number % PATIENTS)


def _at(number: int, events: int) -> int:
    """Return the time of an event, in epoch milliseconds."""
    return start_of(DAYS[0]) + number * (len(DAYS) * DAY // events)


def _lines(numbers: range, events: int, draws: random.Random) -> Iterator[bytes]:
    for number in numbers:
        at, shard = _at(number, events), f"{number % 16:x}"
        digits = draws.randbytes(64).hex()
        own = (at, 10**24 + number, f"{day_of(at)}#{shard}", f"{at:012x}-{shard}{digits[:31]}", patient_of(number))
        yield _LINE % {
            name.encode(): str(text).encode()
            for name, text in zip(_NAMES, (*own, digits[32:64], digits[64:96], digits[96:]), strict=True)
        }


_NAMES: Final = ("time", "sequence", "pk", "sk", "patient", "jti", "request", "trace")


def _line() -> bytes:
    """Return the line of a search's event, with a place for each text that differs."""
    item = AuditEvent(
        id=event_id(0, _HEX),
        action=Action.READ,
        interaction="search-type",
        type="Observation",
        query="patient=4&code=8867-4",
        patient="{patient}",
        client_id="8f1c2a34-5b6d-4e7f-8a9b-1234567890ab",
        client_name="Ward 7",
        subject="8f1c2a34-5b6d-4e7f-8a9b-1234567890ab",
        jti="{jti}",
        request_id="{request}",
        gateway_request_id="{request}",
        trace="00-{trace}-0123456789abcdef-01",
        address="203.0.113.7",
        service="fhir_reader",
    ).item(90)
    record = StreamRecord(
        time=0,
        sequence=0,
        kind=Kind.INSERT,
        partition="{pk}",
        sort_key="{sk}",
        new={**item, "pk": {"S": "{pk}"}, "sk": {"S": "{sk}"}},
        old=None,
    )
    line = record.line().replace(b"%", b"%%").replace(b'"time":0', b'"time":{time}')
    line = line.replace(b'"sequence":"0"', b'"sequence":"{sequence}"')
    for name in _NAMES:
        line = line.replace(f"{{{name}}}".encode(), f"%({name})b".encode())
    return line


_LINE: Final = _line()
