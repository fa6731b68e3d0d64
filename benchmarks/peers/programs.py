"""The programs that are measured: ours in the Python of this run, the peers' in the Node beside it."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from benchmarks.peers.installed import NODE, PEERS, PROJECT
from benchmarks.peers.measured_process import Program

from careconnect_admin.stack.emulator_client import REGION

TABLES: Final = {"RecordTable": "records", "DirectoryTable": "directory", "AuditTable": "audit"}
"""The tables that a read needs, by their resources in the template."""

BASE: Final = "https://care.example"

_KEYS: Final = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
_SETTINGS: Final = {
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "BASE_URL": BASE,
    "ALLOWED_ORIGINS": "*",
    "POWERTOOLS_SERVICE_NAME": "a-function",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/benchmark",
    "READER_HOME": "record",
    "RECORD_TABLE": TABLES["RecordTable"],
    "DIRECTORY_TABLE": TABLES["DirectoryTable"],
    "AUDIT_TABLE": TABLES["AuditTable"],
    "AUDIT_FAILURE": "closed",
    "USAGE_TABLE": "allowances",
}
_NODE_SETTINGS: Final = {"AWS_REGION": REGION, "RESOURCE_TABLE": "records", "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"}


def ours(module: str, function: str, **environment: str) -> Program:
    """Return a program of ours: a function of a module beside this one."""
    statement = f"from benchmarks.peers.{module} import {function}; {function}()"
    return Program([sys.executable, "-c", statement], PROJECT, _environment(_SETTINGS, environment))


def theirs(file: str | Path) -> Program:
    """Return a program of a peer: a file beside this one, or a bundle."""
    return Program([str(NODE), str(file)], PEERS, _environment(_NODE_SETTINGS, {}))


def _environment(settings: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str]:
    # Windows starts no process without its own.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, **_KEYS, **settings, **more}
