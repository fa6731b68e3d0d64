"""The figures saved in `docs/figures`: measured once, and used until they are measured again.

| file | command |
|---|---|
| `bench.json` | `make bench ARGS=--write` |
| `audit-bytes.json` | `python -m benchmarks.measurements.audit_bytes --write` |
| `starts.json` | `python -m benchmarks.costs.starts --write` |
| `record-bytes.json` | `python -m benchmarks.measurements.record_bytes FOLDER --write` |
| `scale.json`, `scale.svg` | `python -m benchmarks.scale --write` |
"""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from careconnect_admin.local.deploy.template import read_template
from careconnect_admin.project import PROJECT, TEMPLATE

BENCH: Final = PROJECT / "docs" / "figures" / "bench.json"
RECORD_BYTES: Final = PROJECT / "docs" / "figures" / "record-bytes.json"
AUDIT_BYTES: Final = PROJECT / "docs" / "figures" / "audit-bytes.json"
STARTS: Final = PROJECT / "docs" / "figures" / "starts.json"

ROUND_TRIPS: Final[Mapping[str, int]] = {
    "read of a patient": 1,
    "read of an observation": 2,
    "read of an organization": 1,
    "search: page of 20 of a record": 2,
    "search: page of 20 patients": 2,
    "search: page of the directory": 2,
    "page of the audit trail": 3,
    "a patient's whole record": 2,
    "token": 2,
    "authorizer": 1,
    "write: `PUT` of a Patient, new": 3,
    "write: `POST` of an Observation": 2,
    "write: `PUT` of an Observation, changed": 3,
    "write: `DELETE` of an Observation": 3,
}
"""The requests with a computed cost, and the number of sequential round trips of a warm one."""

_DYNAMODB: Final = 5
_KMS: Final = 15
"""Milliseconds of a round trip, assumed."""


@dataclass(frozen=True, slots=True)
class RequestFigures:
    """The figures of one request: units, signatures, milliseconds of CPU and waiting, and bytes: of its log, of
    its answer, and of the answer as it is sent to a client that takes gzip.
    """

    function: str
    reads: float
    writes: float
    signatures: int
    logged: int
    answered: int
    sent: int
    cpu: float
    waits: float


@cache
def bench() -> dict[str, Any]:
    """Return the figures of the last measurement, by the name of the part."""
    kept: dict[str, Any] = json.loads(BENCH.read_text(encoding="utf-8"))
    return kept


@cache
def record_bytes() -> dict[str, int]:
    """Return the bytes, items and write units of a folder's records in the tables."""
    kept: dict[str, int] = json.loads(RECORD_BYTES.read_text(encoding="utf-8"))
    return kept


def audit_form(*, ids_once: bool = False, short_names: bool = False) -> str:
    """Return the name of a form of audit events: as they are stored, or one that would be smaller."""
    return ", ".join([*["ids once"] * ids_once, *["short names"] * short_names]) or "as stored"


@cache
def audit_bytes(form: str) -> dict[str, dict[str, int]]:
    """Return the bytes of an audit event in the table, its index and the archive, by the kind of its request."""
    kept: dict[str, dict[str, dict[str, int]]] = json.loads(AUDIT_BYTES.read_text(encoding="utf-8"))
    return kept[form]


def requests() -> dict[str, RequestFigures]:
    """Return the figures of each request with a computed cost, by its name."""
    rows = {row["name"]: row for row in bench()["own_cpu"]}
    return {name: _request(rows[name], trips) for name, trips in ROUND_TRIPS.items()}


def _request(row: Mapping[str, Any], trips: int) -> RequestFigures:
    signatures = row["calls"].count("Sign")
    return RequestFigures(
        function=row["function"],
        reads=row["reads"],
        writes=row["writes"],
        signatures=signatures,
        logged=row["logged"],
        answered=row["answered"],
        sent=row["sent"],
        cpu=row["own"]["least"],
        waits=_DYNAMODB * (trips - signatures) + _KMS * signatures,
    )


@cache
def template() -> Mapping[str, Any]:
    """Return the template."""
    return read_template(TEMPLATE)


@cache
def memory_of(function: str) -> int:
    """Return the megabytes that the template gives a function."""
    own = template()["Resources"][function]["Properties"].get("MemorySize")
    return int(own or template()["Globals"]["Function"]["MemorySize"])


def keep_or_print(path: Path, found: Callable[[], Any], program: str, description: str) -> None:
    """Find figures and print them; with the option `--write`, keep them in `path` instead."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--write", action="store_true", help=f"keep them in docs/figures/{path.name}")
    is_kept = parser.parse_args().write
    text = json.dumps(found(), indent=1) + "\n"
    if is_kept:
        path.write_text(text, encoding="utf-8")
    else:
        print(text)
