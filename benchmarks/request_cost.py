"""What a million requests of a kind cost, by formula: units, calls, bytes, and time by the size of memory."""

import math
from dataclasses import dataclass
from typing import Final

from benchmarks import prices
from benchmarks.cpu_share import WHOLE_PROCESSOR
from benchmarks.figures import RequestFigures, memory_of, requests

AUTHORIZED: Final = 0.2
"""Authorizer's calls for each request: of a token that comes four times a minute, one in five is not answered from the
gateway's cache of a minute."""

KEY_LOOKS: Final = 3 / 60
"""GetPublicKey calls for each call of the issuer or the authorizer, by an instance that is called once a second: an
instance looks up three aliases a minute, however often it is called."""

TRACED: Final = 0.05
"""The share of calls that X-Ray records, beside the first of each second."""

PLATFORM_LOG: Final = 460
"""Bytes of Lambda's own lines for a call: START, END, REPORT and its trace."""

GATEWAY_LOG: Final = 380
"""Bytes of the gateway's line for a request, with `AccessLogs=on`."""

_GIGABYTE: Final = 1e9
_LAMBDA_GIGABYTE: Final = 1024
"""Megabytes, as Lambda counts them."""

UNPROTECTED: Final = ("token", "metadata", "the page")
"""Requests that no authorizer is asked about."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars for a million requests."""

    name: str
    gateway: float
    calls: float
    time: float
    time_arm: float
    tables: float
    keys: float
    logs: float
    traces: float
    data: float

    @property
    def x86(self) -> float:
        """All of it, on x86_64."""
        return self.gateway + self.calls + self.time + self.tables + self.keys + self.logs + self.traces + self.data

    @property
    def arm(self) -> float:
        """All of it, on arm64, if that is as fast."""
        return self.x86 - self.time + self.time_arm


def milliseconds(of: RequestFigures, memory: int) -> int:
    """Return what a warm call is charged for: it waits, and its processor's time is stretched to the share it has."""
    return math.ceil(of.waits + of.cpu * max(1.0, WHOLE_PROCESSOR / memory))


def gigabyte_seconds(of: RequestFigures, memory: int) -> float:
    """Return the GB-seconds of a million warm calls."""
    return prices.MILLION * milliseconds(of, memory) / 1000 * memory / _LAMBDA_GIGABYTE


def cost_of(name: str, authorized: float = AUTHORIZED) -> Cost:
    """Return what a million requests of this name cost with the memory that the template gives; with their authorizer.

    `authorized` are the authorizer's calls for each request.
    """
    own = requests()[name]
    judge = requests()["authorizer"]
    asked = 0.0 if name in UNPROTECTED else authorized
    parts = [(own, 1.0), (judge, asked)]
    seconds = sum(share * gigabyte_seconds(of, memory_of(of.function)) for of, share in parts)
    looks = KEY_LOOKS * ((1 if own.signs else 0) + asked)
    logged = GATEWAY_LOG + sum(share * (of.logged + PLATFORM_LOG) for of, share in parts)
    million = prices.MILLION
    return Cost(
        name=name,
        gateway=prices.API_REQUEST.of(million),
        calls=prices.LAMBDA_REQUEST.of(million * (1 + asked)),
        time=prices.LAMBDA_X86.of(seconds),
        time_arm=prices.LAMBDA_ARM.of(seconds),
        tables=sum(
            share * (prices.READ_UNIT.of(million * of.reads) + prices.WRITE_UNIT.of(million * of.writes))
            for of, share in parts
        ),
        keys=prices.KMS_RSA.of(million * (own.signs + looks)),
        logs=prices.LOGS.of(million * logged / _GIGABYTE),
        traces=prices.TRACE.of(million * TRACED * (1 + asked)),
        data=prices.DATA_OUT.of(million * own.answered / _GIGABYTE),
    )


def time_cost(milliseconds_: float, memory: int) -> float:
    """Return the dollars on x86_64 for a million calls of so many milliseconds."""
    return prices.LAMBDA_X86.of(prices.MILLION * math.ceil(milliseconds_) / 1000 * memory / _LAMBDA_GIGABYTE)
