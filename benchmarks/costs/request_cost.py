"""Compute the cost of a million requests of a kind, from their units, calls, bytes and time."""

import math
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Final

from benchmarks.costs import prices
from benchmarks.costs.events import events_of
from benchmarks.figures import RequestFigures, memory_of, requests, template

AUTHORIZED: Final = 0.2
"""Calls of the authorizer for each request: a token that comes four times a minute misses the gateway's cache of a
minute once in five requests."""

KEY_LOOKUPS: Final = 3 / 60
"""GetPublicKey calls for each call of the issuer or the authorizer, by an instance that is called once a second: an
instance looks up three aliases a minute."""

LOG_EVENT: Final = 26
"""Bytes that CloudWatch counts with each line (of PutLogEvents' limit; taken for the price too, unverified)."""

GUESSED_GATEWAY_LOG: Final = 380
"""Bytes of the gateway's log line, as they were taken before they were measured."""

LONGER_GATEWAY_LOG: Final = 28
LONGER_LOG: Final = 25
"""Bytes more that the gateway's and a function's line had before they were shortened."""

_VARIABLES: Final[Mapping[str, str]] = {
    "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
    "authorizer.principalId": "0c0c0c0c-0000-4000-8000-000000000000",
    "httpMethod": "GET",
    "resourcePath": "/careconnect-ri/STU3/Observation/{id}",
    "status": "200",
    "error.responseType": "-",
    "responseLatency": "31",
    "integrationLatency": "27",
}
"""A value of each variable of the gateway's line, for a request that is answered."""

WHOLE_PROCESSOR: Final = 1769
"""Megabytes of memory with which a function has one processor."""

UTILISED: Final = 0.7
"""The share of provisioned units that is used: the target of AWS's auto scaling, which is taken to be met."""

_HOUR: Final = 3_600
_GIGABYTE: Final = 1e9
_LAMBDA_GIGABYTE: Final = 1024
"""Megabytes, as Lambda counts them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSettings:
    """What decides the cost of a request besides its kind.

    A client that takes gzip gets `compressed` answers. The log lines are those of now, unless they are `guessed_log` or
    of before they were shortened. With `infrequent_events` the audit table is in DynamoDB's class Standard-IA. This and
    the last four are of parts of AWS that this deployment does not use.
    """

    compressed: bool = True
    guessed_log: bool = False
    longer_log: bool = False
    infrequent_events: bool = False
    access_log: bool = True
    http_api: bool = False
    infrequent_logs: bool = False
    arm: bool = False
    provisioned: bool = False


AS_DEPLOYED: Final = RequestSettings()
"""Those of a new stack."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars for a number of requests, by charged item."""

    gateway: float
    functions: float
    tables: float
    keys: float
    logs: float
    data: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.gateway + self.functions + self.tables + self.keys + self.logs + self.data

    def times(self, number: float) -> "Cost":
        """Return the cost of a multiple of the requests."""
        return Cost(*(number * part for part in astuple(self)))


def total_of(costs: list[Cost]) -> Cost:
    """Return the sum of costs, part by part."""
    return Cost(*map(sum, zip(*map(astuple, costs), strict=True)))


def milliseconds(of: RequestFigures, memory: int) -> int:
    """Return the charged milliseconds of a warm call: its waiting, and its CPU, which grows as its share shrinks."""
    return math.ceil(of.waits + of.cpu * max(1.0, WHOLE_PROCESSOR / memory))


def gateway_log() -> int:
    """Return the bytes of the gateway's log line for a request, with `AccessLogs=on`."""
    setting = template()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Fn::If"][1]
    line = re.sub(r"\$context\.([A-Za-z]+(?:\.[A-Za-z]+)?)", lambda found: _VARIABLES[found[1]], setting["Format"])
    return len(line.encode())


def units_cost(reads: float, writes: float, *, provisioned: bool = False) -> float:
    """Return the dollars of request units, on demand or provisioned."""
    if not provisioned:
        return prices.READ_UNIT.of(reads) + prices.WRITE_UNIT.of(writes)
    hours = 1 / _HOUR / UTILISED
    return prices.READ_CAPACITY.of(reads * hours) + prices.WRITE_CAPACITY.of(writes * hours)


def event_units(units: float, settings: RequestSettings = AS_DEPLOYED) -> float:
    """Return the units of the class Standard that cost as much as so many of audit events."""
    price = prices.INFREQUENT_WRITE_UNIT if settings.infrequent_events else prices.WRITE_UNIT
    return units * price.dollars / prices.WRITE_UNIT.dollars


def cost_of(name: str, authorized: float = AUTHORIZED, settings: RequestSettings = AS_DEPLOYED) -> Cost:
    """Return the cost of a million requests with the memory of the template, the authorizer included.

    `authorized` are the authorizer's calls for each request.
    """
    own = requests()[name]
    judge = requests()["authorizer"]
    asked = 0.0 if name == "token" else authorized
    parts = [(own, 1.0), (judge, asked)]
    lookups = KEY_LOOKUPS * (own.signatures + asked)
    reads, writes = (sum(share * getattr(of, kind) for of, share in parts) for kind in ("reads", "writes"))
    of_events = sum(events_of(name)[1:])
    writes += event_units(of_events, settings) - of_events
    request = prices.HTTP_API_REQUEST if settings.http_api else prices.API_REQUEST
    time = prices.LAMBDA_ARM_TIME if settings.arm else prices.LAMBDA_TIME
    log = prices.INFREQUENT_LOGS if settings.infrequent_logs else prices.LOGS
    million = prices.MILLION
    return Cost(
        gateway=request.of(million),
        functions=prices.LAMBDA_REQUEST.of(million * (1 + asked))
        + time.of(sum(share * _gigabyte_seconds(of) for of, share in parts)),
        tables=units_cost(million * reads, million * writes, provisioned=settings.provisioned),
        keys=prices.KMS_RSA.of(million * (own.signatures + lookups)),
        logs=log.of(million * _logged(parts, settings) / _GIGABYTE),
        data=prices.DATA_OUT.of(million * (own.sent if settings.compressed else own.answered) / _GIGABYTE),
    )


def _logged(parts: list[tuple[RequestFigures, float]], settings: RequestSettings) -> float:
    """Return the bytes that the gateway and the functions log of a request."""
    longer, longer_gateway = (LONGER_LOG, LONGER_GATEWAY_LOG) if settings.longer_log else (0, 0)
    # The authorizer logs refusals alone.
    lines = [(of.logged + longer, share) for of, share in parts if of.logged]
    if settings.guessed_log:
        return GUESSED_GATEWAY_LOG + sum(line * share for line, share in lines)
    gateway = gateway_log() + longer_gateway + LOG_EVENT if settings.access_log else 0
    return gateway + sum((line + LOG_EVENT) * share for line, share in lines)


def _gigabyte_seconds(of: RequestFigures) -> float:
    memory = memory_of(of.function)
    return prices.MILLION * milliseconds(of, memory) / 1000 * memory / _LAMBDA_GIGABYTE
