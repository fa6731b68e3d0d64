"""The figures that are kept in `docs/figures`: measured once, and reckoned with until they are measured anew.

| file | made by |
|---|---|
| `bench.json` | what a warm call takes of the processor, and all else that `docs/performance.md` shows: `make bench` |
| `power-tuning.json` | calls, units, bytes and times of each request: `python -m benchmarks.power_tuning` |
| `record-bytes.json` | what records take in the tables: `python -m benchmarks.record_bytes` |
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from careconnect_admin.local.deploy.template import read_template
from careconnect_admin.project import PROJECT, TEMPLATE

FOLDER: Final = PROJECT / "docs" / "figures"

ROUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "token": (1, 1),
    "authorizer": (1, 0),
    "read of a patient": (1, 0),
    "read of an observation": (2, 0),
    "read of an organization": (1, 0),
    "search: page of 20 of a record": (2, 0),
    "search: page of 20 patients": (2, 0),
    "search: page of the directory": (2, 0),
    "a patient's whole record": (3, 0),
    "write: `PUT` of a Patient, new": (2, 0),
    "write: `POST` of an Observation": (2, 0),
    "write: `PUT` of an Observation, changed": (3, 0),
    "write: `DELETE` of an Observation": (3, 0),
    "search of the access record": (2, 0),
    "metadata": (0, 0),
    "the page": (0, 0),
}
"""The requests, and how often a warm one waits for DynamoDB and for KMS, one after the other."""


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """What one request takes: units, calls, bytes, and milliseconds.

    `waits` are the milliseconds in which it waits for AWS, as was assumed; `warm`, `busy` and `cold` are measured ones
    by megabytes of memory.
    """

    name: str
    function: str
    calls: Mapping[str, int]
    reads: float
    writes: float
    logged: int
    answered: int
    cpu: float
    waits: float
    warm: Mapping[int, float]
    busy: Mapping[int, float]
    cold: Mapping[int, float]
    peak: float

    @property
    def signs(self) -> int:
        """The signatures by KMS."""
        return self.calls.get("Sign", 0)


def figures(name: str) -> dict[str, Any]:
    """Return what is kept in a file of the folder."""
    kept: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return kept


@cache
def requests() -> dict[str, RequestFigures]:
    """Return the figures of each request; own CPU is that of the bench, where it measures that request too."""
    own_cpu = {row["name"]: row["own"]["least"] for row in figures("bench")["own_cpu"]}
    tuned = figures("power-tuning")
    return {
        name: _request(name, one, own_cpu.get(name, one["cpu_least"]), tuned) for name, one in tuned["requests"].items()
    }


def _request(name: str, one: Mapping[str, Any], cpu: float, tuned: Mapping[str, Any]) -> RequestFigures:
    sizes: list[int] = tuned["sizes"]
    starts = _by_size(one["start"])
    return RequestFigures(
        name=name,
        function=one["function"],
        calls=one["calls"],
        reads=one["reads"],
        writes=one["writes"],
        logged=one["logged"],
        answered=one["answered"],
        cpu=cpu,
        waits=ROUNDS[name][0] * tuned["dynamodb_ms"] + ROUNDS[name][1] * tuned["kms_ms"],
        warm=_by_size(one["warm"]),
        busy=_by_size(one["busy"]),
        cold={size: starts[size] + _by_size(one["first"])[size] for size in sizes},
        peak=one["peak_mb"],
    )


def _by_size(times: Mapping[str, float]) -> dict[int, float]:
    return {int(size): milliseconds for size, milliseconds in times.items()}


@cache
def template() -> Mapping[str, Any]:
    """Return the template."""
    return read_template(TEMPLATE)


@cache
def memory_of(function: str) -> int:
    """Return the megabytes that the template gives a function."""
    own = template()["Resources"][function]["Properties"].get("MemorySize")
    return int(own or template()["Globals"]["Function"]["MemorySize"])


@cache
def functions() -> int:
    """Return how many functions the template has."""
    resources = template()["Resources"].values()
    return sum(resource["Type"] == "AWS::Serverless::Function" for resource in resources)
