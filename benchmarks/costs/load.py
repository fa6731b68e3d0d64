"""Compute the part of each limit that a load uses, and the multiple of the load that reaches the limit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.costs import prices
from benchmarks.costs.events import events_of
from benchmarks.costs.request_cost import milliseconds
from benchmarks.figures import memory_of, requests, template

from careconnect.audit.event import SHARDS as AUDIT_SHARDS

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
"""Clients at the base load, each with a token an hour; ten times the load means ten times the clients."""

HOUR: Final = 3_600
DAY: Final = 86_400
MONTH: Final = 30 * DAY
"""Seconds."""

CACHED: Final = 60
"""Seconds for which the gateway caches the authorizer's answer."""

VERIFY_MICROSECONDS: Final = 50
"""Microseconds to verify an event: 40 of CPU (ADR 34), and to decode it; its page is read while others are judged."""

GET_MICROSECONDS: Final = 1_500
"""Microseconds to read an object of the archive: CPU alone, as many are read concurrently (measured with 600)."""

_VERIFY_BYTES: Final = 240
"""Bytes of memory to verify an event (ADR 34)."""

_VERIFIER_ITSELF: Final = 200
"""Megabytes of memory that the function uses without any event."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: the part that the base load uses, the maximum, and the remedy that raises it."""

    what: str
    used: float
    most: float
    unit: str
    remedy: str

    @property
    def reached_at(self) -> float:
        """The multiple of the base load that reaches it."""
        return self.most / self.used


def tokens() -> float:
    """Return the tokens a second."""
    return CLIENTS / HOUR


def authorized() -> float:
    """Return the authorizer's calls for each request: the share with a token that the gateway has not cached."""
    each = sum(BASE.values()) / CLIENTS
    return 1 / (1 + each * CACHED)


def limits() -> list[Limit]:
    """Return the limits in the order in which they are reached."""
    asked = sum(BASE.values()) + tokens()
    calls = {**BASE, "authorizer": sum(BASE.values()) * authorized(), "token": tokens()}
    at_once = sum(
        rate * milliseconds(requests()[name], memory_of(requests()[name].function)) / 1000
        for name, rate in calls.items()
    )
    reads = sum(rate * requests()[name].reads for name, rate in BASE.items())
    events, audit_units, _ = (
        sum(rate * events_of(name)[part] for name, rate in {**BASE, "token": tokens()}.items()) for part in range(3)
    )
    rate = template()["Parameters"]["RequestRate"]["Default"]
    found = [
        _verifying(events),
        Limit("`RequestRate` of the stage", asked, rate, "a second", "the parameter"),
        Limit("KMS, RSA, with a token for each request", asked, prices.RSA_OPERATIONS.most, "a second",
              "clients keep their tokens"),
        Limit("audit trail: a new table", audit_units, prices.NEW_TABLE_WRITES.most, "units a second",
              "`WarmThroughput`, set before"),
        Limit("audit trail: a day's partitions", audit_units, len(AUDIT_SHARDS) * prices.PARTITION_WRITES.most,
              "units a second", "more shards"),
        _of(prices.API_RATE, asked),
        _of(prices.INVOCATIONS, sum(calls.values())),
        _of(prices.CONCURRENCY, at_once),
        _of(prices.TABLE_READS, reads),
    ]  # fmt: skip
    return sorted(found, key=lambda limit: limit.reached_at)


def _of(quota: prices.Quota, used: float) -> Limit:
    return Limit(quota.what, used, quota.most, quota.unit, "a higher quota")


def _verifying(events: float) -> Limit:
    """Return the limit of a day's events that the verifier can verify within its time and its memory.

    The archive has an object of each window of each partition of a day, at most.
    """
    timeout = int(template()["Resources"]["VerifierFunction"]["Properties"]["Timeout"])
    room = (memory_of("VerifierFunction") - _VERIFIER_ITSELF) * 1_000_000
    window = int(template()["Resources"]["ArchiverMapping"]["Properties"]["MaximumBatchingWindowInSeconds"])
    reading = len(AUDIT_SHARDS) * DAY / window * GET_MICROSECONDS
    most = min((timeout * 1_000_000 - reading) / VERIFY_MICROSECONDS, room / _VERIFY_BYTES)
    return Limit("audit trail: one run verifies a day", events * DAY, most, "events a day", "runs by hand")
