"""A trail of many days as its table's stream told it: what was written, and what ended by its time to live."""

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from audit_archiver.check_heartbeat import SERVICE
from audit_archiver.days import DAY, HOUR, start_of
from audit_archiver.retentions import HEARTBEAT
from careconnect.audit.event import Action, AuditEvent, Outcome, day_of, event_id

TTL: Final = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
"""Who removes an item after its time to live."""

_CLIENTS: Final = ("ward", "clinic", "registry")
_TTL_DELAY: Final = HOUR
_DAYS_BETWEEN_REPEATS: Final = 25
"""Every so many days the first record of a batch is delivered again."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AgedTrail:
    """The events of consecutive days, oldest first; times are epoch milliseconds.

    `batches` are what a Lambda function gets of the stream, one or two for each day. `kept` are the events that are
    still in the table.
    """

    events: Sequence[AuditEvent]
    batches: Sequence[Sequence[Record]]
    kept: Sequence[AuditEvent]
    retention_days: int

    @property
    def days(self) -> list[str]:
        """The days with events, in order."""
        return list(dict.fromkeys(day_of(each.at) for each in self.events))

    def item(self, event: AuditEvent) -> dict[str, Any]:
        """Return an event's item, with the time when it ends."""
        return event.item(self.retention_days)

    def of_day(self, day: str) -> list[AuditEvent]:
        """Return the events of a day."""
        return [each for each in self.events if day_of(each.at) == day]

    def inserts(self, events: Sequence[AuditEvent]) -> list[Record]:
        """Return the stream records of other events, each of its own time."""
        return [_record("INSERT", self.item(each), each.at, number) for number, each in enumerate(events, 10**21)]

    def removals(self, events: Sequence[AuditEvent]) -> list[Record]:
        """Return the stream records of events that end after their retention."""
        ends = [(each, _removed_at(each, self.retention_days)) for each in events]
        return [_record("REMOVE", self.item(each), at, number) for number, (each, at) in enumerate(ends, 10**23)]


def many_days(now: int, days: int = 400, retention_days: int = 90) -> AgedTrail:
    """Return the events of the `days` before `now`, always the same ones but for their times."""
    drawn = random.Random(days)
    first = start_of(day_of(now - days * DAY))
    events = [each for start in range(first, now, DAY) for each in _of_day(drawn, start) if each.at < now - HOUR]
    sequence = count(10**22)
    at_time = [(each.at, "INSERT", each) for each in events]
    at_time += [(_removed_at(each, retention_days), "REMOVE", each) for each in events]
    by_day: dict[str, list[Record]] = defaultdict(list)
    for at, kind, event in sorted(at_time, key=lambda each: each[0]):
        if at < now:
            by_day[day_of(at)].append(_record(kind, event.item(retention_days), at, next(sequence)))
    kept = [each for each in events if _removed_at(each, retention_days) >= now]
    return AgedTrail(events, list(_at_least_once(list(by_day.values()))), kept, retention_days)


def _of_day(drawn: random.Random, start: int) -> Iterator[AuditEvent]:
    """Yield the events of a day in order: of two patients, of nobody, and now and then a refused one.

    Heartbeats begin and end the day, so that each hour has something in the object of the day.
    """
    yield _heartbeat(start)
    patients = ["4", *drawn.choices(("4", "5", ""), k=2)]
    for at, patient in zip(sorted(drawn.sample(range(DAY), len(patients))), patients, strict=True):
        is_refused = drawn.random() < 0.1
        yield AuditEvent(
            id=event_id(start + at, f"{drawn.getrandbits(128):032x}"),
            action=Action.READ,
            interaction="read",
            type=drawn.choice(("Patient", "Observation")),
            patient=patient,
            client_id=drawn.choice(_CLIENTS),
            query='code="a\\b" é',
            outcome=Outcome.REFUSED if is_refused else Outcome.ALLOWED,
            why="scope" if is_refused else "",
            status=403 if is_refused else 0,
            service="fhir_reader",
        )
    yield _heartbeat(start + DAY - 1)


def _heartbeat(at: int) -> AuditEvent:
    """Return a heartbeat of a former release, which tells the retention by its stamp alone."""
    return AuditEvent(id=event_id(at, "0" * 32), action=Action.EXECUTE, interaction=HEARTBEAT, service=SERVICE)


def _removed_at(event: AuditEvent, retention_days: int) -> int:
    return event.at + retention_days * DAY + _TTL_DELAY


def _record(kind: str, item: Record, at: int, sequence: int) -> Record:
    change = {
        "ApproximateCreationDateTime": at // 1000,
        "Keys": {name: item[name] for name in ("pk", "sk")},
        "SequenceNumber": str(sequence),
        "NewImage" if kind == "INSERT" else "OldImage": item,
    }
    made = {"eventName": kind, "eventSource": "aws:dynamodb", "dynamodb": change}
    return made if kind == "INSERT" else {**made, "userIdentity": TTL}


def _at_least_once(batches: Sequence[Sequence[Record]]) -> Iterator[Sequence[Record]]:
    for number, batch in enumerate(batches):
        yield batch
        if number % _DAYS_BETWEEN_REPEATS == 0:
            yield batch[:1]
