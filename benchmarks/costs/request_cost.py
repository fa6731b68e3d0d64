"""Compute the cost of a million requests of a kind, from their units, calls, bytes and time."""

import math
from dataclasses import astuple, dataclass
from typing import Final

from benchmarks.costs import prices
from benchmarks.figures import RequestFigures, memory_of, requests

AUTHORIZED: Final = 0.2
"""Calls of the authorizer for each request: a token that comes four times a minute misses the gateway's cache of a
minute once in five requests."""

KEY_LOOKUPS: Final = 3 / 60
"""GetPublicKey calls for each call of the issuer or the authorizer, by an instance that is called once a second: an
instance looks up three aliases a minute."""

GATEWAY_LOG: Final = 380
"""Bytes of the gateway's log line for a request, with `AccessLogs=on`."""

WHOLE_PROCESSOR: Final = 1769
"""Megabytes of memory with which a function has one processor."""

_GIGABYTE: Final = 1e9
_LAMBDA_GIGABYTE: Final = 1024
"""Megabytes, as Lambda counts them."""


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


def cost_of(name: str, authorized: float = AUTHORIZED) -> Cost:
    """Return the cost of a million requests with the memory of the template, the authorizer included.

    `authorized` are the authorizer's calls for each request.
    """
    own = requests()[name]
    judge = requests()["authorizer"]
    asked = 0.0 if name == "token" else authorized
    parts = [(own, 1.0), (judge, asked)]
    seconds = sum(share * _gigabyte_seconds(of) for of, share in parts)
    lookups = KEY_LOOKUPS * (own.signatures + asked)
    logged = GATEWAY_LOG + sum(share * of.logged for of, share in parts)
    million = prices.MILLION
    return Cost(
        gateway=prices.API_REQUEST.of(million),
        functions=prices.LAMBDA_REQUEST.of(million * (1 + asked)) + prices.LAMBDA_TIME.of(seconds),
        tables=sum(
            share * (prices.READ_UNIT.of(million * of.reads) + prices.WRITE_UNIT.of(million * of.writes))
            for of, share in parts
        ),
        keys=prices.KMS_RSA.of(million * (own.signatures + lookups)),
        logs=prices.LOGS.of(million * logged / _GIGABYTE),
        data=prices.DATA_OUT.of(million * own.answered / _GIGABYTE),
    )


def _gigabyte_seconds(of: RequestFigures) -> float:
    memory = memory_of(of.function)
    return prices.MILLION * milliseconds(of, memory) / 1000 * memory / _LAMBDA_GIGABYTE
