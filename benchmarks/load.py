"""What a load uses of each limit, and at how many times that load the limit is reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks import prices
from benchmarks.figures import memory_of, requests, template
from benchmarks.request_cost import GATEWAY_LOG, KEY_LOOKS, PLATFORM_LOG, milliseconds

from careconnect.audit.event import SHARDS as AUDIT_SHARDS
from careconnect.storage.keys import SHARDS as TYPE_SHARDS

BASE: Final[Mapping[str, float]] = {
    "read of a patient": 6.0,
    "read of an observation": 5.0,
    "read of an organization": 2.0,
    "search: page of 20 of a record": 4.0,
    "search: page of 20 patients": 0.5,
    "search: page of the directory": 1.0,
    "a patient's whole record": 0.2,
    "write: `POST` of an Observation": 0.8,
    "write: `PUT` of an Observation, changed": 0.4,
    "write: `PUT` of a Patient, new": 0.1,
}
"""Requests a second: 20 in all."""

CLIENTS: Final = 1_000
"""Clients at the base load, each with a token an hour; ten times the load are ten times the clients."""

HOUR: Final = 3_600
DAY: Final = 86_400

_CACHED: Final = 60
"""Seconds for which the gateway keeps the authorizer's answer."""

_EVENTS: Final[Mapping[str, tuple[int, int, int]]] = {
    "read of an organization": (1, 1, 0),
    "search: page of the directory": (1, 1, 0),
    "search: page of 20 patients": (20, 40, 20),
    "write: `POST` of an Observation": (1, 2, 1),
    "write: `PUT` of an Observation, changed": (1, 2, 1),
    "write: `PUT` of a Patient, new": (1, 2, 1),
}
"""Events of a request, and the write units of the audit trail's table and of its index (ADR 33)."""

_ONE_EVENT: Final = (1, 1, 1)
"""Of all other requests."""

_VERIFY_MICROSECONDS: Final = 100
"""Of an event that is verified, computed: 40 of the processor, and its share of what is read over the network."""

_VERIFY_BYTES: Final = 240
"""Of memory for an event that is verified (ADR 34)."""

_VERIFIER_ITSELF: Final = 200
"""Megabytes that the function has without any event."""

_OBSERVATION_UNITS: Final[Mapping[str, int]] = {
    "write: `POST` of an Observation": 2,
    "write: `PUT` of an Observation, changed": 4,
}
"""Units that a write takes among the times of change of its type: two for what comes, two for what goes."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What the base load uses of a limit, and how much there is."""

    what: str
    used: float
    most: float
    unit: str
    remedy: str

    @property
    def reached_at(self) -> float:
        """How many times the base load reaches it."""
        return self.most / self.used

    def share(self, times: int) -> float:
        """Return the part of it that is used at so many times the base load."""
        return times * self.used / self.most


def tokens() -> float:
    """Return the tokens a second."""
    return CLIENTS / HOUR


def authorized() -> float:
    """Return the authorizer's calls for each request: those that come when nothing is kept of their token."""
    each = sum(BASE.values()) / CLIENTS
    return 1 / (1 + each * _CACHED)


def invocations() -> dict[str, float]:
    """Return the calls of functions a second, by the request's name."""
    protected = sum(BASE.values())
    return {**BASE, "authorizer": protected * authorized(), "token": tokens()}


def events_of(name: str) -> tuple[int, int, int]:
    """Return the events of one request, and their write units in the table and in the index."""
    return _EVENTS.get(name, _ONE_EVENT)


def events() -> tuple[float, float, float]:
    """Return events a second, and the write units of the access record's table and of its index."""
    by_request = [(rate, events_of(name)) for name, rate in BASE.items()] + [(tokens(), (1, 1, 0))]
    many, table, index = (sum(rate * of[part] for rate, of in by_request) for part in range(3))
    return many, table, index


def record_writes() -> float:
    """Return the write units a second of the records' table, with the marks of what is referred to."""
    return sum(
        rate * (requests()[name].writes - sum(_EVENTS[name][1:]))
        for name, rate in BASE.items()
        if name.startswith("write")
    )


def record_reads() -> float:
    """Return the read units a second of the records' and the directory's tables."""
    return sum(rate * requests()[name].reads for name, rate in BASE.items())


def logged() -> float:
    """Return bytes of logs a second."""
    functions = sum(rate * (requests()[name].logged + PLATFORM_LOG) for name, rate in invocations().items())
    return functions + (sum(BASE.values()) + tokens()) * GATEWAY_LOG


def limits() -> list[Limit]:
    """Return the limits, that which is reached first first."""
    calls = invocations()
    at_once = sum(
        rate * milliseconds(requests()[name], memory_of(requests()[name].function)) / 1000
        for name, rate in calls.items()
    )
    many, audit_table, audit_index = events()
    asked = sum(BASE.values()) + tokens()
    found = [
        Limit("the stage's own `RequestRate`", asked, template()["Parameters"]["RequestRate"]["Default"], "requests/s",
              "a parameter"),
        _of(prices.API_RATE, asked, "a higher quota; several Regions"),
        _of(prices.CONCURRENCY, at_once, "a higher quota"),
        _of(prices.INVOCATIONS, sum(calls.values()), "goes with the concurrency"),
        _of(prices.RSA_OPERATIONS, tokens(), "clients that keep their tokens; a higher quota"),
        Limit("KMS, RSA, if each request brought a new token", asked, prices.RSA_OPERATIONS.most, "a second",
              "clients that keep their tokens"),
        _of(prices.PUBLIC_KEYS, KEY_LOOKS * (calls["authorizer"] + calls["token"]), "a higher quota"),
        _of(prices.TABLE_READS, record_reads(), "a higher quota"),
        _of(prices.TABLE_WRITES, record_writes(), "a higher quota"),
        Limit("access record: write units of a new table", audit_table, prices.NEW_TABLE_WRITES.most, "a second",
              "warm throughput, set before"),
        Limit("access record: a day's 16 partitions", audit_table, len(AUDIT_SHARDS) * prices.PARTITION_WRITES.most,
              "units/s", "more shards, a constant"),
        Limit("access record: the index, 40,000 units", audit_index, prices.TABLE_WRITES.most, "units/s",
              "a higher quota"),
        Limit("Observation: times of change on 4 partitions",
              sum(rate * _OBSERVATION_UNITS.get(name, 0) for name, rate in BASE.items()),
              TYPE_SHARDS * prices.PARTITION_WRITES.most, "units/s", "more shards, and a load of all entries"),
        _verifying(many),
    ]  # fmt: skip
    return sorted(found, key=lambda limit: limit.reached_at)


def _of(quota: prices.Quota, used: float, remedy: str) -> Limit:
    return Limit(quota.what, used, quota.most, quota.unit, remedy)


def _verifying(many: float) -> Limit:
    """Return what the verifier can verify of a day, before its time is up and its memory full."""
    timeout = int(template()["Resources"]["VerifierFunction"]["Properties"]["Timeout"])
    room = (memory_of("VerifierFunction") - _VERIFIER_ITSELF) * 1_000_000
    most = min(timeout * 1_000_000 / _VERIFY_MICROSECONDS, room / _VERIFY_BYTES)
    return Limit("audit trail: a day verified in one run", many * DAY, most, "events/day",
                 "a run for each shard; the command line")  # fmt: skip
