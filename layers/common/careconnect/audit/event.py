"""One event of the audit trail: the caller, the interaction, the patient and the outcome (`audit.md`; ADR 33).

The functions that write events and the one that reads them share the item format defined here. Events have a table of
their own. The partition is a day and a shard, and the sort key is the event's id. The id contains both day and shard,
so an event can be read by its id alone. An event is written once and never changed.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

EXPORTED_BY: Final = "export_worker"
"""The `service` of the events that say whose data a bulk export holds."""

SHARDS: Final = tuple("0123456789abcdef")
"""A day's partitions: each takes a thousand writes a second."""

_ID: Final = re.compile(r"([0-9a-f]{12})-([0-9a-f])[0-9a-f]{31}")
_DAY: Final = 86_400_000
"""Milliseconds."""
_SEARCH: Final = "search-type"
_END_OF_TIME: Final = 253_402_300_800_000
"""The millisecond of 10000-01-01, where the supported calendar ends."""


class Action(StrEnum):
    """The action of an event, in STU3's letters (value set `audit-event-action`)."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Outcome(StrEnum):
    """The outcome of a request, in STU3's numbers (value set `audit-event-outcome`)."""

    ALLOWED = "0"
    REFUSED = "4"
    FAILED = "8"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One event; a text that does not apply is empty.

    `ids` are the requested resources (`Observation/1`). `query` is a query string without personal values. `client_id`
    is the id of the client or of an AWS principal, `client_name` the client's name at that time, and `subject` the
    `sub` of its token. `jkt` is the thumbprint of the key that an issued token is bound to, or that signed a refused
    DPoP proof. `scope` are the scopes with a suffix, separated by spaces, if these alone opened the request.
    `job` is the id of the bulk export that the request is about, and `file` the name of its file.
    `why` is a fixed word and `status` the HTTP status, both only for a request that was refused or failed. `service` is
    the function that answered. `unknown_parameters` counts the parameters that the server does not know, `parameters`
    all others if the query is left out for its length.
    """

    id: str
    action: Action
    interaction: str
    type: str = ""
    ids: tuple[str, ...] = ()
    query: str = ""
    patient: str = ""
    client_id: str = ""
    client_name: str = ""
    subject: str = ""
    jti: str = ""
    jkt: str = ""
    scope: str = ""
    job: str = ""
    file: str = ""
    outcome: Outcome = Outcome.ALLOWED
    why: str = ""
    status: int = 0
    request_id: str = ""
    gateway_request_id: str = ""
    trace: str = ""
    address: str = ""
    service: str = ""
    unknown_parameters: int = 0
    parameters: int = 0

    @property
    def at(self) -> int:
        """The time at which the event was recorded, in epoch milliseconds."""
        return time_of(self.id)

    @property
    def searched(self) -> str:
        """The searched type, with its compartment if any (`Patient/4/Observation`); empty if it was no search."""
        if self.interaction != _SEARCH:
            return ""
        return "/".join((*self.ids, self.type))

    def item(self, retention_days: int = 0) -> dict[str, Any]:
        """Return the event as a DynamoDB item, which expires after `retention_days`; 0 for never."""
        texts = {
            "action": self.action.value,
            "interaction": self.interaction,
            "type": self.type,
            "ids": " ".join(self.ids),
            "query": self.query,
            "patient": self.patient,
            "client": self.client_id,
            "client_name": self.client_name,
            "sub": self.subject,
            "jti": self.jti,
            "jkt": self.jkt,
            "scope": self.scope,
            "job": self.job,
            "file": self.file,
            "outcome": self.outcome.value,
            "why": self.why,
            "request_id": self.request_id,
            "gateway_request_id": self.gateway_request_id,
            "trace": self.trace,
            "address": self.address,
            "service": self.service,
        }
        item: dict[str, Any] = event_key(self.id)
        item |= {name: {"S": text} for name, text in texts.items() if text}
        numbers = {
            "status": self.status,
            "unknown_parameters": self.unknown_parameters,
            "parameters": self.parameters,
        }
        item |= {name: {"N": str(number)} for name, number in numbers.items() if number}
        if retention_days:
            item["expires_at"] = {"N": str(self.at // 1000 + retention_days * 86_400)}
        return item


def event_of(item: Mapping[str, Any]) -> AuditEvent:
    """Return the event that an item stores."""
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    number = {name: int(value["N"]) for name, value in item.items() if "N" in value}
    return AuditEvent(
        id=text["sk"],
        action=Action(text["action"]),
        interaction=text["interaction"],
        type=text.get("type", ""),
        ids=tuple(text.get("ids", "").split()),
        query=text.get("query", ""),
        patient=text.get("patient", ""),
        client_id=text.get("client", ""),
        client_name=text.get("client_name", ""),
        subject=text.get("sub", ""),
        jti=text.get("jti", ""),
        jkt=text.get("jkt", ""),
        scope=text.get("scope", ""),
        job=text.get("job", ""),
        file=text.get("file", ""),
        outcome=Outcome(text["outcome"]),
        why=text.get("why", ""),
        status=number.get("status", 0),
        request_id=text.get("request_id", ""),
        gateway_request_id=text.get("gateway_request_id", ""),
        trace=text.get("trace", ""),
        address=text.get("address", ""),
        service=text.get("service", ""),
        unknown_parameters=number.get("unknown_parameters", 0),
        parameters=number.get("parameters", 0),
    )


def new_event_id(now: float, random: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """Return an id for an event at `now`, in epoch seconds: its time, then 32 hex digits that nobody can guess."""
    return event_id(int(now * 1000), random())


def event_id(at: int, digits: str) -> str:
    """Return an event's id from its time, in epoch milliseconds, and 32 hex digits."""
    return f"{at:012x}-{digits}"


def is_event_id(text: str) -> bool:
    """Return True if a text has the form of an event's id, with a time within the calendar."""
    return _ID.fullmatch(text) is not None and time_of(text) < _END_OF_TIME


def time_of(event_id: str) -> int:
    """Return the time at which an event was recorded, in epoch milliseconds."""
    return int(event_id[:12], 16)


def day_of(at: int) -> str:
    """Return the UTC day of a time in epoch milliseconds, as in `2026-11-26`."""
    return _day(at // _DAY)


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    """Return the day of a number of days since 1970; a verification asks some times for each of many events."""
    return datetime.fromtimestamp(number * _DAY // 1000, UTC).date().isoformat()


def partition_of(day: str, shard: str) -> str:
    """Return the partition of a day's shard."""
    return f"{day}#{shard}"


def event_key(event_id: str) -> dict[str, Any]:
    """Return the key of an event's item."""
    # The random part follows the time and a hyphen; its first digit is the shard.
    partition = partition_of(day_of(time_of(event_id)), event_id[13])
    return {"pk": {"S": partition}, "sk": {"S": event_id}}
