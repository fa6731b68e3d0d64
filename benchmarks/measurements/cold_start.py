"""Measure the CPU of a cold start: each function's import and a reference import, in new processes.

Both find the same files as in Lambda, the built layers and the function's folder with its bytecode, and nothing else.
They alternate. The figure is the median CPU of the whole process. The reference is Python, boto3, the clients that the
function creates when it starts, and the libraries that its job needs. The function at the edge imports nothing and is
left out.
"""

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any, Final

from careconnect.fhir.resource_types import DATA_TABLES, RESOURCE_TYPES, Table
from careconnect_admin.project import PROJECT
from careconnect_testing.parts.access_tokens import BASE
from careconnect_testing.stacks.cold_start import ENVIRONMENT

BUDGET: Final = 1.10
"""The most CPU that a start may take, as a multiple of the reference."""

RUNS: Final = 15
LAYERS: Final = ("dependencies", "common", "record_dependencies", "records")

_AWS: Final = {
    "AWS_REGION": "eu-west-2",
    "AWS_DEFAULT_REGION": "eu-west-2",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "BASE_URL": BASE.root,
}
_KEYS: Final = (
    "from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey",
    "from cryptography.hazmat.primitives.serialization import load_der_public_key",
)
_TOKENS: Final = ("import jwt", *_KEYS)


@dataclass(frozen=True, slots=True)
class _Function:
    """A function as it is deployed; `reference` are the statements that its job needs."""

    name: str
    package: str
    folder: str
    reference: Sequence[str]
    settings: Mapping[str, str] = field(default_factory=dict)


def _client(*services: str) -> tuple[str, ...]:
    return ("import boto3", *(f"boto3.client({service!r})" for service in services))


def _validator(*tables: Table, more: Sequence[str] = ()) -> tuple[str, ...]:
    names = [*more, *(one.name for one in RESOURCE_TYPES if one.table in tables)]
    load = "from fhir.resources.STU3 import get_fhir_model_class"
    return (*_client("dynamodb"), "import jsonpatch", load, f"for name in {names!r}: get_fhir_model_class(name)")


def _functions() -> Iterator[_Function]:
    tokens = (*_client("dynamodb", "kms"), *_TOKENS)
    yield _Function("token", "token_issuer", "token", tokens)
    yield _Function("authorizer", "scope_authorizer", "authorizer", tokens, {"DIRECTION": "read"})
    for table in DATA_TABLES:
        reads = _client("dynamodb")
        yield _Function(f"reader, {table.value}", "fhir_reader", "fhir", reads, {"READER_TABLE": table.value})
    for table in DATA_TABLES:
        settings = {"WRITER_TABLE": table.value}
        yield _Function(f"writer, {table.value}", "record_writer", "writer", _validator(table), settings)
    yield _Function("bundles", "bundle_processor", "bundle", _validator(*DATA_TABLES, more=("Bundle",)))
    yield _Function("auditor", "access_auditor", "audit", _client("dynamodb"))
    yield _Function("discovery", "service_discovery", "discovery", (*_client("kms"), *_KEYS))
    # It creates no client; boto3 is in the reference of all functions.
    yield _Function("console", "service_console", "console", ("import boto3",))


@dataclass(frozen=True, slots=True)
class _Run:
    """A process: milliseconds of CPU, and its peak memory in MB."""

    cpu: float
    memory: float


# The peak of getrusage would include the parent's memory, as the process is forked from it.
_END: Final = """
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def _run(statements: str, environment: Mapping[str, str], path: Sequence[Path]) -> _Run:
    """Execute statements in a new process; raises `RuntimeError` on failure."""
    begin = f"import sys\nsys.path[:0] = {[str(folder) for folder in path]!r}\n"
    process = subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-I", "-S", "-c", begin + statements + _END],
        env={"PATH": os.environ["PATH"], **_AWS, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    said, failed = process.stdout.read(), process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(said + failed)
    return _Run(1000 * (used.ru_utime + used.ru_stime), int(said.splitlines()[-1]) / 1024)


@cache
def built_layers() -> Mapping[str, Path]:
    """Build the layers for this machine and this Python, once for both parts, and return the folder of each."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    for layer in LAYERS:
        command = (sys.executable, PROJECT / "layers/build_layer.py", PROJECT / "layers" / layer, folder / layer)
        subprocess.run([*map(str, command)], check=True)  # noqa: S603 - likewise
    return {layer: folder / layer for layer in LAYERS}


def _path(function: _Function, layers: Mapping[str, Path]) -> list[Path]:
    writes = function.package in ("record_writer", "bundle_processor")
    own = [function.folder, *(("fhir", "writer") if function.package == "bundle_processor" else ())]
    return [
        *(PROJECT / "functions" / each for each in own),
        *(folder for layer, folder in layers.items() if writes or not layer.startswith("record")),
    ]


def measure(function: _Function, layers: Mapping[str, Path], runs: int) -> dict[str, Any]:
    """Return a function's figures: milliseconds of CPU and megabytes; raises `RuntimeError` if a process fails."""
    environment, path = {**ENVIRONMENT, **function.settings}, _path(function, layers)
    start, reference = f"import {function.package}.handler", "\n".join(function.reference)
    # Write the bytecode of the function's folder, as `sam build` does, and read every file once.
    for statements in (start, reference):
        _run(statements, environment, path)
    ours, bare = [], []
    for _ in range(runs):
        ours.append(_run(start, environment, path))
        bare.append(_run(reference, environment, path))
    cpu, bare_cpu = median(run.cpu for run in ours), median(run.cpu for run in bare)
    return {
        "function": function.name,
        "ours": round(cpu, 1),
        "reference": round(bare_cpu, 1),
        "ratio": round(cpu / bare_cpu, 2),
        "rss": round(median(run.memory for run in ours), 1),
    }


def figures(runs: int = RUNS) -> list[dict[str, Any]]:
    """Return the figures of every function; raises the errors of `measure`."""
    layers = built_layers()
    return [measure(function, layers, runs) for function in _functions()]


def layer_sizes() -> dict[str, float]:
    """Return the unzipped megabytes of each layer as it is built."""
    return {
        layer: round(sum(path.stat().st_size for path in built.rglob("*") if path.is_file()) / 1e6, 1)
        for layer, built in built_layers().items()
    }
