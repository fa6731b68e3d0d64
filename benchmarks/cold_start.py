"""What a cold start costs: each function's import beside that of what its job needs, in new processes.

    python -m benchmarks.cold_start [--json] [--runs N]

Both find what Lambda has, the built layers and the function's folder with its bytecode, and nothing else. They take
turns, and the processor's time of the whole process counts, median of the runs: what else the machine does is not in
it. The reference is Python, boto3, the clients that the function makes when it starts, and the libraries that its job
needs. The function at the edge imports nothing.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from careconnect.fhir.resource_types import RESOURCE_TYPES, Home
from careconnect_admin.project import PROJECT
from careconnect_testing.http.events import authorizer_event, fhir_event, form_event, rest_event
from careconnect_testing.parts.access_tokens import BASE, claims, encoded, header, signed, signing_key
from careconnect_testing.stacks.cold_start import ENVIRONMENT

BUDGET: Final = 1.10
"""How many times the reference's time a start may take."""

RUNS: Final = 15
LAYERS: Final = ("dependencies", "common", "record_dependencies", "records")

_CALLER: Final = {"client_id": "benchmark", "scope": "system/*.cruds", "expires_at": "99999999999"}
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
    """A function as it is deployed; `reference` is what its job needs, `first` an event that it may be sent first."""

    name: str
    package: str
    folder: str
    reference: Sequence[str]
    first: Mapping[str, Any]
    settings: Mapping[str, str]


def _client(*services: str) -> tuple[str, ...]:
    return ("import boto3", *(f"boto3.client({service!r})" for service in services))


def _validator(home: Home) -> tuple[str, ...]:
    names = [one.name for one in RESOURCE_TYPES if one.home is home]
    load = "from fhir.resources.STU3 import get_fhir_model_class"
    return (*_client("dynamodb"), "import jsonpatch", load, f"for name in {names!r}: get_fhir_model_class(name)")


def _functions() -> Iterator[_Function]:
    form = form_event("/token", {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "none"})
    yield _Function("token", "token_issuer", "token", (*_client("dynamodb", "kms"), *_TOKENS), form, {})
    asked = authorizer_event(f"Bearer {signed(header(), claims())}")
    asks = (*_client("dynamodb", "kms"), *_TOKENS)
    yield _Function("authorizer", "scope_authorizer", "authorizer", asks, asked, {"DIRECTION": "read"})
    for home, type_ in ((Home.RECORD, "Patient"), (Home.DIRECTORY, "Organization")):
        read = fhir_event("GET", f"{type_}/cold", authorizer=_CALLER)
        settings = {"READER_HOME": home.value}
        yield _Function(f"reader, {home.value}", "fhir_reader", "fhir", _client("dynamodb"), read, settings)
    for home, type_ in ((Home.RECORD, "Patient"), (Home.DIRECTORY, "Organization")):
        remove = fhir_event("DELETE", f"{type_}/cold", authorizer=_CALLER)
        settings = {"WRITER_HOME": home.value}
        yield _Function(f"writer, {home.value}", "record_writer", "writer", _validator(home), remove, settings)
    entries = fhir_event("GET", "AuditEvent", [("date", "ge2020")], authorizer=_CALLER)
    yield _Function("auditor", "access_auditor", "audit", _client("dynamodb"), entries, {})
    keys = rest_event("GET", "/.well-known/jwks.json")
    yield _Function("discovery", "service_discovery", "discovery", (*_client("kms"), *_KEYS), keys, {})
    # It makes no client; boto3 is in the reference of all functions.
    yield _Function("console", "service_console", "console", ("import boto3",), rest_event("GET", "/nothing"), {})


@dataclass(frozen=True, slots=True)
class _Run:
    """A process: the processor's and the wall's milliseconds, the modules imported, and its most memory in MB."""

    cpu: float
    wall: float
    modules: int
    memory: float


# A process that another one has forked counts that one's memory as its own most; this begins with what it executes.
_END: Final = """
memory = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(sys.modules), memory.split()[1])
"""


def _run(statements: str, environment: Mapping[str, str], path: Sequence[Path]) -> tuple[_Run, str]:
    """Execute statements in a new process; raises `RuntimeError` if that fails."""
    begin = f"import sys\nsys.path[:0] = {[str(folder) for folder in path]!r}\n"
    began = time.perf_counter()
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
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(said + failed)
    cpu = used.ru_utime + used.ru_stime
    *lines, last = said.splitlines()
    modules, kilobytes = map(int, last.split())
    return _Run(cpu * 1000, wall * 1000, modules, kilobytes / 1024), "\n".join(lines)


def built_layers(folder: Path, layers: Sequence[str] = LAYERS) -> dict[str, Path]:
    """Build layers for this machine and this Python, and return where each of them is."""
    for layer in layers:
        command = (sys.executable, PROJECT / "layers/build_layer.py", PROJECT / "layers" / layer, folder / layer)
        subprocess.run([*map(str, command)], check=True)  # noqa: S603 - likewise
    return {layer: folder / layer for layer in layers}


def _path(function: _Function, layers: Mapping[str, Path]) -> list[Path]:
    writes = function.package == "record_writer"
    own = PROJECT / "functions" / function.folder
    return [own, *(folder for layer, folder in layers.items() if writes or not layer.startswith("record"))]


def _spread(values: Sequence[float]) -> float:
    middle = median(values)
    return median(abs(value - middle) for value in values)


def measure(function: _Function, layers: Mapping[str, Path], runs: int) -> dict[str, Any]:
    """Return a function's figures: milliseconds with their spread (median deviation), modules and megabytes.

    Raises `RuntimeError` if a process fails.
    """
    environment, path = {**ENVIRONMENT, **function.settings}, _path(function, layers)
    start, reference = f"import {function.package}.handler", "\n".join(function.reference)
    # The bytecode of its folder is written, as `sam build` does, and every file read, before anything is measured.
    for statements in (start, reference):
        _run(statements, environment, path)
    ours, bare = [], []
    for _ in range(runs):
        ours.append(_run(start, environment, path)[0])
        bare.append(_run(reference, environment, path)[0])
    cpu, bare_cpu = [run.cpu for run in ours], [run.cpu for run in bare]
    _, first = _run(_FIRST_CALL, {**environment, **_first_call(function)}, path)
    return {
        "function": function.name,
        "ours": round(median(cpu), 1),
        "ours_spread": round(_spread(cpu), 1),
        "reference": round(median(bare_cpu), 1),
        "reference_spread": round(_spread(bare_cpu), 1),
        "ratio": round(median(cpu) / median(bare_cpu), 2),
        "wall": round(median(run.wall for run in ours), 1),
        "modules": ours[0].modules,
        "reference_modules": bare[0].modules,
        "rss": round(median(run.memory for run in ours), 1),
        "reference_rss": round(median(run.memory for run in bare), 1),
        "first_call_imports": json.loads(first.splitlines()[-1]),
    }


def _first_call(function: _Function) -> dict[str, str]:
    key = signing_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return {"PACKAGE": function.package, "EVENT": json.dumps(function.first), "PUBLIC_KEY": encoded(key)}


# One call, its answers from AWS made up: nothing is there, and all three aliases are of one key.
_FIRST_CALL: Final = """
import base64, importlib, json, os
handler = importlib.import_module(os.environ["PACKAGE"] + ".handler")
import botocore.awsrequest, botocore.httpsession
key = os.environ["PUBLIC_KEY"]
key = base64.b64encode(base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))).decode()
answers = {
    "GetPublicKey": {"KeyId": "key", "PublicKey": key, "SigningAlgorithms": ["RSASSA_PKCS1_V1_5_SHA_256"]},
    "Query": {"Items": [], "Count": 0, "ScannedCount": 0},
    "UpdateItem": {"Attributes": {"failures": {"N": "1"}}},
}
def send(self, request):
    operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
    asked = json.loads(request.body)
    tables, statements = asked.get("RequestItems", ()), asked.get("Statements")
    found = {"Responses": {table: [] for table in tables}, "UnprocessedKeys": {}} if tables else {}
    if statements:
        found = {"Responses": [{} for _ in statements]}
    answer = botocore.awsrequest.AWSResponse(request.url, 200, {}, None)
    answer._content = json.dumps(answers.get(operation, found)).encode()
    return answer
botocore.httpsession.URLLib3Session.send = send
before = set(sys.modules)
status = handler.lambda_handler(json.loads(os.environ["EVENT"]), None).get("statusCode", 200)
assert status < 500, status
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def figures(runs: int = RUNS) -> list[dict[str, Any]]:
    """Return the figures of every function; raises what `measure` does."""
    with tempfile.TemporaryDirectory() as folder:
        layers = built_layers(Path(folder))
        return [measure(function, layers, runs) for function in _functions()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure all functions and print a table, or JSON; exit code 1 if one is over its budget."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--runs", type=int, default=RUNS, help="starts of each function")
    asked = parser.parse_args(arguments)
    rows = figures(asked.runs)
    print(json.dumps(rows, indent=2) if asked.json else _table(rows))
    return int(any(row["ratio"] > BUDGET for row in rows))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    heads = "| function | CPU, ms | reference, ms | ratio | modules | memory, MB | imported by the first call |"
    lines = [heads, "|---|---|---|---|---|---|---|"]
    lines += (
        f"| {row['function']} | {row['ours']} ±{row['ours_spread']} | {row['reference']} ±{row['reference_spread']} | "
        f"{row['ratio']:.2f} | {row['modules']} of {row['reference_modules']} | "
        f"{row['rss']} of {row['reference_rss']} | {len(row['first_call_imports'])} |"
        for row in rows
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
